"""The mirror is the base as it stands, made only when the base has changed."""

from __future__ import annotations

import json
from datetime import date

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update

from foundation.db import Database
from foundation.errors import RefusedError
from foundation.snapshots import Snapshot, SnapshotStore
from outage.inventory import raise_version
from outage.mirror import SCHEMA, ensure_mirror
from outage.models import BulkState, Subscriber
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
