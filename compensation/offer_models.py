"""Records of rewards that wait for somebody, of voucher codes, and of what care staff credited elsewhere."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice


class OfferState(enum.StrEnum):
    """open -> taken | declined | expired."""

    OPEN = "open"
    TAKEN = "taken"
    DECLINED = "declined"
    EXPIRED = "expired"


class Offer(Base):
    """A reward that somebody has to opt in to, claim, choose or decide before it is credited under the same `key`.

    `reward` as it is kept with a case; `default_at`: when an unanswered choice takes its default; `closes_at`: when it
    can no longer be taken. `taken` is the reward that came of it.
    """

    __tablename__ = "offers"
    __table_args__ = (Index("ix_offers_state_default", "state", "default_at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    group_key: Mapped[str] = mapped_column(String(128))
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"), index=True)
    case_number: Mapped[int]
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    account_ref: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    basis: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(8))
    purse: Mapped[str] = mapped_column(String(128))
    size: Mapped[str] = mapped_column(String(64))
    reward: Mapped[dict[str, Any]] = mapped_column(Document)
    state: Mapped[OfferState] = mapped_column(choice(OfferState))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    default_at: Mapped[datetime | None] = mapped_column(Instant)
    closes_at: Mapped[datetime | None] = mapped_column(Instant)
    taken: Mapped[dict[str, Any] | None] = mapped_column(Document)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)


class VoucherCode(Base):
    """A code of a pool, given at most once: `credit_key` is the credit that it went with (None: free)."""

    __tablename__ = "voucher_codes"
    __table_args__ = (
        UniqueConstraint("pool", "code"),
        Index("ix_voucher_codes_free", "pool", "amount_minor", "currency", "credit_key"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pool: Mapped[str] = mapped_column(String(64))
    code: Mapped[str] = mapped_column(String(64))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    credit_key: Mapped[str | None] = mapped_column(String(128), unique=True)
    imported_by: Mapped[str] = mapped_column(String(64))
    imported_at: Mapped[datetime] = mapped_column(Instant)


class CareCredit(Base):
    """Money that care staff gave a line for an incident outside this system; policies take it into account."""

    __tablename__ = "care_credits"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(64), unique=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    note: Mapped[str] = mapped_column(Text)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
