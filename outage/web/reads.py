"""What the pages of incidents show, each page in a few queries whose cost does not grow with the number of lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.web import Page
from outage.footprint import footprint
from outage.intervals import IntervalSet
from outage.lifecycle import SERVICES, Degree, IncidentStatus, Severity
from outage.models import Alarm, ImpactRun, Incident, NetworkElement, Outage, TimelineEntry
from outage.web.charts import CellPoint

SORTS = {"urgency": "urgency", "started": "newest start", "title": "title"}
_HITS = 12
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class IncidentRow:
    """An incident in the list: how long it lasts, elements down now, lines of its latest run and when measured."""

    incident: Incident
    lasted: timedelta
    elements_down: int
    lines: int | None
    measured_at: datetime | None


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
    ids = [incident.id for incident in found]
    down = dict(
        session.execute(
            select(Outage.incident_id, func.count(Outage.element_id.distinct()))
            .where(Outage.ended_at.is_(None), Outage.incident_id.in_(ids))
            .group_by(Outage.incident_id)
        )
        .tuples()
        .all()
    )
    runs = _latest_runs(session, ids)
    return [_row(incident, down.get(incident.id, 0), runs.get(incident.id)) for incident in found]


def _row(incident: Incident, down: int, run: ImpactRun | None) -> IncidentRow:
    lines, measured_at = (None, None) if run is None else (run.counts.get("lines"), run.measured_at)
    return IncidentRow(incident, lasted(incident), down, lines, measured_at)


def _latest_runs(session: Session, incident_ids: Sequence[int]) -> dict[int, ImpactRun]:
    newest = (
        select(ImpactRun.incident_id, func.max(ImpactRun.number).label("number"))
        .where(ImpactRun.incident_id.in_(incident_ids))
        .group_by(ImpactRun.incident_id)
        .subquery()
    )
    runs = select(ImpactRun).join(
        newest, (newest.c.incident_id == ImpactRun.incident_id) & (newest.c.number == ImpactRun.number)
    )
    return {run.incident_id: run for run in session.scalars(runs)}


def lasted(incident: Incident) -> timedelta:
    """From the start to the restoration, or to now while it is open."""
    until = incident.restored_at or incident.closed_at or clock.now()
    return max(until - incident.started_at, timedelta(0))


def get_view(session: Session, incident: Incident, page: Page) -> IncidentView:
    """All that the page of an incident shows beside its charts."""
    open_elements, elements = _count_elements(session, incident.id)
    stages = _stages(incident.id)
    return IncidentView(
        stages=[_stage(row) for row in session.execute(stages.limit(page.size).offset(page.offset))],
        stage_count=session.scalar(select(func.count()).select_from(stages.order_by(None).subquery())) or 0,
        elements=elements,
        open_elements=open_elements,
        timeline=session.scalars(_of(TimelineEntry, incident).order_by(TimelineEntry.id.desc()).limit(500)).all(),
        alarms=session.scalars(_of(Alarm, incident).order_by(Alarm.raised_at.desc(), Alarm.id).limit(200)).all(),
        runs=list_runs(session, incident),
    )


def list_runs(session: Session, incident: Incident) -> Sequence[ImpactRun]:
    """The runs of an incident, newest first."""
    return session.scalars(_of(ImpactRun, incident).order_by(ImpactRun.number.desc())).all()


def list_outages(session: Session, incident: Incident) -> list[dict[str, Any]]:
    """All outages of an incident with their elements' refs, in order of start."""
    statement = (
        select(NetworkElement.ref, Outage)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident.id)
        .order_by(Outage.started_at, NetworkElement.ref, Outage.service)
    )
    names = ("service", "degree", "started_at", "ended_at")
    return [{"element": ref, **{name: getattr(row, name) for name in names}} for ref, row in session.execute(statement)]


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


Series = dict[str, list[tuple[datetime, int]]]


def lost_service_series(session: Session, incident: Incident) -> Series:
    """Per service, how many elements are without it from each instant on; the last point is now or the last end."""
    as_of = clock.to_unix(clock.now())
    steps: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for (_, service), out in footprint(session, incident.id, clock.from_unix(as_of)).items():
        for start, end in out:
            steps[service][start] += 1
            # What is cut at `as_of` has not ended.
            steps[service][end] -= 0 if end == as_of else 1
    return {service: list(_running(steps[service])) for service in SERVICES if service in steps}


def _running(steps: dict[int, int]) -> Iterable[tuple[datetime, int]]:
    count = 0
    yield clock.from_unix(min(steps)), 0
    for at in sorted(steps):
        count += steps[at]
        yield clock.from_unix(at), count


def worst_moment(series: Series) -> datetime | None:
    """The first instant at which most element-services are lost, or None when nothing ever was."""
    changes: defaultdict[datetime, int] = defaultdict(int)
    for points in series.values():
        before = 0
        for at, count in points:
            changes[at] += count - before
            before = count
    worst, most, now = None, 0, 0
    for at in sorted(changes):
        now += changes[at]
        if now > most:
            worst, most = at, now
    return worst


def cells_by_state(session: Session, incident: Incident, at: datetime) -> list[CellPoint]:
    """Every cell that has a place, with its state at `at`: lost, degraded, restored (lost before), or up."""
    second = clock.to_unix(at)
    # One more second, so that an outage that is open at `at` holds it.
    until = clock.from_unix(second + 1)
    lost = _by_element(footprint(session, incident.id, until))
    degraded = _by_element(footprint(session, incident.id, until, degree=Degree.DEGRADED))
    cells = session.execute(
        select(NetworkElement.id, NetworkElement.ref, NetworkElement.longitude, NetworkElement.latitude)
        .where(NetworkElement.kind == "cell", NetworkElement.latitude.is_not(None))
        .order_by(NetworkElement.ref)
    )
    return [
        CellPoint(ref, longitude or 0.0, latitude or 0.0, _state(lost.get(key, ()), degraded.get(key, ()), second))
        for key, ref, longitude, latitude in cells
    ]


def _by_element(losses: dict[tuple[int, str], IntervalSet]) -> dict[int, list[tuple[int, int]]]:
    spans: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for (element, _), out in losses.items():
        spans[element].extend(out)
    return spans


def _state(lost: Iterable[tuple[int, int]], degraded: Iterable[tuple[int, int]], second: int) -> str:
    if any(start <= second < end for start, end in lost):
        return "lost"
    if any(start <= second < end for start, end in degraded):
        return "degraded"
    return "restored" if lost or degraded else "up"


def search_elements(session: Session, text: str) -> list[NetworkElement]:
    """The first elements whose ref, name, site or area holds the text."""
    columns = (NetworkElement.ref, NetworkElement.name, NetworkElement.site, NetworkElement.area)
    fits = or_(*(column.icontains(text, autoescape=True) for column in columns))
    return list(session.scalars(select(NetworkElement).where(fits).order_by(NetworkElement.ref).limit(_HITS)))
