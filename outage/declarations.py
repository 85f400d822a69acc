"""Declarations: a customer said in time that a line was without service, and nothing contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage import evidence_sql
from outage.incidents.incidents import get_incident
from outage.incidents.timeline import check_aware, record_change, shown
from outage.lifecycle import SERVICES, VOID
from outage.models import Declaration, Incident, NetworkElement, Subscriber
from outage.msisdn import check_msisdn
from outage.network.footprint import footprint
from outage.presence.presence import parts_between
from outage.runs.gathering import impaired_of
from outage.runs.inputs import CLAIM_BY_SERVICE, lay_out_impaired, lay_out_presence

ALLOWED_DAYS = 10
"""How many days after service is back a customer may still say so, unless the caller knows another limit."""


def record_declaration(
    session: Session,
    store: SnapshotStore,
    incident_ref: str,
    msisdn: str,
    *,
    declared_at: datetime,
    services: Sequence[str] = SERVICES,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    allowed_days: int = ALLOWED_DAYS,
    actor: str,
) -> tuple[Declaration, bool]:
    """Record that a customer said, at `declared_at`, that a line was without `services`; and whether that is new.

    No times: the whole incident. Raises NotFoundError for an unknown incident or line; InputError for an unknown
    service, naive times, times in the wrong order or outside the incident; RefusedError when it was said too late, when
    the incident is dismissed, or when the line was seen within the time said on a cell that had a service whole.
    """
    incident = get_incident(session, incident_ref)
    if incident.status in VOID:
        raise RefusedError(f"{incident.ref} was {incident.status}", where="incident", accepted="one that stands")
    line = _get_line(session, msisdn)
    names = _checked_services(services)
    span = _checked_span(incident, started_at, ended_at)
    said_at = _checked_moment(incident, declared_at, allowed_days)
    same = _find_same(session, incident, line, names, span)
    if same is not None:
        return same, False
    _check_presence(session, store, incident, line, names, span)
    declaration = Declaration(
        incident_id=incident.id,
        subscriber_id=line.id,
        services=names,
        started_at=span[0],
        ended_at=span[1],
        declared_at=said_at,
        recorded_by=actor,
        recorded_at=clock.now(),
    )
    session.add(declaration)
    session.flush()
    text = f"A customer declared line {line.id} without {', '.join(names)}"
    after = {**_content(declaration), "declared_at": shown(said_at)}
    record_change(session, incident, kind="declared", text=text, actor=actor, after=after)
    return declaration, True


def withdraw_declaration(session: Session, declaration_id: int, *, reason: str, actor: str) -> bool:
    """Let a declaration count no longer; False when it was withdrawn before. Raises NotFoundError; InputError without
    a reason.
    """
    declaration = session.get(Declaration, declaration_id)
    if declaration is None:
        raise NotFoundError("no such declaration", where="declaration", value=declaration_id, accepted="its number")
    if not reason.strip():
        raise InputError("empty", where="reason", accepted="why the declaration is withdrawn")
    if declaration.withdrawn_at is not None:
        return False
    before = _content(declaration)
    declaration.withdrawn_at, declaration.withdrawn_by = clock.now(), actor
    session.flush()
    write_audit(
        session,
        actor=actor,
        action="declaration withdrawn",
        subject=f"declaration:{declaration.id}",
        before=before,
        reason=reason.strip(),
    )
    return True


def list_declarations(session: Session, incident_ref: str) -> list[tuple[Declaration, str]]:
    """The declarations on an incident, withdrawn ones too, each with its line's MSISDN; raises NotFoundError."""
    incident = get_incident(session, incident_ref)
    statement = (
        select(Declaration, Subscriber.msisdn)
        .join(Subscriber, Subscriber.id == Declaration.subscriber_id)
        .where(Declaration.incident_id == incident.id)
    )
    return [(row, msisdn) for row, msisdn in session.execute(statement.order_by(Declaration.id))]


def _get_line(session: Session, msisdn: str) -> Subscriber:
    number = check_msisdn(msisdn.strip())
    line = session.scalars(select(Subscriber).where(Subscriber.msisdn == number)).one_or_none()
    if line is None:
        raise NotFoundError("unknown line", where="msisdn", value=number, accepted="one in the customer base")
    return line


