"""What the network tells: each alarm once, tied to the incident it belongs to, and ending that one's outages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError
from outage.feeds.notice import AlarmNotice
from outage.incidents.correlation import OpenIncident, choose_incident
from outage.incidents.incidents import open_incident, restore_elements, settle_status
from outage.incidents.outages import OutageStart, add_rows
from outage.incidents.timeline import lock_incidents, record_change, shown, write_entry
from outage.intervals import Interval, difference, normalise
from outage.lifecycle import SERVICES, CauseClass, Degree, IncidentStatus, Severity
from outage.models import Alarm, Incident, NetworkElement, Outage
from outage.network.inventory import find_element, related_ids

# X.733: critical and major affect service, minor and warning do not yet.
_DEGREES = {
    Severity.CRITICAL: Degree.LOST,
    Severity.MAJOR: Degree.LOST,
    Severity.MINOR: Degree.DEGRADED,
    Severity.WARNING: Degree.DEGRADED,
}
_CHANGEABLE = (IncidentStatus.OPENED, IncidentStatus.RESTORED)
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class RecordedAlarm:
    """What came of a notice: the alarm, its incident if it has one, and what changed; `reason` says it in words."""

    alarm: Alarm
    incident: Incident | None
    is_new: bool
    opened: bool
    restored: bool
    reason: str


def record_alarms(session: Session, notices: Iterable[AlarmNotice], *, actor: str) -> list[RecordedAlarm]:
    """Record notices in the order given; see `record_alarm`."""
    return [record_alarm(session, notice, actor=actor) for notice in notices]


def record_alarm(session: Session, notice: AlarmNotice, *, actor: str) -> RecordedAlarm:
    """Keep an alarm, tie it to the open incident it belongs to or open one, and end its outages once it is cleared.

    A repeat of the same source and external id is counted (`received`) and changes nothing else, but a clearing or
    another severity is taken over. An element that the inventory does not know: the alarm is kept without an
    incident, and tried again when it is repeated. Critical and major alarms take the services, minor and warning
    ones degrade them. Raises InputError when a text is longer than the records hold.
    """
    lock_incidents(session)
    _check_lengths(notice)
    alarm = _find_alarm(session, notice)
    is_new = alarm is None
    if alarm is None:
        alarm = _add_alarm(session, notice)
    else:
        alarm.received += 1
        _take_severity(session, alarm, notice, actor)
    if alarm.incident_id is None:
        return _attach(session, alarm, notice, is_new=is_new, actor=actor)
    incident = _incident(session, alarm.incident_id)
    if notice.cleared_at is None or alarm.cleared_at is not None:
        return RecordedAlarm(alarm, incident, False, False, False, f"repeated, received {alarm.received} times")
    restored = _clear(session, alarm, incident, notice.cleared_at, actor)
    return RecordedAlarm(alarm, incident, False, False, restored, f"cleared at {shown(notice.cleared_at)}")


def _find_alarm(session: Session, notice: AlarmNotice) -> Alarm | None:
    statement = select(Alarm).where(Alarm.source == notice.source, Alarm.external_id == notice.external_id)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def _add_alarm(session: Session, notice: AlarmNotice) -> Alarm:
    alarm = Alarm(
        source=notice.source,
        external_id=notice.external_id,
        element_ref=notice.element,
        severity=notice.severity,
        probable_cause=notice.probable_cause,
        summary=notice.summary,
        services=None if notice.services is None else list(notice.services),
        raised_at=notice.raised_at,
        received=1,
        received_at=clock.now(),
        payload=notice.payload,
    )
    session.add(alarm)
    session.flush()
    return alarm


def _attach(session: Session, alarm: Alarm, notice: AlarmNotice, *, is_new: bool, actor: str) -> RecordedAlarm:
    """Find or open the incident of an alarm that has none."""
    element = find_element(session, notice.element)
    if element is None:
        alarm.cleared_at = alarm.cleared_at or notice.cleared_at
        reason = f"no incident: the inventory has no element {notice.element!r}"
        return RecordedAlarm(alarm, None, is_new, False, False, reason)
    if not _services_of(alarm, element):
        alarm.cleared_at = alarm.cleared_at or notice.cleared_at
        reason = f"no incident: {element.ref} carries none of {', '.join(alarm.services or ())}"
        return RecordedAlarm(alarm, None, is_new, False, False, reason)
    chosen = choose_incident(
        element=element.ref, raised_at=notice.raised_at, open_incidents=_open_incidents(session, element)
    )
    if chosen is None and notice.cleared_at == notice.raised_at:
        alarm.cleared_at = notice.cleared_at
        return RecordedAlarm(alarm, None, is_new, False, False, "no incident: cleared in the second it was raised")
    incident = _open(session, alarm, actor) if chosen is None else _incident(session, chosen)
    alarm.incident_id = incident.id
    text = f"{alarm.severity.capitalize()} alarm on {alarm.element_ref}: {alarm.summary}"
    write_entry(session, incident, kind="alarm raised", text=text, actor=actor, at=alarm.raised_at)
    _take_services(session, alarm, incident, element, notice.cleared_at, actor)
    restored = notice.cleared_at is not None and _clear(session, alarm, incident, notice.cleared_at, actor)
    opened = chosen is None
    reason = f"{'opened' if opened else 'belongs to'} {incident.ref}"
    return RecordedAlarm(alarm, incident, is_new, opened, restored, reason)


def _incident(session: Session, key: int) -> Incident:
    # Read anew: another transaction may have changed it before this one had the lock.
    return session.get_one(Incident, key, populate_existing=True)


def _open(session: Session, alarm: Alarm, actor: str) -> Incident:
    title = alarm.summary.strip() or f"{alarm.probable_cause or 'Alarm'} on {alarm.element_ref}"
    return open_incident(
        session,
        title=title[:256],
        severity=alarm.severity,
        cause_class=CauseClass.UNKNOWN,
        started_at=alarm.raised_at,
        outages=(),
        actor=actor,
    )


def _open_incidents(session: Session, element: NetworkElement) -> Iterator[OpenIncident]:
    """The open incidents with an outage on this element or on one related to it, seen from this element."""
    is_here = func.max(case((Outage.element_id == element.id, 1), else_=0))
    statement = select(Incident.id, Incident.started_at, func.max(Alarm.raised_at), is_here)
    rows = session.execute(
        statement.join(Outage, Outage.incident_id == Incident.id)
        .outerjoin(Alarm, Alarm.incident_id == Incident.id)
        .where(Incident.status == IncidentStatus.OPENED, Outage.element_id.in_(related_ids(element.id)))
        .group_by(Incident.id, Incident.started_at)
    )
    here = frozenset({element.ref})
    for key, since, last_alarm_at, is_same in rows:
        yield OpenIncident(
            id=key,
            elements=here if is_same else frozenset(),
            related=frozenset() if is_same else here,
            since=since,
            last_alarm_at=last_alarm_at,
        )


def _take_services(
    session: Session, alarm: Alarm, incident: Incident, element: NetworkElement, ended_at: datetime | None, actor: str
) -> None:
    """Add outages of the alarm's services for the time that the incident's outages of the element do not cover."""
    services = _services_of(alarm, element)
    degree = _DEGREES[alarm.severity]
    existing = _outages_of(session, incident, element, services)
    if degree == Degree.LOST:
        for row in existing:
            _worsen(session, row, alarm.raised_at)
        existing = _outages_of(session, incident, element, services)
    starts = []
    wanted = normalise([(clock.to_unix(alarm.raised_at), _FOREVER if ended_at is None else clock.to_unix(ended_at))])
    for service in services:
        covered = normalise(_interval(row) for row in existing if row.service == service)
        for start, end in difference(wanted, covered):
            until = None if end == _FOREVER else clock.from_unix(end)
            starts.append(OutageStart(element.ref, (service,), clock.from_unix(start), degree, until))
    if not starts:
        return
    add_rows(session, incident, starts)
    took = ", ".join(dict.fromkeys(service for start in starts for service in start.services or ()))
    first = min(start.started_at for start in starts if start.started_at is not None)
    text = f"{element.ref}: {took} {degree}"
    after = {"element": element.ref, "services": took, "degree": str(degree), "started_at": shown(first)}
    incident.started_at = min(incident.started_at, first)
    record_change(session, incident, kind="outages added", text=text, actor=actor, at=first, after=after)


def _services_of(alarm: Alarm, element: NetworkElement) -> tuple[str, ...]:
    carried = tuple(element.services) or SERVICES
    if alarm.services is None:
        return carried
    return tuple(service for service in alarm.services if service in carried)


def _outages_of(session: Session, incident: Incident, element: NetworkElement, services: Iterable[str]) -> list[Outage]:
    statement = select(Outage).where(
        Outage.incident_id == incident.id, Outage.element_id == element.id, Outage.service.in_(list(services))
    )
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def _interval(row: Outage) -> Interval:
    start = clock.to_unix(row.started_at)
    # An empty outage still owns its start, which is part of its key: the next one begins a second later.
    return start, _FOREVER if row.ended_at is None else max(clock.to_unix(row.ended_at), start + 1)


def _worsen(session: Session, row: Outage, at: datetime) -> None:
    """A degraded outage that stands when the service is lost ends there, or is a loss if it began there."""
    if row.degree == Degree.LOST or row.ended_at is not None or row.started_at > at:
        return
    if row.started_at == at:
        row.degree = Degree.LOST
    else:
        row.ended_at = at
    session.flush()


def _clear(session: Session, alarm: Alarm, incident: Incident, cleared_at: datetime, actor: str) -> bool:
    """Take over the clearing and end what no other alarm of the incident holds; True when that restored it."""
    alarm.cleared_at = cleared_at
    session.flush()
    if incident.status not in _CHANGEABLE:
        return False
    text = f"Alarm on {alarm.element_ref} cleared: {alarm.summary}"
    write_entry(session, incident, kind="alarm cleared", text=text, actor=actor, at=cleared_at)
    element = find_element(session, alarm.element_ref)
    if element is None:
        return False
    was = incident.status
    _end_unheld(session, alarm, incident, element, actor)
    settle_status(session, incident, actor=actor)
    return was == IncidentStatus.OPENED and incident.status == IncidentStatus.RESTORED


def _end_unheld(session: Session, alarm: Alarm, incident: Incident, element: NetworkElement, actor: str) -> None:
    siblings = list(
        session.scalars(select(Alarm).where(Alarm.incident_id == incident.id, Alarm.element_ref == alarm.element_ref))
    )
    held = {service for other in siblings if other.cleared_at is None for service in _services_of(other, element)}
    # Alarms may be told out of order: the service is back when the last of them cleared.
    last_cleared = max(other.cleared_at for other in siblings if other.cleared_at is not None)
    open_services = session.scalars(
        select(Outage.service)
        .where(
            Outage.incident_id == incident.id,
            Outage.element_id == element.id,
            Outage.ended_at.is_(None),
            Outage.started_at <= last_cleared,
            Outage.service.in_(_services_of(alarm, element)),
            Outage.service.not_in(held),
        )
        .distinct()
    )
    services = sorted(open_services)
    if services:
        restore_elements(session, incident, [element.ref], at=last_cleared, services=services, actor=actor)


def _take_severity(session: Session, alarm: Alarm, notice: AlarmNotice, actor: str) -> None:
    if alarm.severity == notice.severity or alarm.cleared_at is not None:
        return
    text = f"Alarm on {alarm.element_ref} went from {alarm.severity} to {notice.severity}"
    alarm.severity = notice.severity
    incident = None if alarm.incident_id is None else _incident(session, alarm.incident_id)
    if incident is not None and incident.status in _CHANGEABLE:
        write_entry(session, incident, kind="alarm changed", text=text, actor=actor)


def _check_lengths(notice: AlarmNotice) -> None:
    limits = (
        ("source", notice.source, 32),
        ("external id", notice.external_id, 128),
        ("element", notice.element, 128),
        ("probable cause", notice.probable_cause or "", 128),
    )
    for where, text, longest in limits:
        if len(text) > longest:
            raise InputError("too long", where=where, value=f"{text[:40]}...", accepted=f"at most {longest} characters")
