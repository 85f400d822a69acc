"""Files of presence, CSV or Parquet, checked as columns in one workspace and written as one part per UTC day."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.bulk import Progress
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore, WrittenFile
from foundation.workspaces import Workspace
from outage.base.known_lines import lay_out_lines, read_once
from outage.imports.column_checks import Check, check_instant, text_of
from outage.imports.importing import Column, CsvFile, Rejects
from outage.models import NetworkElement
from outage.msisdn import check_msisdn
from outage.presence import sql as presence_sql

_BATCH = 65_536
_CLOCKS_DIFFER = 86_400
"""How many seconds ahead of ours the clock of who saw a line may be."""
_CELLS = pa.schema([("element_id", pa.int64()), ("ref", pa.string())])
_UNKNOWN_LINE = "unknown line; accepted: one in the customer base"
_UNKNOWN_CELL = "unknown network element; accepted: a ref from the inventory"
_check_cell = text_of(128)


@dataclass(frozen=True)
class PresenceForm:
    """A form of presence: its kind, and its columns of time in a file and in a part, the first one giving the day."""

    kind: str
    times: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a file."""
        times = [Column(name, check_instant) for name in self.times]
        return (Column("msisdn", check_msisdn, distinct=True), Column("cell", _check_cell), *times)

    @property
    def schema(self) -> pa.Schema:
        """The columns of a part."""
        return pa.schema([(name, pa.int64()) for name in ("line_id", "element_id", *self.times)])


SIGHTINGS = PresenceForm("sighting", ("seen_at",))
INTERVALS = PresenceForm("interval", ("started_at", "ended_at"))


@dataclass(frozen=True)
class DayPart:
    """The presence of one UTC day that a file held: its written file, its first instant and its last, Unix seconds."""

    written: WrittenFile
    day: int
    first: int
    last: int


@dataclass(frozen=True)
class ReadPresence:
    """What a file held: its parts by day, and how many rows were read, good and rejected."""

    parts: tuple[DayPart, ...]
    read: int
    good: int


