"""What a campaign's postings come to: enqueued, confirmed, and found in the account book."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from notify.accounts.book_counts import count_book
from notify.counters import count_standings
from notify.models import Delivery, DeliveryKind, DeliveryState, stage_of


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


def select_confirmed_postings(campaigns: Select[str]) -> Select[str, int | None, str | None]:
    """A query for key, amount_minor and currency of the confirmed postings of money in these campaigns."""
    return select(Delivery.key, Delivery.amount_minor, Delivery.currency).where(
        Delivery.campaign.in_(campaigns),
        Delivery.kind == DeliveryKind.POSTING,
        Delivery.stage == stage_of(DeliveryState.DELIVERED),
        Delivery.state == DeliveryState.DELIVERED,
        Delivery.amount_minor.is_not(None),
    )
