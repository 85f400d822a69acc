"""Small worlds for tests of impact: elements, lines, outages and sightings written straight into the records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import delete
from sqlalchemy.orm import Session

from foundation import clock
from foundation.snapshots import SnapshotStore, catalogue
from outage.inventory import raise_version
from outage.lifecycle import CauseClass, Degree, IncidentStatus, Severity
from outage.models import (
    Account,
    Dependency,
    ImpactRun,
    Incident,
    NetworkElement,
    Outage,
    PresencePart,
    Subscriber,
    TimelineEntry,
)

START = datetime(2012, 7, 11, 22, 0, tzinfo=UTC)
"""Two hours before midnight UTC, one before midnight in London: dates of contracts matter."""

SERVICES = ("voice", "sms", "data")
SIGHTINGS = pa.schema([("line_id", pa.int64()), ("element_id", pa.int64()), ("seen_at", pa.int64())])


def at(minute: int) -> datetime:
    """The instant so many minutes after START."""
    return START + timedelta(minutes=minute)


def seconds(minute: int) -> int:
    """The same in Unix seconds."""
    return clock.to_unix(at(minute))


def clear(session: Session) -> None:
    """Empty the world."""
    tables = (ImpactRun, TimelineEntry, Outage, Incident, PresencePart, Subscriber, Account, Dependency, NetworkElement)
    for table in tables:
        session.execute(delete(table))


def add_elements(session: Session, *ids: int) -> None:
    """Elements that carry all services."""
    for number in ids:
        element = NetworkElement(id=number, ref=f"E{number}", kind="cell", name=f"E{number}", services=list(SERVICES))
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
    rows = [(line, element, seconds(minute)) for line, element, minute in sightings]
    if not rows:
        return
    arrays = [pa.array(column, pa.int64()) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=SIGHTINGS)
    part = catalogue(session, store.write_batches("presence", SIGHTINGS, [batch]))
    moments = [clock.from_unix(row[2]) for row in rows]
    session.merge(PresencePart(snapshot_id=part, seen_from=min(moments), seen_to=max(moments)))
    session.flush()
    raise_version(session, "presence")
