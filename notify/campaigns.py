"""Steering campaigns: how one goes out, pause, resume, abort, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.db import insert_ignoring
from foundation.errors import InputError, NotFoundError, RefusedError
from notify.models import LAST_WAVE, WAVES, Campaign, CampaignState, Gate
from notify.waves import Plan, Seen, forgive, look, open_canaries


@dataclass(frozen=True, slots=True)
class GateView:
    """How far one kind is open: the per cent of its rows that may go now.

    The next wave opens when `needed` outcomes are in. `waits_for` says so in words, with how many rows are accepted
    but have no receipt yet, and how many wait for a time, a condition or their credit; empty when nothing waits.
    """

    kind: str
    open_percent: int
    outcomes: int
    needed: int
    waits_for: str

    @property
    def is_open(self) -> bool:
        """Whether all waves are open."""
        return self.open_percent == WAVES[-1]


def plan_campaign(session: Session, campaign: str, plan: Plan, *, actor: str) -> Campaign:
    """Say how a campaign goes out, before or after it is enqueued; if nothing has gone yet its canary is set anew.

    Raises InputError for figures that make no sense.
    """
    _check(plan)
    now = {"created_at": clock.now(), "changed_at": clock.now()}
    values = plan.values() | {"campaign": campaign, "state": CampaignState.RUNNING}
    session.execute(insert_ignoring(session, Campaign), values | now)
    found = get_campaign(session, campaign, lock=True)
    before = {name: getattr(found, name) for name in plan.values()}
    for name, value in plan.values().items():
        setattr(found, name, value)
    found.changed_at = clock.now()
    session.flush()
    kinds = session.scalars(select(Gate.kind).where(Gate.campaign == campaign)).all()
    open_canaries(session, [(campaign, kind) for kind in kinds])
    subject = f"campaign:{campaign}"
    write_audit(session, actor=actor, action="campaign.planned", subject=subject, before=before, after=plan.values())
    return found


def plan_of(session: Session, campaign: str) -> Plan:
    """How a campaign goes out; as usual while nobody said otherwise, enqueued or not."""
    found = session.scalars(select(Campaign).where(Campaign.campaign == campaign)).one_or_none()
    return Plan() if found is None else Plan(**{field.name: getattr(found, field.name) for field in fields(Plan)})


def pause_campaign(session: Session, campaign: str, *, actor: str, reason: str) -> bool:
    """Stop sending from the next call of each worker on; what is on its way arrives. False when it is paused already.

    Raises NotFoundError, and RefusedError for an aborted one.
    """
    return _move(session, campaign, CampaignState.PAUSED, actor=actor, reason=reason)


def resume_campaign(session: Session, campaign: str, *, actor: str, reason: str) -> bool:
    """Go on after a pause, or after failures stopped it: these then count no more. False when it runs already.

    Raises NotFoundError, and RefusedError for an aborted one.
    """
    return _move(session, campaign, CampaignState.RUNNING, actor=actor, reason=reason)


def abort_campaign(session: Session, campaign: str, *, actor: str, reason: str) -> bool:
    """Send nothing more, for ever; what has not left is cancelled (`notify.delivery.cancel_aborted`). False if it was.

    Credits that are posted stay posted: taking them back is a reversal. Raises NotFoundError.
    """
    return _move(session, campaign, CampaignState.ABORTED, actor=actor, reason=reason)


def get_campaign(session: Session, campaign: str, *, lock: bool = False) -> Campaign:
    """A campaign by its reference; raises NotFoundError."""
    query = select(Campaign).where(Campaign.campaign == campaign)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFoundError("no such campaign", where="campaign", value=campaign)
    return found


def list_gates(session: Session, campaign: str) -> Sequence[GateView]:
    """How far each kind of a campaign is open, and what the next wave waits for."""
    found = session.get(Campaign, campaign)
    if found is None:
        return []
    return [_view(gate, seen, found) for gate, seen in look(session, campaign)]


def _view(gate: Row[Any], seen: Seen, campaign: Campaign) -> GateView:
    needed, told = seen.needed(campaign.canary_rows), ""
    if campaign.state == CampaignState.RUNNING and gate.open_wave < LAST_WAVE and seen.outcomes < needed:
        others = {"accepted without a receipt so far": seen.accepted, "held or waiting for their credit": seen.asleep}
        parts = [f"{rows:,} are {what}" for what, rows in others.items() if rows]
        told = "; ".join([f"{seen.outcomes:,} of the {needed:,} outcomes are in that open it", *parts])
    return GateView(str(gate.kind), WAVES[gate.open_wave], seen.outcomes, needed, told)


def _move(session: Session, campaign: str, state: CampaignState, *, actor: str, reason: str) -> bool:
    if not reason.strip():
        raise InputError("no reason given", where="reason", accepted="a sentence")
    found = get_campaign(session, campaign, lock=True)
    if found.state == state:
        return False
    if found.state == CampaignState.ABORTED:
        raise RefusedError(f"{campaign} was aborted", accepted="a new release")
    before = {"state": str(found.state), "reason": found.reason}
    if found.state == CampaignState.STOPPED and state == CampaignState.RUNNING:
        forgive(session, campaign)
    found.state, found.reason, found.changed_at = state, reason, clock.now()
    session.flush()
    subject, action = f"campaign:{campaign}", f"campaign.{state}"
    write_audit(session, actor=actor, action=action, subject=subject, before=before, reason=reason)
    return True


def _check(plan: Plan) -> None:
    limits = {
        "canary_percent": (plan.canary_percent, 1, 100),
        "canary_rows": (plan.canary_rows, 1, 1_000_000),
        "failure_percent": (plan.failure_percent, 0, 100),
        "priority": (plan.priority, 0, 1000),
        "ceiling": (plan.ceiling if plan.ceiling is not None else 1, 1, 10**12),
    }
    for name, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise InputError("out of range", where=name, value=value, accepted=f"from {least:,} to {most:,}")
