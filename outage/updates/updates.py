"""Who is told what and when while service is out: the plan of an incident, what is due by it, and what was told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError, RefusedError
from foundation.logging import get_logger
from outage.incidents.incidents import check_text
from outage.incidents.timeline import check_aware, check_not_future, lock_incidents, record_change, shown
from outage.lifecycle import VOID, IncidentStatus
from outage.models import Incident
from outage.updates.cadence import OWN, Audience, Cadence, DueUpdate, UpdateKind, next_update
from outage.updates.models import IncidentUpdate, UpdatePlan
from outage.updates.state import Told, cadence_of, updates_of

SAME_MINUTES = 10
"""The same words to the same audiences within so many minutes are one update that was sent twice."""

_LONGEST_TEXT = 4_000
log = get_logger()


@dataclass(frozen=True, slots=True)
class PlanView:
    """An incident's plan: its cadence, whether people chose it, when service is expected back, and what is due.

    `next_at`: when the next update is due if nothing changes meanwhile, None when none is.
    """

    cadence: Cadence
    is_chosen: bool
    estimated_at: datetime | None
    due: DueUpdate | None
    next_at: datetime | None
    updates: Sequence[IncidentUpdate]


@dataclass(frozen=True, slots=True)
class PostedUpdate:
    """An update, and whether it was written now (False: the same was posted some minutes ago)."""

    update: IncidentUpdate
    is_new: bool


def get_plan(session: Session, incident: Incident) -> PlanView:
    """The plan of an incident as it stands, its updates newest first."""
    told = Told(session, [incident])
    cadence = told.cadence(incident)
    plan = told.plans.get(incident.id)
    situation = told.situation(incident)
    unchanged = next_update(cadence, replace(situation, changed_at=None, changes=()))
    return PlanView(
        cadence,
        plan is not None and plan.cadence is not None,
        None if plan is None else plan.estimated_at,
        next_update(cadence, situation),
        None if unchanged is None else unchanged.due_at,
        list(reversed(told.updates[incident.id])),
    )


def due_updates(session: Session, incidents: Sequence[Incident]) -> dict[int, DueUpdate]:
    """The next update of each of these incidents, by id, where one is due or will be; in a few queries for all."""
    told = Told(session, incidents)
    found = {one.id: next_update(told.cadence(one), told.situation(one)) for one in incidents}
    return {key: due for key, due in found.items() if due is not None}


def set_plan(
    session: Session,
    incident: Incident,
    cadence: str,
    *,
    every_hours: int | None = None,
    later_every_hours: int | None = None,
    grace_minutes: int | None = None,
    actor: str,
) -> bool:
    """Tell by this cadence from now on: a preset by name, or `own` with its hours; False when that is so already.

    Raises InputError for an unknown cadence, an own one without hours or with such out of range, hours for a preset.
    """
    lock_incidents(session, incident)
    if cadence == OWN and every_hours is None:
        raise InputError("an own cadence without a pace", where="every_hours", accepted="whole hours from 1 to 168")
    if cadence != OWN and (every_hours, later_every_hours, grace_minutes) != (None, None, None):
        raise InputError("only an own cadence has hours", where="cadence", value=cadence, accepted=OWN)
    values = {"every_hours": every_hours, "later_every_hours": later_every_hours, "grace_minutes": grace_minutes}
    wanted = cadence_of(cadence, **values)
    plan = session.get(UpdatePlan, incident.id)
    before = None if plan is None else _plan_told(plan)
    if plan is not None and before == {"cadence": cadence, **values}:
        return False
    plan = plan or _new_plan(session, incident, actor)
    plan.cadence, plan.set_by, plan.set_at = cadence, actor, clock.now()
    for name, value in values.items():
        setattr(plan, name, value)
    record_change(
        session,
        incident,
        kind="update plan set",
        text=f"Updates by plan: {wanted.says}",
        actor=actor,
        before=before,
        after=_plan_told(plan),
    )
    return True


def set_estimate(session: Session, incident: Incident, estimated_at: datetime | None, *, actor: str) -> bool:
    """When service is expected back (None: nobody can say); a new one is a material change. False when it was so.

    Raises InputError for a naive time or one before the incident's start, RefusedError when service is back.
    """
    lock_incidents(session, incident)
    if incident.status not in (IncidentStatus.OPENED, IncidentStatus.ANNOUNCED):
        raise RefusedError(
            f"{incident.ref} is {incident.status}: nothing is expected back",
            where="incident",
            accepted="an incident whose service is out",
        )
    estimate = None if estimated_at is None else check_aware(estimated_at, "estimated_at")
    if estimate is not None and estimate < incident.started_at:
        accepted = f"a time from {shown(incident.started_at)} on"
        raise InputError("before the incident's start", where="estimated_at", value=shown(estimate), accepted=accepted)
    plan = session.get(UpdatePlan, incident.id)
    before = None if plan is None else plan.estimated_at
    if before == estimate:
        return False
    plan = plan or _new_plan(session, incident, actor)
    plan.estimated_at, plan.estimate_set_at = estimate, clock.now()
    text = (
        "Nobody can say when service will be back" if estimate is None else f"Service expected back {shown(estimate)}"
    )
    record_change(
        session,
        incident,
        kind="estimate changed",
        text=text,
        actor=actor,
        before={"estimated_at": shown(before)},
        after={"estimated_at": shown(estimate)},
    )
    return True


def post_update(
    session: Session,
    incident: Incident,
    *,
    kind: UpdateKind,
    text: str,
    audiences: Collection[Audience],
    at: datetime | None = None,
    actor: str,
) -> PostedUpdate:
    """Note that these audiences were told this, at `at` (None: now); what was due by that is done.

    Closed incidents take it too: causes are known weeks later. Raises InputError for a text that is empty or too long,
    no audience, a time that is naive, in the future, or before the incident's start; RefusedError for one that is
    announced, dismissed or merged, a first update that is not the first, or `restored` while service is out.
    """
    lock_incidents(session, incident)
    updates = updates_of(session, [incident.id])[incident.id]
    posted_at = clock.now() if at is None else check_not_future(check_aware(at, "at"), "at")
    wanted = sorted(set(audiences))
    if not wanted:
        raise InputError("nobody to tell", where="audiences", accepted=", ".join(Audience))
    words = check_text(text, "text", _LONGEST_TEXT)
    same = _same(updates, kind, words, wanted, posted_at)
    if same is not None:
        return PostedUpdate(same, is_new=False)
    _check_kind(incident, kind, updates)
    if posted_at < incident.started_at:
        accepted = f"a time from {shown(incident.started_at)} on"
        raise InputError("before the incident's start", where="at", value=shown(posted_at), accepted=accepted)
    told = Told(session, [incident])
    update = IncidentUpdate(
        incident_id=incident.id,
        number=max((one.number for one in updates), default=0) + 1,
        kind=kind,
        audiences=wanted,
        text=words,
        facts=told.facts(incident),
        posted_at=posted_at,
        posted_by=actor,
        recorded_at=clock.now(),
    )
    session.add(update)
    after = {"number": update.number, "kind": kind, "audiences": wanted, "text": words}
    said = f"Update {update.number} ({kind}) to {', '.join(wanted)}: {words}"
    record_change(session, incident, kind="update posted", text=said, actor=actor, at=posted_at, after=after)
    return PostedUpdate(update, is_new=True)


def get_update(session: Session, incident: Incident, number: int) -> IncidentUpdate:
    """An update by its number; raises InputError for one that there is not."""
    statement = select(IncidentUpdate).where(IncidentUpdate.incident_id == incident.id, IncidentUpdate.number == number)
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise InputError("no such update", where="update", value=number, accepted=f"one that {incident.ref} has")
    return found


def mark_overdue(session: Session) -> int:
    """Write on the timeline, and log, of each open incident whose next update is overdue that it is, once a deadline.

    For the scheduler. Returns how many. Several schedulers at once write it once: incidents are locked.
    """
    going_on = (IncidentStatus.OPENED, IncidentStatus.RESTORED)
    incidents = list(session.scalars(select(Incident).where(Incident.status.in_(going_on)).order_by(Incident.id)))
    # Nobody waits for a look at what is due: only who has something to write takes the lock, and looks again.
    marked = 0
    for incident in _overdue(session, incidents):
        lock_incidents(session, incident)
        if _overdue(session, [incident]):
            _mark(session, incident, due_updates(session, [incident])[incident.id])
            marked += 1
    return marked


def _overdue(session: Session, incidents: Sequence[Incident]) -> list[Incident]:
    """Those whose next update is overdue and not yet on the timeline as such."""
    now = clock.now()
    late = {key: due.overdue_at for key, due in due_updates(session, incidents).items() if due.is_overdue(now)}
    marked = select(UpdatePlan.incident_id, UpdatePlan.overdue_at).where(UpdatePlan.incident_id.in_(late))
    for key, overdue_at in session.execute(marked):
        if late[key] == overdue_at:
            del late[key]
    return [incident for incident in incidents if incident.id in late]


def _mark(session: Session, incident: Incident, due: DueUpdate) -> None:
    plan = session.get(UpdatePlan, incident.id) or _new_plan(session, incident, "scheduler")
    plan.overdue_at = due.overdue_at
    log.warning("update_overdue", incident=incident.ref, kind=str(due.kind), due_at=shown(due.due_at))
    record_change(
        session,
        incident,
        kind="update overdue",
        text=f"An update is overdue ({due.kind}: {due.reason}); it was due {shown(due.due_at)}",
        actor="scheduler",
        after={"kind": due.kind, "due_at": shown(due.due_at), "reason": due.reason},
    )


def _plan_told(plan: UpdatePlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in ("cadence", "every_hours", "later_every_hours", "grace_minutes")}


def _new_plan(session: Session, incident: Incident, actor: str) -> UpdatePlan:
    plan = UpdatePlan(incident_id=incident.id, set_by=actor, set_at=clock.now())
    session.add(plan)
    return plan


def _same(
    updates: Sequence[IncidentUpdate], kind: UpdateKind, text: str, audiences: Sequence[str], at: datetime
) -> IncidentUpdate | None:
    if not updates:
        return None
    last = updates[-1]
    is_near = abs(at - last.posted_at) < timedelta(minutes=SAME_MINUTES)
    return last if is_near and (last.kind, last.text, last.audiences) == (kind, text, list(audiences)) else None


def _check_kind(incident: Incident, kind: UpdateKind, updates: Sequence[IncidentUpdate]) -> None:
    if incident.status in (*VOID, IncidentStatus.ANNOUNCED):
        accepted = "an incident that is opened, restored or closed"
        raise RefusedError(f"{incident.ref} is {incident.status}", where="incident", accepted=accepted)
    if kind is UpdateKind.FIRST and updates:
        raise RefusedError("there was a first update already", where="kind", accepted=UpdateKind.UPDATE.value)
    if kind is UpdateKind.RESTORED and incident.restored_at is None:
        accepted = "this kind once the last outage has ended"
        raise RefusedError(f"service is not back: {incident.ref} is open", where="kind", accepted=accepted)
