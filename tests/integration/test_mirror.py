"""The mirror is the base as it stands, made only when the base has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update

from foundation.db import Database
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import Snapshot, SnapshotStore, catalogue
from outage.base.mirror import SCHEMA, ensure_mirror
from outage.base.subscriber_import import import_subscribers
from outage.models import BaseChange, BulkState, Subscriber
from outage.network.inventory import raise_version
from tests import impact_worlds as worlds


def _fill(database: Database) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 3, account=1, contract=(date(2011, 3, 4), None))
        worlds.add_line(session, 1, account=1, served_by=1)
        worlds.add_line(session, 2, account=2, contract=(None, date(2012, 8, 1)))


def test_the_mirror_has_every_line_with_its_facts_in_order(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    table = pq.read_table(store.path(ensure_mirror(database, store)))
    assert table.schema.remove_metadata() == SCHEMA
    rows = table.to_pylist()
    assert [row["line_id"] for row in rows] == [1, 2, 3]
    assert [row["account_lines"] for row in rows] == [2, 1, 2]
    assert [row["served_by_id"] for row in rows] == [1, None, None]
    assert (rows[2]["account_ref"], rows[2]["currency"], rows[2]["msisdn"]) == ("A1", "GBP", "+447700900003")
    assert (rows[2]["contract_started_on"], rows[1]["contract_ended_on"]) == (date(2011, 3, 4), date(2012, 8, 1))
    assert json.loads(rows[0]["attributes"]) == {"loyalty": 'gold, "A"\n%s'}
    fees = ("fee_list_minor", "fee_discounted_minor", "fee_service_minor", "fee_device_minor")
    assert [rows[0][name] for name in fees] == [3000, 2500, 2000, 500]


def test_asking_again_makes_nothing_and_a_change_of_the_base_makes_a_new_mirror(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database)
    told: list[tuple[int, int]] = []
    first = ensure_mirror(database, store, progress=lambda done, total: told.append((done, total)))
    assert ensure_mirror(database, store, progress=lambda done, total: told.append((done, total))) == first
    assert told == [(3, 3)]
    with database.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id == 1).values(plan="Other"))
        raise_version(session, "base")
    second = ensure_mirror(database, store)
    assert second != first
    assert store.path(first).is_file()
    with database.reading() as session:
        state = session.get_one(BulkState, "base")
        assert (state.snapshot_id, state.snapshot_version) == (second, state.version)


def test_an_empty_base_has_an_empty_mirror(database: Database, store: SnapshotStore) -> None:
    assert pq.read_metadata(store.path(ensure_mirror(database, store))).num_rows == 0


def test_a_mirror_whose_file_was_lost_is_made_again(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    first = ensure_mirror(database, store)
    store.path(first).unlink()
    assert ensure_mirror(database, store) == first
    assert store.path(first).is_file()


def test_a_base_that_keeps_changing_is_refused_and_nothing_is_catalogued(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database)
    reads = []

    def change_meanwhile(done: int, total: int) -> None:
        reads.append(done)
        with database.transaction() as session:
            raise_version(session, "base")

    with pytest.raises(RefusedError, match="keeps changing"):
        ensure_mirror(database, store, progress=change_meanwhile)
    assert len(reads) > 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Snapshot)) == 0


def test_a_change_while_the_base_is_read_is_in_the_mirror(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    changes = iter(["Changed"])

    def change_once(done: int, total: int) -> None:
        for plan in changes:
            with database.transaction() as session:
                session.execute(update(Subscriber).values(plan=plan))
                raise_version(session, "base")

    table = pq.read_table(store.path(ensure_mirror(database, store, progress=change_once)))
    assert set(table.column("plan").to_pylist()) == {"Changed"}


_HEADER = "msisdn,imsi,account,currency,plan,payment_type,segment,brand,language,zone,status," + (
    "fee_list,fee_discounted,fee_service,fee_device"
)


def _row(number: int, *, plan: str = "P18", account: int | None = None) -> str:
    who = f"+4477001{number:05},2341010000{number:05},N{account or number},GBP,{plan}"
    return f"{who},postpaid,consumer,o2,en-GB,Europe/London,active,20,18,15,2.50"


def _import(database: Database, directory: Path, rows: Iterable[str]) -> None:
    path = directory / "lines.csv"
    path.write_text("\n".join([_HEADER, *rows, ""]), encoding="utf-8")
    with database.transaction() as session:
        import_subscribers(session, path, actor="ann", reject_dir=directory)


def _rows(store: SnapshotStore, snapshot_id: str) -> list[tuple[object, ...]]:
    with store.connect() as workspace:
        return workspace.fetch_rows(f"FROM {store.source(snapshot_id)} ORDER BY line_id")


def _made_anew(database: Database, store: SnapshotStore) -> str:
    """The mirror, made whole whatever there was."""
    with database.transaction() as session:
        session.execute(update(BulkState).values(whole_id=None, snapshot_id=None))
    return ensure_mirror(database, store)


def test_a_few_changed_lines_become_a_layer_that_reads_as_a_mirror_made_anew(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, (_row(number, account=number - number % 3) for number in range(3, 303)))
    whole = ensure_mirror(database, store)
    told: list[tuple[int, int]] = []
    # One has another plan, one moves to another's account, one is new on an account of three.
    changed = [_row(7, plan="P99", account=6), _row(10, account=300), _row(999, account=30)]
    _import(database, tmp_path, changed)
    layered = ensure_mirror(database, store, progress=lambda done, total: told.append((done, total)))
    # The plan; the moved one with the two it left and the three it joined; the new one with its three.
    assert told == [(1 + 1 + 2 + 3 + 1 + 3, 11)]
    assert pq.read_metadata(store.path(layered)).num_rows == 11
    assert store.count_rows(layered) == store.count_rows(whole) + 1 == 301
    rows = _rows(store, layered)
    anew = _made_anew(database, store)
    assert anew not in (layered, whole)
    assert rows == _rows(store, anew)
    assert _rows(store, whole) != rows


def test_layers_hold_all_that_changed_since_the_whole_mirror(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    whole = ensure_mirror(database, store)
    for number in range(4):
        _import(database, tmp_path, [_row(number, plan=f"plan {number}")])
        layered = ensure_mirror(database, store)
        assert pq.read_metadata(store.path(layered)).num_rows == number + 1
    assert {row[0] for row in _changes(database)} == {1, 2, 3, 4}
    assert _rows(store, layered) == _rows(store, _made_anew(database, store))
    assert store.path(whole).is_file()


def test_a_mirror_made_whole_empties_the_log(database: Database, store: SnapshotStore, tmp_path: Path) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    ensure_mirror(database, store)
    _import(database, tmp_path, [_row(1, plan="other")])
    assert len(_changes(database)) == 1
    _made_anew(database, store)
    assert _changes(database) == []


def test_many_changed_lines_are_not_logged_and_the_mirror_is_made_whole(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    assert _changes(database) == []  # there is nothing yet that a log could help
    ensure_mirror(database, store)
    _import(database, tmp_path, (_row(number, plan="other") for number in range(11)))
    assert _changes(database) == []
    assert pq.read_metadata(store.path(ensure_mirror(database, store))).num_rows == 100


def test_many_small_changes_end_in_a_whole_mirror(database: Database, store: SnapshotStore, tmp_path: Path) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    ensure_mirror(database, store)
    for first in (0, 8):
        _import(database, tmp_path, (_row(number, plan="other") for number in range(first, first + 8)))
    current = ensure_mirror(database, store)
    assert pq.read_metadata(store.path(current)).num_rows == 100
    assert _changes(database) == []


def test_a_change_that_nobody_logged_makes_the_mirror_whole(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    ensure_mirror(database, store)
    with database.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.imsi == "234101000000050").values(plan="by hand"))
        raise_version(session, "base")
    _import(database, tmp_path, [_row(1, plan="other")])
    current = ensure_mirror(database, store)
    assert pq.read_metadata(store.path(current)).num_rows == 100
    assert {"by hand", "other"} <= set(pq.read_table(store.path(current)).column("plan").to_pylist())


def test_a_change_of_accounts_that_the_mirror_does_not_show_leaves_it_as_it_is(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    whole = ensure_mirror(database, store)
    path = tmp_path / "named.csv"
    path.write_text(f"{_HEADER},account_name\n{_row(5)},Somebody\n", encoding="utf-8")
    with database.transaction() as session:
        result = import_subscribers(session, path, actor="ann", reject_dir=tmp_path)
    assert (result.changed, result.details["accounts changed"]) == (0, 1)
    assert ensure_mirror(database, store) == whole


def test_a_layer_whose_lower_file_was_lost_is_made_again_whole(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    whole = ensure_mirror(database, store)
    _import(database, tmp_path, [_row(1, plan="other")])
    layered = ensure_mirror(database, store)
    store.path(whole).unlink()
    with pytest.raises(NotFoundError, match="snapshot file is missing"):
        store.source(layered)
    assert pq.read_metadata(store.path(ensure_mirror(database, store))).num_rows == 100


def test_a_mirror_with_the_columns_of_an_earlier_release_is_made_again(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(database, tmp_path, map(_row, range(100)))
    whole = ensure_mirror(database, store)
    with store.connect() as workspace:
        older = store.write_query(workspace, "base", f"SELECT line_id, plan FROM {store.source(whole)}")
    with database.transaction() as session:
        catalogue(session, older)
        session.execute(update(BulkState).values(snapshot_id=older.id, whole_id=older.id))
    assert ensure_mirror(database, store) == whole
    with database.transaction() as session:
        session.execute(update(BulkState).values(whole_id=older.id))
    _import(database, tmp_path, [_row(1, plan="other")])
    assert pq.read_metadata(store.path(ensure_mirror(database, store))).num_rows == 100


def _changes(database: Database) -> list[tuple[int, int]]:
    with database.reading() as session:
        rows = session.execute(select(BaseChange.version, BaseChange.line_id)).all()
    versions = sorted({version for version, _ in rows})
    return [(versions.index(version) + 1, line) for version, line in rows]
