"""Two incidents that are one: the one kept takes over all that the other has, which counts for nothing from then on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from foundation.errors import InputError, RefusedError
from outage.incidents.incidents import change_status, check_text, settle_status
from outage.incidents.timeline import lock_incidents, record_change, shown, state_of, write_entry
from outage.incidents.uniting import span_of, unite_rows
from outage.lifecycle import IncidentKind, IncidentStatus
from outage.models import Alarm, Declaration, DutyFiling, Incident, Listing, Outage, TimelineEntry

Guard = Callable[[Session, Incident], None]

_LONGEST_REASON = 1_000
_MERGEABLE = (IncidentStatus.OPENED, IncidentStatus.RESTORED)


def merge_incidents(
    session: Session, keep: Incident, absorbed: Incident, *, actor: str, reason: str, guard: Guard | None = None
) -> bool:
    """Merge `absorbed` into `keep`; False when that was done already.

    Outages move, those of the same element and service united; alarms, declarations, listings and what regulators were
    given move; the timeline is copied, each entry with the reference that it came from. The one kept was known of since
    the first of the two was opened: from then on regulators count. The absorbed incident becomes `merged`: its runs
    stay to be read, and it is excluded from assessing and deducting.

    `guard` is asked about the absorbed one and raises RefusedError when something outside forbids it: credits that were
    released for it would be paid again for the one kept. This package does not know credits; entry points pass it.
    Raises RefusedError when either is not opened or restored, or they are of two kinds, or one is planned and the other
    is not, or both are and were announced to end at different times; InputError when they are the same or there is no
    reason.
    """
    lock_incidents(session, keep)
    session.refresh(absorbed)
    if absorbed.status == IncidentStatus.MERGED and absorbed.merged_into_id == keep.id:
        return False
    reason = check_text(reason, "reason", _LONGEST_REASON)
    _check_mergeable(keep, absorbed)
    if guard is not None:
        guard(session, absorbed)
    was_open = IncidentStatus.OPENED in (keep.status, absorbed.status)
    before, ended_at = state_of(keep), _latest(keep.restored_at, absorbed.restored_at)
    moved = _move_outages(session, keep, absorbed)
    for table in (Alarm, Declaration, Listing, DutyFiling):
        session.execute(update(table).where(table.incident_id == absorbed.id).values(incident_id=keep.id))
    _copy_timeline(session, keep, absorbed)
    absorbed.merged_into_id = keep.id
    change_status(session, absorbed, IncidentStatus.MERGED, f"Merged into {keep.ref}: {reason}", actor)
    _move_start_back(session, keep, absorbed, actor)
    _move_opening_back(session, keep, absorbed, actor)
    text = f"{absorbed.ref} was merged into this incident, with {moved} outages: {reason}"
    record_change(session, keep, kind="merged with", text=text, actor=actor, before=before)
    if keep.kind == IncidentKind.BILLING:
        _settle_billing(session, keep, was_open, ended_at, actor)
    else:
        settle_status(session, keep, actor=actor)
    return True


def _check_mergeable(keep: Incident, absorbed: Incident) -> None:
    if keep.id == absorbed.id:
        raise InputError("an incident cannot be merged into itself", where="absorbed", value=keep.ref)
    for incident in (keep, absorbed):
        if incident.status not in _MERGEABLE:
            raise RefusedError(
                f"{incident.ref} is {incident.status}: it cannot be merged",
                where="incident",
                accepted="two incidents that are opened or restored",
            )
    if (keep.kind, keep.planned) != (absorbed.kind, absorbed.planned):
        raise RefusedError(
            f"{keep.ref} is {_what(keep)}, {absorbed.ref} is {_what(absorbed)}: they are not one",
            where="incident",
            accepted="two incidents of the same kind, both planned or both not",
        )
    if keep.announced_end_at != absorbed.announced_end_at:
        # What one of them announced would count as an overrun of the other, or an overrun as announced.
        raise RefusedError(
            f"{keep.ref} was announced to end {_end_told(keep)}, {absorbed.ref} {_end_told(absorbed)}",
            where="incident",
            accepted="planned works that were announced with the same end",
        )


def _what(incident: Incident) -> str:
    return "planned work" if incident.planned else f"a {incident.kind} incident"


def _end_told(incident: Incident) -> str:
    return "at no time" if incident.announced_end_at is None else f"at {shown(incident.announced_end_at)}"


def _move_outages(session: Session, keep: Incident, absorbed: Incident) -> int:
    rows = session.scalars(
        select(Outage).where(Outage.incident_id == absorbed.id).execution_options(populate_existing=True)
    ).all()
    spans = [span_of(row) for row in rows]
    for row in rows:
        session.expunge(row)
    gone = delete(Outage).where(Outage.incident_id == absorbed.id)
    session.execute(gone, execution_options={"synchronize_session": False})
    unite_rows(session, keep, spans)
    return len(spans)


def _copy_timeline(session: Session, keep: Incident, absorbed: Incident) -> None:
    entries = select(TimelineEntry).where(TimelineEntry.incident_id == absorbed.id).order_by(TimelineEntry.id)
    session.add_all(
        TimelineEntry(
            incident_id=keep.id,
            at=entry.at,
            written_at=entry.written_at,
            actor=entry.actor,
            kind=entry.kind,
            text=f"{absorbed.ref}: {entry.text}",
        )
        for entry in session.scalars(entries).all()
    )


def _move_start_back(session: Session, keep: Incident, absorbed: Incident, actor: str) -> None:
    if absorbed.started_at >= keep.started_at:
        return
    keep.started_at = absorbed.started_at
    session.flush()
    text = f"Start moved back to {shown(keep.started_at)}, when {absorbed.ref} began"
    write_entry(session, keep, kind="start moved", text=text, actor=actor, at=keep.started_at)


def _move_opening_back(session: Session, keep: Incident, absorbed: Incident, actor: str) -> None:
    if absorbed.opened_at >= keep.opened_at:
        return
    before = {"opened_at": shown(keep.opened_at), "opened_by": keep.opened_by}
    keep.opened_at, keep.opened_by = absorbed.opened_at, absorbed.opened_by
    after = {"opened_at": shown(keep.opened_at), "opened_by": keep.opened_by}
    text = f"Known of since {shown(keep.opened_at)}, when {absorbed.ref} was opened"
    record_change(
        session, keep, kind="known before", text=text, actor=actor, at=keep.opened_at, before=before, after=after
    )


def _settle_billing(session: Session, keep: Incident, was_open: bool, ended_at: datetime | None, actor: str) -> None:
    """Open while one of the two was; otherwise over when the later of them was."""
    if was_open and keep.status == IncidentStatus.RESTORED:
        change_status(session, keep, IncidentStatus.OPENED, "Some bills are still wrong: incident reopened", actor)
    elif not was_open:
        keep.restored_at = ended_at


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
