"""What people do with an incident: open, add outages, restore in stages, close, reopen, dismiss, and write it down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import next_reference
from foundation.errors import InputError, NotFoundError, RefusedError
from outage.incidents.outages import OutageStart, add_rows, check_begun, count_open, end_rows
from outage.incidents.timeline import (
    check_aware,
    check_not_future,
    lock_incidents,
    record_change,
    shown,
    state_of,
    write_entry,
)
from outage.lifecycle import FROZEN, CauseClass, ForceMajeure, IncidentKind, IncidentStatus, Severity, check_transition
from outage.models import Incident, Outage

__all__ = [
    "OutageStart",
    "add_note",
    "add_outages",
    "assign_owner",
    "change_severity",
    "close_incident",
    "dismiss_incident",
    "get_incident",
    "open_incident",
    "reopen_incident",
    "restore_elements",
]

_LONGEST_TITLE = 256
_LONGEST_OWNER = 64
_NAMED = 12


def get_incident(session: Session, ref: str) -> Incident:
    """The incident of that reference; raises NotFoundError."""
    incident = session.scalars(select(Incident).where(Incident.ref == ref)).one_or_none()
    if incident is None:
        raise NotFoundError("no such incident", where="incident", value=ref, accepted="a reference like INC-2026-00042")
    return incident


def open_incident(
    session: Session,
    *,
    title: str,
    severity: Severity,
    cause_class: CauseClass,
    started_at: datetime,
    outages: Sequence[OutageStart],
    planned: bool = False,
    kind: IncidentKind = IncidentKind.NETWORK,
    actor: str,
) -> Incident:
    """Open an incident with its first outages; one whose outages have all ended is restored at once.

    A billing incident has no outages: it lasts from its start until `restore_elements` says when it was put right.
    Raises InputError for a bad title or a naive time, and what `outages.add_rows` raises; RefusedError for a billing
    incident with outages or planned.
    """
    lock_incidents(session)
    if kind == IncidentKind.BILLING and (outages or planned):
        raise RefusedError(
            "a billing incident is not planned and has no outages",
            where="incident",
            accepted="a billing incident with the list of the accounts that it touched",
        )
    now = clock.now()
    if kind == IncidentKind.BILLING:
        check_not_future(check_aware(started_at, "started_at"), "started_at")
    incident = Incident(
        title=check_text(title, "title", _LONGEST_TITLE),
        status=IncidentStatus.OPENED,
        severity=severity,
        cause_class=cause_class,
        planned=planned,
        kind=kind,
        started_at=check_aware(started_at, "started_at"),
        opened_by=actor,
        opened_at=now,
        ref=next_reference(session, "INC", now),
    )
    session.add(incident)
    what = "Billing incident" if kind == IncidentKind.BILLING else "Planned work" if planned else "Incident"
    text = f"{what} opened: {incident.title}"
    record_change(session, incident, kind="opened", text=text, actor=actor, at=incident.started_at)
    if outages:
        _add(session, incident, outages, actor)
    return incident


def add_outages(session: Session, incident: Incident, outages: Sequence[OutageStart], *, actor: str) -> list[Outage]:
    """Add outages; the incident's start moves back to the earliest, and a restored one is open again if one is open.

    Raises RefusedError when the incident is frozen, announced or about billing, or an outage overlaps one it has.
    """
    lock_incidents(session, incident)
    _check_takes_outages(incident)
    return _add(session, incident, outages, actor)


def restore_elements(
    session: Session,
    incident: Incident,
    elements: Sequence[str] | None,
    *,
    at: datetime,
    services: Collection[str] | None = None,
    actor: str,
) -> int:
    """End the open outages of these elements (None: all of them) at `at`; the last one restores the incident.

    Returns how many outages ended: 0 when all were restored before. A billing incident, which has none, is restored
    with `elements` None and counts as one. Raises InputError when `at` is before the start of one of them or an element
    has none here; RefusedError when the incident is frozen or only announced.
    """
    lock_incidents(session, incident)
    at = check_not_future(check_aware(at, "ended_at"), "ended_at")
    if incident.kind == IncidentKind.BILLING and elements is None:
        return int(_restore_billing(session, incident, at, actor))
    _check_takes_outages(incident)
    ended = end_rows(session, incident, elements, services, at)
    if ended:
        record_change(
            session,
            incident,
            kind="outages ended",
            text=f"{_counted(ended)} ended{_on(elements)}{_of(services)}",
            actor=actor,
            at=at,
            before={"open": count_open(session, incident.id)[0] + ended},
            after={"ended": ended, "elements": _some(elements), "services": _some(services), "at": shown(at)},
        )
    if ended or elements is None:
        settle_status(session, incident, actor=actor)
    return ended


def change_severity(session: Session, incident: Incident, severity: Severity, *, actor: str) -> bool:
    """Set the severity; False when it was that already. Raises RefusedError when the incident is frozen."""
    return _change_class(session, incident, "severity", severity, actor)


def change_cause(session: Session, incident: Incident, cause_class: CauseClass, *, actor: str) -> bool:
    """Set the class of cause, which policies read; False when it was that already. Raises as `change_severity`."""
    return _change_class(session, incident, "cause_class", cause_class, actor)


def change_force_majeure(session: Session, incident: Incident, kind: ForceMajeure | None, *, actor: str) -> bool:
    """Set what was beyond anybody's control (None: nothing); False when it was that already. Raises as the others."""
    return _change_class(session, incident, "force_majeure", kind, actor)


