"""From a run's inputs to its two written snapshots and its counts, in one workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foundation.snapshots import SnapshotStore, Workspace, WrittenFile
from outage import evidence_sql
from outage.runs import found_sql, impact_sql
from outage.runs.inputs import Layout, RunInputs, extent_of, lay_out
from outage.runs.netting import deduct

_PATTERN_GROUP = 20_480
"""A sixth of the usual, for a page that looks one pattern up and has to decode a whole group."""
_SIGHTINGS_PER_MB = 5_000
"""So many are looked at together per megabyte of the store, that they and what is made of them need not be spilled."""
_LINES_PER_MB = 500
_LINE_GROUP = 61_440
_NOWHERE, _EVERYWHERE = -(2**62), 2**62


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
        layout = lay_out(workspace, store, inputs)
        may_move = find_lines(workspace, store, inputs, layout)
        if not inputs.deductions:
            return _write(workspace, store, "gross", inputs.base, may_move=may_move)
        deducted = deduct(workspace, store, inputs.deductions)
        written = _write(workspace, store, "net", inputs.base, may_move=True, with_gross=True)
        return _with_deducted(workspace, store, written, deducted)


def find_lines(workspace: Workspace, store: SnapshotStore, inputs: RunInputs, layout: Layout) -> bool:
    """Make `gross` and `shapes`: the lines with all that they lost, and the interval sets of their patterns.

    `gross` is a view with the columns line_id, account_id, pattern, gross_pattern, evidence, sighting_age, first_at,
    last_at and `impact_sql.FACTS`; `shapes` as in found_sql. A later step that takes time away adds its patterns to
    `shapes` and makes another relation with the columns of `gross` for `_write` to read. Returns whether more than one
    thread may give the rows of `gross` in another order than that of the base.
    """
    for statement in found_sql.FOUND:
        workspace.execute(statement)
    if layout.lost and (inputs.sightings or inputs.visits):
        _find_present(workspace, store, inputs, layout)
    any_said = bool(inputs.declared or inputs.listed)
    for statement, wants_extent in evidence_sql.claims_sql(any_said=any_said):
        workspace.execute(statement, inputs.extent if wants_extent else ())
    if any_said:
        for statement, _ in found_sql.found_sql(layout.claimed, claimed=True, any_held=False):
            workspace.execute(statement)
    workspace.execute(found_sql.ONE_ROW_PER_SHAPE)
    if inputs.areas:
        workspace.execute(evidence_sql.away_sql(), [inputs.hold_seconds])
    ((found,),) = workspace.fetch_rows("SELECT count(*) FROM found")
    with_homes = bool(inputs.areas)
    workspace.execute(impact_sql.gross_sql(layout.shared, with_found=found > 0, with_homes=with_homes))
    return found > 0 or with_homes or layout.shared.held is None or store.is_layer(inputs.base) or bool(inputs.ranges)


def _ranges(store: SnapshotStore, base: str, cuts: int) -> Iterator[tuple[int, int]]:
    """Ranges of line ids, over the first and up to the second, that cut the base into so many and one, about."""
    return pairwise([_NOWHERE, *store.cuts(base, "line_id", cuts + 1), _EVERYWHERE])


def _find_present(workspace: Workspace, store: SnapshotStore, inputs: RunInputs, layout: Layout) -> None:
    """Add to `found` and `shapes` the lines that were where service was lost."""
    first_at, last_at = extent_of(inputs.footprint.values())
    extent = [first_at - inputs.hold_seconds, last_at]
    ((crowded,),) = workspace.fetch_rows(found_sql.CROWDED, extent)
    presences = found_sql.presences_sql(only_hit=not crowded, any_visits=bool(inputs.visits))
    steps = found_sql.found_sql(layout.lost, claimed=False, any_held=layout.any_held)
    sightings = sum(map(store.rows, (*inputs.sightings, *inputs.visits)))
    # It would cut each range once more, by what it finds in the files, and read them as often.
    workspace.execute("SET disabled_optimizers = 'partitioned_execution'")
    for ids in _ranges(store, inputs.base, sightings // (store.memory_mb * _SIGHTINGS_PER_MB)):
        if not crowded:
            workspace.execute(found_sql.HIT, [*extent, *ids])
        workspace.execute(presences, [*extent, *ids, inputs.hold_seconds])
        for statement, wants_range in steps:
            workspace.execute(statement, ids if wants_range else ())
    workspace.execute("SET disabled_optimizers = ''")


def _write(
    workspace: Workspace, store: SnapshotStore, relation: str, base: str, *, may_move: bool, with_gross: bool = False
) -> Written:
    """Write the lines of a relation like `gross`, the patterns they use, and count them."""
    lines = _write_lines(workspace, store, relation, base, may_move=may_move)
    source = store.source(lines.id)
    workspace.execute(impact_sql.users_sql(source))
    shapes = impact_sql.patterns_sql(source, with_gross=with_gross)
    patterns = store.write_query(workspace, "impact_patterns", shapes, row_group=_PATTERN_GROUP)
    return Written(lines, patterns, _count(workspace, source))


def _with_deducted(workspace: Workspace, store: SnapshotStore, written: Written, deducted: dict[str, Any]) -> Written:
    """Add to the counts what was left out, and how many lines left the run by it."""
    ((shortened,),) = workspace.fetch_rows(impact_sql.shortened_sql(store.source(written.lines.id)))
    told = {"lines": deducted["lines"], "lines_gone": deducted["lines"] - shortened, **deducted}
    return replace(written, counts={**written.counts, "deducted": told})


def _write_lines(
    workspace: Workspace, store: SnapshotStore, relation: str, base: str, *, may_move: bool
) -> WrittenFile:
    """Write the lines in the order of line_id, by which a single one is found quickly.

    A mirror that was made whole is in that order, and without a join all threads keep it. Rows that `may_move` are
    joined and sorted by ranges of ids, so that neither the joins nor the sort outgrow memory.
    """
    if not may_move:
        workspace.execute("SET preserve_insertion_order = true")
        lines = store.write_query(workspace, "impact_lines", impact_sql.lines_sql(relation))
        workspace.execute("SET preserve_insertion_order = false")
        if _is_in_order(store, lines):
            return lines
        store.path(lines.id).unlink()
    lines = _write_ranges(workspace, store, impact_sql.lines_sql(relation, in_order=True), base)
    if not _is_in_order(store, lines):
        raise AssertionError(f"impact run {lines.id} has a line twice")
    return lines


def _write_ranges(workspace: Workspace, store: SnapshotStore, statement: str, base: str) -> WrittenFile:
    """Write what a statement gives for one range of line ids after the other."""
    workspace.execute("SET arrow_lossless_conversion = true")
    schema = workspace.schema_of(statement, (_NOWHERE, _EVERYWHERE))
    ids = _ranges(store, base, store.rows(base) // (store.memory_mb * _LINES_PER_MB))
    batches = (workspace.fetch_batches(statement, one, size=_LINE_GROUP) for one in ids)
    lines = store.write_batches("impact_lines", schema, chain.from_iterable(batches))
    workspace.execute("SET arrow_lossless_conversion = false")
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


def _count(workspace: Workspace, lines: str) -> dict[str, Any]:
    ((line_count, pattern_count),) = workspace.fetch_rows(impact_sql.TOTALS)
    ((accounts,),) = workspace.fetch_rows(impact_sql.accounts_sql(lines))
    ((contradicted,),) = workspace.fetch_rows(evidence_sql.CONTRADICTED)
    sharing = workspace.fetch_rows(impact_sql.SERVICES)
    user_seconds = sum(int(seconds) for *_, seconds in sharing)
    if len(sharing) > 1:
        # A pattern may have several interval sets, and a second in two of them is one second without service.
        ((user_seconds,),) = workspace.fetch_rows(impact_sql.USER_SECONDS)
    services: dict[str, dict[str, int]] = {}
    for name, count, seconds in ((name, *row) for names, *row in sharing for name in names):
        known = services.setdefault(name, {"lines": 0, "seconds": 0})
        known["lines"] += int(count)
        known["seconds"] += int(seconds)
    counts = {
        "lines": line_count,
        "accounts": accounts,
        "patterns": pattern_count,
        "user_minutes": int(user_seconds) // 60,
        "services": dict(sorted(services.items())),
        "evidence": dict(workspace.fetch_rows(impact_sql.evidence_sql(lines))),
    }
    return {**counts, "contradicted": contradicted} if contradicted else counts
