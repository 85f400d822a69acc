"""Records of what each customer is owed, why, who approved it, and what was credited."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice


class PolicyState(enum.StrEnum):
    """draft -> in review -> approved -> retired."""

    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETIRED = "retired"


class AssessmentState(enum.StrEnum):
    """proposed -> submitted -> approved -> released; rejected ends it."""

    PROPOSED = "proposed"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RELEASED = "released"


class PolicyVersion(Base):
    """A dated version of a policy, its YAML kept as written; in force by the date of the outage."""

    __tablename__ = "policy_versions"
    __table_args__ = (UniqueConstraint("name", "number"), UniqueConstraint("name", "content_hash"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(256))
    basis: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(3))
    source: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[PolicyState] = mapped_column(choice(PolicyState))
    in_force_from: Mapped[date]
    in_force_to: Mapped[date | None]
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant)
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None] = mapped_column(Instant)


class Assessment(Base):
    """One run of a policy version over one impact run: its cases, totals, and the hash that an approval binds.

    `totals`: lines, entitled, nothing, undetermined, cost_minor, credits, texts; all from the cases.
    """

    __tablename__ = "assessments"
    __table_args__ = (UniqueConstraint("impact_run_id", "policy_version_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(24), unique=True)
    impact_run_id: Mapped[int] = mapped_column(ForeignKey("impact_runs.id"))
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"), index=True)
    state: Mapped[AssessmentState] = mapped_column(choice(AssessmentState))
    currency: Mapped[str] = mapped_column(String(3))
    totals: Mapped[dict[str, Any]] = mapped_column(Document)
    assessed_by: Mapped[str] = mapped_column(String(64))
    assessed_at: Mapped[datetime] = mapped_column(Instant)
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    released_by: Mapped[str | None] = mapped_column(String(64))
    released_at: Mapped[datetime | None] = mapped_column(Instant)


class Case(Base):
    """One distinct situation: the facts the policy reads, how many lines share it, and what each of them is owed.

    `rewards`: one object per reward line (name, kind, amount_minor, currency, percent, valid_from, valid_to, pays_on).
    `cost_minor` is of one line; the case costs `lines * cost_minor`.
    """

    __tablename__ = "cases"
    __table_args__ = (UniqueConstraint("assessment_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"))
    number: Mapped[int]
    facts: Mapped[dict[str, Any]] = mapped_column(Document)
    group_values: Mapped[list[Any]] = mapped_column(Document)
    lines: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    rewards: Mapped[list[dict[str, Any]]] = mapped_column(Document)
    text_name: Mapped[str | None] = mapped_column(String(64))
    cost_minor: Mapped[int]
    trace: Mapped[dict[str, Any]] = mapped_column(Document)


class Approval(Base):
    """A second person's yes or no, bound to the hash of run, policy version and texts."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"), index=True)
    decision: Mapped[str] = mapped_column(String(16))
    bound_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime] = mapped_column(Instant)


class Credit(Base):
    """One approved reward line of one subscriber; `key` is the business key of its posting."""

    __tablename__ = "credits"
    __table_args__ = (
        Index("ix_credits_assessment", "assessment_id"),
        CheckConstraint("amount_minor IS NULL OR amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    reward: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(Instant)


class LedgerEntry(Base):
    """Double entry in one row: `amount_minor` moves from `debit` to `credit`; never edited, once per key.

    Kinds: accrued (at release), posted (at confirmation), reversed.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit <> credit", name="two_sides"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(144), unique=True)
    credit_id: Mapped[int] = mapped_column(ForeignKey("credits.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    debit: Mapped[str] = mapped_column(String(128))
    credit: Mapped[str] = mapped_column(String(128))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(Instant)
