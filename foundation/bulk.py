"""Millions of rows into and out of the records by the database's own bulk path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
from sqlalchemy import ClauseElement, Connection, Table

_SLICE = 2_000

Row = Sequence[Any]
Progress = Callable[[int, int], None]
"""Told now and then by long work: how many rows are done, of how many."""


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], batches: Iterable[Iterable[Row]]) -> int:
    """Insert batches of rows of *stored* values in the caller's transaction; returns the number of rows.

    Stored: an Instant as Unix seconds, a date as ISO text, JSON as text. PostgreSQL takes the rows by COPY, SQLite by
    executemany. Database errors pass through, and the caller's transaction is then void.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "postgresql":
        return _copy_in(connection, f'COPY "{table.name}" ({names}) FROM STDIN', batches)
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - our own identifiers
    cursor = _driver(connection).cursor()
    return sum(max(cursor.executemany(statement, batch).rowcount, 0) for batch in batches)


def insert_batches(connection: Connection, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Insert Arrow batches of stored values, columns by their names; returns the number of rows. As `insert_rows`."""
    return sum(_insert_batch(connection, table, batch) for batch in batches)


def read_batches(
    connection: Connection, statement: ClauseElement, schema: pa.Schema, *, size: int = 100_000
) -> Iterator[pa.RecordBatch]:
    """Stream a query's rows as Arrow batches of at most `size` rows, columns in the order of `schema`.

    Values come as they are stored: an Instant read as int64, JSON cast to text by the statement; a date as date32.
    Memory stays at a batch. A column that does not fit its type in `schema` raises pyarrow.ArrowInvalid.
    """
    literal = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "postgresql":
        # The text is compiled for a driver with parameters, to which a percent sign is two; COPY is run without any.
        return _copy_out(connection, str(literal).replace("%%", "%"), schema, size)
    return _fetch_out(connection, str(literal), schema, size)


def _insert_batch(connection: Connection, table: Table, batch: pa.RecordBatch) -> int:
    if connection.dialect.name != "postgresql":
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return insert_rows(connection, table, batch.schema.names, [rows])
    names = ", ".join(f'"{name}"' for name in batch.schema.names)
    written = pa.BufferOutputStream()
    arrow_csv.write_csv(batch, written, arrow_csv.WriteOptions(include_header=False))
    with _driver(connection).cursor() as cursor:
        with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT csv)') as copy:
            copy.write(written.getvalue())
        return int(cursor.rowcount)


def _copy_in(connection: Connection, statement: str, batches: Iterable[Iterable[Row]]) -> int:
    count = 0
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for count, row in enumerate(chain.from_iterable(batches), 1):  # noqa: B007 - the last number is the count
            copy.write_row(row)
    return count


def _copy_out(connection: Connection, query: str, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(
        column_types=schema,
        # COPY writes NULL as an unquoted nothing and an empty text as two quotes.
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
    )
    statement = f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for rows in _message_groups(copy, size):
            read = arrow_csv.ReadOptions(column_names=schema.names, block_size=len(rows) + 1, use_threads=False)
            yield from arrow_csv.read_csv(pa.py_buffer(rows), read, parse, convert).combine_chunks().to_batches()


def _message_groups(copy: Iterable[bytes], size: int) -> Iterator[bytes]:
    # The server sends one message per row (its protocol says so), hence a group of messages ends at the end of a row.
    rows: list[bytes] = []
    for message in copy:
        rows.append(bytes(message))
        if len(rows) == size:
            yield b"".join(rows)
            rows.clear()
    if rows:
        yield b"".join(rows)


def _fetch_out(connection: Connection, query: str, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    cursor = _driver(connection).cursor()
    cursor.execute(query)
    slices: list[pa.RecordBatch] = []
    # Rows are turned into columns while they are still in the processor's cache: half as long as batch by batch.
    while rows := cursor.fetchmany(min(size, _SLICE)):
        columns = zip(*rows, strict=True)
        arrays = [_column(values, field.type) for values, field in zip(columns, schema, strict=True)]
        slices.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        if len(slices) * _SLICE >= size:
            yield pa.concat_batches(slices)
            slices.clear()
    if slices:
        yield pa.concat_batches(slices)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    # SQLite has no dates and no booleans: it keeps ISO text and 0 or 1.
    if pa.types.is_date(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(kind)
    return pa.array(values, kind)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
