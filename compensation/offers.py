"""Offers: rewards that somebody opts in to, claims, chooses or decides; taken once, credited under the offer's key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from compensation.ledger import accrue_credit
from compensation.models import Assessment, Credit, PolicyVersion
from compensation.offer_models import Offer, OfferState
from compensation.policies import load_document
from compensation.release_rows import posting_payload, quantity_of
from compensation.reward_json import is_posted
from compensation.voucher_codes import take_codes
from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.money import Money
from notify.models import DeliveryKind
from notify.outbox import NewDelivery, enqueue
from notify.registry import EMBEDDED
from notify.routing import Routing
from outage.models import Incident, Subscriber

_AT_ONCE = 500


def take_offer(
    session: Session,
    key: str,
    *,
    actor: str,
    option: str | None = None,
    amount_minor: int | None = None,
    reason: str = "",
    routing: Routing = EMBEDDED,
) -> Offer:
    """Give what an open offer holds: credit, ledger entry and posting in the caller's transaction.

    `option` names the reward that a choice is for; `amount_minor` (with a reason) is what a person decided for a
    discretionary one, at most its ceiling. An offer that was taken stays as it is. Raises NotFoundError, RefusedError
    when it is closed or no account system of `routing` carries the reward, InputError on an option or amount that it
    does not have.
    """
    offer = _lock(session, key)
    if offer.state is OfferState.TAKEN:
        return offer
    now = clock.now()
    if offer.state is not OfferState.OPEN or (offer.closes_at is not None and offer.closes_at <= now):
        state = offer.state if offer.state is not OfferState.OPEN else OfferState.EXPIRED
        raise RefusedError(f"the offer is {state}", where=key, accepted="an offer that is open")
    reward = _chosen(offer, option, amount_minor, reason)
    offer.state, offer.taken, offer.decided_by, offer.decided_at = OfferState.TAKEN, reward, actor, now
    if reward["kind"] != "apology":
        _credit(session, offer, reward, routing)
    after = {"state": offer.state, "reward": reward["name"], "amount_minor": reward["amount_minor"]}
    write_audit(
        session, actor=actor, action="offer taken", subject=key, before={"state": "open"}, after=after, reason=reason
    )
    return offer


def decline_offer(session: Session, key: str, *, actor: str) -> Offer:
    """Close an open offer without giving it; again: no change. Raises NotFoundError, RefusedError when it was taken."""
    offer = _lock(session, key)
    if offer.state is OfferState.DECLINED:
        return offer
    if offer.state is not OfferState.OPEN:
        raise RefusedError(f"the offer is {offer.state}", where=key, accepted="an offer that is open")
    return _close(session, offer, OfferState.DECLINED, actor)


def settle_due_offers(session: Session, *, actor: str = "scheduler", routing: Routing = EMBEDDED) -> int:
    """Give the default of choices that were not answered in time, close what can no longer be taken; returns how many.

    At most 500 in one call; a job calls it again and again.
    """
    now = clock.now()
    due = (
        select(Offer)
        .where(Offer.state == OfferState.OPEN, (Offer.default_at <= now) | (Offer.closes_at <= now))
        .order_by(Offer.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = session.scalars(due).all()
    for offer in found:
        closed = offer.closes_at is not None and offer.closes_at <= now
        if closed or offer.kind != "choice":
            _close(session, offer, OfferState.EXPIRED, actor)
        else:
            default = offer.reward["default"]
            take_offer(session, offer.key, actor=actor, option=default, reason="the default", routing=routing)
    return len(found)


def list_offers(
    session: Session,
    *,
    state: OfferState | None = None,
    subscriber_id: int | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[Offer]:
    """Offers, newest first."""
    statement = _offers(select(Offer), state, subscriber_id).order_by(Offer.id.desc())
    return session.scalars(statement.limit(limit).offset(offset)).all()


def count_offers(session: Session, *, state: OfferState | None = None, subscriber_id: int | None = None) -> int:
    """How many offers `list_offers` has."""
    return session.scalar(_offers(select(func.count(Offer.id)), state, subscriber_id)) or 0


def _offers(statement: Any, state: OfferState | None, subscriber_id: int | None) -> Any:
    if state is not None:
        statement = statement.where(Offer.state == state)
    return statement if subscriber_id is None else statement.where(Offer.subscriber_id == subscriber_id)


def get_offer(session: Session, key: str) -> Offer:
    """An offer by its key; raises NotFoundError."""
    return _found(session.scalars(select(Offer).where(Offer.key == key)).one_or_none(), key)


def _lock(session: Session, key: str) -> Offer:
    return _found(session.scalars(select(Offer).where(Offer.key == key).with_for_update()).one_or_none(), key)


def _found(offer: Offer | None, key: str) -> Offer:
    if offer is None:
        raise NotFoundError("no such offer", value=key, accepted="the key of an offer")
    return offer


def _close(session: Session, offer: Offer, state: OfferState, actor: str) -> Offer:
    offer.state, offer.decided_by, offer.decided_at = state, actor, clock.now()
    session.flush()
    write_audit(
        session,
        actor=actor,
        action=f"offer {state}",
        subject=offer.key,
        before={"state": "open"},
        after={"state": state},
    )
    return offer


def _chosen(offer: Offer, option: str | None, amount_minor: int | None, reason: str) -> dict[str, Any]:
    """The reward that comes of an offer."""
    reward: Mapping[str, Any] = offer.reward
    if offer.kind == "choice":
        options = {one["name"]: one for one in reward["options"]}
        if option not in options:
            raise InputError("not an option", where=offer.key, value=option, accepted=", ".join(options))
        reward = options[option]
        if not is_posted(reward) and reward["kind"] != "discretionary":
            reward = {**reward, "how": "automatic"}
    if reward["kind"] == "discretionary":
        return _decided(offer, reward, amount_minor, reason)
    return {**reward, "how": "automatic"}


def _decided(offer: Offer, reward: Mapping[str, Any], amount_minor: int | None, reason: str) -> dict[str, Any]:
    ceiling, currency = int(reward["ceiling_minor"]), str(reward["currency"])
    if amount_minor is None or not 0 < amount_minor <= ceiling:
        accepted = f"an amount above zero, at most {Money(ceiling, currency)}"
        raise InputError("not an amount of this offer", where=offer.key, value=amount_minor, accepted=accepted)
    if not reason.strip():
        raise InputError("a decision needs a reason", where="reason", accepted="a sentence for the audit")
    return {**reward, "kind": reward.get("what") or "bill_credit", "amount_minor": amount_minor, "what": None}


def _credit(session: Session, offer: Offer, reward: Mapping[str, Any], routing: Routing) -> None:
    assessment = session.get_one(Assessment, offer.assessment_id)
    document = load_document(session, session.get_one(PolicyVersion, assessment.policy_version_id))
    now, amount = clock.now(), reward["amount_minor"]
    currency = str(reward["currency"]) if amount is not None else None
    credit = Credit(
        key=offer.key,
        assessment_id=assessment.id,
        case_number=offer.case_number,
        basis=offer.basis,
        scope=offer.scope,
        purse=offer.purse,
        quantity=quantity_of(reward),
        subscriber_id=offer.subscriber_id,
        account_id=offer.account_id,
        reward=reward["name"],
        kind=reward["kind"],
        amount_minor=amount,
        currency=currency,
        created_at=now,
    )
    session.add(credit)
    session.flush()
    accrue_credit(session, offer.key)
    incident = session.get_one(Incident, assessment.incident_id)
    line = session.get_one(Subscriber, offer.subscriber_id)
    today = clock.local_date(now, document.zone)
    payload = posting_payload(reward, document, incident.ref, today, assessment.revision)
    if reward.get("codes"):
        wanted = (str(reward["codes"]), int(amount or 0), str(currency), offer.key)
        payload |= {"code": take_codes(session, [wanted])[offer.key]}
    posting = NewDelivery(
        key=offer.key,
        campaign=assessment.ref,
        group_key=offer.group_key,
        kind=DeliveryKind.POSTING,
        channel=routing.system_for(str(reward["kind"]), payment=line.payment_type, brand=line.brand),
        address=offer.account_ref,
        payload=payload,
        amount_minor=amount,
        currency=currency,
    )
    enqueue(session, [[posting]])
