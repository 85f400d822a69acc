"""Records of the account book: its balances, what was put on each account, and counts of both."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key


class BookAccount(Base):
    """The account book's balance of one account and currency: only ever incremented."""

    __tablename__ = "book_accounts"

    account: Mapped[str] = mapped_column(String(128), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    balance_minor: Mapped[int]


class BookEntry(Base):
    """One thing put on an account, once per key: a credit, a voucher, a bonus promise, a top-up.

    `kind` is the reward's kind (bill_credit, balance_credit, voucher, top_up_bonus, top_up, reversal ...).
    Vouchers and bonuses are buckets of their own with an expiry; only money kinds move a balance.
    """

    __tablename__ = "book_entries"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    account: Mapped[str] = mapped_column(String(128), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    body_hash: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(Document)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    booked_at: Mapped[datetime] = mapped_column(Instant)


class BookCount(Base):
    """Changes of how many entries the book has and what they come to; sums over this table are the counts."""

    __tablename__ = "book_counts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    campaign: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    currency: Mapped[str | None] = mapped_column(String(3))
    entries: Mapped[int]
    amount_minor: Mapped[int]
