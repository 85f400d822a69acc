"""What people decide: what became of an unknown attempt, and which failures are to be tried again."""

from __future__ import annotations

import enum
from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, case, exists, select, update
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.db import database_now
from foundation.errors import InputError, RefusedError
from notify.campaigns import get_campaign
from notify.carriers import Outcome
from notify.counters import COUNTED, STANDS, Changes, standing_of
from notify.models import DELIVERIES, CampaignState, DeliveryKind, DeliveryState, stage_of
from notify.outcomes import record_outcomes

_AT_ONCE = 2000


class Decision(enum.StrEnum):
    """What a person says about an unknown attempt: it is there; it is not and shall not be; it is not, send again."""

    THERE = "there"
    NOT_THERE = "not_there"
    SEND_AGAIN = "send_again"


_STATES = {
    Decision.THERE: DeliveryState.DELIVERED,
    Decision.NOT_THERE: DeliveryState.FAILED,
    Decision.SEND_AGAIN: DeliveryState.PENDING,
}


def decide_unknown(
    session: Session,
    campaign: str,
    decision: Decision,
    *,
    actor: str,
    reason: str,
    keys: Collection[str] | None = None,
    kind: DeliveryKind | None = None,
    unknown_because: str | None = None,
) -> int:
    """Settle a campaign's unknown attempts by a person's word: all, those of `keys`, of a kind, or with exactly this
    reason (empty: without any); returns how many.

    `send_again` may text or credit twice if the word is wrong: it is the person's, and stands in the audit.
    Raises NotFoundError, and InputError without a reason.
    """
    _check(session, campaign, reason)
    outcome = Outcome(_STATES[decision], None, f"decided by {actor}: {reason}")
    settled = 0
    last = 0
    while True:
        unknown = [DELIVERIES.c.campaign == campaign, DELIVERIES.c.stage == stage_of(DeliveryState.UNKNOWN)]
        if keys is not None:
            unknown.append(DELIVERIES.c.key.in_(sorted(keys)))
        if kind is not None:
            unknown.append(DELIVERIES.c.kind == kind)
        if unknown_because is not None:
            unknown.append(_is_reason(unknown_because))
        query = select(DELIVERIES.c.id, DELIVERIES.c.attempt).where(*unknown, DELIVERIES.c.id > last)
        rows = session.execute(query.order_by(DELIVERIES.c.id).limit(_AT_ONCE)).all()
        if not rows:
            break
        last = rows[-1].id
        # Whoever says that it is not there and shall not be does not want it to go another way.
        recorded = record_outcomes(session, {(row.id, row.attempt): outcome for row in rows}, goes_on=False)
        settled += sum(recorded.states.values())
    if settled:
        after = {"decision": str(decision), "deliveries": settled}
        subject = f"campaign:{campaign}"
        write_audit(session, actor=actor, action="delivery.decided", subject=subject, after=after, reason=reason)
    return settled


def retry_failed(
    session: Session,
    campaign: str,
    *,
    actor: str,
    reason: str,
    kind: DeliveryKind | None = None,
    failed_with: str | None = None,
) -> int:
    """Let failed deliveries of a campaign be tried again, all or those that failed with exactly this reason.

    Safe, for `failed` means that nothing took effect. A text whose credit is not confirmed waits for it as before.
    Returns how many. Raises NotFoundError, InputError without a reason, RefusedError when the campaign was aborted.
    """
    if _check(session, campaign, reason) is CampaignState.ABORTED:
        raise RefusedError(f"{campaign} was aborted", accepted="a new release")
    failed = [DELIVERIES.c.campaign == campaign, DELIVERIES.c.stage == stage_of(DeliveryState.FAILED)]
    if kind is not None:
        failed.append(DELIVERIES.c.kind == kind)
    if failed_with is not None:
        failed.append(_is_reason(failed_with))
    retried = 0
    while True:
        query = select(DELIVERIES.c.id, *COUNTED, *STANDS).where(*failed)
        rows = session.execute(query.order_by(DELIVERIES.c.id).limit(_AT_ONCE).with_for_update()).all()
        if not rows:
            break
        retried += len(rows)
        _put_back(session, [row.id for row in rows])
    if retried:
        after = {"deliveries": retried, "failed_with": failed_with, "kind": None if kind is None else str(kind)}
        subject = f"campaign:{campaign}"
        write_audit(session, actor=actor, action="delivery.retried", subject=subject, after=after, reason=reason)
    return retried


def _is_reason(said: str) -> ColumnElement[bool]:
    """Whether a delivery has exactly this reason; an empty one means that none was given."""
    return DELIVERIES.c.reason == said if said else DELIVERIES.c.reason.is_(None)


def _put_back(session: Session, ids: list[int]) -> None:
    posting = DELIVERIES.alias("posting")
    unconfirmed = exists().where(
        posting.c.group_key == DELIVERIES.c.group_key,
        posting.c.kind == DeliveryKind.POSTING,
        posting.c.state != DeliveryState.DELIVERED,
    )
    waits = and_(DELIVERIES.c.kind == DeliveryKind.MESSAGE, unconfirmed)
    change = (
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(ids))
        .values(
            state=DeliveryState.PENDING,
            waiting=case((waits, True), else_=False),
            hold=None,
            worker=None,
            reason=None,
            changed_at=database_now(session),
        )
    )
    changes = Changes()
    for row in session.execute(change.returning(*COUNTED, *STANDS)):
        changes.move(row, str(DeliveryState.FAILED), standing_of(row))
    changes.write(session)


def _check(session: Session, campaign: str, reason: str) -> CampaignState:
    if not reason.strip():
        raise InputError("no reason given", where="reason", accepted="a sentence")
    return get_campaign(session, campaign).state
