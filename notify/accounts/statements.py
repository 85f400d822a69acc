"""What the account book says: one account's statement, and sums over entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation.money import Money
from notify.book_models import BookAccount, BookEntry


@dataclass(frozen=True)
class Statement:
    """One account: its balances, and its entries, oldest first."""

    account: str
    balances: tuple[Money, ...]
    entries: Sequence[BookEntry]


@dataclass(frozen=True)
class BookTotal:
    """Entries of one kind and currency: how many, and their sum in minor units (0 for those without an amount)."""

    kind: str
    currency: str | None
    entries: int
    amount_minor: int


def statement(session: Session, account: str) -> Statement:
    """The statement of an account; empty when the book has nothing on it."""
    balances = select(BookAccount).where(BookAccount.account == account).order_by(BookAccount.currency)
    entries = select(BookEntry).where(BookEntry.account == account).order_by(BookEntry.id)
    return Statement(
        account=account,
        balances=tuple(Money(row.balance_minor, row.currency) for row in session.scalars(balances)),
        entries=session.scalars(entries).all(),
    )


def totals(session: Session, key_prefix: str = "") -> list[BookTotal]:
    """Entries whose key starts with `key_prefix`, summed by kind and currency; reads the whole book."""
    query = select(BookEntry.kind, BookEntry.currency, func.count(), func.coalesce(func.sum(BookEntry.amount_minor), 0))
    if key_prefix:
        # Not LIKE: it ignores case on SQLite and the collation orders ranges on PostgreSQL.
        query = query.where(func.substr(BookEntry.key, 1, len(key_prefix)) == key_prefix)
    grouped = query.group_by(BookEntry.kind, BookEntry.currency).order_by(BookEntry.kind, BookEntry.currency)
    return [
        BookTotal(kind, currency, count, int(amount or 0)) for kind, currency, count, amount in session.execute(grouped)
    ]


def balance_total(session: Session, currency: str) -> int:
    """The sum of all balances in a currency, in minor units: its change over a release proves the release."""
    query = select(func.coalesce(func.sum(BookAccount.balance_minor), 0)).where(BookAccount.currency == currency)
    return int(session.scalar(query) or 0)
