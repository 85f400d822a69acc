"""How much of the network an incident takes: cells, sites, areas and core elements out, over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from foundation import clock
from outage.intervals import IntervalSet, clip, intersection, total_seconds, union
from outage.models import Incident
from outage.network.closure import Spread
from outage.network.footprint import incident_spread
from outage.network.map import CELL, SITE, NetworkMap, network_at
from outage.scale.facts import NetworkScale
from outage.steps import Steps, from_changes, level_at, worst


@dataclass(frozen=True, slots=True)
class NetworkShare:
    """Cells, sites, the other kinds of element that are out at some time, and the cells of each area that is hit."""

    cells: NetworkScale
    sites: NetworkScale
    kinds: tuple[NetworkScale, ...]
    areas: Mapping[str, NetworkScale]
    cells_of: Mapping[str, int]

    def none_of(self, area: str) -> NetworkScale:
        """The cells of an area of which none is out."""
        return NetworkScale(CELL, self.cells_of.get(area, 0), 0, 0, 0, None, 0, ())


def network_share(session: Session, incident: Incident, at: datetime) -> NetworkShare:
    """What an incident leaves without at least one service up to `at`, of the elements valid at its start.

    An element counts as out while it lost any service that it carries. A site is out while all its cells are; one that
    has no cells in the inventory, while it is out itself. Raises what `footprint` raises.
    """
    until = clock.to_unix(at)
    known = network_at(session, incident.started_at)
    # One second on, so that what is still out at `until` can be told from what came back at that very second.
    spread = incident_spread(session, incident.id).cut(until + 1)
    out = [union(*state) for state in spread.states]
    kinds: defaultdict[str, Counter[IntervalSet]] = defaultdict(Counter)
    areas: defaultdict[str, Counter[IntervalSet]] = defaultdict(Counter)
    lost = Counter((known.nodes[key], number) for key, number in spread.of.items() if key not in known.retired)
    for (node, number), count in lost.items():
        kinds[node.kind][out[number]] += count
        if node.kind == CELL:
            areas[node.area][out[number]] += count
    counted: Counter[str] = Counter()
    in_area: Counter[str] = Counter()
    for node, count in known.alike.items():
        counted[node.kind] += count
        if node.kind == CELL:
            in_area[node.area] += count
    towers, tower_count = _towers(known, spread, out)
    measure = _Measure(until)
    return NetworkShare(
        cells=measure(CELL, counted[CELL], kinds[CELL]),
        sites=measure(SITE, tower_count, towers),
        kinds=tuple(
            measure(kind, counted[kind], lost) for kind, lost in sorted(kinds.items()) if kind not in (CELL, SITE)
        ),
        areas={area: measure(CELL, in_area[area], lost) for area, lost in sorted(areas.items()) if area},
        cells_of=in_area,
    )


def network_out(session: Session, incident: Incident, at: datetime) -> dict[str, Counter[IntervalSet]]:
    """When sites and cells are without at least one service up to `at`: how many, under `sites` and `cells`, by when.

    Which elements count is as in `network_share`. Raises what `footprint` raises.
    """
    known = network_at(session, incident.started_at)
    spread = incident_spread(session, incident.id).cut(clock.to_unix(at))
    out = [union(*state) for state in spread.states]
    cells = Counter(
        out[number]
        for key, number in spread.of.items()
        if key not in known.retired and known.nodes[key].kind == CELL and out[number]
    )
    return {"sites": _towers(known, spread, out)[0], "cells": cells}


def _towers(known: NetworkMap, spread: Spread, out: Sequence[IntervalSet]) -> tuple[Counter[IntervalSet], int]:
    """When sites are out, and how many sites there are: by their cells, or by themselves where none is known there."""
    at_site: defaultdict[str, list[int]] = defaultdict(list)
    towers: Counter[IntervalSet] = Counter()
    for key, number in spread.of.items():
        if key in known.bare_sites:
            towers[out[number]] += 1
        elif known.nodes[key].kind == CELL and key not in known.retired:
            at_site[known.site_of(key)].append(number)
    shared: dict[tuple[int, ...], IntervalSet] = {}
    for site, numbers in at_site.items():
        if len(numbers) < known.cells_at[site]:
            continue
        # 20,000 sites behind one element share their sets: each combination is worked out once.
        name = tuple(sorted(set(numbers)))
        if name not in shared:
            shared[name] = intersection(*(out[number] for number in name))
        if shared[name]:
            towers[shared[name]] += 1
    return towers, len(known.cells_at) + len(known.bare_sites)


class _Measure:
    """Counts sets of intervals up to an instant, each distinct one once."""

    def __init__(self, until: int) -> None:
        self._until = until

    def __call__(self, kind: str, count: int, tallies: Counter[IntervalSet]) -> NetworkScale:
        series = self._series(tallies)
        most, when = worst(series)
        return NetworkScale(
            kind=kind,
            all=count,
            ever=sum(tallies.values()),
            now=level_at(series, self._until),
            worst=most,
            worst_at=None if when is None else clock.from_unix(when),
            seconds=sum(
                count * total_seconds(clip(spans, spans[0][0], self._until)) for spans, count in tallies.items()
            ),
            series=series,
        )

    def _series(self, tallies: Counter[IntervalSet]) -> Steps:
        changes = [
            change
            for spans, count in tallies.items()
            for start, end in spans
            for change in ((start, count), (end, -count))
            # What ends after `until` is only where measuring stopped.
            if change[0] <= self._until
        ]
        return from_changes(changes)
