"""Records of what was to be carried outside: deliveries, attempts, receipts, campaigns, texts."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, SmallInteger, String, Table, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice

# The waves of a campaign, by the part of its rows that has gone when each is done, in per cent.
WAVES = (1, 3, 10, 30, 100)
LAST_WAVE = len(WAVES) - 1


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


class Purpose(enum.StrEnum):
    """What a message is for, by which recipients may refuse it. A credit's text is `compensation`."""

    SERVICE = "service"
    COMPENSATION = "compensation"
    MARKETING = "marketing"


class Scope(enum.StrEnum):
    """What a suppression covers: one purpose, or any text at all (the provider would refuse it)."""

    ANY = "any"
    SERVICE = "service"
    COMPENSATION = "compensation"
    MARKETING = "marketing"


class CampaignState(enum.StrEnum):
    """running <-> paused (by a person); stopped (by itself, on failures) -> running; aborted for ever."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ABORTED = "aborted"


# A delivery's state as the indexes see it: from its claim to its good end it is `out`, so that nothing changes there.
OUT = "out"
_OUT_STATES = (DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.DELIVERED)
STAGE = "CASE state " + " ".join(f"WHEN '{state}' THEN '{OUT}'" for state in _OUT_STATES) + " ELSE state END"
DUE_AT = "CASE state WHEN 'accepted' THEN lease_until WHEN 'unknown' THEN lease_until END"
FILL_PERCENT = 60


def stage_of(state: DeliveryState) -> str:
    """What the database says is the stage of a delivery in this state."""
    return OUT if state in _OUT_STATES else str(state)


STAGES = tuple(dict.fromkeys(map(stage_of, DeliveryState)))


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class Delivery(Base):
    """One text to one address or one credit to one account, unique on its business key.

    `address` is an MSISDN for a message, an account reference for a posting. Deliveries of one `group_key` belong
    together: a message with `waiting` set is held until every posting of its group is delivered (confirmed).
    `payload` of a posting: see `notify.accounts`; of a message: text name, language, values, and `fallback`
    (channel and address to take when `hold_until` comes before what it is held for).
    `hold`: None, `time` (until `not_before`), or the condition it waits for, such as `service:SITE-4`.
    `wave`: which wave of its campaign it belongs to. `zone`: the recipient's, for quiet hours.
    `lease_until`: the lease of claims and attempts; when to ask about an unknown; when an accepted's receipt is due.
    `attempt` counts attempts begun; `reason` says why it stands where it stands.
    `stage` and `due_at` are made by the database of `state` and `lease_until`, for the indexes.
    `receipt_ref` is `provider_ref` where more may be said under it: not of what was confirmed at once.

    What a delivery that goes well writes from its claim on (`state`, `attempt`, `worker`, `lease_until`, `changed_at`,
    `reason`) must stand in no index, not even in a condition: PostgreSQL then writes no entry of any index for it.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        _partial(
            "ix_deliveries_claimable",
            *("campaign", "kind", "channel", "wave", "priority", "id"),
            where="NOT waiting AND hold IS NULL AND stage = 'pending'",
        ),
        _partial("ix_deliveries_due", "due_at", where="due_at IS NOT NULL"),
        _partial("ix_deliveries_asleep", "not_before", where="hold = 'time' AND stage = 'pending'"),
        _partial("ix_deliveries_hold", "hold", where="hold IS NOT NULL AND hold <> 'time' AND stage = 'pending'"),
        _partial("ix_deliveries_hold_until", "hold_until", where="hold_until IS NOT NULL AND stage = 'pending'"),
        _partial("ix_deliveries_expiry", "expires_at", where="expires_at IS NOT NULL AND stage = 'pending'"),
        _partial("ix_deliveries_receipt_ref", "receipt_ref", where="receipt_ref IS NOT NULL"),
        Index("ix_deliveries_group", "group_key", "kind"),
        Index("ix_deliveries_address", "address"),
        Index("ix_deliveries_stage", "campaign", "kind", "stage", "id"),
        # Room on its page for what a claim writes; what its outcome writes takes the room of what was claimed.
        {"postgresql_with": {"fillfactor": FILL_PERCENT}},
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
    stage: Mapped[str] = mapped_column(String(32), Computed(STAGE, persisted=True))
    waiting: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=100)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    hold: Mapped[str | None] = mapped_column(String(128))
    hold_until: Mapped[datetime | None] = mapped_column(Instant)
    wave: Mapped[int] = mapped_column(SmallInteger, default=LAST_WAVE)
    purpose: Mapped[Purpose | None] = mapped_column(choice(Purpose))
    statutory: Mapped[bool] = mapped_column(default=False)
    any_hour: Mapped[bool] = mapped_column(default=False)
    zone: Mapped[str | None] = mapped_column(String(64))
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    due_at: Mapped[datetime | None] = mapped_column(Instant, Computed(DUE_AT, persisted=True))
    worker: Mapped[str | None] = mapped_column(String(64))
    provider_ref: Mapped[str | None] = mapped_column(String(128))
    receipt_ref: Mapped[str | None] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)


class Taken(Base):
    """Where to look for what a worker has claimed or is sending: all of it is among `ids`; see `notify.taken`."""

    __tablename__ = "taken_deliveries"

    worker: Mapped[str] = mapped_column(String(64), primary_key=True)
    ids: Mapped[list[int]] = mapped_column(Document)


