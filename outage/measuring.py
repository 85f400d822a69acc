"""From a run's inputs to its two written snapshots and its counts, in one workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foundation.snapshots import SnapshotStore, Workspace, WrittenFile
from outage import evidence_sql, impact_sql
from outage.netting import deduct
from outage.run_inputs import RunInputs, contract_days_of, extent_of, lay_out

_FEW_THREADS = 2
_ROW_GROUP = 20_480
"""A sixth of the usual, for a page that looks one line up and has to decode a whole group."""


@dataclass(frozen=True)
class Written:
    """A run that is on disk and not yet in the records: its snapshots and its counts (JSON)."""

    lines: WrittenFile
    patterns: WrittenFile
    counts: dict[str, Any]


def write_run(store: SnapshotStore, inputs: RunInputs) -> Written:
    """Write the lines that lost a service, and their patterns, as snapshots that no record names yet.

    Memory is the store's bound and does not grow with the lines. Raises NotFoundError when a file is missing.
    """
    with store.connect() as workspace:
        lay_out(workspace, store, inputs)
        find_lines(workspace, inputs)
        if not inputs.deductions:
            return _write(workspace, store, "gross")
        deducted = deduct(workspace, store, inputs.deductions)
        return _with_deducted(workspace, store, _write(workspace, store, "net"), deducted)


def find_lines(workspace: Workspace, inputs: RunInputs) -> None:
    """Make `gross` and `shapes`: the lines with all that they lost, and the intervals of their patterns.

    `gross` is a view with the columns line_id, account_id, pattern, evidence, sighting_age, first_at, last_at and
    `impact_sql.FACTS`; `shapes` a table of pattern, service, started_at, ended_at. A later step that takes time away
    adds its patterns to `shapes` and makes another relation with the columns of `gross` for `_write` to read.
    """
    first_at, last_at = extent_of(inputs.footprint.values())
    workspace.execute(impact_sql.stays_sql(), [first_at - inputs.hold_seconds, last_at])
    workspace.execute(impact_sql.presences_sql(), [inputs.hold_seconds])
    any_said = bool(inputs.declared or inputs.listed)
    for statement, wants_extent in evidence_sql.claims_sql(any_said=any_said):
        workspace.execute(statement, inputs.extent if wants_extent else ())
    for statement in impact_sql.found_sql():
        workspace.execute(statement)
    if inputs.areas:
        workspace.execute(evidence_sql.away_sql(), [inputs.hold_seconds])
    workspace.execute(impact_sql.gross_sql(*contract_days_of(inputs), with_homes=bool(inputs.areas)))


def _write(workspace: Workspace, store: SnapshotStore, relation: str) -> Written:
    """Write the lines of a relation like `gross`, the patterns they use, and count them."""
    lines = _write_lines(workspace, store, relation)
    shapes = impact_sql.patterns_sql(store.source(lines.id))
    patterns = store.write_query(workspace, "impact_patterns", shapes, row_group=_ROW_GROUP)
    return Written(lines, patterns, _count(workspace, store.source(lines.id), store.source(patterns.id)))


def _with_deducted(workspace: Workspace, store: SnapshotStore, written: Written, deducted: dict[str, Any]) -> Written:
    """Add to the counts what was left out, and how many lines left the run by it."""
    ((shortened,),) = workspace.fetch_rows(impact_sql.shortened_sql(store.source(written.lines.id)))
    told = {"lines": deducted["lines"], "lines_gone": deducted["lines"] - shortened, **deducted}
    return replace(written, counts={**written.counts, "deducted": told})


def _write_lines(workspace: Workspace, store: SnapshotStore, relation: str) -> WrittenFile:
    """Write the lines in the order of line_id, sorted only if they do not come in that order by themselves."""
    # A mirror that was made whole is in order, and one thread keeps it through all joins: less work than a sort, which
    # more than two threads do in less time.
    if store.threads <= _FEW_THREADS:
        workspace.execute("SET threads = 1")
        lines = store.write_query(workspace, "impact_lines", impact_sql.lines_sql(relation), row_group=_ROW_GROUP)
        workspace.execute(f"SET threads = {store.threads}")
        if _is_in_order(store, lines):
            return lines
        store.path(lines.id).unlink()
    in_order = impact_sql.lines_sql(relation, in_order=True)
    lines = store.write_query(workspace, "impact_lines", in_order, row_group=_ROW_GROUP)
    if not _is_in_order(store, lines):
        raise AssertionError(f"impact run {lines.id} has a line twice")
    return lines


def _is_in_order(store: SnapshotStore, lines: WrittenFile) -> bool:
    """Whether each line stands in the run once, and in order, by which a single line is found quickly."""
    before = pa.array([], pa.int64())
    with pq.ParquetFile(store.path(lines.id)) as file:
        for batch in file.iter_batches(columns=["line_id"]):
            ids = pa.concat_arrays([before, batch.column(0)])
            if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
                return False
            before = ids[-1:]
    return True


def _count(workspace: Workspace, lines: str, patterns: str) -> dict[str, Any]:
    ((line_count, accounts, pattern_count),) = workspace.fetch_rows(impact_sql.totals_sql(lines))
    ((user_seconds,),) = workspace.fetch_rows(impact_sql.user_seconds_sql(lines, patterns))
    ((contradicted,),) = workspace.fetch_rows(evidence_sql.CONTRADICTED)
    counts = {
        "lines": line_count,
        "accounts": accounts,
        "patterns": pattern_count,
        "user_minutes": int(user_seconds) // 60,
        "services": {
            service: {"lines": int(count), "seconds": int(seconds)}
            for service, count, seconds in workspace.fetch_rows(impact_sql.services_sql(lines, patterns))
        },
        "evidence": dict(workspace.fetch_rows(impact_sql.evidence_sql(lines))),
    }
    return {**counts, "contradicted": contradicted} if contradicted else counts
