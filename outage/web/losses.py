"""What an incident took away and when, read once, and told as a series over time and as states on a map."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy.orm import Session

from foundation import clock
from outage.footprint import footprint
from outage.intervals import IntervalSet
from outage.inventory import current_version
from outage.lifecycle import SERVICES, Degree, IncidentStatus
from outage.models import Incident
from outage.web.reads import outages_mark

Series = dict[str, list[tuple[datetime, int]]]
_STALE_SECONDS = 10
_KEPT = 8
Spans = dict[int, list[tuple[int, int]]]


@dataclass(frozen=True)
class Losses:
    """Lost and degraded seconds per (element id, service), up to `as_of`; worked out at `read_at` (Unix seconds)."""

    lost: dict[tuple[int, str], IntervalSet]
    degraded: dict[tuple[int, str], IntervalSet]
    as_of: int
    read_at: int


def read_losses(session: Session, incident: Incident) -> Losses:
    """The losses of an incident as of now; of planned work that is announced, as of the end of its window."""
    announced = incident.announced_end_at if incident.status == IncidentStatus.ANNOUNCED else None
    now = announced or clock.now()
    lost = footprint(session, incident.id, now)
    return Losses(
        lost,
        footprint(session, incident.id, now, degree=Degree.DEGRADED),
        clock.to_unix(now),
        clock.to_unix(clock.now()),
    )


def losses_now(session: Session, incident: Incident) -> Losses:
    """The losses of an incident as of now, or of some seconds ago when nothing about it changed since.

    Its page, its map and its table ask one after the other, and 20,000 elements take a second to work out.
    """
    kept: OrderedDict[tuple[object, ...], Losses] = current_app.extensions.setdefault("losses", OrderedDict())
    key = (incident.id, incident.status, current_version(session, "inventory"), *outages_mark(session, incident.id))
    found = kept.get(key)
    if found is None or abs(found.read_at - clock.to_unix(clock.now())) > _STALE_SECONDS:
        found = read_losses(session, incident)
        kept[key] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found


def series_of(losses: Losses) -> Series:
    """Per service, how many elements are without it from each instant on."""
    steps: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for (_, service), out in losses.lost.items():
        for start, end in out:
            steps[service][start] += 1
            # What is cut at `as_of` has not ended.
            steps[service][end] -= 0 if end == losses.as_of else 1
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
    for degree in (losses.lost, losses.degraded):
        for out in degree.values():
            for start, end in out:
                changes[start] += 1
                changes[end] -= 1
    worst, most, now = None, 0, 0
    for at in sorted(changes):
        now += changes[at]
        if now > most:
            worst, most = at, now
    return None if worst is None else clock.from_unix(worst)


def states_at(losses: Losses, at: datetime) -> dict[int, str]:
    """The elements that are not simply up at `at`, by id: lost, degraded, or restored (lost before)."""
    second = clock.to_unix(at)
    lost, degraded = _spans(losses.lost, losses.as_of), _spans(losses.degraded, losses.as_of)
    states = {key: _state(lost.get(key, ()), degraded.get(key, ()), second) for key in (lost.keys() | degraded.keys())}
    return {key: state for key, state in states.items() if state != "up"}


def _spans(losses: dict[tuple[int, str], IntervalSet], as_of: int) -> Spans:
    spans: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for (element, _), out in losses.items():
        # One more second, so that what is still open at `as_of` holds that very second.
        spans[element].extend((start, end + 1 if end == as_of else end) for start, end in out)
    return spans


def _state(lost: Iterable[tuple[int, int]], degraded: Iterable[tuple[int, int]], second: int) -> str:
    if any(start <= second < end for start, end in lost):
        return "lost"
    if any(start <= second < end for start, end in degraded):
        return "degraded"
    return "restored" if any(start <= second for start, _ in (*lost, *degraded)) else "up"
