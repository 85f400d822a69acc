"""Presence: sightings of lines on cells from CSV, kept as immutable parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import Progress
from foundation.snapshots import SnapshotStore, catalogue
from outage.column_checks import check_instant, text_of
from outage.importing import Batch, Column, CsvFile, ImportResult, Refusal, Rejects
from outage.inventory import raise_version
from outage.models import NetworkElement, PresencePart, Subscriber
from outage.msisdn import check_msisdn

COLUMNS = (
    Column("msisdn", check_msisdn, distinct=True),
    Column("cell", text_of(128)),
    Column("seen_at", check_instant),
)
SCHEMA = pa.schema([("line_id", pa.int64()), ("element_id", pa.int64()), ("seen_at", pa.int64())])
_CHUNK = 5_000


def import_sightings(
    session: Session,
    store: SnapshotStore,
    csv: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Write the sightings of a file (`COLUMNS`; seen_at with its offset) as one part, by line and element ids.

    The part is named by its content, so the same file twice adds nothing. Rows that name a line or cell the records
    do not know are rejected. The numbers themselves are not kept. Raises InputError for a file that is not what it
    should be.
    """
    cells = {row.ref: row.id for row in session.execute(select(NetworkElement.ref, NetworkElement.id))}
    span = _Span()
    with CsvFile(csv, COLUMNS, column_map=column_map) as file, Rejects(csv, reject_dir) as rejects:
        batches = _resolved(session, file.batches(rejects, progress), cells)
        written = store.write_batches("presence", SCHEMA, span.watch(batches))
    is_new = written.rows > 0 and session.get(PresencePart, written.id) is None
    if is_new:
        session.add(
            PresencePart(
                snapshot_id=catalogue(session, written),
                seen_from=clock.from_unix(span.first),
                seen_to=clock.from_unix(span.last),
            )
        )
        version = raise_version(session, "presence")
        after = {"file": csv.name, "sightings": written.rows, "rejected": rejects.rows, "snapshot": written.id}
        write_audit(session, actor=actor, action="sightings imported", subject=f"presence:{version}", after=after)
    added = written.rows if is_new else 0
    return ImportResult(str(csv), file.read, added, 0, written.rows - added, rejects.rows, rejects.written)


class _Span:
    """The first and the last instant of the sightings that pass by."""

    def __init__(self) -> None:
        self.first = 2**62
        self.last = 0

    def watch(self, batches: Iterable[list[tuple[int, int, int]]]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            if not rows:
                continue
            columns = list(zip(*rows, strict=True))
            self.first = min(self.first, *columns[2])
            self.last = max(self.last, *columns[2])
            arrays = [pa.array(values, type=field.type) for values, field in zip(columns, SCHEMA, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _resolved(
    session: Session, batches: Iterable[Batch], cells: Mapping[str, int]
) -> Iterator[list[tuple[int, int, int]]]:
    """Rows of ids in the place of numbers and refs; what the records do not know is refused."""
    for batch in batches:
        numbers, refs, seen = (batch.values[column.name] for column in COLUMNS)
        lines = _line_ids(session, {number for number in numbers if type(number) is not Refusal})
        for position in list(batch.good()):
            if numbers[position] not in lines:
                batch.refuse(position, "msisdn", numbers[position], "unknown line; accepted: one in the customer base")
            if refs[position] not in cells:
                reason = "unknown network element; accepted: a ref from the inventory"
                batch.refuse(position, "cell", refs[position], reason)
        yield [(lines[numbers[at]], cells[refs[at]], seen[at]) for at in batch.good()]


def _line_ids(session: Session, numbers: Iterable[str]) -> dict[str, int]:
    wanted = list(numbers)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        statement = select(Subscriber.msisdn, Subscriber.id).where(
            Subscriber.msisdn.in_(wanted[start : start + _CHUNK])
        )
        found.update((row.msisdn, row.id) for row in session.execute(statement))
    return found
