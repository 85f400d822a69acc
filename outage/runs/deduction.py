"""Which other runs an incident's run leaves out: those of incidents before it, and of planned work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.lifecycle import VOID, IncidentKind
from outage.models import ImpactRun, Incident
from outage.runs.holding import with_holding_run
from outage.runs.netting import INCIDENT, PLANNED, Deduction


def deductions_of(session: Session, incident: Incident, *, until: datetime) -> tuple[Deduction, ...]:
    """The runs of others that hold whose time is taken from this incident's, planned work first, then by reference.

    Those are planned work up to its announced end, and every incident before this one, by its start and then by its
    id, opened, restored or closed alike. Dismissed and merged incidents count for nothing. From planned work only
    planned work before it takes, for an incident leaves its minutes to it; nothing is taken from or by a billing
    incident, which takes no minute of service. `until`: up to where this incident is measured; who began later cannot
    have taken from it. What was never measured cannot be taken away: measure what `planned_alongside` names before.
    """
    if incident.kind == IncidentKind.BILLING:
        return ()
    found = [
        deduction
        for other, run in _runs_alongside(session, incident, until)
        for deduction in _deductions(incident, other, run)
    ]
    return tuple(sorted(found, key=lambda one: (one.cause != PLANNED, one.incident, one.from_at or 0)))


def planned_alongside(session: Session, incident: Incident, *, until: datetime) -> list[Incident]:
    """Planned work within the time of an incident, by its start; for planned work only what began before it."""
    if incident.kind == IncidentKind.BILLING:
        return []
    statement = select(Incident).where(
        Incident.planned,
        *_alongside(incident, until),
        or_(Incident.announced_end_at.is_(None), Incident.announced_end_at > incident.started_at),
        or_(Incident.restored_at.is_(None), Incident.restored_at > incident.started_at),
    )
    found = session.scalars(statement.order_by(Incident.started_at, Incident.id))
    return [work for work in found if not incident.planned or _place(work) < _place(incident)]


def deductions_changed(session: Session, run: ImpactRun) -> bool:
    """Whether a run would leave out other time today: an incident before it, or planned work, was measured since.

    Two incidents that were measured in the wrong order both hold the minutes they share, until the later one is
    measured again: who pays by a run asks this first.
    """
    incident = session.get_one(Incident, run.incident_id)
    today = [one.told() for one in deductions_of(session, incident, until=run.as_of)]
    left_out: list[str] = run.counts.get("deducted", {}).get("runs", [])
    return today != left_out


def _runs_alongside(session: Session, incident: Incident, until: datetime) -> Iterator[tuple[Incident, ImpactRun]]:
    statement = (
        with_holding_run(select(Incident, ImpactRun).select_from(Incident))
        .where(*_alongside(incident, until), ImpactRun.as_of > incident.started_at)
        .order_by(Incident.id)
    )
    return ((other, run) for other, run in session.execute(statement))


def _alongside(incident: Incident, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conditions on other incidents that can have taken time from this one."""
    return (
        Incident.id != incident.id,
        Incident.kind == IncidentKind.NETWORK,
        Incident.status.not_in(VOID),
        Incident.started_at < until,
    )


def _deductions(incident: Incident, other: Incident, run: ImpactRun) -> Iterator[Deduction]:
    place, end = _place(incident), other.announced_end_at
    if incident.planned:
        if other.planned and _place(other) < place:
            yield _deduction(other, run, PLANNED, to_at=end)
        return
    if not other.planned:
        if _place(other) < place:
            yield _deduction(other, run, INCIDENT)
        return
    yield _deduction(other, run, PLANNED, to_at=end)
    # After its announced end the work is an incident like any other, in its turn.
    if end is not None and run.as_of > end and (end, other.id) < place:
        yield _deduction(other, run, INCIDENT, from_at=end)


def _place(incident: Incident) -> tuple[datetime, int]:
    return incident.started_at, incident.id


def _deduction(
    other: Incident, run: ImpactRun, cause: str, *, from_at: datetime | None = None, to_at: datetime | None = None
) -> Deduction:
    return Deduction(
        incident=other.ref,
        run=run.number,
        fingerprint=run.fingerprint,
        lines=run.lines_snapshot,
        patterns=run.patterns_snapshot,
        cause=cause,
        from_at=None if from_at is None else clock.to_unix(from_at),
        to_at=None if to_at is None else clock.to_unix(to_at),
    )
