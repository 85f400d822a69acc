"""Writes a run's two snapshots, range by range, and counts what it writes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from foundation.snapshots import SnapshotStore, SnapshotWriter, WrittenFile
from foundation.workspaces import Workspace
from outage import evidence_sql
from outage.runs import impact_sql
from outage.runs.finding import ALL, Ids
from outage.runs.flat import Integers, Words
from outage.runs.kept import KeptPatterns
from outage.runs.shapes import SCHEMA, Shapes, distinct_names, name_array, names_of

_LINE_GROUP = 61_440
_PATTERN_GROUP = 20_480
"""Fewer than is usual, for a page that looks one line up, and its pattern, and has to decode a whole group."""
_DISTINCT = ("line_id", "account_id", "sighting_age")
_DISTINCT_SHAPES = ("pattern", "started_at", "ended_at")
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

    patterns: int = 0
    user_seconds: int = 0
    services: dict[str, dict[str, int]] = field(default_factory=dict)
    evidence: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        """How many lines."""
        return self.evidence.total()

    def add_service(self, name: str, lines: int, seconds: int) -> None:
        """Take up lines that lost a service, and for how long together."""
        known = self.services.setdefault(name, {"lines": 0, "seconds": 0})
        known["lines"] += lines
        known["seconds"] += seconds


@contextlib.contextmanager
def writing_run(
    workspace: Workspace, store: SnapshotStore, *, own_patterns: int, with_gross: bool = False
) -> Iterator[RunWriter]:
    """A run to be written from `gross`, or a relation like it; nothing of it is kept unless finished.

    `own_patterns`: about how many patterns there may be of single lines, 0 where lines share theirs; `with_gross`:
    whether other runs were taken from this one.
    """
    workspace.execute("SET arrow_lossless_conversion = true")
    lines_schema = workspace.schema_of(impact_sql.lines_sql("gross"), ALL)
    distinct = (*_DISTINCT, "pattern", "gross_pattern") if own_patterns else _DISTINCT
    with (
        contextlib.closing(KeptPatterns(workspace, expected=own_patterns, memory_mb=store.memory_mb)) as kept,
        store.writing("impact_lines", lines_schema, row_group=_LINE_GROUP, distinct=distinct) as lines,
        store.writing("impact_patterns", SCHEMA, row_group=_PATTERN_GROUP, distinct=_DISTINCT_SHAPES) as patterns,
    ):
        yield RunWriter(workspace, store, lines, patterns, kept, with_gross=with_gross)


class RunWriter:
    """A run while it is being written, by `writing_run`."""

    def __init__(
        self,
        workspace: Workspace,
        store: SnapshotStore,
        lines: SnapshotWriter,
        patterns: SnapshotWriter,
        kept: KeptPatterns,
        *,
        with_gross: bool,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._lines = lines
        self._patterns = patterns
        self._kept = kept
        self._with_gross = with_gross
        self._tally = _Tally()
        self._last = pa.array([], pa.int64())

    def write(self, relation: str, ids: Ids, *, in_order: bool, shapes: Shapes | None = None) -> None:
        """Write the lines of a range, sorted if `in_order` is wanted, and the patterns that only they have so far.

        `shapes`: all their patterns, and maybe others; None for those in the table `shapes` of the workspace. Ranges
        must come in order. Raises LinesMovedError when a line comes after one with a higher id, or twice.
        """
        own, gross = self._write_lines(relation, ids, in_order=in_order)
        if not own.size:
            return
        names, lines = distinct_names(own)
        if gross.size:
            gross, _ = distinct_names(names, gross)
        if shapes is None:
            shapes = self._stored_shapes(gross if gross.size else names)
        places = shapes.places_of(names)
        self._count(shapes, places, lines)
        rows, patterns = self._kept.take_new(shapes, shapes.places_of(gross) if gross.size else places)
        self._tally.patterns += patterns
        for batch in rows.to_batches(_PATTERN_GROUP):
            self._patterns.write(batch)

    def finish(self) -> Written:
        """Make both files visible; the last call."""
        tally = self._tally
        for batch in self._kept.left(size=_PATTERN_GROUP):
            self._patterns.write(batch)
        tally.patterns += self._kept.count_left()
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

    def _write_lines(self, relation: str, ids: Ids, *, in_order: bool) -> tuple[Words, Words]:
        """The names of the lines' patterns, and of what they were before others' time was taken where that differs."""
        own, gross = [], []
        for batch in self._batches(relation, ids, in_order=in_order):
            own.append(batch.column("pattern"))
            if self._with_gross:
                gross.append(batch.column("gross_pattern").drop_null())
            for told in pc.value_counts(batch.column("evidence")).to_pylist():
                self._tally.evidence[told["values"]] += told["counts"]
        return names_of(pa.chunked_array(own, pa.uuid())), names_of(pa.chunked_array(gross, pa.uuid()))

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

    def _stored_shapes(self, names: Words) -> Shapes:
        self._workspace.register_arrow("wanted", pa.table({"pattern": name_array(names)}))
        return Shapes.of_table(self._workspace.fetch_table(impact_sql.SHAPES_OF).cast(SCHEMA))

    def _count(self, shapes: Shapes, places: Integers, lines: Integers) -> None:
        by_services, seconds = shapes.counted(places, lines)
        for services, lost, lost_seconds in by_services:
            for name in services:
                self._tally.add_service(name, lost, lost_seconds)
        self._tally.user_seconds += seconds

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
