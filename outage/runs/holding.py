"""Which of an incident's impact runs holds: the one that its last measurement gave, be it new or one of before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from foundation import clock
from outage.incidents.timeline import lock_incidents, record_change
from outage.models import ImpactRun, Incident

_Statement = TypeVar("_Statement", bound="Select[*tuple[Any, ...]]")


def holding_run(session: Session, incident_id: int) -> ImpactRun | None:
    """The run that holds, or None when the incident was never measured."""
    statement = select(ImpactRun).where(ImpactRun.incident_id == incident_id).order_by(ImpactRun.turn.desc())
    return session.scalars(statement.limit(1)).one_or_none()


def holding_runs(session: Session, incident_ids: Sequence[int]) -> dict[int, ImpactRun]:
    """The runs that hold, by incident, of those that were measured."""
    statement = with_holding_run(select(ImpactRun).select_from(Incident).where(Incident.id.in_(incident_ids)))
    return {run.incident_id: run for run in session.scalars(statement)}


def with_holding_run(statement: _Statement) -> _Statement:
    """A statement over incidents, joined to the run of each that holds; those that were never measured fall out."""
    its = aliased(ImpactRun)
    last = select(func.max(its.turn)).where(its.incident_id == Incident.id).correlate(Incident).scalar_subquery()
    return statement.join(ImpactRun, (ImpactRun.incident_id == Incident.id) & (ImpactRun.turn == last))


def next_turn(session: Session, incident_id: int) -> int:
    """The turn of the run that holds from now on; the caller has locked the incident."""
    last = session.scalar(select(func.max(ImpactRun.turn)).where(ImpactRun.incident_id == incident_id))
    return (last or 0) + 1


def let_hold(session: Session, run_id: int, *, actor: str) -> ImpactRun:
    """The run, holding: measuring gave it once more, because what was changed since was changed back.

    Nothing happens when it holds anyway.
    """
    run = session.get_one(ImpactRun, run_id)
    if holding_run(session, run.incident_id) is run:
        return run
    incident = session.get_one(Incident, run.incident_id)
    lock_incidents(session, incident)
    before = holding_run(session, run.incident_id)
    if before is None or before is run:
        return run
    run.turn = next_turn(session, run.incident_id)
    run.held_at = clock.now()
    record_change(
        session,
        incident,
        kind="impact measured",
        text=f"Impact run {run.number} holds again: what it was measured on is so once more",
        actor=actor,
        before={"run": before.number},
        after={"run": run.number, "fingerprint": run.fingerprint},
    )
    return run
