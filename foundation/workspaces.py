"""Workspaces: a DuckDB of its own for one piece of bulk work, bounded in memory."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa


class Workspace:
    """A DuckDB of its own for bulk work: SQL text goes in, rows or Arrow batches come out; nothing in it outlives it.

    One statement at a time: batches must be read to their end, or closed, before the next statement.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, spill: Path) -> None:
        self._connection = connection
        self._spill = spill

    def scratch_file(self) -> BinaryIO:
        """An empty file to write and read, for what is too much for memory; it goes with the workspace."""
        return (self._spill / f"{uuid.uuid4().hex}.scratch").open("w+b")

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement (`?` or `$1` stand for `params`) and drop its rows."""
        self._connection.execute(sql, list(params)).complete()

    def limit_memory(self, megabytes: int) -> None:
        """From now on at most so much memory is used; what is beyond it is spilled."""
        self._connection.execute(f"SET memory_limit = '{megabytes}MB'").complete()

    def fetch_rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query that gives few."""
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, list(params)).fetchall()
        return rows

    def fetch_batches(self, sql: str, params: Sequence[Any] = (), *, size: int = 50_000) -> Generator[pa.RecordBatch]:
        """Stream a query's rows as Arrow batches of about `size` rows."""
        reader = self._connection.sql(sql, params=list(params)).to_arrow_reader(size)
        with contextlib.closing(reader):
            yield from reader

    def fetch_table(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """All rows of a query whose rows fit into memory, as Arrow."""
        return self._connection.sql(sql, params=list(params)).to_arrow_table()

    def schema_of(self, sql: str, params: Sequence[Any] = ()) -> pa.Schema:
        """The columns that a query's batches have, whether it gives any row or none."""
        return self._connection.sql(sql, params=list(params)).limit(0).to_arrow_table().schema

    def register_arrow(self, name: str, data: pa.Table | pa.RecordBatchReader) -> None:
        """Give an Arrow table (or a reader, to be read once) a name that SQL can use."""
        self._connection.register(name, data)

    def register_rows(self, name: str, schema: pa.Schema, rows: Iterable[Sequence[Any]]) -> None:
        """Give rows, their values in the order of a schema, a name that SQL can use."""
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        self.register_arrow(name, pa.Table.from_arrays(arrays, schema=schema))


@contextlib.contextmanager
def open_workspace(spill: Path, *, memory_mb: int, threads: int) -> Iterator[Workspace]:
    """A workspace bounded to `memory_mb` that spills to a directory, which nobody else may use."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": str(threads),
        "temp_directory": str(spill),
        "preserve_insertion_order": "false",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with contextlib.closing(duckdb.connect(":memory:", config=config)) as connection:
        connection.execute("SET TimeZone = 'UTC'").complete()
        # Long queries would write into the output of commands, whether anybody looks at it or not.
        connection.execute("SET enable_progress_bar = false").complete()
        yield Workspace(connection, spill)


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
