"""Small worlds for tests of impact: elements, lines, outages and sightings written straight into the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import delete
from sqlalchemy.orm import Session

from foundation import clock
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.lifecycle import CauseClass, Degree, IncidentStatus, Severity
from outage.models import (
    Account,
    Declaration,
    Dependency,
    ImpactRun,
    Incident,
    Listing,
    NetworkElement,
    NumberRange,
    Outage,
    PresencePart,
    Subscriber,
    TimelineEntry,
)
from outage.network.inventory import raise_version
from outage.runs.inputs import CLAIM_SCHEMA

START = datetime(2012, 7, 11, 22, 0, tzinfo=UTC)
"""Two hours before midnight UTC, one before midnight in London: dates of contracts matter."""

SERVICES = ("voice", "sms", "data")
SIGHTINGS = pa.schema([("line_id", pa.int64()), ("element_id", pa.int64()), ("seen_at", pa.int64())])
VISITS = pa.schema(
    [("line_id", pa.int64()), ("element_id", pa.int64()), ("started_at", pa.int64()), ("ended_at", pa.int64())]
)


def at(minute: int) -> datetime:
    """The instant so many minutes after START."""
    return START + timedelta(minutes=minute)


def seconds(minute: int) -> int:
    """The same in Unix seconds."""
    return clock.to_unix(at(minute))


def clear(session: Session) -> None:
    """Empty the world."""
    said = (Declaration, Listing)
    network = (NumberRange, Subscriber, Account, Dependency, NetworkElement)
    for table in (ImpactRun, TimelineEntry, *said, Outage, Incident, PresencePart, *network):
        session.execute(delete(table))


def add_elements(session: Session, *ids: int, area: str | None = None) -> None:
    """Cells that carry all services."""
    for number in ids:
        element = NetworkElement(id=number, ref=f"E{number}", kind="cell", name=f"E{number}", services=list(SERVICES))
        element.area = area
        session.add(element)
    session.flush()
    raise_version(session, "inventory")


def add_dependency(
    session: Session, element: int, group: str, member: int, services: Iterable[str] | None = None
) -> None:
    """`element` needs `member` as one of its group."""
    needed = None if services is None else list(services)
    session.add(Dependency(element_id=element, group=group, member_id=member, services=needed))
    session.flush()
    raise_version(session, "inventory")


def add_line(
    session: Session,
    number: int,
    *,
    account: int | None = None,
    served_by: int | None = None,
    zone: str = "Europe/London",
    contract: tuple[date | None, date | None] = (None, None),
    **facts: Any,
) -> None:
    """One subscriber, and its account unless that exists."""
    account = account or number
    if session.get(Account, account) is None:
        session.add(Account(id=account, ref=f"A{account}", name=f"Account {account}", currency="GBP"))
        session.flush()
    values: dict[str, Any] = {
        "plan": "Simplicity 30",
        "payment_type": "postpaid",
        "segment": "consumer",
        "brand": "O2",
        "language": "en",
        "status": "active",
        "fee_list_minor": 3000,
        "fee_discounted_minor": 2500,
        "fee_service_minor": 2000,
        "fee_device_minor": 500,
        "attributes": {"loyalty": 'gold, "A"\n%s'},
    }
    line = Subscriber(
        id=number,
        account_id=account,
        msisdn=f"+4477009{number:05d}",
        imsi=f"2341000000{number:05d}",
        zone=zone,
        served_by_id=served_by,
        contract_started_on=contract[0],
        contract_ended_on=contract[1],
        **(values | facts),
    )
    session.add(line)
    session.flush()
    raise_version(session, "base")


def add_incident(session: Session, ref: str = "INC-2012-00001") -> Incident:
    """An incident from START on, with no outages yet."""
    incident = Incident(
        ref=ref,
        title="HLR-1 down",
        status=IncidentStatus.OPENED,
        severity=Severity.CRITICAL,
        cause_class=CauseClass.SOFTWARE,
        started_at=START,
        opened_by="nora",
        opened_at=START,
    )
    session.add(incident)
    session.flush()
    return incident


def add_outage(
    session: Session,
    incident: Incident,
    element: int,
    started: int,
    ended: int | None,
    *,
    services: Iterable[str] = SERVICES,
    degree: Degree = Degree.LOST,
) -> None:
    """Outages of one element between two minutes, one per service; open when `ended` is None."""
    for service in services:
        outage = Outage(
            incident_id=incident.id,
            element_id=element,
            service=service,
            degree=degree,
            started_at=at(started),
            ended_at=None if ended is None else at(ended),
        )
        session.add(outage)
    session.flush()


def add_sightings(session: Session, store: SnapshotStore, sightings: Iterable[tuple[int, int, int]]) -> None:
    """A part of presence from rows of line, element, minute."""
    _add_part(session, store, "sighting", SIGHTINGS, [(*row[:2], seconds(row[2])) for row in sightings])


def add_visits(session: Session, store: SnapshotStore, visits: Iterable[tuple[int, int, int, int]]) -> None:
    """A part of ready intervals from rows of line, element, first minute, minute after the last."""
    rows = [(*row[:2], seconds(row[2]), seconds(row[3])) for row in visits]
    _add_part(session, store, "interval", VISITS, rows)


def _add_part(
    session: Session, store: SnapshotStore, kind: str, schema: pa.Schema, rows: Sequence[tuple[int, ...]]
) -> None:
    if not rows:
        return
    part = catalogue(session, _write(store, "presence", schema, rows))
    first, last = clock.from_unix(min(row[2] for row in rows)), clock.from_unix(max(row[-1] for row in rows))
    session.merge(PresencePart(snapshot_id=part, kind=kind, day=first.date(), seen_from=first, seen_to=last))
    session.flush()
    raise_version(session, "presence")


def _write(store: SnapshotStore, kind: str, schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> WrittenFile:
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return store.write_batches(kind, schema, [pa.RecordBatch.from_arrays(arrays, schema=schema)])


def add_range(session: Session, kind: str, first: str, last: str, element: int) -> None:
    """Numbers that an element holds at any time."""
    session.add(NumberRange(kind=kind, first=first, last=last, element_id=element))
    session.flush()


def add_declaration(
    session: Session, incident: Incident, line: int, services: Iterable[str], span: tuple[int, int] | None = None
) -> None:
    """What a customer said, between two minutes or of the whole incident."""
    started, ended = (None, None) if span is None else map(at, span)
    declared = Declaration(
        incident_id=incident.id,
        subscriber_id=line,
        services=list(services),
        started_at=started,
        ended_at=ended,
        declared_at=at(1000),
        recorded_by="nora",
        recorded_at=at(1000),
    )
    session.add(declared)
    session.flush()


Listed = tuple[int | None, int | None, Iterable[str], tuple[int, int] | None]
"""A row of a list: line or account, services, minutes (None: the whole incident)."""


def add_listing(session: Session, store: SnapshotStore, incident: Incident, rows: Iterable[Listed]) -> None:
    """A list of lines and accounts."""
    stored = [
        (line, account, "|".join(services), *((None, None) if span is None else map(seconds, span)))
        for line, account, services, span in rows
    ]
    if not stored:
        return
    snapshot = catalogue(session, _write(store, "listing", CLAIM_SCHEMA, stored))
    listing = Listing(
        incident_id=incident.id, snapshot_id=snapshot, file="list.csv", uploaded_by="nora", uploaded_at=at(1000)
    )
    session.add(listing)
    session.flush()
