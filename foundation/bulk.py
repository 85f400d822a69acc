"""Millions of rows into and out of the records by the database's own bulk path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Executable, Table

Row = Sequence[Any]


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], batches: Iterable[Iterable[Row]]) -> int:
    """Insert batches of rows of *stored* values (an Instant as Unix seconds, JSON as text) in the caller's transaction.

    PostgreSQL takes them by COPY, SQLite by executemany. Returns the number of rows. Database errors pass through,
    and the caller's transaction is then void.
    """
    if connection.dialect.name == "postgresql":
        return _copy(connection, table, columns, batches)
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - our own identifiers
    cursor = _driver(connection).cursor()
    return sum(cursor.executemany(statement, batch).rowcount for batch in batches)


def _copy(connection: Connection, table: Table, columns: Sequence[str], batches: Iterable[Iterable[Row]]) -> int:
    names = ", ".join(f'"{name}"' for name in columns)
    count = 0
    with (
        _driver(connection).cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        for batch in batches:
            for row in batch:
                copy.write_row(row)
                count += 1
    return count


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def read_batches(
    connection: Connection, statement: Executable, schema: pa.Schema, *, size: int = 50_000
) -> Iterator[pa.RecordBatch]:
    """Stream a query's rows as Arrow batches of at most `size` rows, columns in the order of `schema`."""
    result = connection.execution_options(stream_results=True, max_row_buffer=size).execute(statement)
    for rows in result.partitions(size):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
