"""What a campaign's postings come to: enqueued, confirmed, and found in the account book."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from notify.accounts.book_counts import count_book
from notify.counters import COUNTS, count_standings
from notify.models import Attempt, Delivery, DeliveryKind, DeliveryState, stage_of


@dataclass(frozen=True)
class PostingTotals:
    """Counts, and minor units of all postings that have an amount."""

    count: int
    amount_minor: int
    confirmed: int
    confirmed_minor: int
    book_minor: int


def posting_totals(session: Session, campaign: str) -> PostingTotals:
    """The postings of a campaign, from counters; `book_minor` is what the book counted itself as it booked them."""
    count = amount = confirmed = confirmed_minor = 0
    for one in count_standings(session, campaign):
        if one.kind == DeliveryKind.POSTING:
            count += one.rows
            amount += one.amount_minor
            if one.state == DeliveryState.DELIVERED:
                confirmed += one.rows
                confirmed_minor += one.amount_minor
    book_minor = sum(total.amount_minor for total in count_book(session, campaign))
    return PostingTotals(count, amount, confirmed, confirmed_minor, book_minor)


def select_confirmed_postings(
    campaigns: Select[str], *, since: int | None = None
) -> Select[str, int | None, str | None]:
    """A query for key, amount_minor and currency of the confirmed postings of money in these campaigns.

    `since`: only those of which an attempt with a higher id was written down (`newest_attempt`).
    """
    attempted = () if since is None else (Delivery.id.in_(select(Attempt.delivery_id).where(Attempt.id > since)),)
    return select(Delivery.key, Delivery.amount_minor, Delivery.currency).where(
        Delivery.campaign.in_(campaigns),
        Delivery.kind == DeliveryKind.POSTING,
        Delivery.stage == stage_of(DeliveryState.DELIVERED),
        Delivery.state == DeliveryState.DELIVERED,
        Delivery.amount_minor.is_not(None),
        *attempted,
    )


def count_confirmed_money(session: Session, campaigns: Select[str]) -> dict[str, int]:
    """How many postings of money are confirmed in each of these campaigns that has any, from the counters."""
    rows = func.sum(COUNTS.c.rows)
    statement = select(COUNTS.c.campaign, rows).where(
        COUNTS.c.campaign.in_(campaigns),
        COUNTS.c.kind == DeliveryKind.POSTING,
        COUNTS.c.standing == DeliveryState.DELIVERED.value,
        COUNTS.c.currency.is_not(None),
    )
    return {campaign: int(n) for campaign, n in session.execute(statement.group_by(COUNTS.c.campaign)) if n}


def newest_attempt(session: Session) -> int:
    """The highest id of the attempts that are written down; 0 for none."""
    return session.scalar(select(func.max(Attempt.id))) or 0
