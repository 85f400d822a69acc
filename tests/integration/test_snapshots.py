"""A snapshot counts only when it is whole, on disk and catalogued; everything else is swept."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from foundation import clock
from foundation.db import Database
from foundation.errors import NotFoundError
from foundation.snapshots import Snapshot, SnapshotStore, WrittenFile, catalogue, list_missing

_SCHEMA = pa.schema([("number", pa.int64())])
_AT_ONCE = timedelta(0)


def _write(store: SnapshotStore, *numbers: int) -> WrittenFile:
    return store.write_batches("test", _SCHEMA, [pa.record_batch([pa.array(numbers, pa.int64())], schema=_SCHEMA)])


def _files(store: SnapshotStore) -> list[Path]:
    return [path for path in store.directory.rglob("*") if path.is_file()]


def test_a_snapshot_is_named_by_the_hash_of_its_content(store: SnapshotStore) -> None:
    written = _write(store, 1, 2, 3)
    path = store.path(written.id)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == written.id
    assert (written.rows, written.bytes) == (3, path.stat().st_size)
    assert _write(store, 1, 2, 3) == written
    assert _files(store) == [path]


def test_a_query_is_written_in_its_order(store: SnapshotStore) -> None:
    query = "SELECT hash(i) % 1000000000 AS number FROM range(300000) t(i) ORDER BY number"
    with store.connect() as workspace:
        first = store.write_query(workspace, "test", query)
        again = store.write_query(workspace, "test", query)
    numbers = pq.read_table(store.path(first.id)).column("number").to_pylist()
    assert first == again
    assert numbers == sorted(numbers)


def test_what_no_record_names_is_swept_and_what_is_catalogued_stays(database: Database, store: SnapshotStore) -> None:
    kept, stray = _write(store, 1), _write(store, 2)
    with database.transaction() as session:
        catalogue(session, kept)
        catalogue(session, kept)
        assert store.sweep(session) == 0  # young: its writer may be about to catalogue it
        assert store.sweep(session, older_than=_AT_ONCE) == 1
        assert store.sweep(session, older_than=_AT_ONCE) == 0
        assert session.scalar(select(func.count()).select_from(Snapshot)) == 1
    assert _files(store) == [store.path(kept.id)]
    with pytest.raises(NotFoundError, match=stray.id):
        store.path(stray.id)


def test_a_moved_clock_does_not_sweep_young_files(database: Database, store: SnapshotStore) -> None:
    _write(store, 1)
    with clock.moved_to(clock.now() + timedelta(days=9)), database.transaction() as session:
        assert store.sweep(session) == 0


def test_a_writer_that_fails_leaves_nothing(store: SnapshotStore) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array([1], pa.int64())], schema=_SCHEMA)
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError):
        store.write_batches("test", _SCHEMA, failing())
    with store.connect() as workspace, pytest.raises(Exception, match="nowhere"):
        store.write_query(workspace, "test", "SELECT * FROM nowhere")
    assert _files(store) == []


def test_a_writer_killed_half_way_leaves_only_what_the_sweep_removes(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    script = """
import sys, pathlib
from foundation.snapshots import SnapshotStore
store = SnapshotStore(pathlib.Path(sys.argv[1]), memory_mb=64)
with store.connect() as workspace:
    store.write_query(workspace, "test", "SELECT 1 AS number")
    print("written", flush=True)
    store.write_query(workspace, "test", "SELECT hash(i) AS number FROM range(2000000000) t(i)")
