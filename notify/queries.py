"""Reads on deliveries, texts sent and the account book, for pages, commands and other packages."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from foundation.db import one_of
from foundation.errors import NotFoundError
from notify.accounts.book_counts import count_book
from notify.accounts.statements import BookTotal, Statement, statement, totals
from notify.counters import HELD, WAITING, count_standings, list_standings
from notify.models import OUT, STAGES, Attempt, Campaign, Delivery, DeliveryKind, DeliveryState, stage_of
from notify.taken import in_hand

_KIND, _STATE = type_coerce(Delivery.kind, String), type_coerce(Delivery.state, String)


@dataclass(frozen=True, slots=True)
class CampaignTotal:
    """Deliveries of one campaign that are in one state: rows, and minor units where there is a currency."""

    campaign: str
    kind: DeliveryKind
    state: DeliveryState
    currency: str | None
    rows: int
    amount_minor: int


def campaign_counts(session: Session, campaign: str) -> dict[str, dict[str, int]]:
    """Deliveries of a campaign by kind and state: `{"posting": {"delivered": 3}}`; the sum is what was enqueued.

    From the counters; what is claimed or being sent just now is counted as it stands.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in count_standings(session, campaign):
        counts[str(one.kind)][str(one.state)] += one.rows
    moving = (
        select(_KIND, _STATE, func.count())
        .where(in_hand(session), Delivery.campaign == campaign)
        .group_by(Delivery.kind, Delivery.state)
    )
    for kind, state, rows in session.execute(moving):
        counts[kind][state] += rows
        counts[kind][str(DeliveryState.PENDING)] -= rows
    return {kind: {state: rows for state, rows in states.items() if rows} for kind, states in counts.items()}


def campaign_amounts(session: Session, campaign: str) -> dict[str, dict[str, int]]:
    """Minor units of a campaign's postings by currency and state: `{"GBP": {"delivered": 900}}`; from the counters."""
    amounts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in count_standings(session, campaign):
        if one.kind == DeliveryKind.POSTING and one.currency is not None:
            amounts[one.currency][str(one.state)] += one.amount_minor
    return {currency: dict(states) for currency, states in amounts.items()}


def count_waiting(session: Session, campaign: str) -> int:
    """Messages of a campaign that are held until their postings are confirmed."""
    return sum(one.rows for one in count_standings(session, campaign) if one.standing == WAITING)


def count_held(session: Session, campaign: str) -> int:
    """Deliveries of a campaign that sleep until a time or are held for a condition."""
    return sum(one.rows for one in count_standings(session, campaign) if one.standing == HELD)


def list_campaign_totals(session: Session, campaigns: Sequence[str]) -> list[CampaignTotal]:
    """Where the deliveries of several campaigns stand, from the counters."""
    totals: dict[tuple[str, DeliveryKind, DeliveryState, str | None], list[int]] = defaultdict(lambda: [0, 0])
    for campaign, one in list_standings(session, campaigns):
        total = totals[campaign, one.kind, one.state, one.currency]
        total[0] += one.rows
        total[1] += one.amount_minor
    return [CampaignTotal(*key, *total) for key, total in totals.items()]


def find_campaign(session: Session, campaign: str) -> Campaign | None:
    """A campaign with its state and plan, or None."""
    return session.get(Campaign, campaign)


def list_campaigns(
    session: Session, *, search: str = "", limit: int | None = 50, offset: int = 0
) -> Sequence[Campaign]:
    """Campaigns with `search` in their names, newest first; all of them with `limit` None."""
    newest = select(Campaign).order_by(Campaign.created_at.desc(), Campaign.campaign.desc())
    return session.scalars(newest.where(_named(search)).limit(limit).offset(offset)).all()


def count_campaigns(session: Session, *, search: str = "") -> int:
    """How many campaigns have `search` in their names."""
    return session.scalar(select(func.count()).select_from(Campaign).where(_named(search))) or 0


