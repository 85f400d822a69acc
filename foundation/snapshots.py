"""Snapshots: immutable Parquet files named by their content's hash, by DuckDB, catalogued in the records."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.db import Base, Instant, insert_ignoring
from foundation.errors import NotFoundError

_SUFFIX = ".parquet"


class Snapshot(Base):
    """The catalogue: a file counts only when it stands here."""

    __tablename__ = "snapshots"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    rows: Mapped[int]
    bytes: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant)


@dataclass(frozen=True)
class WrittenFile:
    """A file that is on disk and safe, not yet catalogued: id (sha256 of the content), kind, rows, bytes."""

    id: str
    kind: str
    rows: int
    bytes: int


class SnapshotStore:
    """The directory of snapshots. Write the file first, then `catalogue` it in the transaction that refers to it."""

    def __init__(self, directory: Path, *, memory_mb: int = 500, threads: int = 2) -> None:
        self.directory = directory
        self.memory_mb = memory_mb
        self.threads = threads

    @contextlib.contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB of its own, bounded in memory, spilling to disk; all SQL for bulk work runs here."""
        spill = self._unfinished_directory()
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{self.memory_mb}MB",
            "threads": str(self.threads),
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        connection = duckdb.connect(":memory:", config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()

    def write_query(self, connection: duckdb.DuckDBPyConnection, kind: str, query: str) -> WrittenFile:
        """Write a query's rows as a snapshot; nothing is visible until the whole file is synced and renamed."""
        unfinished = self._unfinished_path()
        connection.execute(f"COPY ({query}) TO '{unfinished}' (FORMAT parquet, COMPRESSION zstd)")
        return self._finish(unfinished, kind)

    def write_batches(self, kind: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> WrittenFile:
        """Write Arrow batches as a snapshot, one at a time, so that memory stays at a batch."""
        unfinished = self._unfinished_path()
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
        return self._finish(unfinished, kind)

    def path(self, snapshot_id: str) -> Path:
        """Where a snapshot's file stands; raises NotFoundError when it is not there."""
        path = self.directory / f"{snapshot_id}{_SUFFIX}"
        if not path.is_file():
            raise NotFoundError("snapshot file is missing", where=str(self.directory), value=snapshot_id)
        return path

    def sweep(self, session: Session, *, older_than: timedelta = timedelta(hours=1)) -> int:
        """Delete files that no catalogue row names and that are older than `older_than`; returns how many.

        The age protects a file whose writer has yet to catalogue it.
        """
        known = set(session.scalars(select(Snapshot.id)))
        limit = clock.to_unix(clock.now()) - older_than.total_seconds()
        strays = [path for path in self.directory.glob(f"*{_SUFFIX}") if path.stem not in known]
        strays += [path for path in self._unfinished_directory().iterdir() if path.is_file()]
        old = [path for path in strays if path.stat().st_mtime <= limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _unfinished_directory(self) -> Path:
        path = self.directory / "unfinished"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _unfinished_path(self) -> Path:
        return self._unfinished_directory() / f"{uuid.uuid4().hex}{_SUFFIX}"

    def _finish(self, unfinished: Path, kind: str) -> WrittenFile:
        with unfinished.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        rows = pq.read_metadata(unfinished).num_rows
        final = self.directory / f"{digest}{_SUFFIX}"
        size = unfinished.stat().st_size
        unfinished.replace(final)
        _sync_directory(self.directory)
        return WrittenFile(digest, kind, rows, size)


def catalogue(session: Session, written: WrittenFile) -> str:
    """Enter a written file in the catalogue (again: no change); returns its id."""
    values = {
        "id": written.id,
        "kind": written.kind,
        "rows": written.rows,
        "bytes": written.bytes,
        "created_at": clock.now(),
    }
    session.execute(insert_ignoring(session, Snapshot), values)
    return written.id


def _sync_directory(path: Path) -> None:
    # The rename itself is only safe once the directory is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
