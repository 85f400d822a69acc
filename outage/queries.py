"""Reads on incidents, runs and lines that commands, pages and other packages are offered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from foundation.db import one_of
from foundation.errors import NotFoundError
from foundation.logging import mask_msisdn
from outage.incidents.incidents import get_incident
from outage.lifecycle import Degree, IncidentStatus
from outage.models import Alarm, ImpactRun, Incident, NetworkElement, Outage, Subscriber, TimelineEntry
from outage.msisdn import check_msisdn
from outage.runs.holding import holding_run


@dataclass(frozen=True, slots=True)
class OutageView:
    """One outage with its element's reference."""

    element: str
    service: str
    degree: Degree
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident and what stands around it; the timeline as it happened, `run` the one that holds or None."""

    incident: Incident
    outages: Sequence[OutageView]
    timeline: Sequence[TimelineEntry]
    alarms: Sequence[Alarm]
    run: ImpactRun | None


def list_incidents(
    session: Session,
    status: IncidentStatus | None = None,
    search: str | None = None,
    *,
    limit: int = 50,
    offset: int = 0,
) -> list[Incident]:
    """Incidents by status and by a text in reference or title, newest start first."""
    statement = select(Incident).order_by(Incident.started_at.desc(), Incident.id.desc()).limit(limit).offset(offset)
    if status is not None:
        statement = statement.where(Incident.status == status)
    if search:
        statement = statement.where(
            or_(Incident.ref.icontains(search, autoescape=True), Incident.title.icontains(search, autoescape=True))
        )
    return list(session.scalars(statement))


def list_restored_incidents(session: Session) -> list[Incident]:
    """The incidents whose service is back, closed ones among them, oldest first: those to be assessed."""
    over = (IncidentStatus.RESTORED, IncidentStatus.CLOSED)
    return list(session.scalars(select(Incident).where(Incident.status.in_(over)).order_by(Incident.id)))


def get_incident_view(session: Session, ref: str) -> IncidentView:
    """An incident with all its outages, timeline, alarms and the run that holds; raises NotFoundError."""
    incident = get_incident(session, ref)
    outages = session.execute(
        select(NetworkElement.ref, Outage.service, Outage.degree, Outage.started_at, Outage.ended_at)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident.id)
        .order_by(Outage.started_at, NetworkElement.ref, Outage.service)
    )
    timeline = select(TimelineEntry).where(TimelineEntry.incident_id == incident.id)
    alarms = select(Alarm).where(Alarm.incident_id == incident.id)
    return IncidentView(
        incident=incident,
        outages=[OutageView(*row) for row in outages],
        timeline=session.scalars(timeline.order_by(TimelineEntry.at, TimelineEntry.id)).all(),
        alarms=session.scalars(alarms.order_by(Alarm.raised_at, Alarm.id)).all(),
        run=holding_run(session, incident.id),
    )


def list_runs(session: Session, ref: str) -> list[ImpactRun]:
    """All impact runs of an incident, first to last; raises NotFoundError."""
    incident = get_incident(session, ref)
    return list(
        session.scalars(select(ImpactRun).where(ImpactRun.incident_id == incident.id).order_by(ImpactRun.number))
    )


def get_run(session: Session, incident_id: int, number: int | None = None) -> ImpactRun:
    """A run of an incident by its number, the one that holds without one; raises NotFoundError."""
    if number is None:
        run = holding_run(session, incident_id)
    else:
        statement = select(ImpactRun).where(ImpactRun.incident_id == incident_id, ImpactRun.number == number)
        run = session.scalars(statement).one_or_none()
    if run is None:
        raise NotFoundError(
            "no such impact run", where="run", value=number, accepted="one made by `outage impact` for this incident"
        )
    return run


def services_lost_by(session: Session, incident: Incident, element: str) -> list[str]:
    """The services of which an incident has outages on the element of that reference, by name."""
    statement = (
        select(Outage.service)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident.id, NetworkElement.ref == element)
    )
    return sorted(session.scalars(statement.distinct()))


def find_subscriber(session: Session, msisdn: str) -> Subscriber | None:
    """The line of that number, or None; raises InputError when it is no E.164 number."""
    number = check_msisdn(msisdn.strip())
    return session.scalars(select(Subscriber).where(Subscriber.msisdn == number)).one_or_none()


def numbers_of(session: Session, line_ids: Collection[int], *, in_clear: bool) -> dict[int, str]:
    """The numbers of lines by their ids, of those that are in the base; masked unless `in_clear`."""
    lines = Subscriber.__table__.c
    rows = session.execute(select(lines.id, lines.msisdn).where(one_of(session, lines.id, line_ids)))
    return {key: msisdn if in_clear else mask_msisdn(msisdn) for key, msisdn in rows}