def _named(search: str) -> ColumnElement[bool]:
    return func.lower(Campaign.campaign).contains(search.lower(), autoescape=True)


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
    before: int | None = None,
) -> Sequence[Delivery]:
    """Deliveries, newest first; `search` is a whole address, key or group key.

    `before` is the id of the last one seen: to page by it costs the same on every page, by `offset` it does not.
    """
    conditions = _conditions(campaign, kind, state, search)
    if before is not None:
        conditions.append(Delivery.id < before)
    if state in (DeliveryState.CLAIMED, DeliveryState.SENDING):
        conditions.append(in_hand(session))
    elif campaign is not None and not search:
        ids = _newest_ids(session, campaign, kind, state, limit + offset, before)
        conditions = [Delivery.id.in_(session.scalars(ids.order_by(text("id DESC")).limit(limit).offset(offset)).all())]
        return session.scalars(select(Delivery).where(*conditions).order_by(Delivery.id.desc())).all()
    query = select(Delivery).where(*conditions)
    return session.scalars(query.order_by(Delivery.id.desc()).limit(limit).offset(offset)).all()


def count_deliveries(
    session: Session,
    *,
    campaign: str | None = None,
    kind: DeliveryKind | None = None,
    state: DeliveryState | None = None,
    search: str = "",
) -> int:
    """How many deliveries `list_deliveries` would give without limit; of a whole campaign from its counters."""
    if campaign is not None and not search:
        counts = campaign_counts(session, campaign)
        kinds = counts.values() if kind is None else [counts.get(str(kind), {})]
        return sum(rows for states in kinds for name, rows in states.items() if state is None or name == state)
    query = select(func.count()).select_from(Delivery).where(*_conditions(campaign, kind, state, search))
    return session.scalar(query) or 0


def get_delivery(session: Session, key: str) -> Delivery:
    """The delivery with this business key; raises NotFoundError."""
    delivery = session.scalars(select(Delivery).where(Delivery.key == key)).one_or_none()
    if delivery is None:
        raise NotFoundError("no such delivery", where="key", value=key)
    return delivery


def list_attempts(session: Session, delivery_id: int) -> Sequence[Attempt]:
    """The attempts at one delivery, in order; the one on its way, which its row says, is the last and has no id."""
    query = select(Attempt).where(Attempt.delivery_id == delivery_id)
    attempts = list(session.scalars(query.order_by(Attempt.number)))
    row = session.get(Delivery, delivery_id)
    if row is None or row.state != DeliveryState.SENDING or any(one.number == row.attempt for one in attempts):
        return attempts
    begun = Attempt(delivery_id=row.id, number=row.attempt, worker=row.worker or "", started_at=row.changed_at)
    return [*attempts, begun]


def book_statement(session: Session, account: str) -> Statement:
    """What the account book has on one account."""
    return statement(session, account)


def book_totals(session: Session, key_prefix: str = "") -> list[BookTotal]:
    """Sums of the account book: of all of it from its counters, or of the entries whose key starts so."""
    return totals(session, key_prefix) if key_prefix else count_book(session)


def select_newest(
    campaign: str,
    kind: DeliveryKind,
    stage: str,
    *columns: ColumnElement[Any] | InstrumentedAttribute[Any],
    limit: int,
    before: int | None = None,
) -> Select[Any]:
    """A query for the newest deliveries of one campaign, kind and stage: the end of one range of an index.

    A range of whole rows, not equal columns and an order by id: then PostgreSQL would read all ids backwards in the
    hope of finding enough soon, which takes seconds where the newest millions are of another kind.
    """
    place = (Delivery.campaign, _KIND, Delivery.stage, Delivery.id)
    last = sys.maxsize if before is None else before - 1
    low, high = (tuple_(*map(literal, (campaign, str(kind), stage, end))) for end in (0, last))
    found = select(*columns).where(tuple_(*place) >= low, tuple_(*place) <= high)
    return found.order_by(*(column.desc() for column in place)).limit(limit)


def _newest_ids(
    session: Session,
    campaign: str,
    kind: DeliveryKind | None,
    state: DeliveryState | None,
    limit: int,
    before: int | None,
) -> CompoundSelect[int]:
    kinds = [kind] if kind else list(DeliveryKind)
    stages = [stage_of(state)] if state else STAGES
    parts = [
        select_newest(campaign, one, stage, Delivery.id, limit=limit, before=before)
        for one, stage in product(kinds, stages)
    ]
    if state is not None and stage_of(state) == OUT:
        # By what else is out, not by the state: statistics from before it went out would say that no row has it, and
        # PostgreSQL would then read the whole table.
        busy = session.scalars(select(Delivery.id).where(in_hand(session))).all()
        parts = [part.where(~one_of(session, Delivery.id.expression, busy)) for part in parts]
    return union_all(*(select(part.subquery().c.id) for part in parts))


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
