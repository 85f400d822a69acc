"""What the pages of incidents show, each page in a few queries whose cost does not grow with the number of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from foundation import clock
from foundation.web import Page
from outage.lifecycle import SERVICES, Degree, IncidentStatus, Severity
from outage.models import Alarm, ImpactRun, Incident, NetworkElement, Outage, TimelineEntry
from outage.runs.holding import holding_runs
from outage.updates.cadence import DueUpdate
from outage.updates.updates import due_updates

SORTS = {"urgency": "urgency", "started": "newest start", "title": "title"}
_HITS = 12
_ENTRIES = 500
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class IncidentRow:
    """An incident in the list: its length, elements down now, lines of the run that holds, when measured, what is due.

    `due`: the next update, None when none ever will be.
    """

    incident: Incident
    lasted: timedelta
    elements_down: int
    lines: int | None
    measured_at: datetime | None
    due: DueUpdate | None


@dataclass(frozen=True)
class Stage:
    """Outages of one element that began and ended together."""

    element: str
    name: str
    services: tuple[str, ...]
    degree: Degree
    started_at: datetime
    ended_at: datetime | None
    lasted: timedelta


@dataclass(frozen=True)
class IncidentView:
    """What stands around an incident: a page of its stages, its timeline newest first, its alarms and runs."""

    stages: Sequence[Stage]
    stage_count: int
    elements: int
    open_elements: int
    timeline: Sequence[TimelineEntry]
    alarms: Sequence[Alarm]
    runs: Sequence[ImpactRun]


@dataclass(frozen=True)
class IncidentFilter:
    """Which incidents: a status, text in reference, title or element, and the order."""

    status: IncidentStatus | None = None
    search: str = ""
    sort: str = "urgency"

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions of a query on incidents."""
        conditions: list[ColumnElement[bool]] = []
        if self.status is not None:
            conditions.append(Incident.status == self.status)
        if self.search:
            conditions.append(_mentions(self.search))
        return conditions

    def order(self) -> list[ColumnElement[Any]]:
        """The order of the list; the newest first among equals."""
        if self.sort == "title":
            return [func.lower(Incident.title), Incident.id.desc()]
        if self.sort == "started":
            return [Incident.started_at.desc(), Incident.id.desc()]
        is_open = case((Incident.status == IncidentStatus.OPENED, 0), else_=1)
        rank = case(_RANKS, value=Incident.severity)
        # What is over matters by its time, not by how bad it was.
        return [is_open, case((is_open == 0, rank), else_=0), Incident.started_at.desc(), Incident.id.desc()]


def _mentions(text: str) -> ColumnElement[bool]:
    named = select(Outage.incident_id).join(NetworkElement, NetworkElement.id == Outage.element_id)
    on_element = named.where(NetworkElement.ref.icontains(text, autoescape=True))
    return or_(
        Incident.ref.icontains(text, autoescape=True),
        Incident.title.icontains(text, autoescape=True),
        Incident.id.in_(on_element),
    )


def count_incidents(session: Session, wanted: IncidentFilter) -> int:
    """How many incidents fit."""
    return session.scalar(select(func.count()).select_from(Incident).where(*wanted.conditions())) or 0


def list_incidents(
    session: Session, wanted: IncidentFilter, *, limit: int | None = None, offset: int = 0
) -> list[Incident]:
    """The incidents that fit, in the order asked for."""
    statement = select(Incident).where(*wanted.conditions()).order_by(*wanted.order())
    return list(session.scalars(statement.limit(limit).offset(offset)))


def list_rows(session: Session, wanted: IncidentFilter, page: Page | None = None) -> list[IncidentRow]:
    """The incidents that fit (one page of them, or all), each with its counts."""
    found = list_incidents(session, wanted, limit=page.size if page else None, offset=page.offset if page else 0)
    return rows_of(session, found)


def rows_of(session: Session, found: Sequence[Incident]) -> list[IncidentRow]:
    """Incidents, each with its counts."""
    ids = [incident.id for incident in found]
    counts = session.execute(
        select(Outage.incident_id, func.count(Outage.element_id.distinct()))
        .where(Outage.ended_at.is_(None), Outage.incident_id.in_(ids))
        .group_by(Outage.incident_id)
    )
    down = {incident_id: count for incident_id, count in counts}  # noqa: C416 - a Row is no pair to dict()
    runs = holding_runs(session, ids)
    due = due_updates(session, found)
    return [_row(one, down.get(one.id, 0), runs.get(one.id), due.get(one.id)) for one in found]


def _row(incident: Incident, down: int, run: ImpactRun | None, due: DueUpdate | None) -> IncidentRow:
    lines, measured_at = (None, None) if run is None else (run.counts.get("lines"), run.measured_at)
    return IncidentRow(incident, lasted(incident), down, lines, measured_at, due)


