"""What a campaign's postings come to: enqueued, confirmed, and found in the account book."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from notify.models import BookEntry, Delivery, DeliveryKind, DeliveryState


@dataclass(frozen=True)
class PostingTotals:
    """Counts, and minor units of all postings that have an amount."""

    count: int
    amount_minor: int
    confirmed: int
    confirmed_minor: int
    book_minor: int


def posting_totals(session: Session, campaign: str) -> PostingTotals:
    """The postings of a campaign; `book_minor` is summed over the book's own entries, not over ours."""
    of_campaign = (Delivery.campaign == campaign, Delivery.kind == DeliveryKind.POSTING)
    states = (
        select(Delivery.state, func.count(), func.coalesce(func.sum(Delivery.amount_minor), 0))
        .where(*of_campaign)
        .group_by(Delivery.state)
    )
    found = {state: (count, int(amount or 0)) for state, count, amount in session.execute(states)}
    booked = (
        select(func.coalesce(func.sum(BookEntry.amount_minor), 0))
        .join(Delivery, Delivery.key == BookEntry.key)
        .where(*of_campaign)
    )
    confirmed = found.get(DeliveryState.DELIVERED, (0, 0))
    return PostingTotals(
        count=sum(count for count, _ in found.values()),
        amount_minor=sum(amount for _, amount in found.values()),
        confirmed=confirmed[0],
        confirmed_minor=confirmed[1],
        book_minor=int(session.scalar(booked) or 0),
    )


def select_confirmed_postings(campaigns: Select[str]) -> Select[str, int | None, str | None]:
    """A query for key, amount_minor and currency of the confirmed postings of money in these campaigns."""
    return select(Delivery.key, Delivery.amount_minor, Delivery.currency).where(
        Delivery.campaign.in_(campaigns),
        Delivery.kind == DeliveryKind.POSTING,
        Delivery.state == DeliveryState.DELIVERED,
        Delivery.amount_minor.is_not(None),
    )
