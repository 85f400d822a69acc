"""Snapshots: immutable Parquet files named by their content's hash, catalogued in the records."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.db import Base, Instant, insert_ignoring
from foundation.errors import NotFoundError
from foundation.parquet_file import ParquetFile
from foundation.workspaces import Workspace, open_workspace, quoted

_SUFFIX = ".parquet"
_ROW_GROUP = 122_880
_LEAST_MEMORY_MB = 64
_OVER = b"layer over"
_KEY = b"layer key"


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
        self.memory_mb = max(memory_mb, _LEAST_MEMORY_MB)
        self.threads = threads
        # Arrow's own pool keeps what was freed: a tenth of the memory that the settings promise for all.
        pa.set_memory_pool(pa.system_memory_pool())

    @contextlib.contextmanager
    def connect(self) -> Iterator[Workspace]:
        """A workspace bounded to `memory_mb`, spilling to a directory of its own that goes with it."""
        # Two processes that spill into one directory would overwrite each other's files: the names are not unique.
        spill = self._unfinished_directory() / f"{uuid.uuid4().hex}.spill"
        spill.mkdir()
        try:
            with open_workspace(spill, memory_mb=self.memory_mb, threads=self.threads) as workspace:
                yield workspace
        finally:
            shutil.rmtree(spill, ignore_errors=True)

    def source(self, *snapshot_ids: str) -> str:
        """The SQL text that reads these snapshots as one relation; raises NotFoundError when a file is missing.

        A layer is read with what it lies over, in no order.
        """
        plain = [str(path) for path, layer in map(self._found, snapshot_ids) if layer is None]
        parts = [f"read_parquet([{', '.join(map(quoted, plain))}])"] if plain else []
        parts += [self._layered(path, *layer) for path, layer in map(self._found, snapshot_ids) if layer is not None]
        return parts[0] if len(parts) == 1 else f"({' UNION ALL '.join(f'FROM {part}' for part in parts)})"

    def count_rows(self, snapshot_id: str) -> int:
        """How many rows a snapshot has; raises NotFoundError when a file is missing."""
        path, layer = self._found(snapshot_id)
        if layer is None:
            return int(pq.read_metadata(path).num_rows)
        with self.connect() as workspace:
            ((count,),) = workspace.fetch_rows(f"FROM {self.source(snapshot_id)} SELECT count(*)")
            return int(count)

    def rows(self, snapshot_id: str) -> int:
        """How many rows the file of a snapshot has, or that of what it lies over; raises as `path` does."""
        path, layer = self._found(snapshot_id)
        return int(pq.read_metadata(path).num_rows) if layer is None else self.rows(layer[0])

    def columns(self, snapshot_id: str) -> tuple[str, ...]:
        """The names of a snapshot's columns; raises NotFoundError when its file is missing."""
        return tuple(pq.read_schema(self.path(snapshot_id)).names)

    def is_layer(self, snapshot_id: str) -> bool:
        """Whether a snapshot is read together with what it lies over, and so in no order; raises as `path` does."""
        return self._found(snapshot_id)[1] is not None

    def cuts(self, snapshot_id: str, column: str, parts: int, *, whole_groups: bool = False) -> list[int]:
        """Up to `parts - 1` values of a column of integers that cut a snapshot into ranges of about as many rows.

        By what the file says of its row groups, without reading them: good where the file is in the order of that
        column, and of use anywhere. A layer is cut by what it lies over. `whole_groups`: where row groups end, unless
        they have more than twice as many rows as a part should have: one that is cut is read for each of its parts.
        Raises NotFoundError when a file is missing.
        """
        path, layer = self._found(snapshot_id)
        if layer is not None:
            return self.cuts(layer[0], column, parts, whole_groups=whole_groups)
        found: set[int] = set()
        with pq.ParquetFile(path) as file:
            place = file.schema_arrow.get_field_index(column)
            rows, passed = max(file.metadata.num_rows, 1), 0
            for group in map(file.metadata.row_group, range(file.num_row_groups)):
                extent = group.column(place).statistics
                first_cut, passed_then = passed * parts // rows + 1, passed
                passed += group.num_rows
                if extent is None or not extent.has_min_max:
                    continue
                # Nothing is said about the inside of a row group: it is taken to be even.
                for cut in range(first_cut, min(passed * parts // rows, parts - 1) + 1):
                    if whole_groups and group.num_rows * parts <= 2 * rows:
                        found.add(extent.max)
                        continue
                    share = (cut * rows // parts - passed_then, group.num_rows)
                    found.add(extent.min + (extent.max - extent.min) * share[0] // share[1])
        return sorted(found)

    def _found(self, snapshot_id: str) -> tuple[Path, tuple[str, str] | None]:
        path = self.path(snapshot_id)
        return path, _layer_of(path)

    def _layered(self, path: Path, over: str, key: str) -> str:
        upper, lower = f"read_parquet({quoted(str(path))})", self.source(over)
        return f"(FROM {upper} UNION ALL FROM {lower} lower_rows ANTI JOIN {upper} upper_rows USING ({key}))"

    def write_query(self, workspace: Workspace, kind: str, query: str, *, row_group: int = _ROW_GROUP) -> WrittenFile:
        """Write a query's rows, in its order, as a snapshot; nothing is visible until the file is synced and renamed.

        A reader of single rows decodes whole row groups: a smaller `row_group` is quicker for it. On any failure the
        unfinished file is removed and the store is as it was.
        """
        with self._unfinished_path() as unfinished:
            # The second version keeps whole numbers as differences: a tenth less to store, read in a third of the time.
            form = f"FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, ROW_GROUP_SIZE {row_group}"
            workspace.execute(f"COPY ({query}) TO {quoted(str(unfinished))} ({form})")
            return self.finish(unfinished, kind)

    def write_batches(
        self,
        kind: str,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        *,
        over: tuple[str, str] | None = None,
        distinct: Collection[str] = (),
    ) -> WrittenFile:
        """Write Arrow batches as a snapshot, a row group each, so that memory stays at a batch.

        `over`: another snapshot's id and a column. The new one is then a layer: it stands for the other's rows, those
        of the same value in that column replaced by its own, and its own others besides. The file names what it lies
        over, so that its id stands for all of it. `WrittenFile.rows` are its own rows. `distinct`: columns as `writing`
        wants them.
        """
        if over is not None:
            schema = schema.with_metadata({_OVER: over[0].encode(), _KEY: over[1].encode()})
        with self.writing(kind, schema, distinct=distinct) as writer:
            for batch in batches:
                writer.write(batch)
            return writer.finish()

    @contextlib.contextmanager
    def writing(
        self, kind: str, schema: pa.Schema, *, row_group: int = 1, distinct: Collection[str] = ()
    ) -> Iterator[SnapshotWriter]:
        """A snapshot to be written batch by batch, while other work goes on; nothing of it is kept unless finished.

        Batches are put together until a row group has at least `row_group` rows. `distinct`: columns whose values
        hardly ever stand twice in a row group, of which a dictionary would be made for nothing.
        """
        with self._unfinished_path() as unfinished, ParquetFile(unfinished, schema, row_group, distinct) as file:
            yield SnapshotWriter(self, kind, unfinished, file)

    def path(self, snapshot_id: str) -> Path:
        """Where a snapshot's own file stands; raises NotFoundError when it is not there. `source` reads layers too."""
        path = self.directory / f"{snapshot_id}{_SUFFIX}"
        if not path.is_file():
            raise NotFoundError(
                "snapshot file is missing",
                where=str(self.directory),
                value=snapshot_id,
                accepted="the files that belong to these records; restore them from the back-up",
            )
        return path

    def sweep(self, session: Session, *, older_than: timedelta = timedelta(hours=1)) -> int:
        """Delete files that no catalogue row names and that are older than `older_than`; returns how many.

        The age protects a file whose writer has yet to catalogue it. A spill directory of a dead process counts as one.
        """
        # Files are listed before the catalogue is read: one that is catalogued in between is known then.
        files = list(self.directory.glob(f"*{_SUFFIX}"))
        limit = self._file_time() - older_than.total_seconds()
        known = set(session.scalars(select(Snapshot.id)))
        strays = [path for path in files if path.stem not in known]
        strays += self._unfinished_directory().iterdir()
        return sum(_remove(path) for path in strays if _changed_at(path) <= limit)

    def _file_time(self) -> float:
        # By the clock that stamps the files: ours may be moved, and a shared file system has its own.
        probe = self._unfinished_directory() / f"{uuid.uuid4().hex}.probe"
        probe.touch()
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink()

    def _unfinished_directory(self) -> Path:
        path = self.directory / "unfinished"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def _unfinished_path(self) -> Iterator[Path]:
        path = self._unfinished_directory() / f"{uuid.uuid4().hex}{_SUFFIX}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def finish(self, unfinished: Path, kind: str) -> WrittenFile:
        """Sync a whole file, name it by its content and make it visible."""
        with unfinished.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        rows = pq.read_metadata(unfinished).num_rows
        final = self.directory / f"{digest}{_SUFFIX}"
        size = unfinished.stat().st_size
        unfinished.replace(final)
        _sync_directory(self.directory)
        return WrittenFile(digest, kind, rows, size)


class SnapshotWriter:
    """A snapshot while it is being written, by `SnapshotStore.writing`."""

    def __init__(self, store: SnapshotStore, kind: str, unfinished: Path, file: ParquetFile) -> None:
        self._store = store
        self._kind = kind
        self._unfinished = unfinished
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows; raises what went wrong with rows before."""
        self._file.write(batch)

    def finish(self) -> WrittenFile:
        """Write what is left and make the snapshot visible; the last call."""
        self._file.close()
        return self._store.finish(self._unfinished, self._kind)


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


def list_missing(session: Session, store: SnapshotStore) -> list[str]:
    """The catalogued ids whose files are not in the store: what a back-up of the files has to bring back."""
    present = {path.stem for path in store.directory.glob(f"*{_SUFFIX}")}
    return [known for known in session.scalars(select(Snapshot.id).order_by(Snapshot.id)) if known not in present]


@functools.lru_cache(maxsize=4096)
def _layer_of(path: Path) -> tuple[str, str] | None:
    """What a file lies over and the column that tells rows apart, if it is a layer; files never change."""
    metadata = pq.read_schema(path).metadata or {}
    return (metadata[_OVER].decode(), metadata[_KEY].decode()) if _OVER in metadata else None


def _changed_at(path: Path) -> float:
    """When a file, or anything in a directory, last changed; what vanished meanwhile counts as new."""
    try:
        return max(found.stat().st_mtime for found in (path, *path.glob("*")))
    except FileNotFoundError:
        return float("inf")


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not path.exists()


def _sync_directory(path: Path) -> None:
    # The rename itself is only safe once the directory is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
