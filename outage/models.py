"""Records of what broke, where, when, and whom it could touch."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice
from outage.lifecycle import CauseClass, Degree, IncidentKind, IncidentStatus, Severity


class NetworkElement(Base):
    """Any managed node: a site, a cell at it, or a core element without a place. `ref` is the operator's own name."""

    __tablename__ = "network_elements"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(128), unique=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(256))
    site: Mapped[str | None] = mapped_column(String(128), index=True)
    radio: Mapped[str | None] = mapped_column(String(8))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    area: Mapped[str | None] = mapped_column(String(64), index=True)
    services: Mapped[list[str]] = mapped_column(Document)
    valid_from: Mapped[datetime | None] = mapped_column(Instant)
    valid_to: Mapped[datetime | None] = mapped_column(Instant)


class Dependency(Base):
    """`element` needs one of the members of its redundancy group; services None means all of them.

    One that was retired and came back has a row per stretch of validity.
    """

    __tablename__ = "dependencies"
    __table_args__ = (UniqueConstraint("element_id", "group", "member_id", "valid_from"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    element_id: Mapped[int] = mapped_column(ForeignKey("network_elements.id"))
    group: Mapped[str] = mapped_column(String(64))
    member_id: Mapped[int] = mapped_column(ForeignKey("network_elements.id"), index=True)
    services: Mapped[list[str] | None] = mapped_column(Document)
    valid_from: Mapped[datetime | None] = mapped_column(Instant)
    valid_to: Mapped[datetime | None] = mapped_column(Instant)


class Account(Base):
    """Who pays: a tree of any depth, with a currency and 0..n subscribers.

    `bill_day`: the day of the month on which its billing period begins, 1 to 31; `standing`: good, arrears, fraud or
    closed. None: not known.
    """

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(256))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    bill_day: Mapped[int | None]
    standing: Mapped[str | None] = mapped_column(String(16))


class Subscriber(Base):
    """One line: its numbers, plan and fees (minor units of the account's currency, per month)."""

    __tablename__ = "subscribers"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    msisdn: Mapped[str] = mapped_column(String(16), unique=True)
    imsi: Mapped[str] = mapped_column(String(15), unique=True)
    plan: Mapped[str] = mapped_column(String(64))
    payment_type: Mapped[str] = mapped_column(String(16))
    segment: Mapped[str] = mapped_column(String(32))
    brand: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16))
    zone: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    fee_list_minor: Mapped[int]
    fee_discounted_minor: Mapped[int]
    fee_service_minor: Mapped[int]
    fee_device_minor: Mapped[int]
    contract_started_on: Mapped[date | None]
    contract_ended_on: Mapped[date | None]
    served_by_id: Mapped[int | None] = mapped_column(ForeignKey("network_elements.id"), index=True)
    home_area: Mapped[str | None] = mapped_column(String(64))
    attributes: Mapped[dict[str, Any]] = mapped_column(Document)


class AttributeDefinition(Base):
    """A fact about lines that staff defined: type is string, number, boolean, date, instant or duration."""

    __tablename__ = "attribute_definitions"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[str] = mapped_column(String(16))
    allowed: Mapped[list[str] | None] = mapped_column(Document)
    meaning: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(String(32), default="", server_default="")


class BulkState(Base):
    """Version of bulk data (`base`: accounts and subscribers; `inventory`; `presence`), raised by each change.

    `snapshot_id` mirrors `snapshot_version`, alone or as a layer over `whole_id`, which mirrors `whole_version` alone.
    All lines that changes after `logged_from` touched stand in `base_changes`. `stamp`: drawn anew with each version,
    so that no two states of the data, of any database or of a transaction that was rolled back, have the same.
    """

    __tablename__ = "bulk_states"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int]
    snapshot_id: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    snapshot_version: Mapped[int | None]
    logged_from: Mapped[int] = mapped_column(default=0)
    whole_id: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    whole_version: Mapped[int | None]
    stamp: Mapped[str | None] = mapped_column(String(32))


