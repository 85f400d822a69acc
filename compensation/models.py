"""Records of what each customer is owed, why, who approved it, and what was credited."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
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


class PolicyDraft(Base):
    """The working copy of one staff user on one policy: its text as it stands, right or wrong.

    `based_on` is the number of the version it was begun from (None: the policy is new); `revision` rises with every
    keeping, so that two windows never overwrite each other unseen.
    """

    __tablename__ = "policy_drafts"
    __table_args__ = (UniqueConstraint("policy", "author"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    policy: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(64))
    based_on: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text)
    revision: Mapped[int]
    kept_at: Mapped[datetime] = mapped_column(Instant)


class Assessment(Base):
    """One run of a policy version over one impact run: its cases, totals, and the hash that an approval binds.

    `totals`: lines, entitled, nothing, undetermined, cost_minor, credits, texts; all from the cases.
    `revision` counts the releases of the policy for the incident, this one included; from the second on only what is
    more than before is credited. `round` counts assessments of one run and version: what was credited meanwhile makes
    a new one. `history_snapshot`: what was credited before, `earlier_snapshot`: what was lost in incidents before
    (None: nothing). `cases_snapshot`: the cases, when they are too many for rows (None: they are rows).
    `lines_snapshot`: the case of each line, where the lines of one account have a part in each other's.
    """

    __tablename__ = "assessments"
    __table_args__ = (UniqueConstraint("impact_run_id", "policy_version_id", "round"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(24), unique=True)
    impact_run_id: Mapped[int] = mapped_column(ForeignKey("impact_runs.id"))
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"), index=True)
    state: Mapped[AssessmentState] = mapped_column(choice(AssessmentState))
    currency: Mapped[str] = mapped_column(String(3))
    totals: Mapped[dict[str, Any]] = mapped_column(Document)
    revision: Mapped[int] = mapped_column(default=1)
    round: Mapped[int] = mapped_column(default=1)
    history_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    earlier_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    cases_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    lines_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    assessed_by: Mapped[str] = mapped_column(String(64))
    assessed_at: Mapped[datetime] = mapped_column(Instant)
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    released_by: Mapped[str | None] = mapped_column(String(64))
    released_at: Mapped[datetime | None] = mapped_column(Instant)


class Case(Base):
    """One distinct situation: the facts the policy reads, how many lines share it, and what each of them is owed.

    `rewards`: one object per reward line (name, kind, amount_minor, currency, percent, valid_from, valid_to, pays_on).
    `cost_minor` is of one line; the case costs `lines * cost_minor`. `amount_minor` is what is credited at release,
    `over_minor` what was credited before beyond what is owed now; both of one line too.
    `rules` says which rules decided, `searched` is the case in small letters: lists are sorted and sought by both.
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
    amount_minor: Mapped[int] = mapped_column(default=0)
    over_minor: Mapped[int] = mapped_column(default=0)
    trace: Mapped[dict[str, Any]] = mapped_column(Document)
    rules: Mapped[str] = mapped_column(Text, default="")
    searched: Mapped[str] = mapped_column(Text, default="")


class CaseSummary(Base):
    """Cases that are too many for rows, summed by what decided them and what they get, with one of them to look at.

    `lines`, `cost_minor` and `amount_minor` are sums over all lines; `least_minor` and `most_minor` of one line.
    """

    __tablename__ = "case_summaries"
    __table_args__ = (UniqueConstraint("assessment_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"))
    number: Mapped[int]
    rules: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    rewards: Mapped[list[str]] = mapped_column(Document)
    text_name: Mapped[str | None] = mapped_column(String(64))
    cases: Mapped[int]
    lines: Mapped[int]
    cost_minor: Mapped[int]
    amount_minor: Mapped[int]
    least_minor: Mapped[int]
    most_minor: Mapped[int]
    example_number: Mapped[int]
    example_facts: Mapped[dict[str, Any]] = mapped_column(Document)


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
    """One approved reward line of one subscriber; `key` is the business key of its posting.

    `case_number` is the case in its assessment, `case_id` its row where cases are rows. `basis` is why it is owed,
    `scope` whom it is given to once (line, account), `purse` what adds up with it, `quantity` an exact number.
    """

    __tablename__ = "credits"
    __table_args__ = (
        Index("ix_credits_assessment", "assessment_id"),
        CheckConstraint("amount_minor IS NULL OR amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    case_number: Mapped[int]
    basis: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(8), default="line")
    purse: Mapped[str] = mapped_column(String(128))
    quantity: Mapped[str | None] = mapped_column(String(64))
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    reward: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(Instant)


class LedgerEntry(Base):
    """Double entry in one row: `amount_minor` moves from `debit` to `credit`; never edited, never entered twice.

    Kinds: accrued (at release), posted (at confirmation), reversed. `number` counts a credit's entries of one kind:
    what is entered once has the number 1, so that nothing but the primary key need keep it from being entered again.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit <> credit", name="two_sides"),
    )

    credit_id: Mapped[int] = mapped_column(ForeignKey("credits.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    debit: Mapped[str] = mapped_column(String(128))
    credit: Mapped[str] = mapped_column(String(128))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(Instant)


class HistoryTest(Base):
    """A past run that versions of a policy are tried on before they are approved, and what is expected of it.

    `expectation`: unchanged (everybody gets what the version in force gives), within (`bounds`: lowest and highest of
    totals), pinned (`pinned`: totals and the digest of a result). `revision` counts changes of what is expected.
    """

    __tablename__ = "history_tests"
    __table_args__ = (UniqueConstraint("policy", "impact_run_id", "expectation"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    policy: Mapped[str] = mapped_column(String(64))
    impact_run_id: Mapped[int] = mapped_column(ForeignKey("impact_runs.id"), index=True)
    expectation: Mapped[str] = mapped_column(String(16))
    bounds: Mapped[dict[str, Any] | None] = mapped_column(Document)
    pinned: Mapped[dict[str, Any] | None] = mapped_column(Document)
    revision: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(64))
    set_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class HistoryResult(Base):
    """What a version gave on the run of a test when it was last tried, against the version in force then.

    `totals`, `against` and `shift` are the sums of both and who fares how; `reasons` say why it failed (none: it
    passed). A failure may be accepted, with a reason, by somebody who does not approve the version.
    """

    __tablename__ = "history_results"
    __table_args__ = (UniqueConstraint("test_id", "policy_version_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    test_id: Mapped[int] = mapped_column(ForeignKey("history_tests.id"))
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"), index=True)
    against_version_id: Mapped[int | None] = mapped_column(ForeignKey("policy_versions.id"))
    test_revision: Mapped[int]
    reasons: Mapped[list[str]] = mapped_column(Document)
    totals: Mapped[dict[str, Any]] = mapped_column(Document)
    against: Mapped[dict[str, Any] | None] = mapped_column(Document)
    shift: Mapped[dict[str, Any] | None] = mapped_column(Document)
    replayed_by: Mapped[str] = mapped_column(String(64))
    replayed_at: Mapped[datetime] = mapped_column(Instant)
    accepted_by: Mapped[str | None] = mapped_column(String(64))
    accepted_at: Mapped[datetime | None] = mapped_column(Instant)
    accepted_reason: Mapped[str | None] = mapped_column(Text)
