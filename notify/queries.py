"""Reads on deliveries, texts sent and the account book, for pages, commands and other packages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from foundation.errors import NotFoundError
from notify.accounts.statements import BookTotal, Statement, statement, totals
from notify.models import Attempt, Delivery, DeliveryKind, DeliveryState


def campaign_counts(session: Session, campaign: str) -> dict[str, dict[str, int]]:
    """Deliveries of a campaign by kind and state: `{"posting": {"delivered": 3}}`; the sum is what was enqueued."""
    query = select(Delivery.kind, Delivery.state, func.count()).where(Delivery.campaign == campaign)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, state, count in session.execute(query.group_by(Delivery.kind, Delivery.state)):
        counts[str(kind)][str(state)] = count
    return dict(counts)


def campaign_amounts(session: Session, campaign: str) -> dict[str, dict[str, int]]:
    """Minor units of a campaign's postings by currency and state: `{"GBP": {"delivered": 900}}`."""
    query = (
        select(Delivery.currency, Delivery.state, func.sum(Delivery.amount_minor))
        .where(Delivery.campaign == campaign, Delivery.kind == DeliveryKind.POSTING, Delivery.amount_minor.is_not(None))
        .group_by(Delivery.currency, Delivery.state)
    )
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for currency, state, amount in session.execute(query):
        amounts[str(currency)][str(state)] = int(amount or 0)
    return dict(amounts)


def count_waiting(session: Session, campaign: str) -> int:
    """Messages of a campaign that are held until their postings are confirmed."""
    query = select(func.count()).where(
        Delivery.campaign == campaign, Delivery.state == DeliveryState.PENDING, Delivery.waiting
    )
    return session.scalar(query) or 0


def deliveries_of_group(session: Session, group_key: str) -> Sequence[Delivery]:
    """The postings and messages that belong together, postings first."""
    query = select(Delivery).where(Delivery.group_key == group_key)
    return session.scalars(query.order_by(Delivery.kind.desc(), Delivery.id)).all()


def list_deliveries(
    session: Session,
    *,
    campaign: str | None = None,
    kind: DeliveryKind | None = None,
    state: DeliveryState | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
) -> Sequence[Delivery]:
    """Deliveries, newest first; `search` is a whole address, key or group key."""
    query = select(Delivery).where(*_conditions(campaign, kind, state, search))
    return session.scalars(query.order_by(Delivery.id.desc()).limit(limit).offset(offset)).all()


def count_deliveries(
    session: Session,
    *,
    campaign: str | None = None,
    kind: DeliveryKind | None = None,
    state: DeliveryState | None = None,
    search: str = "",
) -> int:
    """How many deliveries `list_deliveries` would give without limit."""
    query = select(func.count()).select_from(Delivery).where(*_conditions(campaign, kind, state, search))
    return session.scalar(query) or 0


def list_addressed(session: Session, addresses: Sequence[str]) -> Sequence[Delivery]:
    """Everything carried to these addresses (an MSISDN, an account), oldest first."""
    return session.scalars(select(Delivery).where(Delivery.address.in_(addresses)).order_by(Delivery.id)).all()


def get_delivery(session: Session, key: str) -> Delivery:
    """The delivery with this business key; raises NotFoundError."""
    delivery = session.scalars(select(Delivery).where(Delivery.key == key)).one_or_none()
    if delivery is None:
        raise NotFoundError("no such delivery", where="key", value=key)
    return delivery


def list_attempts(session: Session, delivery_id: int) -> Sequence[Attempt]:
    """The attempts at one delivery, in order."""
    query = select(Attempt).where(Attempt.delivery_id == delivery_id)
    return session.scalars(query.order_by(Attempt.number)).all()


def book_statement(session: Session, account: str) -> Statement:
    """What the account book has on one account."""
    return statement(session, account)


def book_totals(session: Session, key_prefix: str = "") -> list[BookTotal]:
    """Sums of the account book's entries whose key starts so (a campaign's: its reference and a colon)."""
    return totals(session, key_prefix)


def _conditions(
    campaign: str | None, kind: DeliveryKind | None, state: DeliveryState | None, search: str
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if campaign is not None:
        conditions.append(Delivery.campaign == campaign)
    if kind is not None:
        conditions.append(Delivery.kind == kind)
    if state is not None:
        conditions.append(Delivery.state == state)
    if search:
        conditions.append(or_(Delivery.address == search, Delivery.key == search, Delivery.group_key == search))
    return conditions
