"""Finds, for one range of lines after the other, who lost which services: the relations that a run is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from foundation.snapshots import SnapshotStore, Workspace
from outage import evidence_sql
from outage.runs import found_sql, impact_sql
from outage.runs.inputs import Layout, RunInputs, extent_of

_SIGHTINGS_PER_MB = 5_000
_JOINED_LINES_PER_MB = 500
_LINES_PER_MB = 2_000
"""So many are looked at together per megabyte of the store, that they and what is made of them need not be spilled."""
_NOWHERE, _EVERYWHERE = -(2**62), 2**62

Ids = tuple[int, int]
"""A range of line ids: over the first and up to the second."""

ALL: Ids = (_NOWHERE, _EVERYWHERE)


@dataclass(frozen=True)
class _Presence:
    """The statements that find a range's lines in presence, and from when to when a sighting can matter."""

    extent: Sequence[int]
    crowded: bool
    presences: str
    steps: Sequence[tuple[str, bool]]


class Finding:
    """What a run's inputs say of each line, to be asked of ranges of lines.

    Makes the views `gross` (impact_sql), of all lines, and `gross_alike`, of those that share with others what they
    lost; and, range by range, `found` and `shapes` (found_sql).
    """

    def __init__(self, workspace: Workspace, store: SnapshotStore, inputs: RunInputs, layout: Layout) -> None:
        self._workspace = workspace
        self._inputs = inputs
        self._layout = layout
        any_presence = bool(layout.lost and (inputs.sightings or inputs.visits))
        self._any_said = bool(inputs.declared or inputs.listed)
        self.by_line = any_presence or self._any_said
        """Whether any line may be in `found`."""
        # More than one thread gives the rows of a join in another order than that of the base.
        self._joins = bool(inputs.areas or inputs.ranges) or layout.shared.held is None or store.is_layer(inputs.base)
        self.ranges = self._cut(store)
        """The ranges that all lines are cut into, in order."""
        self._presence = self._prepare_presence() if any_presence else None
        self.forget()
        for statement, wants_extent in evidence_sql.named_sql(any_said=self._any_said):
            workspace.execute(statement, inputs.extent if wants_extent else ())
        with_homes = bool(inputs.areas)
        if with_homes:
            workspace.execute(evidence_sql.away_sql(), [inputs.hold_seconds])
        for name, with_found in (("gross", self.by_line), ("gross_alike", False)):
            workspace.execute(impact_sql.gross_sql(name, layout.shared, with_found=with_found, with_homes=with_homes))

    def forget(self) -> None:
        """Empty `found`, and `shapes` but for what whole groups of lines share."""
        for statement in found_sql.FOUND:
            self._workspace.execute(statement)

    def find(self, ids: Ids) -> tuple[str, bool]:
        """Add the lines of a range to `found`, and their patterns to `shapes`.

        Returns the view that gives all lines of the range, and whether in another order than that of the base.
        """
        if self._presence is not None:
            self._find_present(self._presence, ids)
        if self._any_said:
            self._workspace.execute(evidence_sql.claims_sql(), ids)
            for statement, _ in found_sql.found_sql(self._layout.claimed, claimed=True, any_held=False):
                self._workspace.execute(statement)
        if not self.by_line:
            return "gross_alike", self._joins
        ((any_found,),) = self._workspace.fetch_rows("SELECT EXISTS (FROM found)")
        return ("gross", True) if any_found else ("gross_alike", self._joins)

    def _cut(self, store: SnapshotStore) -> Sequence[Ids]:
        inputs = self._inputs
        per_mb = _JOINED_LINES_PER_MB if self.by_line or self._joins else _LINES_PER_MB
        cuts = store.rows(inputs.base) // (store.memory_mb * per_mb)
        if self.by_line:
            sightings = sum(map(store.rows, (*inputs.sightings, *inputs.visits)))
            cuts = max(cuts, sightings // (store.memory_mb * _SIGHTINGS_PER_MB))
        return list(pairwise([_NOWHERE, *store.cuts(inputs.base, "line_id", int(cuts) + 1), _EVERYWHERE]))

    def _prepare_presence(self) -> _Presence:
        inputs, layout = self._inputs, self._layout
        first_at, last_at = extent_of(inputs.footprint.values())
        extent = [first_at - inputs.hold_seconds, last_at]
        ((crowded,),) = self._workspace.fetch_rows(found_sql.CROWDED, extent)
        return _Presence(
            extent,
            crowded,
            found_sql.presences_sql(only_hit=not crowded, any_visits=bool(inputs.visits)),
            found_sql.found_sql(layout.lost, claimed=False, any_held=layout.any_held),
        )

    def _find_present(self, presence: _Presence, ids: Ids) -> None:
        workspace = self._workspace
        # It would cut each range once more, by what it finds in the files, and read them as often.
        workspace.execute("SET disabled_optimizers = 'partitioned_execution'")
        if not presence.crowded:
            workspace.execute(found_sql.HIT, [*presence.extent, *ids])
        workspace.execute(presence.presences, [*presence.extent, *ids, self._inputs.hold_seconds])
        for statement, wants_range in presence.steps:
            workspace.execute(statement, ids if wants_range else ())
        workspace.execute("SET disabled_optimizers = ''")
