"""The mirror: the subscriber base as one columnar snapshot, remade when the base has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from sqlalchemy import Select, Text, cast, func, select, update
from sqlalchemy.orm import Session

from foundation.bulk import Progress, read_batches
from foundation.db import Database, insert_ignoring
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.models import Account, BulkState, Subscriber

SCHEMA = pa.schema(
    [
        ("line_id", pa.int64()),
        ("account_id", pa.int64()),
        ("account_ref", pa.string()),
        ("currency", pa.string()),
        ("account_lines", pa.int64()),
        ("msisdn", pa.string()),
        ("plan", pa.string()),
        ("payment_type", pa.string()),
        ("segment", pa.string()),
        ("brand", pa.string()),
        ("language", pa.string()),
        ("zone", pa.string()),
        ("status", pa.string()),
        ("fee_list_minor", pa.int64()),
        ("fee_discounted_minor", pa.int64()),
        ("fee_service_minor", pa.int64()),
        ("fee_device_minor", pa.int64()),
        ("contract_started_on", pa.date32()),
        ("contract_ended_on", pa.date32()),
        ("served_by_id", pa.int64()),
        ("attributes", pa.string()),
    ]
)
_TRIES = 5


def ensure_mirror(database: Database, store: SnapshotStore, *, progress: Progress | None = None) -> str:
    """The id of a snapshot that mirrors the base as it is now; made only if the base changed since the last one.

    One row per subscriber, columns as in `SCHEMA`, in the order of line_id; money in minor units. Owns its
    transactions: a long one for reading, then a short one that enters the snapshot, unless the base changed
    meanwhile, in which case the file is left to the sweep and all is done again. Raises RefusedError when the base
    keeps changing.
    """
    for _ in range(_TRIES):
        with database.reading() as session:
            version, current = _state(session)
            if current is not None and _is_there(store, current):
                return current
            written = store.write_batches("base", SCHEMA, _told(session, progress))
        with database.transaction() as session:
            if _enter(session, written, version):
                return written.id
    raise RefusedError("the subscriber base keeps changing while it is read", accepted="another try, after the import")


def _state(session: Session) -> tuple[int, str | None]:
    """The base's version, and its mirror's id if that mirrors this version."""
    state = session.get(BulkState, "base")
    if state is None:
        return 0, None
    return state.version, state.snapshot_id if state.snapshot_version == state.version else None


def _is_there(store: SnapshotStore, snapshot_id: str) -> bool:
    # A mirror that was lost (records restored from a back-up, files not) can be made again.
    try:
        store.path(snapshot_id)
    except NotFoundError:
        return False
    return True


def _statement() -> Select[*tuple[object, ...]]:
    lines = select(Subscriber.account_id, func.count().label("lines")).group_by(Subscriber.account_id).subquery()
    columns = {
        "line_id": Subscriber.id,
        "account_ref": Account.ref,
        "currency": Account.currency,
        "account_lines": lines.c.lines,
        "attributes": cast(Subscriber.attributes, Text),
    }
    names = [columns[name] if name in columns else getattr(Subscriber, name) for name in SCHEMA.names]
    return (
        select(*names)
        # Outer joins, though each line has both, keep SQLite from starting at the counts and sorting everything.
        .outerjoin(Account, Account.id == Subscriber.account_id)
        .outerjoin(lines, lines.c.account_id == Subscriber.account_id)
        .order_by(Subscriber.id)
    )


def _told(session: Session, progress: Progress | None) -> Iterator[pa.RecordBatch]:
    total = 0 if progress is None else session.scalar(select(func.count()).select_from(Subscriber)) or 0
    done = 0
    # One statement, so that what it reads is of one moment at any isolation level.
    for batch in read_batches(session.connection(), _statement(), SCHEMA):
        yield batch
        done += batch.num_rows
        if progress is not None:
            progress(done, max(done, total))


def _enter(session: Session, written: WrittenFile, version: int) -> bool:
    """Catalogue the mirror of this version; False when the base has another version by now."""
    session.execute(insert_ignoring(session, BulkState), {"name": "base", "version": 0})
    now = session.scalars(select(BulkState.version).where(BulkState.name == "base").with_for_update()).one()
    if now != version:
        return False
    catalogue(session, written)
    session.execute(
        update(BulkState).where(BulkState.name == "base").values(snapshot_id=written.id, snapshot_version=version)
    )
    return True
