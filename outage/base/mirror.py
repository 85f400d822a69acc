"""The mirror: the subscriber base as a columnar snapshot, brought up to date when the base has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Select, Subquery, Text, cast, func, literal, select, update
from sqlalchemy.orm import Session, aliased

from foundation.bulk import Progress, read_batches
from foundation.db import Database, insert_ignoring
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.base import log as base_log
from outage.models import Account, BulkState, Subscriber

SCHEMA = pa.schema(
    [
        ("line_id", pa.int64()),
        ("account_id", pa.int64()),
        ("account_ref", pa.string()),
        ("currency", pa.string()),
        ("account_lines", pa.int64()),
        ("account_bill_day", pa.int64()),
        ("account_standing", pa.string()),
        ("account_depth", pa.int64()),
        ("msisdn", pa.string()),
        ("imsi", pa.string()),
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
        ("home_area", pa.string()),
        ("attributes", pa.string()),
    ]
)
_DISTINCT = ("line_id", "account_id", "account_ref", "msisdn", "imsi")
_TRIES = 5


def ensure_mirror(database: Database, store: SnapshotStore, *, progress: Progress | None = None) -> str:
    """The id of a snapshot that mirrors the base as it is now; made only if the base changed since the last one.

    One row per subscriber, columns as in `SCHEMA`; money in minor units. While few lines changed since the last mirror
    that was made whole, and all of them are logged, only those are read: they become a layer over it, which
    `SnapshotStore.source` reads as one, in no order. A whole one is in the order of line_id.

    Owns its transactions: a long one for reading, then a short one that enters the snapshot, unless the base changed
    meanwhile, in which case the file is left to the sweep and all is done again. Raises RefusedError when the base
    keeps changing.
    """
    for _ in range(_TRIES):
        with database.reading() as session:
            version, current = _state(session)
            if current is not None and _is_usable(store, current):
                return current
            whole = _whole_below(session, store)
            written = _write(session, store, whole, progress)
        with database.transaction() as session:
            if _enter(session, written, version, whole):
                return written.id
    raise RefusedError("the subscriber base keeps changing while it is read", accepted="another try, after the import")


def _state(session: Session) -> tuple[int, str | None]:
    """The base's version, and its mirror's id if that mirrors this version."""
    state = session.get(BulkState, "base")
    if state is None:
        return 0, None
    return state.version, state.snapshot_id if state.snapshot_version == state.version else None


def _is_usable(store: SnapshotStore, snapshot_id: str) -> bool:
    # A mirror that was lost (records restored from a back-up, files not) can be made again.
    try:
        store.source(snapshot_id)
    except NotFoundError:
        return False
    # An earlier release may have written other columns.
    schema = pq.read_schema(store.path(snapshot_id))
    return bool(schema.remove_metadata() == SCHEMA)


@dataclass(frozen=True)
class _Whole:
    """The last mirror that was made whole, and how many of its lines were touched since."""

    id: str
    version: int
    touched: int


def _whole_below(session: Session, store: SnapshotStore) -> _Whole | None:
    """What a layer can lie over; None when the mirror has to be made whole."""
    state = session.get(BulkState, "base")
    if state is None or state.whole_id is None or state.whole_version is None:
        return None
    if state.whole_version < state.logged_from or not _is_usable(store, state.whole_id):
        return None
    touched = base_log.count_since(session, state.whole_version)
    if touched > store.count_rows(state.whole_id) * base_log.LARGEST_SHARE:
        return None
    return _Whole(state.whole_id, state.whole_version, touched)


def _write(session: Session, store: SnapshotStore, whole: _Whole | None, progress: Progress | None) -> WrittenFile:
    if whole is not None and whole.touched == 0:
        return WrittenFile(whole.id, "base", rows=0, bytes=0)  # catalogued with its own figures when it was made
    if whole is None:
        total = session.scalar(select(func.count()).select_from(Subscriber)) or 0 if progress else 0
        return store.write_batches("base", SCHEMA, _told(session, _statement(), total, progress), distinct=_DISTINCT)
    statement = _statement(base_log.lines_since(whole.version))
    batches = _told(session, statement, whole.touched, progress)
    return store.write_batches("base", SCHEMA, batches, over=(whole.id, "line_id"), distinct=_DISTINCT)


def _statement(touched: Select[Any] | None = None) -> Select[Any]:
    """The mirror's rows, or those of the touched lines."""
    counted = select(Subscriber.account_id, func.count().label("lines")).group_by(Subscriber.account_id)
    if touched is not None:
        accounts = select(Subscriber.account_id).where(Subscriber.id.in_(touched))
        counted = counted.where(Subscriber.account_id.in_(accounts))
    lines, depths = counted.subquery(), _depths()
    columns = {
        "line_id": Subscriber.id,
        "account_ref": Account.ref,
        "currency": Account.currency,
        "account_lines": lines.c.lines,
        "account_bill_day": Account.bill_day,
        "account_standing": Account.standing,
        "account_depth": func.coalesce(depths.c.depth, 0),
        "attributes": cast(Subscriber.attributes, Text),
    }
    names = [columns[name] if name in columns else getattr(Subscriber, name) for name in SCHEMA.names]
    statement = (
        select(*names)
        # Outer joins, though each line has both, keep SQLite from starting at the counts and sorting everything.
        .outerjoin(Account, Account.id == Subscriber.account_id)
        .outerjoin(lines, lines.c.account_id == Subscriber.account_id)
        .outerjoin(depths, depths.c.id == Subscriber.account_id)
        .order_by(Subscriber.id)
    )
    return statement if touched is None else statement.where(Subscriber.id.in_(touched))


def _depths() -> Subquery:
    """How many accounts stand above each account that has a parent; most have none and are not in it."""
    parent = aliased(Account)
    tops = (
        select(Account.id, literal(1).label("depth"))
        .join(parent, parent.id == Account.parent_id)
        .where(parent.parent_id.is_(None))
    )
    tree = tops.cte("account_depths", recursive=True)
    below = select(Account.id, tree.c.depth + 1).join(tree, tree.c.id == Account.parent_id)
    return select(tree.union_all(below)).subquery()


def _told(session: Session, statement: Select[Any], total: int, progress: Progress | None) -> Iterator[pa.RecordBatch]:
    done = 0
    # One statement, so that what it reads is of one moment at any isolation level.
    for batch in read_batches(session.connection(), statement, SCHEMA):
        yield batch
        done += batch.num_rows
        if progress is not None:
            progress(done, max(done, total))


def _enter(session: Session, written: WrittenFile, version: int, whole: _Whole | None) -> bool:
    """Catalogue the mirror of this version; False when the base has another version by now."""
    session.execute(insert_ignoring(session, BulkState), {"name": "base", "version": 0})
    now = session.scalars(select(BulkState.version).where(BulkState.name == "base").with_for_update()).one()
    if now != version:
        return False
    catalogue(session, written)
    values: dict[str, object] = {"snapshot_id": written.id, "snapshot_version": version}
    if whole is None:
        values |= {"whole_id": written.id, "whole_version": version}
        base_log.forget_to(session, version)
    session.execute(update(BulkState).where(BulkState.name == "base").values(values))
    return True
