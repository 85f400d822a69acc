"""The union of intervals in SQL is that of the pure room, duplicates and touching ends included; snapshots are cut."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.snapshots import SnapshotStore
from outage.intervals import normalise
from outage.runs.interval_sql import merged_sql

_ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(1, 5)), max_size=30)
_NUMBERS = pa.schema([("number", pa.int64())])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ROWS, min_size=1, max_size=20))
def test_intervals_are_united_in_sql_as_in_the_pure_room(
    store: SnapshotStore, worlds: list[list[tuple[int, int, int]]]
) -> None:
    rows = [
        (world * 10 + key, start, start + length) for world, spans in enumerate(worlds) for key, start, length in spans
    ]
    schema = pa.schema([(name, pa.int64()) for name in ("key", "started_at", "ended_at")])
    table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
    with store.connect() as workspace:
        workspace.register_arrow("spans", table)
        merged = workspace.fetch_rows(f"FROM ({merged_sql('spans', 'key')}) ORDER BY ALL")
    expected = [
        (key, *span)
        for key in sorted({row[0] for row in rows})
        for span in normalise((start, end) for known, start, end in rows if known == key)
    ]
    assert merged == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(1, 40))
def test_a_snapshot_is_cut_into_ranges_that_hold_about_as_many_rows(
    store: SnapshotStore, sizes: list[int], parts: int
) -> None:
    total = sum(sizes)
    numbers = iter(range(total))
    columns = [pa.array([next(numbers) for _ in range(size)], pa.int64()) for size in sizes]
    batches = [pa.record_batch([column], _NUMBERS) for column in columns]
    written = store.write_batches("test", _NUMBERS, batches)
    cuts = store.cuts(written.id, "number", parts)
    assert cuts == sorted(set(cuts))
    assert len(cuts) < parts
    counts = [up_to - over for over, up_to in pairwise([-1, *cuts, total - 1])]
    assert sum(counts) == total
    assert max(counts) <= total // parts + 2
    assert store.rows(written.id) == total
