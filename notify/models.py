"""Records of what was to be carried outside: deliveries, their attempts, texts, and the account book."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice


class DeliveryKind(enum.StrEnum):
    """What a delivery carries."""

    MESSAGE = "message"
    POSTING = "posting"


class DeliveryState(enum.StrEnum):
    """pending -> claimed -> sending -> accepted -> delivered | failed; unknown, cancelled, suppressed aside."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


class Delivery(Base):
    """One text to one address or one credit to one account, unique on its business key.

    `address` is an MSISDN for a message, an account reference for a posting. Deliveries of one `group_key` belong
    together: a message with `waiting` set is held until every posting of its group is delivered (confirmed).
    `payload` of a posting: see `notify.accounts`; of a message: text name, language, values.
    `attempt` counts attempts begun; `reason` says why it stands where it stands.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            "ix_deliveries_claimable",
            "kind",
            "priority",
            "id",
            postgresql_where=text("state = 'pending' AND NOT waiting"),
            sqlite_where=text("state = 'pending' AND NOT waiting"),
        ),
        Index(
            "ix_deliveries_in_flight",
            "lease_until",
            postgresql_where=text("state IN ('claimed', 'sending', 'unknown')"),
            sqlite_where=text("state IN ('claimed', 'sending', 'unknown')"),
        ),
        Index("ix_deliveries_group", "group_key"),
        Index("ix_deliveries_address", "address"),
        Index("ix_deliveries_campaign_state", "campaign", "kind", "state"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    campaign: Mapped[str] = mapped_column(String(64))
    group_key: Mapped[str] = mapped_column(String(128))
    kind: Mapped[DeliveryKind] = mapped_column(choice(DeliveryKind))
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]] = mapped_column(Document)
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState))
    waiting: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=100)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    worker: Mapped[str | None] = mapped_column(String(64))
    provider_ref: Mapped[str | None] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)


class Attempt(Base):
    """One attempt to send: written before the request leaves, completed by its outcome."""

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))
    number: Mapped[int]
    worker: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)


class TextVersion(Base):
    """A version of a customer text in a language; placeholders are declared, the body never edited afterwards."""

    __tablename__ = "text_versions"
    __table_args__ = (UniqueConstraint("name", "language", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16))
    number: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    placeholders: Mapped[list[str]] = mapped_column(Document)
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant)


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
