"""Planned work: announced ahead with its window, begun and ended when due, and what runs over is an incident."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import next_reference
from foundation.errors import InputError, RefusedError
from outage.incidents.incidents import change_status, check_not_frozen, check_text, open_incident, settle_status
from outage.incidents.outages import OutageStart, add_rows
from outage.incidents.timeline import (
    check_aware,
    check_not_future,
    lock_incidents,
    record_change,
    shown,
    state_of,
    write_entry,
)
from outage.incidents.uniting import Span, span_of, unite_rows
from outage.lifecycle import FROZEN, CauseClass, Degree, IncidentStatus, Severity
from outage.models import Incident, NetworkElement, Outage

Window = tuple[datetime, datetime]

_LONGEST_TITLE = 256
_LONGEST_REASON = 1_000


@dataclass(frozen=True)
class DueSteps:
    """What fell due: how many works began, how many ended, and how many ran over into an incident."""

    begun: int
    ended: int
    overrun: int


def announce_planned_work(
    session: Session,
    *,
    title: str,
    window: Window,
    elements: Sequence[str],
    services: Sequence[str] | None = None,
    degree: Degree = Degree.LOST,
    cause_class: CauseClass = CauseClass.UNKNOWN,
    severity: Severity = Severity.MINOR,
    actor: str,
) -> Incident:
    """Announce work on `elements` in `[window[0], window[1])`: an incident with its outages, that has not begun.

    `services` None: those that each element carries. What it would hit is an impact run of it, measured as of the end
    of the window. Raises InputError for a bad title or window, or without elements, and what `outages.add_rows` raises.
    """
    lock_incidents(session)
    starts_at, ends_at = check_window(window)
    now = clock.now()
    incident = Incident(
        title=check_text(title, "title", _LONGEST_TITLE),
        status=IncidentStatus.ANNOUNCED,
        severity=severity,
        cause_class=cause_class,
        planned=True,
        started_at=starts_at,
        announced_end_at=ends_at,
        opened_by=actor,
        opened_at=now,
        ref=next_reference(session, "INC", now),
    )
    session.add(incident)
    session.flush()
    count = _add_outages(session, incident, elements, services, degree)
    text = f"Planned work announced for {_told(incident)}, {count} outages: {incident.title}"
    record_change(session, incident, kind="announced", text=text, actor=actor, after=_plan_of(incident))
    return incident


def reschedule_planned_work(
    session: Session,
    incident: Incident,
    *,
    window: Window | None = None,
    elements: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    actor: str,
) -> bool:
    """Give announced work another window, or other elements and services; False when nothing was given.

    Raises RefusedError once it has begun: minutes after the announced end count as an incident's. Raises InputError as
    `announce_planned_work` does, and for services without elements.
    """
    lock_incidents(session, incident)
    _check_announced(incident)
    if services is not None and elements is None:
        raise InputError(
            "services without elements", where="services", accepted="the elements that they are taken from"
        )
    if window is None and elements is None:
        return False
    before = _plan_of(incident)
    starts_at, ends_at = check_window(window or (incident.started_at, _end_of(incident)))
    incident.started_at, incident.announced_end_at = starts_at, ends_at
    session.flush()
    of_this = Outage.incident_id == incident.id
    if elements is None:
        session.execute(update(Outage).where(of_this).values(started_at=starts_at, ended_at=ends_at))
    else:
        degree = session.scalars(select(Outage.degree).where(of_this).limit(1)).one()
        session.execute(delete(Outage).where(of_this))
        _add_outages(session, incident, elements, services, degree)
    text = f"Planned work rescheduled for {_told(incident)}"
    record_change(
        session, incident, kind="rescheduled", text=text, actor=actor, before=before, after=_plan_of(incident)
    )
    return True


def cancel_planned_work(session: Session, incident: Incident, *, reason: str, actor: str) -> bool:
    """Cancel work that has not begun; False when it was cancelled already. Raises RefusedError when it has begun."""
    lock_incidents(session, incident)
    if incident.status == IncidentStatus.DISMISSED:
        return False
    _check_announced(incident)
    text = f"Planned work cancelled: {check_text(reason, 'reason', _LONGEST_REASON)}"
    return change_status(session, incident, IncidentStatus.DISMISSED, text, actor)


def overrun_planned_work(
    session: Session, incident: Incident, *, elements: Sequence[str] | None = None, actor: str
) -> Incident | None:
    """Say that work is not done at its announced end, on `elements` (None: on all of its own).

    From the announced end on it is an incident of its own, unplanned, which this returns; None before that end, at
    which `begin_due_planned_work` opens it. Raises RefusedError for what is not planned work under way or just over,
    InputError for an element that is none of its own.
    """
    lock_incidents(session, incident)
    check_not_frozen(incident)
    if incident.announced_end_at is None or incident.status == IncidentStatus.ANNOUNCED:
        raise RefusedError(
            f"{incident.ref} is not announced work that has begun",
            where="incident",
            accepted="planned work that is opened or restored and was announced with its end",
        )
    chosen = [Outage.incident_id == incident.id, Outage.ended_at == incident.announced_end_at]
    if elements is not None:
        chosen.append(Outage.element_id.in_(_own_elements(session, incident, elements)))
    session.execute(update(Outage).where(*chosen).values(ended_at=None))
    session.expire_all()
    text = f"Not done at the announced end, {shown(incident.announced_end_at)}"
    record_change(session, incident, kind="overrun", text=text, actor=actor)
    opened = _split_overrun(session, incident, actor) if _end_of(incident) <= clock.now() else None
    settle_status(session, incident, actor=actor)
    return opened


def finish_planned_work(session: Session, incident: Incident, *, at: datetime, actor: str) -> bool:
    """Say that work under way was done at `at`, before its announced end; False when nothing lasted beyond that.

    Raises RefusedError for what is not planned work under way, InputError for a time before it began or in the future.
    """
    lock_incidents(session, incident)
    at = check_not_future(check_aware(at, "at"), "at")
    if incident.status != IncidentStatus.OPENED or incident.announced_end_at is None:
        raise RefusedError(
            f"{incident.ref} is not announced work under way", where="incident", accepted="planned work that is opened"
        )
    lasting = Outage.incident_id == incident.id, or_(Outage.ended_at.is_(None), Outage.ended_at > at)
    early = session.scalar(select(func.max(Outage.started_at)).where(*lasting))
    if early is None:
        return False
    if at < early:
        accepted = f"a time at or after {shown(early)}"
        raise InputError("done before it began", where="at", value=shown(at), accepted=accepted)
    session.execute(update(Outage).where(*lasting).values(ended_at=at))
    session.expire_all()
    text = f"Planned work done at {shown(at)}, announced to end at {shown(incident.announced_end_at)}"
    record_change(session, incident, kind="done early", text=text, actor=actor, at=at)
    settle_status(session, incident, actor=actor)
    return True


def begin_due_planned_work(session: Session, *, actor: str = "system") -> DueSteps:
    """Open announced work whose window has begun, restore it at its announced end, split off what runs over.

    May run at any time and as often as you like: again it changes nothing. Work whose whole window passed while nobody
    looked is opened and restored at its own times.
    """
    lock_incidents(session)
    now = clock.now()
    begun = _due(session, Incident.status == IncidentStatus.ANNOUNCED, Incident.started_at <= now)
    for incident in begun:
        text = f"Planned work begun: {incident.title}"
        change_status(session, incident, IncidentStatus.OPENED, text, actor, at=incident.started_at)
    over = _due(session, Incident.status.not_in((*FROZEN, IncidentStatus.ANNOUNCED)), Incident.announced_end_at <= now)
    split = [_split_overrun(session, incident, actor) for incident in over]
    ended = [settle_status(session, incident, actor=actor) for incident in over]
    return DueSteps(len(begun), sum(ended), sum(one is not None for one in split))


def list_planned_work(session: Session, *, past: bool = False) -> list[Incident]:
    """Planned work that is announced or under way, the next to begin first; with `past` all of it, newest first."""
    statement = select(Incident).where(Incident.planned)
    if past:
        return list(session.scalars(statement.order_by(Incident.started_at.desc(), Incident.id.desc())))
    ahead = statement.where(Incident.status.in_((IncidentStatus.ANNOUNCED, IncidentStatus.OPENED)))
    return list(session.scalars(ahead.order_by(Incident.started_at, Incident.id)))


def _due(session: Session, *conditions: object) -> list[Incident]:
    statement = select(Incident).where(Incident.planned, *conditions).order_by(Incident.id)  # type: ignore[arg-type]
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def _add_outages(
    session: Session, incident: Incident, elements: Sequence[str], services: Sequence[str] | None, degree: Degree
) -> int:
    if not elements:
        raise InputError("no elements named", where="elements", accepted="at least one ref from the inventory")
    wanted = None if services is None else tuple(services)
    starts = [
        OutageStart(element, wanted, incident.started_at, degree, incident.announced_end_at)
        for element in dict.fromkeys(elements)
    ]
    return len(add_rows(session, incident, starts))


def _split_overrun(session: Session, incident: Incident, actor: str) -> Incident | None:
    """Move what lies after the announced end into an unplanned incident; None when nothing does."""
    end = _end_of(incident)
    beyond = session.scalars(
        select(Outage).where(Outage.incident_id == incident.id, or_(Outage.ended_at.is_(None), Outage.ended_at > end))
    ).all()
    if not beyond:
        return None
    spans = [span_of(row)._replace(started_at=max(row.started_at, end)) for row in beyond]
    for row in beyond:
        if row.started_at >= end:
            session.delete(row)
        else:
            row.ended_at = end
    session.flush()
    overrun = _overrun_of(session, incident, actor)
    _give(session, overrun, spans, actor)
    text = f"Ran over its announced end: {overrun.ref} counts from {shown(end)} on"
    write_entry(session, incident, kind="overrun split", text=text, actor=actor, at=end)
    return overrun


def _overrun_of(session: Session, incident: Incident, actor: str) -> Incident:
    statement = select(Incident).where(Incident.overrun_of_id == incident.id, Incident.status.not_in(FROZEN))
    existing = session.scalars(statement.order_by(Incident.id).limit(1)).one_or_none()
    if existing is not None:
        return existing
    opened = open_incident(
        session,
        title=f"Overrun of {incident.ref}: {incident.title}"[:_LONGEST_TITLE],
        severity=incident.severity,
        cause_class=incident.cause_class,
        started_at=_end_of(incident),
        outages=(),
        actor=actor,
    )
    opened.overrun_of_id = incident.id
    return opened


def _give(session: Session, overrun: Incident, spans: Sequence[Span], actor: str) -> None:
    unite_rows(session, overrun, spans)
    text = f"{len(spans)} outages go on after the announced end"
    after = {"outages": len(spans), "started_at": shown(overrun.started_at)}
    record_change(session, overrun, kind="outages added", text=text, actor=actor, at=overrun.started_at, after=after)
    settle_status(session, overrun, actor=actor)


def _own_elements(session: Session, incident: Incident, refs: Collection[str]) -> list[int]:
    rows = session.execute(
        select(NetworkElement.ref, NetworkElement.id)
        .join(Outage, Outage.element_id == NetworkElement.id)
        .where(Outage.incident_id == incident.id)
        .distinct()
    )
    own: dict[str, int] = {row.ref: row.id for row in rows}
    foreign = [ref for ref in refs if ref not in own]
    if foreign:
        raise InputError(
            "not an element of this work",
            where="elements",
            value=", ".join(foreign[:5]),
            accepted=f"elements that {incident.ref} was announced with",
        )
    return [own[ref] for ref in refs]


def check_window(window: Window) -> Window:
    """The window of announced work in UTC; raises InputError when it ends before it starts, or has begun already."""
    starts_at, ends_at = check_aware(window[0], "starts_at"), check_aware(window[1], "ends_at")
    if ends_at <= starts_at:
        accepted = f"a time after {shown(starts_at)}"
        raise InputError("the window ends before it starts", where="ends_at", value=shown(ends_at), accepted=accepted)
    now = clock.now()
    if starts_at <= now:
        # Work announced after the fact would take minutes from customers that they were never told of.
        accepted = f"a time after {shown(now)}"
        raise InputError("work is announced ahead", where="starts_at", value=shown(starts_at), accepted=accepted)
    return starts_at, ends_at


def _check_announced(incident: Incident) -> None:
    if incident.status == IncidentStatus.ANNOUNCED:
        return
    raise RefusedError(
        f"{incident.ref} is {incident.status}, not announced",
        where="incident",
        accepted="planned work that has not begun",
    )


def _end_of(incident: Incident) -> datetime:
    if incident.announced_end_at is None:
        raise RefusedError(f"{incident.ref} was announced without an end", where="incident", accepted="planned work")
    return incident.announced_end_at


def _told(incident: Incident) -> str:
    return f"{shown(incident.started_at)} to {shown(incident.announced_end_at)}"


def _plan_of(incident: Incident) -> dict[str, str | None]:
    return {**state_of(incident), "announced_end_at": shown(incident.announced_end_at)}
