"""What a run reads and writes in parts: presence in any order, patterns once each, and what fails on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.parquet_file import ParquetFile
from foundation.snapshots import SnapshotStore
from outage.base.mirror import SCHEMA as MIRROR
from outage.runs import finding, impact_sql
from outage.runs.finding import Finding
from outage.runs.inputs import RunInputs, lay_out
from outage.runs.kept import KeptPatterns
from outage.runs.measuring import write_run
from outage.runs.patterns import read_patterns
from outage.runs.seen import Presence
from outage.runs.shapes import Shapes
from tests import impact_worlds as worlds

_NUMBERS = pa.schema([("number", pa.int64())])
_SIGHTINGS = pa.schema([(name, pa.int64()) for name in ("line_id", "element_id", "seen_at")])
_CELL = 7
_PARTS = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 3), st.integers(0, 20)), min_size=1, max_size=30),
    min_size=1,
    max_size=4,
)


def _write(store: SnapshotStore, schema: pa.Schema, rows: Sequence[tuple[object, ...]], group: int = 4) -> str:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    batches = pa.RecordBatch.from_arrays(columns, schema=schema)
    parts = [batches.slice(at, group) for at in range(0, batches.num_rows, group)]
    return store.write_batches("test", schema, parts).id


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_PARTS, st.booleans(), st.sampled_from([0, 6, 1000]), st.lists(st.integers(0, 31), max_size=4))
def test_presence_is_read_range_by_range_whatever_its_order(
    store: SnapshotStore, parts: list[list[tuple[int, int, int]]], ordered: bool, most_kept: int, cuts: list[int]
) -> None:
    files = [_write(store, _SIGHTINGS, sorted(part) if ordered else part) for part in parts]
    presence = Presence(store, files, ["seen_at"], (5, 15), most_kept)
    bounds = [0, *sorted(set(cuts)), 100]
    for over, up_to in pairwise(bounds):
        rows = presence.of_lines(over, up_to)
        found = list(zip(rows.line_ids, rows.element_ids, rows.started_at, strict=True))
        expected = [row for part in parts for row in part if over < row[0] <= up_to and 5 <= row[2] <= 15]
        assert sorted(found) == sorted(expected)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=15), min_size=1, max_size=6), st.booleans())
def test_each_pattern_is_written_once_however_few_bits_there_are(
    store: SnapshotStore, turns: list[list[int]], crowded: bool
) -> None:
    # Two rows each, so that one without the other would be seen.
    worlds_of = [[{"voice": ((0, minute),), "data": ((0, minute + 1),)} for minute in turn] for turn in turns]
    with (
        store.connect() as workspace,
        contextlib.closing(KeptPatterns(workspace, expected=1, memory_mb=store.memory_mb)) as kept,
    ):
        kept._at_once = 3
        if crowded:
            kept._bits = np.full(2, 0b01010111, np.uint8)
        written, patterns = [], 0
        for turn in worlds_of:
            shapes = Shapes.of_patterns(turn)
            rows, fresh = kept.take_new(shapes, np.arange(shapes.names.shape[1]))
            written += rows.to_pylist()
            patterns += fresh
        for batch in kept.left(size=10):
            written += batch.to_pylist()
        patterns += kept.count_left()
    keys = [(str(row["pattern"]), *row["services"]) for row in written]
    minutes = {minute for turn in turns for minute in turn}
    assert (len(keys), len(set(keys)), patterns) == (2 * len(minutes), 2 * len(minutes), len(minutes))


def _mirror(store: SnapshotStore, ids: list[int]) -> str:
    known = {"currency": "GBP", "zone": "UTC", "status": "active", "attributes": "{}"}
    rows = [
        tuple(
            number if name in ("line_id", "account_id") else known.get(name, "" if kind == pa.string() else None)
            for name, kind in zip(MIRROR.names, MIRROR.types, strict=True)
        )
        for number in ids
    ]
    return _write(store, MIRROR, rows, group=2)


def _inputs(store: SnapshotStore, base: str, seen: list[int]) -> RunInputs:
    part = _write(store, _SIGHTINGS, [(line, _CELL, worlds.seconds(line)) for line in seen])
    span = (worlds.seconds(0), worlds.seconds(60))
    return RunInputs(
        base=base, footprint={(_CELL, "voice"): (span,)}, hold_seconds=3600, extent=span, sightings=(part,)
    )


@pytest.mark.parametrize("ids", [[1, 2, 3, 4, 5, 6], [5, 6, 1, 2, 3, 4], [2, 1, 4, 3, 6, 5]])
def test_a_mirror_in_another_order_gives_the_same_run(
    store: SnapshotStore, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = write_run(store, _inputs(store, _mirror(store, sorted(ids)), [1, 2, 4, 6]))
    monkeypatch.setattr(finding, "_SIGHTINGS_AT_ONCE", 1)
    again = write_run(store, _inputs(store, _mirror(store, ids), [1, 2, 4, 6]))
    tables = [pq.read_table(store.path(one.lines.id)) for one in (expected, again)]
    assert tables[0].column("line_id").to_pylist() == [1, 2, 4, 6]
    assert tables[0].equals(tables[1])
    assert expected.counts == again.counts
    patterns = [read_patterns(store, one.patterns.id) for one in (expected, again)]
    assert patterns[0] == patterns[1]
    assert list(store.directory.glob("unfinished/*")) == []


def test_what_was_found_of_one_line_is_never_put_beside_another(store: SnapshotStore) -> None:
    inputs = _inputs(store, _mirror(store, [1, 2, 3]), [1, 2])
    with store.connect() as workspace:
        found = Finding(workspace, store, inputs, lay_out(workspace, store, inputs))
        for one in found.in_turn():
            ids = one.ids
            workspace.execute("CREATE TABLE mine AS FROM beside")
            workspace.execute("CREATE OR REPLACE TEMP VIEW beside AS FROM mine ORDER BY line_id DESC")
            with pytest.raises(Exception, match="beside that of another"):
                workspace.fetch_rows(impact_sql.lines_sql(one.relation), ids)


def _write_all(store: SnapshotStore, batches: int) -> None:
    batch = pa.record_batch([pa.array([1, 2, 3], pa.int64())], schema=_NUMBERS)
    with store.writing("test", _NUMBERS) as writer:
        for _ in range(batches):
            writer.write(batch)
        writer.finish()


@pytest.mark.parametrize("batches", [1, 2, 20])
def test_a_writer_whose_thread_fails_says_so_and_keeps_nothing(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    with pytest.raises(OSError, match="No space left"):
        _write_all(store, batches)
    assert list(store.directory.glob("*.parquet")) == []
    assert list(store.directory.glob("unfinished/*")) == []


def test_what_goes_wrong_with_rows_is_told_while_others_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    batch = pa.record_batch([pa.array([1], pa.int64())], schema=_NUMBERS)
    with ParquetFile(tmp_path / "numbers.parquet", _NUMBERS, 1, ()) as file:
        file.write(batch)
        file.write(batch)
        # Two row groups may wait, so that whoever goes on learns of it with the third.
        with pytest.raises(OSError, match="No space left"):
            file.write(batch)
