"""Presence: where lines were seen or stayed, kept as immutable parts by UTC day, imported and forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import Progress
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import Snapshot, SnapshotStore, catalogue
from outage.imports.importing import ImportResult, Rejects
from outage.models import BulkState, PresencePart
from outage.network.inventory import current_version, raise_version
from outage.presence.importing import INTERVALS, SIGHTINGS, DayPart, PresenceForm, read_presence
from outage.presence.sql import DAY_SECONDS

FORGOTTEN = "presence_forgotten"
"""The bulk state whose version is the first day, counted from 1970, of which presence has not been forgotten."""
_NAMED = 12


@dataclass(frozen=True)
class Forgotten:
    """Presence that was taken out of the records: its parts, whose files may be deleted once that is committed."""

    parts: tuple[str, ...]
    rows: int


def import_sightings(
    session: Session,
    store: SnapshotStore,
    file: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Keep the sightings of a CSV or Parquet file: msisdn, cell, seen_at (with its offset), a part per UTC day.

    Parts are named by their content, so that the same file twice adds nothing; a sighting twice in a file counts once.
    Rows that name a line or cell the records do not know are rejected. The numbers themselves are not kept. Raises
    InputError for a file that is not what it should be.
    """
    return _import(session, store, file, SIGHTINGS, actor, column_map, reject_dir, progress)


def import_intervals(
    session: Session,
    store: SnapshotStore,
    file: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Keep ready intervals of presence: msisdn, cell, started_at, ended_at; otherwise as `import_sightings`.

    A part holds what starts on its day.
    """
    return _import(session, store, file, INTERVALS, actor, column_map, reject_dir, progress)


def parts_between(session: Session, kind: str, first: int, last: int) -> tuple[str, ...]:
    """The parts of a kind that hold anything from `first` to `last`, both in it, Unix seconds."""
    overlapping = select(PresencePart.snapshot_id).where(
        PresencePart.kind == kind,
        PresencePart.seen_to >= clock.from_unix(first),
        PresencePart.seen_from <= clock.from_unix(last),
    )
    return tuple(session.scalars(overlapping.order_by(PresencePart.snapshot_id)))


def forget_presence(session: Session, *, older_than_days: int, actor: str) -> Forgotten:
    """Take out of the records all parts of days that ended more than so many days ago.

    What started on such a day goes, even if it lasted longer. The files are still there until the caller has committed
    and called `delete_files`, or the store is swept. Raises InputError unless the days are 1 or more.
    """
    if older_than_days < 1:
        raise InputError("not a number of days", where="days", value=older_than_days, accepted="1 or more")
    kept_from = clock.now().date() - timedelta(days=older_than_days)
    old = select(PresencePart.snapshot_id).where(PresencePart.day < kept_from)
    parts = tuple(session.scalars(old.order_by(PresencePart.snapshot_id)))
    _move_forgotten(session, clock.to_unix(clock.now()) // DAY_SECONDS - older_than_days)
    if not parts:
        return Forgotten((), 0)
    rows = sum(
        session.scalars(
            select(Snapshot.rows)
            .join(PresencePart, PresencePart.snapshot_id == Snapshot.id)
            .where(PresencePart.day < kept_from)
        )
    )
    session.execute(delete(PresencePart).where(PresencePart.day < kept_from))
    for part in parts:
        session.execute(delete(Snapshot).where(Snapshot.id == part))
    version = raise_version(session, "presence")
    after = {"parts": len(parts), "rows": rows, "kept from": kept_from.isoformat()}
    write_audit(session, actor=actor, action="presence forgotten", subject=f"presence:{version}", after=after)
    return Forgotten(parts, rows)


def delete_files(store: SnapshotStore, parts: Iterable[str]) -> None:
    """Delete the files of forgotten parts; only after the records that named them are gone."""
    for part in parts:
        (store.directory / f"{part}.parquet").unlink(missing_ok=True)


def forget_old_presence(database: Database, store: SnapshotStore, *, older_than_days: int, actor: str) -> Forgotten:
    """Forget presence in a transaction of its own, then delete its files; for a job, which may run twice."""
    with database.transaction() as session:
        forgotten = forget_presence(session, older_than_days=older_than_days, actor=actor)
    delete_files(store, forgotten.parts)
    return forgotten


def _import(
    session: Session,
    store: SnapshotStore,
    file: Path,
    form: PresenceForm,
    actor: str,
    column_map: Mapping[str, str] | None,
    reject_dir: Path,
    progress: Progress | None,
) -> ImportResult:
    with Rejects(file, reject_dir) as rejects:
        found = read_presence(session, store, file, form, rejects, column_map=column_map, progress=progress)
    new = [part for part in found.parts if session.get(PresencePart, part.written.id) is None]
    for part in new:
        _add(session, form, part)
    added = sum(part.written.rows for part in new)
    if new:
        version = raise_version(session, "presence")
        after = {"file": file.name, f"{form.kind}s": added, "rejected": rejects.rows, "parts": _named(new)}
        write_audit(session, actor=actor, action=f"{form.kind}s imported", subject=f"presence:{version}", after=after)
    unchanged = found.good - added
    return ImportResult(str(file), found.read, added, 0, unchanged, rejects.rows, rejects.written)


def _add(session: Session, form: PresenceForm, part: DayPart) -> None:
    session.add(
        PresencePart(
            snapshot_id=catalogue(session, part.written),
            kind=form.kind,
            day=clock.from_unix(part.day * DAY_SECONDS).date(),
            seen_from=clock.from_unix(part.first),
            seen_to=clock.from_unix(part.last),
        )
    )


def _named(parts: list[DayPart]) -> list[str]:
    return [part.written.id for part in parts[:_NAMED]]


def _move_forgotten(session: Session, day: int) -> None:
    if current_version(session, FORGOTTEN) >= day:
        return
    raise_version(session, FORGOTTEN)
    session.execute(update(BulkState).where(BulkState.name == FORGOTTEN).values(version=day))
