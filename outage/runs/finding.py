"""Finds, for one range of lines after the other, who lost which services: the relations that a run is written from."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage import evidence_sql
from outage.evidence import CLAIMED, Evidence
from outage.runs import impact_sql
from outage.runs.found import NOBODY, Found, found_of
from outage.runs.inputs import Layout, RunInputs, extent_of
from outage.runs.seen import Presence
from outage.runs.shapes import Shapes
from outage.runs.stays import Losses, Lost, held_losses, losses_of

_SIGHTINGS_PER_MB = 5_000
_JOINED_LINES_PER_MB = 500
_LINES_PER_MB = 2_000
"""So many are looked at together per megabyte of the store, that they and what is made of them need not be spilled."""
_SIGHTINGS_AT_ONCE = 125_000
"""What is made of so many, column by column, stays near the processor."""
_NOWHERE, _EVERYWHERE = -(2**62), 2**62

Ids = tuple[int, int]
"""A range of line ids: over the first and up to the second."""

ALL: Ids = (_NOWHERE, _EVERYWHERE)


@dataclass(frozen=True)
class FoundRange:
    """What was found of a range of lines: the view that gives all lines of it that lost something, whether in another
    order than that of the base, and the patterns they have."""

    ids: Ids
    relation: str
    moves: bool
    shapes: Shapes


class Finding:
    """What a run's inputs say of each line, range by range.

    Makes the views `gross` (impact_sql), of all lines, and `gross_alike`, of those that share with others what they
    lost; and `found`, the rows of `outage.runs.found` of the range that is looked at.
    """

    def __init__(self, workspace: Workspace, store: SnapshotStore, inputs: RunInputs, layout: Layout) -> None:
        self._workspace = workspace
        self._inputs = inputs
        self._layout = layout
        any_presence = bool(layout.lost and (inputs.sightings or inputs.visits))
        self._any_said = bool(inputs.declared or inputs.listed)
        self.by_line = any_presence or self._any_said
        """Whether any line may be in `found`."""
        self.own_patterns = store.rows(inputs.base) if self.by_line else 0
        """About how many patterns there may be of single lines; 0 where lines share those of groups."""
        # More than one thread gives the rows of a join in another order than that of the base.
        self._joins = bool(inputs.areas or inputs.ranges) or layout.shared.held is None or store.is_layer(inputs.base)
        # What others counted is taken from all ranges together, and `here` is one.
        self._puts_beside = self.by_line and not self._joins and not inputs.deductions
        self.ranges = self._cut(store)
        """The ranges that all lines are cut into, in order."""
        self._present = _Present(store, inputs, layout) if any_presence else None
        workspace.register_arrow("found", NOBODY.lines)
        for statement, wants_extent in evidence_sql.named_sql(any_said=self._any_said):
            workspace.execute(statement, inputs.extent if wants_extent else ())
        with_homes = bool(inputs.areas)
        if with_homes:
            workspace.execute(evidence_sql.away_sql(), [inputs.hold_seconds])
        joined = impact_sql.JOINED if self.by_line else None
        views = {"gross": joined, "gross_alike": None}
        if self._puts_beside:
            workspace.execute(impact_sql.here_sql(ALL))
            workspace.register_arrow("beside", NOBODY.lines)
            views["gross_beside"] = impact_sql.BESIDE
        for name, found in views.items():
            workspace.execute(impact_sql.gross_sql(name, layout.shared, found=found, with_homes=with_homes))

    def find_all(self) -> None:
        """Make `found` of all ranges together, and `shapes`, the rows of their patterns (outage.runs.shapes)."""
        execute, register = self._workspace.execute, self._workspace.register_arrow
        register("range_shapes", self._layout.shapes.rows())
        execute("CREATE TEMP TABLE shapes AS FROM range_shapes")
        execute("CREATE TEMP TABLE all_found AS FROM found")
        for one in self.in_turn():
            execute("INSERT INTO all_found FROM found")
            register("range_shapes", one.shapes.rows())
            execute("INSERT INTO shapes FROM range_shapes ANTI JOIN shapes USING (pattern)")
        execute("CREATE OR REPLACE TEMP VIEW found AS FROM all_found")

    def in_turn(self) -> Generator[FoundRange]:
        """What is found of each range. `found` holds it until the next is asked for, which is looked at meanwhile."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="finding") as thread:
            ahead = self._look_ahead(thread, 0)
            for number, ids in enumerate(self.ranges):
                found = NOBODY if ahead is None else ahead.result()
                ahead = self._look_ahead(thread, number + 1)
                yield self._with_claims(ids, found)

    def _look_ahead(self, thread: ThreadPoolExecutor, number: int) -> Future[Found] | None:
        if self._present is None or number == len(self.ranges):
            return None
        ids = self.ranges[number]
        # The workspace takes one statement at a time, and is needed for other things when the thread runs.
        held = self._workspace.fetch_table(impact_sql.HELD_LINES, ids) if self._layout.any_held else None
        return thread.submit(self._present.find, ids, held)

    def _with_claims(self, ids: Ids, found: Found) -> FoundRange:
        self._workspace.register_arrow("found", found.lines)
        if self._any_said:
            self._workspace.execute(evidence_sql.claims_sql(), ids)
            claims = self._workspace.fetch_table(evidence_sql.CLAIMS)
            for evidence in CLAIMED:
                found = found.and_also(self._claimed(claims, evidence))
            self._workspace.register_arrow("found", found.lines)
        shapes = self._layout.shapes.and_also(found.shapes)
        if not found.lines.num_rows:
            return FoundRange(ids, "gross_alike", self._joins, shapes)
        if not self._puts_beside:
            return FoundRange(ids, "gross", True, shapes)
        self._put_beside(ids, found)
        return FoundRange(ids, "gross_beside", False, shapes)

    def _put_beside(self, ids: Ids, found: Found) -> None:
        """Make `here`, the lines of a range, and `beside`, a row for each of them with what was found of it, if any."""
        workspace = self._workspace
        workspace.execute("SET preserve_insertion_order = true")
        workspace.execute(impact_sql.here_sql(ids))
        workspace.register_arrow("beside", found.beside(workspace.fetch_table("SELECT line_id FROM here")["line_id"]))
        workspace.execute("SET preserve_insertion_order = false")

    def _claimed(self, claims: pa.Table, evidence: Evidence) -> Found:
        mine = claims.filter(pc.equal(claims.column("evidence"), str(evidence)))
        columns = (mine.column(name).to_numpy() for name in ("line_id", "bundle", "started_at", "ended_at"))
        return found_of(Losses.without_age(*columns), self._layout.claimed, str(evidence))

    def _cut(self, store: SnapshotStore) -> Sequence[Ids]:
        inputs = self._inputs
        per_mb = _JOINED_LINES_PER_MB if self.by_line or self._joins else _LINES_PER_MB
        cuts = store.rows(inputs.base) // (store.memory_mb * per_mb)
        if self.by_line:
            cuts = max(cuts, _sightings(store, inputs) // (store.memory_mb * _SIGHTINGS_PER_MB))
        ends = store.cuts(inputs.base, "line_id", int(cuts) + 1, whole_groups=True)
        return list(pairwise([_NOWHERE, *ends, _EVERYWHERE]))


class _Present:
    """Who was where service was lost; asked by a thread of its own, without the workspace."""

    def __init__(self, store: SnapshotStore, inputs: RunInputs, layout: Layout) -> None:
        first_at, last_at = extent_of(inputs.footprint.values())
        self._extent = (first_at - inputs.hold_seconds, last_at)
        self._hold_seconds = inputs.hold_seconds
        self._bundles = layout.lost
        self._lost = Lost(layout.losses)
        most_kept = int(store.memory_mb * _SIGHTINGS_PER_MB)
        self._cuts = store.cuts(inputs.base, "line_id", _sightings(store, inputs) // _SIGHTINGS_AT_ONCE + 1)
        self._sightings = Presence(store, inputs.sightings, ("seen_at",), self._extent, most_kept)
        self._visits = Presence(store, inputs.visits, ("started_at", "ended_at"), self._extent, most_kept)

    def find(self, ids: Ids, held: pa.Table | None) -> Found:
        """The lines of a range; `held`: those of them that a failed element holds too, as `HELD_LINES` gives them."""
        losses = Losses.of_all([self._losses(part) for part in self._parts(ids)])
        if held is not None:
            lines, elements = (column.to_numpy() for column in held.columns)
            losses = losses.and_also(held_losses(lines, elements, self._lost).of_lines_in(losses))
        return found_of(losses, self._bundles, str(Evidence.PRESENT))

    def _parts(self, ids: Ids) -> Iterator[Ids]:
        over, up_to = ids
        return pairwise([over, *(cut for cut in self._cuts if over < cut < up_to), up_to])

    def _losses(self, ids: Ids) -> Losses:
        sightings, visits = self._sightings.of_lines(*ids), self._visits.of_lines(*ids)
        return losses_of(sightings, visits, self._lost, self._extent, self._hold_seconds)


def _sightings(store: SnapshotStore, inputs: RunInputs) -> int:
    return sum(map(store.rows, (*inputs.sightings, *inputs.visits)))