def lasted(incident: Incident) -> timedelta:
    """From the start to the restoration, or to now while it is open; of announced work the length of its window."""
    announced = incident.announced_end_at if incident.status == IncidentStatus.ANNOUNCED else None
    until = announced or incident.restored_at or incident.closed_at or clock.now()
    return max(until - incident.started_at, timedelta(0))


def merged_into(session: Session, incident: Incident) -> str | None:
    """The reference of the incident that counts in the place of one that was merged into it."""
    if incident.merged_into_id is None:
        return None
    return session.scalar(select(Incident.ref).where(Incident.id == incident.merged_into_id))


def get_view(session: Session, incident: Incident, page: Page) -> IncidentView:
    """All that the page of an incident shows beside its charts."""
    open_elements, elements = _count_elements(session, incident.id)
    stages = _stages(incident.id)
    return IncidentView(
        stages=[_stage(row) for row in session.execute(stages.limit(page.size).offset(page.offset))],
        stage_count=session.scalar(select(func.count()).select_from(stages.order_by(None).subquery())) or 0,
        elements=elements,
        open_elements=open_elements,
        timeline=session.scalars(_newest_entries(incident)).all(),
        alarms=session.scalars(_of(Alarm, incident).order_by(Alarm.raised_at.desc(), Alarm.id).limit(200)).all(),
        runs=list_runs(session, incident),
    )


def list_runs(session: Session, incident: Incident) -> Sequence[ImpactRun]:
    """The runs of an incident: the one that holds first, then the one that held before it, and so on."""
    return session.scalars(_of(ImpactRun, incident).order_by(ImpactRun.turn.desc())).all()


def _newest_entries(incident: Incident) -> Select[Any]:
    return _of(TimelineEntry, incident).order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc()).limit(_ENTRIES)


def _of(model: Any, incident: Incident) -> Select[Any]:
    return select(model).where(model.incident_id == incident.id)


def _count_elements(session: Session, incident_id: int) -> tuple[int, int]:
    element = Outage.element_id.distinct()
    counted = session.execute(
        select(
            func.count(case((Outage.ended_at.is_(None), Outage.element_id)).distinct()),
            func.count(element),
        ).where(Outage.incident_id == incident_id)
    ).one()
    return counted[0], counted[1]


def _stages(incident_id: int) -> Select[Any]:
    has = [func.max(case((Outage.service == service, 1), else_=0)).label(service) for service in SERVICES]
    together = (NetworkElement.ref, NetworkElement.name, Outage.degree, Outage.started_at, Outage.ended_at)
    columns: list[Any] = [*together, *has]
    return (
        select(*columns)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident_id)
        .group_by(*together)
        .order_by(Outage.ended_at.is_not(None), Outage.started_at, Outage.ended_at, NetworkElement.ref)
    )


def _stage(row: Any) -> Stage:
    ref, name, degree, started_at, ended_at, *has = row
    services = tuple(service for service, yes in zip(SERVICES, has, strict=True) if yes)
    until = ended_at or clock.now()
    return Stage(ref, name, services, degree, started_at, ended_at, max(until - started_at, timedelta(0)))


def outages_mark(session: Session, incident_id: int) -> tuple[object, ...]:
    """What changes whenever an outage of an incident is added, ended, corrected or removed: each has an entry."""
    sums = [func.sum(type_coerce(column, BigInteger)) for column in (Outage.started_at, Outage.ended_at)]
    columns = (func.count(), func.max(Outage.id), *sums)
    mark = session.execute(select(*columns).where(Outage.incident_id == incident_id)).one()
    entry = select(func.max(TimelineEntry.id)).where(TimelineEntry.incident_id == incident_id)
    return (*mark, session.scalar(entry))


def search_elements(session: Session, text: str, *, incident: str | None = None) -> list[NetworkElement]:
    """The first elements whose ref, name, site or area holds the text; of an incident those with open outages."""
    columns = (NetworkElement.ref, NetworkElement.name, NetworkElement.site, NetworkElement.area)
    statement = select(NetworkElement).where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    if incident is not None:
        statement = statement.where(NetworkElement.id.in_(_out_in(incident)))
    return list(session.scalars(statement.order_by(NetworkElement.ref).limit(_HITS)))


def open_elements(session: Session, incident: str) -> set[str]:
    """The refs of the elements on which an incident, by its reference, has open outages."""
    return set(session.scalars(select(NetworkElement.ref).where(NetworkElement.id.in_(_out_in(incident)))))


def _out_in(incident: str) -> Select[Any]:
    of_it = select(Outage.element_id).join(Incident, Incident.id == Outage.incident_id)
    return of_it.where(Incident.ref == incident, Outage.ended_at.is_(None))
