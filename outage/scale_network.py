"""How much of the network an incident takes: cells, sites, areas and core elements out, over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.footprint import footprint
from outage.intervals import IntervalSet, clip, intersection, total_seconds, union
from outage.models import Incident, NetworkElement
from outage.scale_facts import NetworkScale
from outage.steps import Steps, from_changes, level_at, worst

K = TypeVar("K")
_CELL = "cell"
_SITE = "site"


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
        return NetworkScale(_CELL, self.cells_of.get(area, 0), 0, 0, 0, None, 0, ())


def network_share(session: Session, incident: Incident, at: datetime) -> NetworkShare:
    """What an incident leaves without at least one service up to `at`, of the elements valid at its start.

    An element counts as out while it lost any service that it carries. A site is out while all its cells are; one that
    has no cells in the inventory, while it is out itself. Raises what `footprint` raises.
    """
    until = clock.to_unix(at)
    out = _out(session, incident, until)
    elements = _elements(session, incident.started_at)
    kinds: defaultdict[str, list[IntervalSet]] = defaultdict(list)
    areas: defaultdict[str, list[IntervalSet]] = defaultdict(list)
    sites: defaultdict[str, list[IntervalSet]] = defaultdict(list)
    counted: Counter[str] = Counter()
    in_area: Counter[str] = Counter()
    for element, (ref, kind, site, area) in elements.items():
        lost = out.get(element, ())
        kinds[kind].append(lost)
        counted[kind] += 1
        if kind == _CELL:
            sites[site or ref].append(lost)
            areas[area or ""].append(lost)
            in_area[area or ""] += 1
    towers = _towers(sites, elements.values(), kinds[_SITE])
    measure = _Measure(until)
    return NetworkShare(
        cells=measure(_CELL, counted[_CELL], kinds[_CELL]),
        sites=measure(_SITE, len(towers), towers),
        kinds=tuple(
            measure(kind, counted[kind], lost)
            for kind, lost in sorted(kinds.items())
            if kind not in (_CELL, _SITE) and any(lost)
        ),
        areas={area: measure(_CELL, in_area[area], lost) for area, lost in sorted(areas.items()) if area and any(lost)},
        cells_of=in_area,
    )


def _out(session: Session, incident: Incident, until: int) -> dict[int, IntervalSet]:
    """Per element: when it was without at least one service."""
    # One second on, so that what is still out at `until` can be told from what came back at that very second.
    lost = footprint(session, incident.id, clock.from_unix(until + 1))
    per_element: defaultdict[int, list[IntervalSet]] = defaultdict(list)
    for (element, _), spans in lost.items():
        per_element[element].append(spans)
    return _remembered(per_element, lambda sets: union(*sets))


def _elements(session: Session, at: datetime) -> dict[int, tuple[str, str, str | None, str | None]]:
    statement = select(
        NetworkElement.id, NetworkElement.ref, NetworkElement.kind, NetworkElement.site, NetworkElement.area
    ).where(
        or_(NetworkElement.valid_from.is_(None), NetworkElement.valid_from <= at),
        or_(NetworkElement.valid_to.is_(None), NetworkElement.valid_to > at),
    )
    return {key: (ref, kind, site, area) for key, ref, kind, site, area in session.execute(statement)}


def _towers(
    sites: Mapping[str, list[IntervalSet]],
    elements: Iterable[tuple[str, str, str | None, str | None]],
    site_elements: Iterable[IntervalSet],
) -> list[IntervalSet]:
    """When each site is out, by its cells; by itself where the inventory knows no cell at it."""
    by_cells = _remembered(sites, lambda sets: intersection(*sets))
    refs = [(site or ref) for ref, kind, site, _ in elements if kind == _SITE]
    bare = [lost for ref, lost in zip(refs, site_elements, strict=True) if ref not in sites]
    return [*by_cells.values(), *bare]


def _remembered(
    groups: Mapping[K, list[IntervalSet]], combine: Callable[[tuple[IntervalSet, ...]], IntervalSet]
) -> dict[K, IntervalSet]:
    # 50,000 cells behind one element share their sets: each combination is computed once.
    known: dict[tuple[int, ...], IntervalSet] = {}
    result: dict[K, IntervalSet] = {}
    for key, sets in groups.items():
        name = tuple(sorted(map(id, sets)))
        if name not in known:
            known[name] = combine(tuple(sets))
        result[key] = known[name]
    return result


class _Measure:
    """Counts sets of intervals up to an instant, each distinct one once."""

    def __init__(self, until: int) -> None:
        self._until = until

    def __call__(self, kind: str, count: int, lost: Iterable[IntervalSet]) -> NetworkScale:
        tallies = Counter(spans for spans in lost if spans)
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
