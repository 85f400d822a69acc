"""Listings: files of lines and accounts that staff say an incident touched, such as one that has no cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import Progress
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import Snapshot, SnapshotStore, WrittenFile, catalogue
from outage import listing_sql
from outage.base.attributes import attribute_columns, join_attributes
from outage.base.known_lines import lay_out_lines, read_once
from outage.imports.column_checks import check_instant, check_services, optional, text_of
from outage.imports.importing import Batch, Column, CsvFile, ImportResult, Rejects
from outage.incidents.incidents import get_incident
from outage.incidents.timeline import record_change, shown
from outage.lifecycle import SERVICES, VOID
from outage.models import Incident, Listing
from outage.msisdn import check_msisdn

COLUMNS = (
    Column("msisdn", optional(check_msisdn), required=False, distinct=True),
    Column("account", optional(text_of(64)), required=False, distinct=True),
    Column("services", lambda raw: "|".join(json.loads(check_services(raw))) or None, required=False),
    Column("started_at", optional(check_instant), required=False),
    Column("ended_at", optional(check_instant), required=False),
    Column("reported_at", optional(check_instant), required=False),
)
_TEXTS, _TIMES = ("msisdn", "account", "services"), ("started_at", "ended_at", "reported_at")
_FILE = pa.schema(
    [
        ("line", pa.int64()),
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.int64()) for name in _TIMES),
        ("attributes", pa.string()),
    ]
)


def upload_listing(
    session: Session,
    store: SnapshotStore,
    incident_ref: str,
    csv: Path,
    *,
    actor: str,
    services: Sequence[str] = SERVICES,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Take a file of lines (msisdn) or accounts (account: all their lines) as touched by an incident.

    A row may say which services (a|b; else `services`) and when (started_at, ended_at; else the incident's own start
    and end), when it was reported (reported_at), and attributes that staff defined (attribute:NAME), which hold for
    this incident in the place of the base's. Rows that name nobody we know, the same thing twice, or a time outside of
    the incident are rejected. The same file again changes nothing. Raises NotFoundError for an unknown incident,
    RefusedError for a dismissed one, InputError for a file that is not what it should be.
    """
    incident = get_incident(session, incident_ref)
    if incident.status in VOID:
        raise RefusedError(f"{incident.ref} was {incident.status}", where="incident", accepted="one that stands")
    default = _checked_services(services)
    further = attribute_columns(session)
    with CsvFile(csv, COLUMNS, column_map=column_map, further=further) as file, Rejects(csv, reject_dir) as rejects:
        if not {"msisdn", "account"} & set(file.present):
            accepted = "a header with msisdn or account, or both"
            raise InputError("missing column", where=f"{csv}, line 1", value="msisdn", accepted=accepted)
        batches = _checked(file.batches(rejects, progress), incident, default)
        written, values = _resolve(session, store, batches, rejects)
    is_new = written.rows > 0 and not _is_listed(session, incident, written.id, values)
    if is_new:
        _add(session, incident, written, values, csv.name, rejects.rows, actor)
    added = written.rows if is_new else 0
    return ImportResult(str(csv), file.read, added, 0, file.read - rejects.rows - added, rejects.rows, rejects.written)


def withdraw_listing(session: Session, listing_id: int, *, reason: str, actor: str) -> bool:
    """Let a list count no longer; False when it was withdrawn before. Raises NotFoundError; InputError without a
    reason.
    """
    listing = session.get(Listing, listing_id)
    if listing is None:
        raise NotFoundError("no such list", where="list", value=listing_id, accepted="its number")
    if not reason.strip():
        raise InputError("empty", where="reason", accepted="why the list is withdrawn")
    if listing.withdrawn_at is not None:
        return False
    listing.withdrawn_at, listing.withdrawn_by = clock.now(), actor
    session.flush()
    before = {"file": listing.file, "snapshot": listing.snapshot_id}
    subject = f"listing:{listing.id}"
    write_audit(session, actor=actor, action="list withdrawn", subject=subject, before=before, reason=reason.strip())
    return True


def list_listings(session: Session, incident_ref: str) -> list[tuple[Listing, int]]:
    """The lists of an incident, withdrawn ones too, each with its number of rows; raises NotFoundError."""
    incident = get_incident(session, incident_ref)
    statement = select(Listing, Snapshot.rows).join(Snapshot, Snapshot.id == Listing.snapshot_id)
    found = session.execute(statement.where(Listing.incident_id == incident.id).order_by(Listing.id))
    return [(listing, rows) for listing, rows in found]