"""
    process = subprocess.Popen([sys.executable, "-c", script, str(store.directory)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with sqlite_database.transaction() as session:
        assert store.sweep(session, older_than=timedelta(hours=1)) == 0
        assert store.sweep(session, older_than=_AT_ONCE) >= 2  # the whole file and the spill directory
        assert _files(store) == []
        assert list((store.directory / "unfinished").iterdir()) == []


def test_a_catalogued_snapshot_whose_file_is_gone_is_a_clear_error(database: Database, store: SnapshotStore) -> None:
    written = _write(store, 1)
    with database.transaction() as session:
        catalogue(session, written)
        assert list_missing(session, store) == []
        store.path(written.id).unlink()
        assert list_missing(session, store) == [written.id]
    with pytest.raises(NotFoundError, match="snapshot file is missing") as caught:
        store.source(written.id)
    assert caught.value.value == written.id
    assert "back-up" in caught.value.message


def test_a_workspace_takes_arrow_and_parameters_and_streams_batches(store: SnapshotStore) -> None:
    with store.connect() as workspace:
        workspace.register_arrow("given", pa.table({"number": pa.array(range(100_000), pa.int64())}))
        workspace.execute("CREATE TEMP TABLE kept AS SELECT number FROM given WHERE number >= $1", [40_000])
        assert workspace.fetch_rows("SELECT count(*), min(number) FROM kept") == [(60_000, 40_000)]
        batches = workspace.fetch_batches("SELECT number FROM kept WHERE number < $1", [90_000], size=10_000)
        assert sum(batch.num_rows for batch in batches) == 50_000
        unread = workspace.fetch_batches("FROM kept", size=100)
        next(unread)
        unread.close()
        assert workspace.fetch_rows("SELECT 1") == [(1,)]


def test_a_workspace_stays_inside_its_memory_and_removes_what_it_spilled(store: SnapshotStore) -> None:
    small = SnapshotStore(store.directory, memory_mb=64, threads=1)
    with small.connect() as workspace:
        query = "SELECT hash(i) AS number, repeat('x', 40) || i AS filler FROM range(3000000) t(i) ORDER BY number"
        written = small.write_query(workspace, "test", query)
    assert written.rows == 3_000_000
    assert list((store.directory / "unfinished").iterdir()) == []


def test_local_variables_are_no_tables(store: SnapshotStore) -> None:
    secret = pa.table({"number": [1]})
    with store.connect() as workspace, pytest.raises(Exception, match="secret"):
        workspace.fetch_rows("SELECT * FROM secret")
    assert secret.num_rows == 1


def _numbered(store: SnapshotStore, rows: dict[int, str], over: str | None = None) -> WrittenFile:
    batch = pa.RecordBatch.from_pydict({"number": list(rows), "word": list(rows.values())})
    return store.write_batches("test", batch.schema, [batch], over=None if over is None else (over, "number"))


def test_a_layer_reads_as_what_it_lies_over_with_its_own_rows_in_place(store: SnapshotStore) -> None:
    whole = _numbered(store, {1: "a", 2: "b", 3: "c"})
    layer = _numbered(store, {2: "B", 4: "D"}, over=whole.id)
    upper = _numbered(store, {1: "A"}, over=layer.id)
    other = _numbered(store, {9: "z"})
    assert layer.rows == 2
    assert [store.count_rows(one.id) for one in (whole, layer, upper)] == [3, 4, 4]
    with store.connect() as workspace:
        for ids, expected in (
            ([layer.id], {1: "a", 2: "B", 3: "c", 4: "D"}),
            ([upper.id], {1: "A", 2: "B", 3: "c", 4: "D"}),
            (
                [other.id, layer.id, whole.id],
                [(1, "a")] * 2 + [(2, "B"), (2, "b")] + [(3, "c")] * 2 + [(4, "D"), (9, "z")],
            ),
        ):
            rows = workspace.fetch_rows(f"SELECT * FROM {store.source(*ids)} ORDER BY number, word")
            assert rows == (sorted(expected.items()) if isinstance(expected, dict) else expected)
        joined = (
            f"SELECT count(*) FROM {store.source(layer.id)} b JOIN {store.source(whole.id)} c ON b.number = c.number"
        )
        assert workspace.fetch_rows(joined) == [(3,)]
        workspace.execute(f"CREATE VIEW both_layers AS FROM {store.source(layer.id)}")
        assert workspace.fetch_rows("SELECT word FROM both_layers WHERE number = 2") == [("B",)]


def test_a_layer_is_named_by_what_it_lies_over_too(store: SnapshotStore) -> None:
    first, second = _numbered(store, {1: "a"}), _numbered(store, {1: "b"})
    over_first = _numbered(store, {2: "x"}, over=first.id)
    assert over_first.id != _numbered(store, {2: "x"}, over=second.id).id
    assert over_first.id == _numbered(store, {2: "x"}, over=first.id).id
    store.path(first.id).unlink()
    with pytest.raises(NotFoundError, match="snapshot file is missing") as caught:
        store.source(over_first.id)
    assert caught.value.value == first.id
