"""Outages of several origins made those of one incident: what overlaps on an element and service becomes one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from foundation import clock
from outage.intervals import Interval, difference, normalise
from outage.lifecycle import Degree
from outage.models import Incident, Outage

_CHUNK = 400
_FOREVER = 2**62

Place = tuple[int, str]


class Span(NamedTuple):
    """An outage without its incident: element id, service, degree, start, and end (None: open)."""

    element_id: int
    service: str
    degree: Degree
    started_at: datetime
    ended_at: datetime | None


def span_of(row: Outage) -> Span:
    """The span of an outage row."""
    return Span(row.element_id, row.service, row.degree, row.started_at, row.ended_at)


def unite_rows(session: Session, incident: Incident, spans: Iterable[Span]) -> int:
    """Make `spans` outages of the incident too; returns how many outages those elements and services have then.

    Per element and service what overlaps or touches becomes one outage; where one is lost and another degraded, it is
    lost. Outages of other elements and services stay as they are.
    """
    arriving: defaultdict[Place, list[Span]] = defaultdict(list)
    for span in spans:
        arriving[span.element_id, span.service].append(span)
    places = sorted(arriving)
    united = 0
    for start in range(0, len(places), _CHUNK):
        here = (
            Outage.incident_id == incident.id,
            tuple_(Outage.element_id, Outage.service).in_(places[start : start + _CHUNK]),
        )
        for row in session.scalars(select(Outage).where(*here).execution_options(populate_existing=True)):
            arriving[row.element_id, row.service].append(span_of(row))
            session.expunge(row)
        session.execute(delete(Outage).where(*here), execution_options={"synchronize_session": False})
        rows = [
            Outage(incident_id=incident.id, **span._asdict())
            for place in places[start : start + _CHUNK]
            for span in _united(place, arriving[place])
        ]
        session.add_all(rows)
        session.flush()
        united += len(rows)
    return united


def _united(place: Place, spans: list[Span]) -> Iterator[Span]:
    lost = normalise(_interval(span) for span in spans if span.degree == Degree.LOST)
    degraded = normalise(_interval(span) for span in spans if span.degree == Degree.DEGRADED)
    for degree, intervals in ((Degree.LOST, lost), (Degree.DEGRADED, difference(degraded, lost))):
        for start, end in intervals:
            ended_at = None if end == _FOREVER else clock.from_unix(end)
            yield Span(*place, degree, clock.from_unix(start), ended_at)


def _interval(span: Span) -> Interval:
    return clock.to_unix(span.started_at), _FOREVER if span.ended_at is None else clock.to_unix(span.ended_at)
