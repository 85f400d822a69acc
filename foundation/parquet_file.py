"""A Parquet file that is written by a thread of its own, so that whoever makes its rows need not wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

_WAITING = 2
"""So many row groups may wait to be written: more would only cost memory."""


class ParquetFile:
    """Rows go in by batches and out by row groups of `row_group` rows or some more, in the order they came.

    `distinct`: columns that hold mostly different values. They get no dictionary, which would be made and thrown away
    again, and whole numbers among them are kept as differences. Used as a context; what was not closed by its end was
    given up.
    """

    def __init__(self, path: Path, schema: pa.Schema, row_group: int, distinct: Collection[str]) -> None:
        self._schema = schema
        self._row_group = row_group
        self._gathered: list[pa.RecordBatch] = []
        self._pending: deque[Future[None]] = deque()
        plain = {leaf: kind for field in schema if field.name in distinct for leaf, kind in _leaves(field)}
        self._file = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            use_dictionary=[leaf for field in schema for leaf, _ in _leaves(field) if leaf not in plain],
            column_encoding={leaf: "DELTA_BINARY_PACKED" for leaf, kind in plain.items() if pa.types.is_integer(kind)},
            # Row groups are told apart by their ids; the bounds of texts take a fifth of the work and serve nobody.
            write_statistics=[field.name for field in schema if pa.types.is_integer(field.type)],
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows; raises what went wrong with rows before."""
        self._gathered.append(batch.replace_schema_metadata(self._schema.metadata))
        if sum(one.num_rows for one in self._gathered) >= self._row_group:
            self._send()

    def close(self) -> None:
        """Write what is left; returns when the file is whole."""
        if self._gathered:
            self._send()
        while self._pending:
            self._pending.popleft().result()
        self._file.close()

    def _send(self) -> None:
        while len(self._pending) >= _WAITING:
            self._pending.popleft().result()
        rows = pa.Table.from_batches(self._gathered, self._schema)
        self._gathered = []
        self._pending.append(self._thread.submit(self._file.write_table, rows, max(rows.num_rows, 1)))


def _leaves(field: pa.Field) -> Iterator[tuple[str, pa.DataType]]:
    """The columns that a field, plain or a list of plain values, has in the file, and what they hold."""
    if pa.types.is_list(field.type):
        yield f"{field.name}.list.element", field.type.value_type
    else:
        yield field.name, field.type