class Attempt(Base):
    """One attempt to send that is over or whose worker is: written with its outcome, open while nobody knows it.

    The attempt on its way stands on its delivery, committed before the request leaves: `sending`, `attempt`, `worker`,
    and `changed_at`, since when. `notify.queries.list_attempts` gives both.
    """

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


class Receipt(Base):
    """What a provider said later about an attempt: never changed, but for when it was applied.

    `fingerprint` is the same for a repetition of the same receipt. `applied_at` is None while no delivery is known to
    belong to it (it came before the response of the send); `moved` says whether it changed the delivery.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        Index("ix_receipts_delivery", "delivery_id"),
        _partial("ix_receipts_unapplied", "channel", "provider_ref", where="applied_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    channel: Mapped[str] = mapped_column(String(32))
    provider_ref: Mapped[str | None] = mapped_column(String(128))
    delivery_id: Mapped[int | None]
    attempt: Mapped[int | None]
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState))
    provider_status: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    said_at: Mapped[datetime | None] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    moved: Mapped[bool] = mapped_column(default=False)


class Campaign(Base):
    """The deliveries of one release or notice: how it starts, what stops it, and whether it runs.

    Of each kind at least `canary_rows` and `canary_percent` go first; more than `failure_percent` of bad outcomes
    stop it; `ceiling` is the most rows it may ever have. The lower `priority` goes first.
    """

    __tablename__ = "campaigns"

    campaign: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[CampaignState] = mapped_column(choice(CampaignState))
    reason: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int]
    canary_percent: Mapped[int]
    canary_rows: Mapped[int]
    failure_percent: Mapped[int]
    ceiling: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)


class Gate(Base):
    """How far one kind of a campaign's deliveries is open: rows of waves up to `open_wave` may go.

    `checked` and `checked_bad` are the outcomes counted when the failures were last judged.
    """

    __tablename__ = "campaign_gates"

    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.campaign"), primary_key=True)
    kind: Mapped[DeliveryKind] = mapped_column(choice(DeliveryKind), primary_key=True)
    open_wave: Mapped[int] = mapped_column(SmallInteger)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    checked: Mapped[int] = mapped_column(default=0)
    checked_bad: Mapped[int] = mapped_column(default=0)


class DeliveryCount(Base):
    """Changes of how many deliveries stand where, appended by whoever changes them and folded now and then.

    Nobody ever waits for a counter: sums over this table are the counts. `standing` is a delivery's state, with
    `claimed` and `sending` counted as pending, and pending ones apart that wait for a credit or are held.
    """

    __tablename__ = "delivery_counts"
    __table_args__ = (
        Index("ix_delivery_counts_campaign", "campaign"),
        _partial("ix_delivery_counts_pending", "campaign", "kind", "channel", where="standing = 'pending'"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    campaign: Mapped[str] = mapped_column(String(64))
    kind: Mapped[DeliveryKind] = mapped_column(choice(DeliveryKind))
    channel: Mapped[str] = mapped_column(String(32))
    wave: Mapped[int] = mapped_column(SmallInteger)
    standing: Mapped[str] = mapped_column(String(32))
    currency: Mapped[str | None] = mapped_column(String(3))
    rows: Mapped[int]
    amount_minor: Mapped[int]


class Sender(Base):
    """One token bucket: a sender's pace, shared by all workers, by the database's clock.

    `tokens` in millionths of a row and `refilled_at` in microseconds since 1970; `rate` in rows per thousand seconds,
    None without limit. `slow_rate` is the pace after throttling at `slowed_at`, from which it recovers.
    """

    __tablename__ = "senders"

    sender: Mapped[str] = mapped_column(String(128), primary_key=True)
    rate: Mapped[int | None]
    burst: Mapped[int]
    tokens: Mapped[int]
    refilled_at: Mapped[int]
    slow_rate: Mapped[int | None]
    slowed_at: Mapped[int | None]
    blocked_until: Mapped[int | None]
    halted_at: Mapped[datetime | None] = mapped_column(Instant)
    halted_reason: Mapped[str | None] = mapped_column(Text)


class AddressDay(Base):
    """How many texts one address was sent on one day of its own zone."""

    __tablename__ = "address_days"

    address: Mapped[str] = mapped_column(String(128), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    texts: Mapped[int]


class Suppression(Base):
    """This address must not be texted, within a scope, and why; ended, never deleted."""

    __tablename__ = "suppressions"
    __table_args__ = (
        Index(
            "uq_suppressions_active",
            *("address", "scope"),
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    address: Mapped[str] = mapped_column(String(128))
    scope: Mapped[Scope] = mapped_column(choice(Scope))
    source: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(String(64))


class TextVersion(Base):
    """A version of a customer text in a language; placeholders are declared, the body never edited afterwards.

    Without `allows_links` a link in it, or in a value that fills it, keeps it from being sent.
    """

    __tablename__ = "text_versions"
    __table_args__ = (UniqueConstraint("name", "language", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16))
    number: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    placeholders: Mapped[list[str]] = mapped_column(Document)
    allows_links: Mapped[bool] = mapped_column(default=False, server_default=false())
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant)


DELIVERIES: Table = Delivery.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
ATTEMPTS: Table = Attempt.__table__  # type: ignore[assignment]
