"""What an incident took away and when, read once, and told as a series over time and as states on a map."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from foundation import clock
from outage.lifecycle import SERVICES, Degree, IncidentStatus
from outage.models import Incident
from outage.network.closure import Spread, State
from outage.network.footprint import incident_spread
from outage.network.inventory import inventory_stamp
from outage.network.kept import Kept
from outage.network.map import network_at
from outage.web.reads import outages_mark

Series = dict[str, list[tuple[datetime, int]]]
Pair = tuple[int, int]
"""The numbers of an element's states: of what it lost and of what is degraded; -1 for neither."""

_MOST_ELEMENTS = 500_000
_NONE: State = ()
_CELL = "cell"


@dataclass(frozen=True, slots=True)
class Tally:
    """What an incident takes away over all of time, and how many cells, with a place or not, go through the same."""

    lost: Spread
    degraded: Spread
    elements: Counter[int]
    pairs: Counter[Pair]
    cells: Counter[Pair]
    placed: Counter[Pair]


@dataclass(frozen=True, slots=True)
class Losses:
    """An incident's losses up to `as_of` (Unix seconds)."""

    tally: Tally
    lost: Spread
    degraded: Spread
    as_of: int


_kept: Kept[tuple[object, ...], Tally] = Kept(_MOST_ELEMENTS)


def losses_now(session: Session, incident: Incident) -> Losses:
    """The losses of an incident as of now; of planned work that is announced, as of the end of its window.

    Worked out once per state of its outages and of the inventory: its page, its map and its table ask one after the
    other, and a hundred thousand elements take a second.
    """
    tally = _tally(session, incident)
    announced = incident.announced_end_at if incident.status == IncidentStatus.ANNOUNCED else None
    as_of = clock.to_unix(announced or clock.now())
    return Losses(tally, tally.lost.cut(as_of), tally.degraded.cut(as_of), as_of)


def _tally(session: Session, incident: Incident) -> Tally:
    stamp = inventory_stamp(session)
    key = (stamp, incident.ref, incident.started_at, *outages_mark(session, incident.id))
    found = None if stamp is None else _kept.find(key)
    if found is not None:
        return found
    lost = incident_spread(session, incident.id)
    degraded = incident_spread(session, incident.id, degree=Degree.DEGRADED)
    nodes = network_at(session, incident.started_at).nodes
    pairs: Counter[Pair] = Counter()
    cells: Counter[Pair] = Counter()
    placed: Counter[Pair] = Counter()
    for element in lost.of.keys() | degraded.of.keys():
        pair = (lost.of.get(element, -1), degraded.of.get(element, -1))
        pairs[pair] += 1
        if nodes[element].kind == _CELL:
            cells[pair] += 1
            placed[pair] += nodes[element].is_placed
    tally = Tally(lost, degraded, Counter(lost.of.values()), pairs, cells, placed)
    if stamp is not None:
        _kept.keep(key, tally, len(lost.of) + len(degraded.of))
    return tally


def series_of(losses: Losses) -> Series:
    """Per service, how many elements are without it from each instant on."""
    steps: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for number, count in losses.tally.elements.items():
        for service, out in zip(SERVICES, losses.lost.states[number], strict=True):
            for start, end in out:
                steps[service][start] += count
                # What is cut at `as_of` has not ended.
                steps[service][end] -= 0 if end == losses.as_of else count
    return {service: list(_running(steps[service])) for service in SERVICES if service in steps}


def _running(steps: dict[int, int]) -> Iterable[tuple[datetime, int]]:
    count = 0
    yield clock.from_unix(min(steps)), 0
    for at in sorted(steps):
        count += steps[at]
        yield clock.from_unix(at), count


def map_moment(incident: Incident, losses: Losses) -> datetime:
    """Which instant the map shows: now while the incident is open, afterwards the moment when it was worst."""
    now = clock.from_unix(losses.as_of)
    if incident.status == IncidentStatus.OPENED:
        return now
    return _worst_moment(losses) or now


def _worst_moment(losses: Losses) -> datetime | None:
    changes: defaultdict[int, int] = defaultdict(int)
    for pair, count in losses.tally.pairs.items():
        for state in _states(losses, pair):
            for out in state:
                for start, end in out:
                    changes[start] += count
                    changes[end] -= count
    worst, most, now = None, 0, 0
    for at in sorted(changes):
        now += changes[at]
        if now > most:
            worst, most = at, now
    return None if worst is None else clock.from_unix(worst)


def states_at(losses: Losses, at: datetime) -> dict[int, str]:
    """The elements that are not simply up at `at`, by id: lost, degraded, or restored (lost before)."""
    named = _names_at(losses, at)
    lost, degraded = losses.tally.lost.of, losses.tally.degraded.of
    states = {key: named[lost.get(key, -1), degraded.get(key, -1)] for key in lost.keys() | degraded.keys()}
    return {key: state for key, state in states.items() if state != "up"}


def count_cells(losses: Losses, at: datetime) -> tuple[Counter[str], int]:
    """How many cells are in each state at `at`, simply up ones aside, and how many of them have a place."""
    named = _names_at(losses, at)
    counts: Counter[str] = Counter()
    placed = 0
    for pair, count in losses.tally.cells.items():
        if named[pair] != "up":
            counts[named[pair]] += count
            placed += losses.tally.placed[pair]
    return counts, placed


def _names_at(losses: Losses, at: datetime) -> dict[Pair, str]:
    second, named = clock.to_unix(at), {}
    for pair in losses.tally.pairs:
        lost, degraded = (_spans(state, losses.as_of) for state in _states(losses, pair))
        named[pair] = _state(lost, degraded, second)
    return named


def _states(losses: Losses, pair: Pair) -> tuple[State, State]:
    lost, degraded = pair
    return (
        losses.lost.states[lost] if lost >= 0 else _NONE,
        losses.degraded.states[degraded] if degraded >= 0 else _NONE,
    )


def _spans(state: State, as_of: int) -> list[tuple[int, int]]:
    # One more second, so that what is still open at `as_of` holds that very second.
    return [(start, end + 1 if end == as_of else end) for out in state for start, end in out]


def _state(lost: Iterable[tuple[int, int]], degraded: Iterable[tuple[int, int]], second: int) -> str:
    if any(start <= second < end for start, end in lost):
        return "lost"
    if any(start <= second < end for start, end in degraded):
        return "degraded"
    return "restored" if any(start <= second for start, _ in (*lost, *degraded)) else "up"