def read_presence(
    session: Session,
    store: SnapshotStore,
    file: Path,
    form: PresenceForm,
    rejects: Rejects,
    *,
    column_map: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ReadPresence:
    """Check a file against the base and the inventory, and write its good rows, a file per day, not yet catalogued.

    A file whose name ends in .parquet is Parquet (times as timestamps with a zone, or as text with offsets), any other
    one CSV. Raises InputError for a file that is not what it should be; nothing is written then.
    """
    source = _ParquetSource if file.suffix.lower() == ".parquet" else _CsvSource
    latest = clock.to_unix(clock.now()) + _CLOCKS_DIFFER
    with source(file, form, rejects, column_map or {}, progress) as rows, store.connect() as workspace:
        cells = _lay_out_known(workspace, session, store)
        schema = pa.schema(
            [("line", pa.int64()), ("msisdn", pa.string()), ("cell", pa.string())]
            + [(name, pa.string() if is_text else pa.int64()) for name, is_text in rows.times.items()]
        )
        read_once(workspace, "file", schema, rows.batches(schema), presence_sql.staged_sql(rows.times, latest))
        workspace.register_rows(
            "mended", form.schema, _look_at_faulty(workspace, form, cells, latest, rejects, rows.times)
        )
        workspace.execute(presence_sql.good_sql(form.schema.names))
        return _write_days(workspace, store, form, rows.read)


def _write_days(workspace: Workspace, store: SnapshotStore, form: PresenceForm, read: int) -> ReadPresence:
    begin, end = form.times[0], form.times[-1]
    parts: list[DayPart] = []
    good = 0
    for day, count, first, last in workspace.fetch_rows(presence_sql.days_sql(begin, end)):
        written = store.write_query(workspace, "presence", presence_sql.part_sql(form.schema.names, begin, day))
        parts.append(DayPart(written, day, first, last))
        good += count
    return ReadPresence(tuple(parts), read, good)


def _lay_out_known(workspace: Workspace, session: Session, store: SnapshotStore) -> dict[str, int]:
    """Make `known_lines` and register `cells`; returns the cells' ids by reference."""
    cells = {row.ref: row.id for row in session.execute(select(NetworkElement.ref, NetworkElement.id))}
    workspace.register_rows("cells", _CELLS, ((number, ref) for ref, number in cells.items()))
    lay_out_lines(workspace, session, store)
    return cells


def _look_at_faulty(
    workspace: Workspace,
    form: PresenceForm,
    cells: Mapping[str, int],
    latest: int,
    rejects: Rejects,
    times: Mapping[str, bool],
) -> Iterator[tuple[int, ...]]:
    """Reject the rows that deserve it, and yield those that were only written in another way."""
    for batch in workspace.fetch_batches(presence_sql.FAULTY):
        for row in batch.to_pylist():
            raw = dict(zip(("msisdn", "cell", *form.times), row.pop("faulty"), strict=True))
            for name in (name for name, is_text in times.items() if not is_text):
                raw[name] = _instant_told(row[name])
            faults = [*_faults(row, raw, form, cells), *_ahead(row, raw, form, latest)]
            if faults:
                rejects.add(row["line"], faults)
            else:
                yield tuple(row[name] for name in form.schema.names)


def _faults(
    row: dict[str, Any], raw: Mapping[str, str | None], form: PresenceForm, cells: Mapping[str, int]
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a row, as (field, value, reason); sets in the row what could be read after all."""
    if row["line_id"] is None:
        _, reason = _asked(check_msisdn, raw["msisdn"] or "")
        yield "msisdn", raw["msisdn"] or "", reason or _UNKNOWN_LINE
    if row["element_id"] is None:
        ref, reason = _asked(_check_cell, raw["cell"] or "")
        row["element_id"] = cells.get(ref)
        if row["element_id"] is None:
            yield "cell", raw["cell"] or "", reason or _UNKNOWN_CELL
    for name in form.times:
        if row[name] is None:
            row[name], reason = _asked(check_instant, raw[name] or "")
            if reason:
                yield name, raw[name] or "", reason
    if (
        len(form.times) > 1
        and None not in (row["started_at"], row["ended_at"])
        and row["ended_at"] <= row["started_at"]
    ):
        reason = f"ended_at is not after started_at; accepted: a time after {raw['started_at']}"
        yield "ended_at", raw["ended_at"] or "", reason


def _ahead(
    row: Mapping[str, Any], raw: Mapping[str, str | None], form: PresenceForm, latest: int
) -> Iterator[tuple[str, str, str]]:
    """Nobody was seen at a time that has not come, and what is dated so would never be old enough to be forgotten."""
    for name in form.times:
        if row[name] is not None and row[name] > latest:
            yield name, raw[name] or "", f"in the future; accepted: a time up to {clock.from_unix(latest).isoformat()}"


def _instant_told(seconds: int | None) -> str:
    """A timestamp of a Parquet file as text, as far as there is a year for it."""
    try:
        return "" if seconds is None else clock.from_unix(seconds).isoformat()
    except (OverflowError, OSError, ValueError):
        return f"{seconds} seconds after 1970"


def _asked(check: Check, text: str) -> tuple[Any, str]:
    try:
        return check(text), ""
    except InputError as error:
        return None, f"{error.what}; accepted: {error.accepted}"


class _CsvSource:
    """A CSV file as batches of text."""

    def __init__(
        self, file: Path, form: PresenceForm, rejects: Rejects, column_map: Mapping[str, str], progress: Progress | None
    ) -> None:
        self._csv = CsvFile(file, form.columns, column_map=column_map)
        self._rejects, self._progress = rejects, progress
        self.times = dict.fromkeys(form.times, True)

    @property
    def read(self) -> int:
        """How many rows were read so far."""
        return self._csv.read

    def __enter__(self) -> _CsvSource:
        self._csv.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._csv.__exit__(*error)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The file's rows with the line each stands on."""
        for lines, columns in self._csv.texts(self._rejects, self._progress):
            arrays = [pa.array(lines, pa.int64()), *(columns[name] for name in schema.names[1:])]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class _ParquetSource:
    """A Parquet file as batches; its line is the row's number from 1."""

    def __init__(
        self, file: Path, form: PresenceForm, _: Rejects, column_map: Mapping[str, str], progress: Progress | None
    ) -> None:
        self._path, self._progress = file, progress
        self._names = {column.name: column_map.get(column.name, column.name) for column in form.columns}
        unknown = [ours for ours in column_map if ours not in self._names]
        if unknown:
            raise InputError("column map: no such column of ours", value=unknown[0], accepted=", ".join(self._names))
        self._form = form
        self.read = 0
        self.times: dict[str, bool] = {}

    def __enter__(self) -> _ParquetSource:
        with contextlib.ExitStack() as stack:
            try:
                # Its own words for a file that is missing or a folder are Arrow's, not the system's.
                self._path.open("rb").close()
            except OSError as error:
                raise InputError("cannot read this file", where=str(self._path), value=error.strerror) from None
            try:
                self._file = stack.enter_context(pq.ParquetFile(self._path))
            except (OSError, pa.ArrowException):
                raise InputError("not a Parquet file", where=str(self._path), accepted="Parquet, or CSV") from None
            schema = self._file.schema_arrow
            for ours, theirs in self._names.items():
                self._check_column(schema, ours, theirs)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    def _check_column(self, schema: pa.Schema, ours: str, theirs: str) -> None:
        where = f"{self._path}, column {theirs}"
        if schema.get_field_index(theirs) < 0:
            found = ", ".join(schema.names)
            raise InputError(
                "missing column", where=str(self._path), value=theirs, accepted=f"one of those found: {found}"
            )
        kind = schema.field(theirs).type
        value_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        is_text = pa.types.is_string(value_kind) or pa.types.is_large_string(value_kind)
        if ours not in self._form.times:
            if not is_text:
                raise InputError("not a column of text", where=where, value=str(kind), accepted="text")
            return
        self.times[ours] = is_text
        accepted = "timestamps with a time zone, or text with offsets"
        if pa.types.is_timestamp(kind):
            _check_zone_of(kind, where, accepted)
        if not is_text and not pa.types.is_timestamp(kind):
            raise InputError("not a column of times", where=where, value=str(kind), accepted=accepted)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The file's rows with their numbers."""
        for batch in self._file_batches():
            lines = pa.array(range(self.read + 1, self.read + batch.num_rows + 1), pa.int64())
            found = [
                self._column(batch.column(self._names[name]), schema.field(name).type) for name in schema.names[1:]
            ]
            self.read += batch.num_rows
            yield pa.RecordBatch.from_arrays([lines, *found], schema=schema)
            if self._progress is not None:
                self._progress(self.read, self._file.metadata.num_rows)

    def _file_batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._file.iter_batches(_BATCH, columns=list(self._names.values()))
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                "a damaged Parquet file",
                where=f"{self._path}, after row {self.read}",
                value=str(error),
                accepted="a file that can be read to its end",
            ) from None

    def _column(self, values: pa.Array, kind: pa.DataType) -> pa.Array:
        if not pa.types.is_timestamp(values.type):
            return pc.cast(values, kind)
        # Fractions of a second are cut off downwards, before 1970 too.
        seconds = pc.floor_temporal(values, unit="second")
        return pc.cast(pc.cast(seconds, pa.timestamp("s", tz=values.type.tz)), kind)


def _check_zone_of(kind: pa.TimestampType, where: str, accepted: str) -> None:
    if kind.tz is None:
        raise InputError("naive timestamps (no time zone)", where=where, value=str(kind), accepted=accepted)
    try:
        pc.local_timestamp(pa.array([0], kind))
    except pa.ArrowInvalid:
        raise InputError("unknown time zone", where=where, value=str(kind), accepted=accepted) from None
