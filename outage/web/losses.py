"""What an incident took away and when, read once, and told as a series over time and as states on a map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from outage.footprint import footprint
from outage.intervals import IntervalSet
from outage.lifecycle import SERVICES, Degree, IncidentStatus
from outage.models import Incident, NetworkElement
from outage.web.charts import CellPoint

Series = dict[str, list[tuple[datetime, int]]]
Spans = dict[int, list[tuple[int, int]]]


@dataclass(frozen=True)
class Losses:
    """Lost and degraded seconds per (element id, service), measured to `as_of` (Unix seconds)."""

    lost: dict[tuple[int, str], IntervalSet]
    degraded: dict[tuple[int, str], IntervalSet]
    as_of: int


def read_losses(session: Session, incident: Incident) -> Losses:
    """The losses of an incident as of now."""
    now = clock.now()
    lost = footprint(session, incident.id, now)
    return Losses(lost, footprint(session, incident.id, now, degree=Degree.DEGRADED), clock.to_unix(now))


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


def cells_by_state(session: Session, losses: Losses, at: datetime) -> list[CellPoint]:
    """Every cell that has a place, with its state at `at`: lost, degraded, restored (lost before), or up."""
    second = clock.to_unix(at)
    lost, degraded = _spans(losses.lost, losses.as_of), _spans(losses.degraded, losses.as_of)
    cells = session.execute(
        select(NetworkElement.id, NetworkElement.ref, NetworkElement.longitude, NetworkElement.latitude)
        .where(NetworkElement.kind == "cell", NetworkElement.latitude.is_not(None))
        .order_by(NetworkElement.ref)
    )
    return [
        CellPoint(ref, longitude or 0.0, latitude or 0.0, _state(lost.get(key, ()), degraded.get(key, ()), second))
        for key, ref, longitude, latitude in cells
    ]


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