def _checked_services(services: Sequence[str]) -> list[str]:
    unknown = [service for service in services if service not in SERVICES]
    if unknown or not services:
        accepted = f"{', '.join(SERVICES)} or some of them"
        raise InputError("unknown service", where="services", value=", ".join(unknown) or "none", accepted=accepted)
    return [service for service in SERVICES if service in services]


def _checked_span(
    incident: Incident, started_at: datetime | None, ended_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    started = None if started_at is None else check_aware(started_at, "started_at")
    ended = None if ended_at is None else check_aware(ended_at, "ended_at")
    first, last = incident.started_at, incident.restored_at
    if started is not None and (started < first or (last is not None and started >= last)):
        raise _outside("started_at", started, incident)
    if ended is not None and (last is not None and ended > last):
        raise _outside("ended_at", ended, incident)
    if ended is not None and ended <= (started or first):
        accepted = f"a time after {shown(started or first)}"
        raise InputError("ended_at is not after started_at", where="ended_at", value=shown(ended), accepted=accepted)
    return started, ended


def _outside(where: str, at: datetime, incident: Incident) -> InputError:
    accepted = f"a time from {shown(incident.started_at)} to {shown(incident.restored_at) or 'now'}"
    return InputError(f"outside of {incident.ref}", where=where, value=shown(at), accepted=accepted)


def _checked_moment(incident: Incident, declared_at: datetime, allowed_days: int) -> datetime:
    said_at = check_aware(declared_at, "declared_at")
    if said_at < incident.started_at or said_at > clock.now():
        accepted = f"a time from the incident's start, {shown(incident.started_at)}, to now"
        raise InputError("nobody can have said so then", where="declared_at", value=shown(said_at), accepted=accepted)
    if incident.restored_at is None:
        return said_at
    latest = incident.restored_at + timedelta(days=allowed_days)
    if said_at > latest:
        raise RefusedError(
            f"said more than {allowed_days} days after service was back",
            where="declared_at",
            value=shown(said_at),
            accepted=f"a time up to {shown(latest)}",
        )
    return said_at


def _find_same(
    session: Session,
    incident: Incident,
    line: Subscriber,
    services: list[str],
    span: tuple[datetime | None, datetime | None],
) -> Declaration | None:
    statement = select(Declaration).where(
        Declaration.incident_id == incident.id,
        Declaration.subscriber_id == line.id,
        Declaration.withdrawn_at.is_(None),
    )
    said = (services, *span)
    return next(
        (one for one in session.scalars(statement) if (one.services, one.started_at, one.ended_at) == said), None
    )


def _check_presence(
    session: Session,
    store: SnapshotStore,
    incident: Incident,
    line: Subscriber,
    services: list[str],
    span: tuple[datetime | None, datetime | None],
) -> None:
    """Refuse what presence contradicts; the same question is asked again by each run, of what is known by then."""
    end = incident.restored_at or clock.now()
    first, last = clock.to_unix(span[0] or incident.started_at), clock.to_unix(span[1] or end)
    sightings, visits = (parts_between(session, kind, first, last) for kind in ("sighting", "interval"))
    if not sightings and not visits:
        return
    impaired = impaired_of(session, incident, footprint(session, incident.id, end), end)
    with store.connect() as workspace:
        lay_out_presence(workspace, store, sightings, visits)
        lay_out_impaired(workspace, impaired)
        found = _first_contradiction(workspace, line, services, first, last)
    if found is None:
        return
    element, service, at = found
    ref = session.scalar(select(NetworkElement.ref).where(NetworkElement.id == element))
    raise RefusedError(
        f"the line was seen on {ref} at {shown(clock.from_unix(at))}, which had {service} then",
        where="declaration",
        accepted="a time and services that no sighting contradicts",
    )


def _first_contradiction(
    workspace: Workspace, line: Subscriber, services: list[str], first: int, last: int
) -> tuple[int, str, int] | None:
    said = [(line.id, service, first, last) for service in services]
    workspace.register_rows("said", CLAIM_BY_SERVICE, said)
    workspace.execute(evidence_sql.contradictions_sql("FROM said"))
    found = workspace.fetch_rows(evidence_sql.FIRST_CONTRADICTION)
    return (found[0][0], found[0][1], found[0][2]) if found else None


def _content(declaration: Declaration) -> dict[str, object]:
    return {
        "declaration": declaration.id,
        "line": declaration.subscriber_id,
        "services": declaration.services,
        "started_at": shown(declaration.started_at),
        "ended_at": shown(declaration.ended_at),
    }