class PresencePart(Base):
    """One imported part of presence on cells, a snapshot of one UTC day; forgetting is deleting parts.

    `kind`: sighting, or interval for ready ones, which stand on the day they start.
    """

    __tablename__ = "presence_parts"

    snapshot_id: Mapped[str] = mapped_column(ForeignKey("snapshots.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    day: Mapped[date] = mapped_column(index=True)
    seen_from: Mapped[datetime] = mapped_column(Instant, index=True)
    seen_to: Mapped[datetime] = mapped_column(Instant, index=True)


class Incident(Base):
    """What people work on: status, owner, severity, timeline; it has outages, unless its kind is billing.

    `announced_end_at`: when planned work was announced to end. `overrun_of_id`: the planned work that this incident is
    the overrun of. `merged_into_id`: the incident that counts in its place. `force_majeure`: what was beyond anybody's
    control, one of lifecycle.ForceMajeure.
    """

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(24), unique=True)
    title: Mapped[str] = mapped_column(String(256))
    status: Mapped[IncidentStatus] = mapped_column(choice(IncidentStatus), index=True)
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    cause_class: Mapped[CauseClass] = mapped_column(choice(CauseClass))
    planned: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(Instant, index=True)
    restored_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    opened_by: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    owner: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[IncidentKind] = mapped_column(
        choice(IncidentKind), default=IncidentKind.NETWORK, server_default=IncidentKind.NETWORK.value
    )
    announced_end_at: Mapped[datetime | None] = mapped_column(Instant)
    overrun_of_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"))
    force_majeure: Mapped[str | None] = mapped_column(String(32))

    @property
    def known_at(self) -> datetime:
        """When the operator knew: the opening, or the start of what was opened ahead of it, such as planned work."""
        return max(self.opened_at, self.started_at)


class Outage(Base):
    """A half-open interval of lost or degraded service on one element; open while `ended_at` is None."""

    __tablename__ = "outages"
    __table_args__ = (UniqueConstraint("incident_id", "element_id", "service", "started_at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    element_id: Mapped[int] = mapped_column(ForeignKey("network_elements.id"), index=True)
    service: Mapped[str] = mapped_column(String(16))
    degree: Mapped[Degree] = mapped_column(choice(Degree))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class Alarm(Base):
    """What the network raised or cleared; one row however often it was sent (`received` counts).

    `services` None: the sender did not say which services it takes away.
    """

    __tablename__ = "alarms"
    __table_args__ = (UniqueConstraint("source", "external_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    source: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(128))
    element_ref: Mapped[str] = mapped_column(String(128), index=True)
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    probable_cause: Mapped[str | None] = mapped_column(String(128))
    summary: Mapped[str] = mapped_column(Text)
    services: Mapped[list[str] | None] = mapped_column(Document)
    raised_at: Mapped[datetime] = mapped_column(Instant, index=True)
    cleared_at: Mapped[datetime | None] = mapped_column(Instant)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    received: Mapped[int] = mapped_column(default=1)
    received_at: Mapped[datetime] = mapped_column(Instant)
    payload: Mapped[dict[str, Any]] = mapped_column(Document)


class TimelineEntry(Base):
    """One thing that happened to an incident, append-only; `at` is when it happened, `written_at` when it was told."""

    __tablename__ = "timeline_entries"
    __table_args__ = (Index("ix_timeline_entries_incident_at", "incident_id", "at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    at: Mapped[datetime] = mapped_column(Instant)
    written_at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)


class ImpactRun(Base):
    """An immutable measurement of an incident: two snapshots (lines, patterns) and their counts.

    `fingerprint` is the hash of the inputs (outages, inventory, base, presence, hold, as_of): same inputs, same run.
    `counts`: lines, accounts, patterns, seconds and lines per service, lines per evidence. `turn`: its place among the
    incident's runs in the order in which they came to hold, last at `held_at`: the highest holds (outage.runs.holding).
    """

    __tablename__ = "impact_runs"
    __table_args__ = (
        UniqueConstraint("incident_id", "number"),
        UniqueConstraint("incident_id", "fingerprint"),
        Index("ix_impact_runs_incident_id_turn", "incident_id", "turn", unique=True),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    number: Mapped[int]
    as_of: Mapped[datetime] = mapped_column(Instant)
    fingerprint: Mapped[str] = mapped_column(String(64))
    lines_snapshot: Mapped[str] = mapped_column(ForeignKey("snapshots.id"))
    patterns_snapshot: Mapped[str] = mapped_column(ForeignKey("snapshots.id"))
    base_snapshot: Mapped[str] = mapped_column(ForeignKey("snapshots.id"))
    reports_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    counts: Mapped[dict[str, Any]] = mapped_column(Document)
    measured_by: Mapped[str] = mapped_column(String(64))
    measured_at: Mapped[datetime] = mapped_column(Instant)
    turn: Mapped[int] = mapped_column(server_default="0")
    held_at: Mapped[datetime] = mapped_column(Instant, server_default="0")


class InventoryChange(Base):
    """One element or dependency that an import added, changed or retired; append-only.

    `version`: the inventory's version that the import made. `before` and `after`: the values, instants in Unix seconds.
    """

    __tablename__ = "inventory_changes"
    __table_args__ = (Index("ix_inventory_changes_version", "version", "subject", "change"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    version: Mapped[int]
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    file: Mapped[str] = mapped_column(String(256))
    subject: Mapped[str] = mapped_column(String(16))
    ref: Mapped[str] = mapped_column(String(384), index=True)
    change: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any] | None] = mapped_column(Document)
    after: Mapped[dict[str, Any] | None] = mapped_column(Document)


class NumberRange(Base):
    """The numbers `first` to `last` (both in it; kind imsi or msisdn) that an element holds while it is valid."""

    __tablename__ = "number_ranges"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    first: Mapped[str] = mapped_column(String(16))
    last: Mapped[str] = mapped_column(String(16))
    element_id: Mapped[int] = mapped_column(ForeignKey("network_elements.id"), index=True)
    valid_from: Mapped[datetime | None] = mapped_column(Instant)
    valid_to: Mapped[datetime | None] = mapped_column(Instant)


class Declaration(Base):
    """A customer's word that a line was without services in an incident; None times: the incident's own."""

    __tablename__ = "declarations"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    services: Mapped[list[str]] = mapped_column(Document)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    declared_at: Mapped[datetime] = mapped_column(Instant)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class Listing(Base):
    """A file of accounts or lines that staff say an incident touched; its rows are a snapshot.

    `values_snapshot`: what it says of single lines besides: when they reported it, attributes that hold for it.
    """

    __tablename__ = "listings"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    snapshot_id: Mapped[str] = mapped_column(ForeignKey("snapshots.id"))
    values_snapshot: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    file: Mapped[str] = mapped_column(String(256))
    uploaded_by: Mapped[str] = mapped_column(String(64))
    uploaded_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class DutyFiling(Base):
    """A notice or report on an incident that a regulator was given; `reference`: what it answered, if anything."""

    __tablename__ = "duty_filings"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    regulator: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(String(128))
    filed_at: Mapped[datetime] = mapped_column(Instant)
    reference: Mapped[str | None] = mapped_column(String(128))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(Instant)


class BaseChange(Base):
    """A line whose row of the mirror a change of the base touched; `version`: the base's version that it made."""

    __tablename__ = "base_changes"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
