"""Writes a run's two snapshots, range by range, and counts what it writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from foundation.snapshots import SnapshotStore, SnapshotWriter, Workspace, WrittenFile
from outage import evidence_sql
from outage.runs import impact_sql
from outage.runs.finding import ALL, Ids

_LINE_GROUP = 61_440
_PATTERN_GROUP = 20_480
"""Fewer than is usual, for a page that looks one line up, and its pattern, and has to decode a whole group."""
_DISTINCT = ("line_id", "account_id", "sighting_age")
_DISTINCT_SHAPES = ("pattern", "started_at", "ended_at")
_COUNTED = ["pattern", "gross_pattern", "evidence"]
_BITS_PER_MB, _MOST_BITS = 1_000_000, 1_000_000_000
"""Accounts are counted by a bit each, if two threads then take a quarter of the memory; DuckDB takes no more bits."""


class LinesMovedError(Exception):
    """Lines came in another order than that of their ids, by which a single one is found quickly."""


@dataclass(frozen=True)
class Written:
    """A run that is on disk and not yet in the records: its snapshots and its counts (JSON)."""

    lines: WrittenFile
    patterns: WrittenFile
    counts: dict[str, Any]


@dataclass
class _Tally:
    """What was written so far."""

    lines: int = 0
    patterns: int = 0
    user_seconds: int = 0
    services: dict[str, dict[str, int]] = field(default_factory=dict)
    evidence: dict[str, int] = field(default_factory=dict)

    def add_service(self, name: str, lines: int, seconds: int) -> None:
        """Take up lines that lost a service, and for how long together."""
        known = self.services.setdefault(name, {"lines": 0, "seconds": 0})
        known["lines"] += lines
        known["seconds"] += seconds


@contextlib.contextmanager
def writing_run(
    workspace: Workspace, store: SnapshotStore, *, alike: bool, with_gross: bool = False
) -> Iterator[RunWriter]:
    """A run to be written from `gross`, or a relation like it; nothing of it is kept unless finished.

    `alike`: whether most lines share their patterns; `with_gross`: whether other runs were taken from this one.
    """
    workspace.execute("SET arrow_lossless_conversion = true")
    workspace.execute(impact_sql.KEPT)
    lines_schema = workspace.schema_of(impact_sql.lines_sql("gross"), ALL)
    shapes_schema = workspace.schema_of("FROM shapes")
    distinct = _DISTINCT if alike else (*_DISTINCT, "pattern", "gross_pattern")
    with (
        store.writing("impact_lines", lines_schema, row_group=_LINE_GROUP, distinct=distinct) as lines,
        store.writing(
            "impact_patterns", shapes_schema, row_group=_PATTERN_GROUP, distinct=_DISTINCT_SHAPES
        ) as patterns,
    ):
        yield RunWriter(workspace, store, lines, patterns, with_gross=with_gross)


class RunWriter:
    """A run while it is being written, by `writing_run`."""

    def __init__(
        self,
        workspace: Workspace,
        store: SnapshotStore,
        lines: SnapshotWriter,
        patterns: SnapshotWriter,
        *,
        with_gross: bool,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._lines = lines
        self._patterns = patterns
        self._with_gross = with_gross
        self._tally = _Tally()
        self._last = pa.array([], pa.int64())

    def write(self, relation: str, ids: Ids, *, in_order: bool) -> None:
        """Write the lines of a range, sorted if `in_order` is wanted, and the patterns that only they have so far.

        Ranges must come in order. Raises LinesMovedError when a line comes after one with a higher id, or twice.
        """
        counted = [batch.select(_COUNTED) for batch in self._batches(relation, ids, in_order=in_order)]
        lines = sum(batch.num_rows for batch in counted)
        if not lines:
            return
        self._tally.lines += lines
        workspace = self._workspace
        workspace.register_arrow("written", pa.Table.from_batches(counted))
        sharing = self._count()
        fresh: list[pa.RecordBatch] = []
        for batch in workspace.fetch_batches(impact_sql.fresh_sql(with_gross=self._with_gross), size=_PATTERN_GROUP):
            self._patterns.write(batch)
            fresh.append(batch.select(["pattern"]))
        if fresh:
            workspace.register_arrow("fresh", pa.Table.from_batches(fresh))
            # Counted before others' time was taken, a pattern may have more groups of services than are left.
            keep = impact_sql.keep_sql(once=sharing == 1 and not self._with_gross)
            ((patterns,),) = workspace.fetch_rows(keep)
            self._tally.patterns += patterns

    def finish(self) -> Written:
        """Make both files visible; the last call."""
        tally = self._tally
        lines, patterns = self._lines.finish(), self._patterns.finish()
        source = self._store.source(lines.id)
        ((contradicted,),) = self._workspace.fetch_rows(evidence_sql.CONTRADICTED)
        counts = {
            "lines": tally.lines,
            "accounts": self._accounts(source),
            "patterns": self._patterns_of(source),
            "user_minutes": tally.user_seconds // 60,
            "services": dict(sorted(tally.services.items())),
            "evidence": dict(sorted(tally.evidence.items())),
        }
        return Written(lines, patterns, {**counts, "contradicted": contradicted} if contradicted else counts)

    def _batches(self, relation: str, ids: Ids, *, in_order: bool) -> Iterator[pa.RecordBatch]:
        workspace = self._workspace
        statement = impact_sql.lines_sql(relation, in_order=in_order)
        # All threads then still keep the order of the base, as long as nothing is joined.
        workspace.execute("SET preserve_insertion_order = true")
        with contextlib.closing(workspace.fetch_batches(statement, ids, size=_LINE_GROUP)) as batches:
            for batch in batches:
                self._check_order(batch.column("line_id"))
                self._lines.write(batch)
                yield batch
        workspace.execute("SET preserve_insertion_order = false")

    def _check_order(self, line_ids: pa.Array) -> None:
        ids = pa.concat_arrays([self._last, line_ids])
        if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
            raise LinesMovedError
        self._last = ids[-1:]

    def _count(self) -> int:
        """Add what `written` says; returns by how many groups of services that share their intervals it was counted."""
        workspace, tally = self._workspace, self._tally
        for evidence, lines in workspace.fetch_rows(impact_sql.EVIDENCE):
            tally.evidence[evidence] = tally.evidence.get(evidence, 0) + lines
        sharing = workspace.fetch_rows(impact_sql.SERVICES)
        for names, lines, seconds in sharing:
            for name in names:
                tally.add_service(name, int(lines), int(seconds))
        # A pattern may have several interval sets, and a second in two of them is one second without service.
        whole = sharing if len(sharing) == 1 else workspace.fetch_rows(impact_sql.USER_SECONDS)
        tally.user_seconds += sum(int(seconds) for *_, seconds in whole)
        return len(sharing)

    def _accounts(self, lines: str) -> int:
        if not self._tally.lines:
            return 0
        ((low, high),) = self._workspace.fetch_rows(impact_sql.account_ids_sql(lines))
        most = min(self._store.memory_mb * _BITS_PER_MB, _MOST_BITS)
        ids = (low, high) if high - low < most else None
        ((accounts,),) = self._workspace.fetch_rows(impact_sql.accounts_sql(lines, ids))
        return int(accounts)

    def _patterns_of(self, lines: str) -> int:
        if not self._with_gross:
            return self._tally.patterns
        # Some were written for what lines lost before other runs were taken from it.
        ((patterns,),) = self._workspace.fetch_rows(impact_sql.patterns_sql(lines))
        return int(patterns)