def _change_class(
    session: Session, incident: Incident, field: str, value: Severity | CauseClass | ForceMajeure | None, actor: str
) -> bool:
    lock_incidents(session, incident)
    check_not_frozen(incident)
    if getattr(incident, field) == value:
        return False
    before = state_of(incident)
    setattr(incident, field, value)
    name = field.removesuffix("_class").replace("_", " ")
    text = f"{name.capitalize()} changed from {before[field] or 'none'} to {value or 'none'}"
    record_change(session, incident, kind=f"{name} changed", text=text, actor=actor, before=before)
    return True


def assign_owner(session: Session, incident: Incident, owner: str | None, *, actor: str) -> bool:
    """Give the incident to a staff user by name (None: to nobody); False when it was theirs already."""
    lock_incidents(session, incident)
    check_not_frozen(incident)
    owner = check_text(owner, "owner", _LONGEST_OWNER) if owner else None
    if incident.owner == owner:
        return False
    before = state_of(incident)
    incident.owner = owner
    text = f"Owner is now {owner or 'nobody'}"
    record_change(session, incident, kind="owner changed", text=text, actor=actor, before=before)
    return True


def add_note(session: Session, incident: Incident, text: str, *, actor: str, at: datetime | None = None) -> None:
    """Write a note on the timeline, about `at` (None: now). Raises RefusedError when the incident is frozen."""
    lock_incidents(session, incident)
    check_not_frozen(incident)
    note = check_text(text, "note", 10_000)
    about = None if at is None else check_aware(at, "at")
    record_change(session, incident, kind="note", text=note, actor=actor, at=about, after={"note": note})


def close_incident(session: Session, incident: Incident, *, actor: str) -> bool:
    """Close a restored incident and freeze it; False when it is closed already. Raises RefusedError otherwise."""
    lock_incidents(session, incident)
    if incident.status == IncidentStatus.CLOSED:
        return False
    return change_status(session, incident, IncidentStatus.CLOSED, "Incident closed; its record is frozen", actor)


def reopen_incident(session: Session, incident: Incident, *, actor: str) -> bool:
    """Open a restored incident again; False when it is open already. Raises RefusedError otherwise."""
    lock_incidents(session, incident)
    if incident.status == IncidentStatus.OPENED:
        return False
    _check_begun(incident)
    return change_status(session, incident, IncidentStatus.OPENED, "Incident reopened", actor)


def dismiss_incident(session: Session, incident: Incident, *, actor: str) -> bool:
    """Dismiss an open incident that was none, or cancel announced work; False when that was done already.

    Raises RefusedError when it is restored or final.
    """
    lock_incidents(session, incident)
    if incident.status == IncidentStatus.DISMISSED:
        return False
    none = (
        "Planned work cancelled" if incident.status == IncidentStatus.ANNOUNCED else "Incident dismissed: it was none"
    )
    return change_status(session, incident, IncidentStatus.DISMISSED, none, actor)


def settle_status(session: Session, incident: Incident, *, actor: str) -> bool:
    """Let the status follow the outages: none open restores, one open reopens; True when that restored it now.

    Announced work begins by its window, whatever its outages say, and it is not over while their announced ends lie
    ahead.
    """
    if incident.status == IncidentStatus.ANNOUNCED:
        return False
    still_open, count, latest = count_open(session, incident.id)
    if incident.announced_end_at is not None and latest is not None and latest > clock.now():
        return False
    if incident.status == IncidentStatus.RESTORED and still_open:
        change_status(session, incident, IncidentStatus.OPENED, "Service was lost again: incident reopened", actor)
        return False
    if still_open or not count or (incident.status == IncidentStatus.RESTORED and incident.restored_at == latest):
        return False
    if incident.status == IncidentStatus.RESTORED:
        before = state_of(incident)
        incident.restored_at = latest
        text = f"Restored at {shown(latest)}"
        record_change(session, incident, kind="restored", text=text, actor=actor, at=latest, before=before)
        return False
    text = "All outages have ended: service restored"
    return change_status(session, incident, IncidentStatus.RESTORED, text, actor, at=latest)


