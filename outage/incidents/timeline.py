"""The trace of every change of an incident: its timeline, its audit, and the line in which writers wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.db import insert_ignoring
from foundation.errors import InputError
from outage.models import BulkState, Incident, TimelineEntry

_LOCK = "incidents"
_CLOCKS_DIFFER = timedelta(minutes=5)


def lock_incidents(session: Session, incident: Incident | None = None) -> None:
    """Wait until no other transaction changes incidents, then read `incident` anew.

    One row lock for all incidents: two webhooks at the same time must see each other's incident instead of opening
    two, and two writers that lock several incidents and the audit in different orders would deadlock. Changes of
    incidents are few and short, and the audit's chain puts them in line anyway. SQLite has one writer already.
    """
    session.execute(insert_ignoring(session, BulkState), {"name": _LOCK, "version": 0})
    session.execute(select(BulkState.name).where(BulkState.name == _LOCK).with_for_update()).one()
    if incident is not None:
        session.flush()
        session.refresh(incident)


def check_aware(instant: datetime, where: str) -> datetime:
    """The instant itself in whole seconds; raises InputError when it has no offset from UTC."""
    if instant.tzinfo is None:
        raise InputError(
            "naive timestamp (no offset)", where=where, value=instant.isoformat(), accepted="a time with its offset"
        )
    return clock.from_unix(clock.to_unix(instant))


def check_not_future(instant: datetime, where: str) -> datetime:
    """The instant itself; raises InputError when it lies ahead by more than clocks may differ."""
    latest = clock.now() + _CLOCKS_DIFFER
    if instant > latest:
        raise InputError("in the future", where=where, value=shown(instant), accepted=f"a time up to {shown(latest)}")
    return instant


def shown(instant: datetime | None) -> str | None:
    """An instant as people and the audit read it: UTC with a Z."""
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def state_of(incident: Incident) -> dict[str, Any]:
    """What of an incident can change, as JSON for the audit."""
    return {
        "status": str(incident.status),
        "severity": str(incident.severity),
        "cause_class": str(incident.cause_class),
        "force_majeure": incident.force_majeure,
        "owner": incident.owner,
        "started_at": shown(incident.started_at),
        "restored_at": shown(incident.restored_at),
        "closed_at": shown(incident.closed_at),
    }


def record_change(
    session: Session,
    incident: Incident,
    *,
    kind: str,
    text: str,
    actor: str,
    at: datetime | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """One entry on the incident's timeline and one in the audit (`after` None: the incident's state as it is now)."""
    session.flush()
    write_entry(session, incident, kind=kind, text=text, actor=actor, at=at)
    write_audit(
        session,
        actor=actor,
        action=f"incident {kind}",
        subject=incident.ref,
        before=before,
        after=state_of(incident) if after is None else after,
    )


def write_entry(
    session: Session, incident: Incident, *, kind: str, text: str, actor: str, at: datetime | None = None
) -> TimelineEntry:
    """One entry on the timeline; `at` is when it happened (None: now)."""
    now = clock.now()
    entry = TimelineEntry(incident_id=incident.id, at=at or now, written_at=now, actor=actor, kind=kind, text=text)
    session.add(entry)
    session.flush()
    return entry
