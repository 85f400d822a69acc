"""Where the interval sets of a run's patterns are kept: the two forms of that file, read as one.

A row of today's form is a pattern and the services of it that share one interval set: pattern (UUID), services (texts),
started_at and ended_at (lists of Unix seconds). Runs that were written before have a row per pattern, service and
interval, and a text as the pattern.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foundation.snapshots import SnapshotStore
from outage.intervals import IntervalSet

SHAPES = pa.schema(
    [
        ("pattern", pa.string()),
        ("services", pa.list_(pa.string())),
        ("started_at", pa.list_(pa.int64())),
        ("ended_at", pa.list_(pa.int64())),
    ]
)
"""Rows of today's form on their way into a workspace, with the pattern as text."""
_BY_INTERVAL = "service"


def spans_source(store: SnapshotStore, snapshot_id: str) -> str:
    """The SQL text that reads a file of patterns as rows of pattern, service, started_at and ended_at.

    `pattern` is of the type that the lines of the same run have. Raises NotFoundError when the file is missing.
    """
    source = store.source(snapshot_id)
    if _BY_INTERVAL in store.columns(snapshot_id):
        return source
    return f"({unnested_sql(source)})"


def unnested_sql(shapes: str) -> str:
    """A query that gives rows of pattern, service, started_at and ended_at from those of today's form."""
    return f"""
    SELECT pattern, unnest(services) AS service, started_at, ended_at
    FROM (SELECT pattern, services, unnest(started_at) AS started_at, unnest(ended_at) AS ended_at FROM {shapes})
    """  # noqa: S608 - our own names


def read_patterns(
    store: SnapshotStore, snapshot_id: str, keys: Collection[str] | None = None
) -> dict[str, dict[str, IntervalSet]]:
    """Patterns by their keys: lost intervals in Unix seconds per service. Only those with these keys; None: all.

    Services that share an interval set share one object. Raises NotFoundError when the file is missing.
    """
    patterns: dict[str, dict[str, IntervalSet]] = {}
    with pq.ParquetFile(store.path(snapshot_id)) as file:
        rows = chain.from_iterable(_rows(file, number, keys) for number in range(file.num_row_groups))
        shapes = _gathered(rows) if _BY_INTERVAL in file.schema_arrow.names else _listed(rows)
        for key, services, out in shapes:
            patterns.setdefault(key, {}).update(dict.fromkeys(services, out))
    return {key: dict(sorted(services.items())) for key, services in sorted(patterns.items())}


def _rows(file: pq.ParquetFile, group: int, keys: Collection[str] | None) -> list[dict[str, Any]]:
    """The rows of one row group with one of the keys; its lists are read only if there are any."""
    found: list[dict[str, Any]] = []
    if keys is None:
        found.extend(file.read_row_group(group, use_threads=False).to_pylist())
        return found
    column = file.read_row_group(group, columns=["pattern"], use_threads=False).column(0).combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column, wanted = column.storage, pa.array([UUID(key).bytes for key in keys], column.type.storage_type)
    else:
        wanted = pa.array(list(keys), column.type)
    places = pc.indices_nonzero(pc.is_in(column, value_set=wanted))
    if len(places):
        found.extend(file.read_row_group(group, use_threads=False).take(places).to_pylist())
    return found


def _listed(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[str], IntervalSet]]:
    for row in rows:
        yield str(row["pattern"]), row["services"], tuple(zip(row["started_at"], row["ended_at"], strict=True))


def _gathered(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[str], IntervalSet]]:
    # Such a file is in the order of pattern, service and start.
    for (key, service), spans in groupby(rows, key=itemgetter("pattern", _BY_INTERVAL)):
        yield key, [service], tuple((span["started_at"], span["ended_at"]) for span in spans)


def shape_rows(
    services: Mapping[str, IntervalSet],
) -> Iterator[tuple[list[str], list[int], list[int]]]:
    """The interval sets of one pattern in today's form: services, started_at and ended_at."""
    sharing: dict[IntervalSet, list[str]] = {}
    for service, out in sorted(services.items()):
        sharing.setdefault(out, []).append(service)
    for out, names in sharing.items():
        yield names, [start for start, _ in out], [end for _, end in out]