def change_status(
    session: Session,
    incident: Incident,
    wanted: IncidentStatus,
    text: str,
    actor: str,
    *,
    at: datetime | None = None,
) -> bool:
    """Give the incident another status, with its times, its timeline and its audit; True.

    `at` is when it happened (None: now). Raises RefusedError when the lifecycle forbids it.
    """
    check_transition(incident.status, wanted)
    before = state_of(incident)
    begun = incident.status == IncidentStatus.ANNOUNCED and wanted == IncidentStatus.OPENED
    kind = "begun" if begun else "reopened" if wanted == IncidentStatus.OPENED else str(wanted)
    incident.status = wanted
    if wanted in (IncidentStatus.OPENED, IncidentStatus.RESTORED):
        incident.restored_at = at if wanted == IncidentStatus.RESTORED else None
    if wanted == IncidentStatus.CLOSED:
        incident.closed_at = clock.now()
    record_change(session, incident, kind=kind, text=text, actor=actor, at=at, before=before)
    return True


def _add(session: Session, incident: Incident, outages: Sequence[OutageStart], actor: str) -> list[Outage]:
    check_begun(incident, outages)
    rows = add_rows(session, incident, outages)
    if not rows:
        return rows
    refs = list(dict.fromkeys(start.element for start in outages))
    services = sorted({row.service for row in rows})
    earliest = min(row.started_at for row in rows)
    record_change(
        session,
        incident,
        kind="outages added",
        text=f"{_counted(len(rows))} added{_on(refs)}{_of(services)}",
        actor=actor,
        at=earliest,
        after={"outages": len(rows), "elements": _some(refs), "services": services, "started_at": shown(earliest)},
    )
    _move_start_back(session, incident, actor)
    settle_status(session, incident, actor=actor)
    return rows


def _move_start_back(session: Session, incident: Incident, actor: str) -> None:
    earliest = session.scalar(select(func.min(Outage.started_at)).where(Outage.incident_id == incident.id))
    if earliest is None or earliest >= incident.started_at:
        return
    incident.started_at = earliest
    session.flush()
    text = f"Start moved back to {shown(earliest)}, when its first outage began"
    write_entry(session, incident, kind="start moved", text=text, actor=actor, at=earliest)


def _restore_billing(session: Session, incident: Incident, at: datetime, actor: str) -> bool:
    check_not_frozen(incident)
    if incident.status == IncidentStatus.RESTORED:
        return False
    if at < incident.started_at:
        raise InputError(
            "restored before its start",
            where=incident.ref,
            value=shown(at),
            accepted=f"a time at or after {shown(incident.started_at)}",
        )
    return change_status(session, incident, IncidentStatus.RESTORED, "The bills are right again", actor, at=at)


def _check_takes_outages(incident: Incident) -> None:
    check_not_frozen(incident)
    _check_begun(incident)
    if incident.kind == IncidentKind.BILLING:
        raise RefusedError(
            f"{incident.ref} is about billing: it has no outages",
            where="incident",
            accepted="a list of the accounts that it touched, and one restoration for all of them",
        )


def _check_begun(incident: Incident) -> None:
    if incident.status == IncidentStatus.ANNOUNCED:
        raise RefusedError(
            f"{incident.ref} is announced and has not begun",
            where="incident",
            accepted="another window or other elements by rescheduling it, or its cancellation",
        )


def check_not_frozen(incident: Incident) -> None:
    """Raise RefusedError when the incident is final."""
    if incident.status in FROZEN:
        raise RefusedError(
            f"{incident.ref} is {incident.status}: its record is frozen",
            where="incident",
            accepted="changes to an incident that is opened or restored",
        )


def check_text(text: str, where: str, longest: int) -> str:
    """The text without spaces around it; raises InputError when nothing is left or it is too long."""
    cleaned = text.strip()
    if not cleaned or len(cleaned) > longest or "\0" in cleaned:
        shown_text = cleaned if len(cleaned) <= longest else f"{len(cleaned)} characters"
        raise InputError(
            f"not a {where}", where=where, value=shown_text, accepted=f"a text of 1 to {longest} characters"
        )
    return cleaned


def _counted(outages: int) -> str:
    return "1 outage" if outages == 1 else f"{outages} outages"


def _some(names: Collection[str] | None) -> list[str] | None:
    """The first names of a list that may hold 50,000 cells: the outages themselves are the full record."""
    if names is None or len(names) <= _NAMED:
        return None if names is None else list(names)
    return [*list(names)[:_NAMED], f"and {len(names) - _NAMED} more"]


def _on(refs: Collection[str] | None) -> str:
    some = _some(refs)
    return "" if some is None else f" on {', '.join(some)}"


def _of(services: Collection[str] | None) -> str:
    return "" if not services else f" ({', '.join(services)})"