def _checked_services(services: Sequence[str]) -> str:
    unknown = [service for service in services if service not in SERVICES]
    if unknown or not services:
        accepted = f"{', '.join(SERVICES)} or some of them"
        raise InputError("unknown service", where="services", value=", ".join(unknown) or "none", accepted=accepted)
    return "|".join(service for service in SERVICES if service in services)


def _checked(batches: Iterator[Batch], incident: Incident, services: str) -> Iterator[pa.RecordBatch]:
    """The good rows of each batch as Arrow; what a row says as a whole is checked here."""
    first = clock.to_unix(incident.started_at)
    last = None if incident.restored_at is None else clock.to_unix(incident.restored_at)
    for batch in batches:
        join_attributes(batch, with_empty=False)
        for name in _FILE.names[1:]:
            batch.values.setdefault(name, [None] * len(batch.lines))
        for position in list(batch.good()):
            msisdn, account, _, start, end, *_ = (batch.values[name][position] for name in _FILE.names[1:])
            if (msisdn is None) == (account is None):
                reason = "a row names either a line or an account; accepted: one of the two"
                batch.refuse(position, "msisdn", msisdn or "", reason)
            elif fault := _time_fault(start, end, first, last):
                batch.refuse(position, *fault)
        rows = list(batch.rows(_FILE.names[1:]))
        columns = list(zip(*rows, strict=True)) or [()] * len(_FILE)
        columns[3] = tuple(value or services for value in columns[3])
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _FILE, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=_FILE)


def _time_fault(start: int | None, end: int | None, first: int, last: int | None) -> tuple[str, str, str] | None:
    if start is not None and (start < first or (last is not None and start >= last)):
        return "started_at", _shown(start), f"outside of the incident; accepted: from {_shown(first)} on, until its end"
    if end is not None and last is not None and end > last:
        return "ended_at", _shown(end), f"after the incident's end; accepted: up to {_shown(last)}"
    if end is not None and end <= (first if start is None else start):
        return "ended_at", _shown(end), "ended_at is not after started_at; accepted: a later time"
    return None


def _shown(seconds: int) -> str:
    return str(shown(clock.from_unix(seconds)))


def _resolve(
    session: Session, store: SnapshotStore, batches: Iterator[pa.RecordBatch], rejects: Rejects
) -> tuple[WrittenFile, WrittenFile | None]:
    """Find the lines and accounts that rows name, reject the others, write the rest, and what they say besides."""
    with store.connect() as workspace:
        lay_out_lines(workspace, session, store)
        read_once(workspace, "file", _FILE, batches, listing_sql.STAGED)
        for line, msisdn, account in workspace.fetch_rows(listing_sql.UNKNOWN):
            if msisdn is not None:
                rejects.add(line, [("msisdn", msisdn, "unknown line; accepted: one in the customer base")])
            else:
                rejects.add(line, [("account", account, "unknown account; accepted: one that has lines in the base")])
        for line, value, is_account, first_line in workspace.fetch_rows(listing_sql.DOUBLES):
            rejects.add(line, [("account" if is_account else "msisdn", value, f"the same as on line {first_line}")])
        written = store.write_query(workspace, "listing", listing_sql.ROWS)
        if not workspace.fetch_rows(f"SELECT 1 FROM ({listing_sql.VALUES}) LIMIT 1"):  # noqa: S608 - our own text
            return written, None
        return written, store.write_query(workspace, "listing_values", listing_sql.VALUES)


def _is_listed(session: Session, incident: Incident, snapshot_id: str, values: WrittenFile | None) -> bool:
    statement = select(Listing.id).where(
        Listing.incident_id == incident.id,
        Listing.snapshot_id == snapshot_id,
        Listing.values_snapshot == (None if values is None else values.id),
        Listing.withdrawn_at.is_(None),
    )
    return session.scalars(statement.limit(1)).first() is not None


def _add(
    session: Session,
    incident: Incident,
    written: WrittenFile,
    values: WrittenFile | None,
    file: str,
    rejected: int,
    actor: str,
) -> None:
    now: datetime = clock.now()
    listing = Listing(
        incident_id=incident.id,
        snapshot_id=catalogue(session, written),
        values_snapshot=None if values is None else catalogue(session, values),
        file=file,
        uploaded_by=actor,
        uploaded_at=now,
    )
    session.add(listing)
    session.flush()
    record_change(
        session,
        incident,
        kind="list uploaded",
        text=f"List {listing.id} of {written.rows:,} lines and accounts uploaded from {file}",
        actor=actor,
        after={"listing": listing.id, "file": file, "rows": written.rows, "rejected": rejected},
    )
