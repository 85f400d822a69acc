"""Late facts: an outage that began or ended at another time than was entered, had a gap, or never was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from foundation.errors import InputError, RefusedError
from outage.incidents.incidents import check_not_frozen, check_text, settle_status
from outage.incidents.outages import OutageStart, check_begun
from outage.incidents.timeline import check_aware, lock_incidents, record_change, shown, state_of
from outage.lifecycle import IncidentStatus
from outage.models import Incident, Outage
from outage.network.inventory import get_element

_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class CorrectedOutage:
    """What one correction left behind: the outages that now stand where one stood; none when it was removed."""

    element: str
    service: str
    outages: tuple[tuple[datetime, datetime | None], ...]


def correct_outage(
    session: Session,
    incident: Incident,
    element: str,
    service: str,
    *,
    which: datetime | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    actor: str,
    reason: str,
) -> CorrectedOutage | None:
    """Say that an outage began or ended at another time; None when it is entered so already.

    `which`: the start of the outage that is meant, as entered; needed when the incident has several of that service on
    that element. The incident's start and restoration follow. Raises InputError for a naive time, an end before the
    start, an unknown element, or a reason that is none; RefusedError when it would overlap another outage of the
    incident or when the incident is closed or dismissed.
    """
    outage = _take(session, incident, element, service, which)
    told = _checked(reason)
    before = (outage.started_at, outage.ended_at)
    start = outage.started_at if started_at is None else check_aware(started_at, "started_at")
    end = outage.ended_at if ended_at is None else check_aware(ended_at, "ended_at")
    if (start, end) == before:
        return None
    check_begun(incident, [OutageStart(element, started_at=start, ended_at=end)])
    _check_span(session, outage, element, start, end)
    return _changed(
        session, incident, outage, _Change(element, service, "outage corrected", told, ((start, end),)), actor
    )


def reopen_outage(
    session: Session,
    incident: Incident,
    element: str,
    service: str,
    *,
    which: datetime | None = None,
    actor: str,
    reason: str,
) -> CorrectedOutage | None:
    """Say that an outage has not ended after all; None when it is open. The incident is opened again.

    `which` and what is raised: as for `correct_outage`.
    """
    outage = _take(session, incident, element, service, which)
    told = _checked(reason)
    if outage.ended_at is None:
        return None
    _check_span(session, outage, element, outage.started_at, None)
    spans = ((outage.started_at, None),)
    return _changed(session, incident, outage, _Change(element, service, "outage reopened", told, spans), actor)


def split_outage(
    session: Session,
    incident: Incident,
    element: str,
    service: str,
    *,
    restored_at: datetime,
    lost_at: datetime,
    which: datetime | None = None,
    actor: str,
    reason: str,
) -> CorrectedOutage:
    """Say that service was back from `restored_at` to `lost_at` in the middle of an outage: two stand for it.

    `which` and what is raised: as for `correct_outage`; InputError too when the gap is not inside the outage.
    """
    outage = _take(session, incident, element, service, which)
    told = _checked(reason)
    back, gone = check_aware(restored_at, "restored_at"), check_aware(lost_at, "lost_at")
    if not outage.started_at < back < gone or (outage.ended_at is not None and gone >= outage.ended_at):
        raise InputError(
            "the gap is not inside the outage",
            where=element,
            value=f"{shown(back)} to {shown(gone)}",
            accepted=f"times in this order between {shown(outage.started_at)} and {shown(outage.ended_at) or 'now'}",
        )
    check_begun(incident, [OutageStart(element, started_at=gone)])
    spans = ((outage.started_at, back), (gone, outage.ended_at))
    return _changed(session, incident, outage, _Change(element, service, "outage split", told, spans), actor)


def remove_outage(
    session: Session,
    incident: Incident,
    element: str,
    service: str,
    *,
    which: datetime | None = None,
    actor: str,
    reason: str,
) -> CorrectedOutage:
    """Take away an outage that was entered by mistake.

    `which` and what is raised: as for `correct_outage`; RefusedError too for the last outage of an incident that is
    restored: an incident that was none is reopened and dismissed.
    """
    outage = _take(session, incident, element, service, which)
    told = _checked(reason)
    count = session.scalar(select(func.count()).where(Outage.incident_id == incident.id))
    if count == 1 and incident.status == IncidentStatus.RESTORED:
        raise RefusedError(
            "this is the only outage of the incident",
            where=element,
            accepted="another outage first; or reopen the incident and dismiss it, if it was none",
        )
    return _changed(session, incident, outage, _Change(element, service, "outage removed", told, ()), actor)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is done to one outage, and the spans that stand for it after."""

    element: str
    service: str
    kind: str
    reason: str
    spans: tuple[tuple[datetime, datetime | None], ...]


def _take(session: Session, incident: Incident, element: str, service: str, which: datetime | None) -> Outage:
    """The one outage that is meant, with the incident locked and open to change."""
    lock_incidents(session, incident)
    check_not_frozen(incident)
    node = get_element(session, element)
    statement = select(Outage).where(
        Outage.incident_id == incident.id, Outage.element_id == node.id, Outage.service == service
    )
    found = list(session.scalars(statement.order_by(Outage.started_at)))
    starts = [shown(outage.started_at) or "" for outage in found]
    if which is not None:
        wanted = check_aware(which, "which")
        found = [outage for outage in found if outage.started_at == wanted]
    if len(found) == 1:
        return found[0]
    if not starts:
        raise InputError(
            f"{incident.ref} has no outage of this service on this element",
            where=element,
            value=service,
            accepted="an element and service of one of its outages",
        )
    raise InputError(
        "no outage starts then" if which is not None else "several outages of this service on this element",
        where=element,
        value=service if which is None else shown(which),
        accepted=f"the start of one of them: {', '.join(starts)}",
    )


def _checked(reason: str) -> str:
    return check_text(reason, "reason", _LONGEST_REASON)


def _check_span(session: Session, outage: Outage, element: str, start: datetime, end: datetime | None) -> None:
    if end is not None and end < start:
        accepted = f"a time at or after {shown(start)}"
        raise InputError("ended_at is before started_at", where=element, value=shown(end), accepted=accepted)
    others = select(Outage).where(
        Outage.incident_id == outage.incident_id,
        Outage.element_id == outage.element_id,
        Outage.service == outage.service,
        Outage.id != outage.id,
        or_(Outage.ended_at.is_(None), Outage.ended_at > start, Outage.started_at == start),
    )
    if end is not None:
        others = others.where(or_(Outage.started_at < end, Outage.started_at == start))
    clash = session.scalars(others.order_by(Outage.started_at).limit(1)).one_or_none()
    if clash is not None:
        raise RefusedError(
            f"it would overlap the outage of {outage.service} from {shown(clash.started_at)} "
            f"to {shown(clash.ended_at) or 'now, still open'}",
            where=element,
            value=f"{shown(start)} to {shown(end) or 'open'}",
            accepted="one outage at a time per element and service within an incident",
        )


def _changed(session: Session, incident: Incident, outage: Outage, change: _Change, actor: str) -> CorrectedOutage:
    before = _told((outage.started_at, outage.ended_at))
    earliest = _earliest(session, incident)
    if change.spans:
        outage.started_at, outage.ended_at = change.spans[0]
    else:
        session.delete(outage)
    for start, end in change.spans[1:]:
        session.add(
            Outage(
                incident_id=incident.id,
                element_id=outage.element_id,
                service=outage.service,
                degree=outage.degree,
                started_at=start,
                ended_at=end,
            )
        )
    session.flush()
    after = [_told(span) for span in change.spans]
    facts: dict[str, Any] = {"element": change.element, "service": change.service}
    record_change(
        session,
        incident,
        kind=change.kind,
        text=f"{change.kind.capitalize()}: {change.service} on {change.element}, {before}"
        f"{' is now ' + ' and '.join(after) if after else ' never was'}. Reason: {change.reason}",
        actor=actor,
        before={**facts, "outages": [before]},
        after={**facts, "outages": after, "reason": change.reason},
    )
    _follow_start(session, incident, earliest, actor)
    settle_status(session, incident, actor=actor)
    return CorrectedOutage(change.element, change.service, change.spans)


def _follow_start(session: Session, incident: Incident, earliest: datetime | None, actor: str) -> None:
    """Move the incident's start with its first outage, unless people gave it an earlier one of its own."""
    now = _earliest(session, incident)
    if now is None or now == incident.started_at or (now > incident.started_at and earliest != incident.started_at):
        return
    before = state_of(incident)
    incident.started_at = now
    text = f"Start moved to {shown(now)}, when its first outage began"
    record_change(session, incident, kind="start moved", text=text, actor=actor, at=now, before=before)


def _earliest(session: Session, incident: Incident) -> datetime | None:
    return session.scalar(select(func.min(Outage.started_at)).where(Outage.incident_id == incident.id))


def _told(span: tuple[datetime, datetime | None]) -> str:
    return f"{shown(span[0])} to {shown(span[1]) or 'open'}"
