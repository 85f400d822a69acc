"""Sightings from CSV into immutable parts, on both databases."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import Snapshot, SnapshotStore
from outage.inventory import current_version
from outage.models import Account, NetworkElement, PresencePart, Subscriber
from outage.presence import import_sightings

ROWS = (
    "msisdn,cell,seen_at\n"
    "+447700900001,cell-1,2012-07-11T13:00:00+01:00\n"
    "+447700900002,cell-1,2012-07-11T11:00:00Z\n"
    "+447700900001,cell-2,2012-07-11T13:30:00.5+01:00\n"
)


@pytest.fixture
def base(database: Database) -> Database:
    with database.transaction() as session:
        for ref in ("cell-1", "cell-2"):
            session.add(NetworkElement(ref=ref, kind="cell", name=ref, services=["voice"]))
        account = Account(ref="A", name="Ann", currency="GBP")
        session.add(account)
        session.flush()
        for number in (1, 2):
            session.add(_subscriber(account.id, number))
    return database


def test_sightings_become_one_part_and_the_same_file_again_adds_nothing(
    base: Database, store: SnapshotStore, tmp_path: Path
):
    first = _import(base, store, tmp_path, ROWS)
    assert (first.read, first.added, first.unchanged, first.rejected) == (3, 3, 0, 0)
    second = _import(base, store, tmp_path, ROWS)
    assert (second.added, second.unchanged, second.changes) == (0, 3, 0)
    with base.reading() as session:
        part = session.scalars(select(PresencePart)).one()
        assert session.get_one(Snapshot, part.snapshot_id).rows == 3
        assert part.seen_from == clock.parse_instant("2012-07-11T11:00:00Z")
        assert part.seen_to == clock.parse_instant("2012-07-11T12:30:00Z")
        assert current_version(session, "presence") == 1
        cells = {row.ref: row.id for row in session.scalars(select(NetworkElement))}
        lines = {row.msisdn: row.id for row in session.scalars(select(Subscriber))}
    rows = pq.read_table(store.path(part.snapshot_id)).to_pylist()
    assert rows[0] == {"line_id": lines["+447700900001"], "element_id": cells["cell-1"], "seen_at": 1342008000}
    assert list(rows[0]) == ["line_id", "element_id", "seen_at"]


def test_bad_sightings_are_rejected_by_line_while_good_ones_load(base: Database, store: SnapshotStore, tmp_path: Path):
    bad = [
        "+447700900001,cell-1,2012-07-11T13:00:00",
        "+447700900009,cell-1,2012-07-11T13:00:00Z",
        "+447700900001,cell-9,2012-07-11T13:00:00Z",
        "0770,cell-1,2012-07-11T13:00:00Z",
    ]
    result = _import(base, store, tmp_path, ROWS + "\n".join(bad) + "\n")
    assert (result.read, result.added, result.rejected) == (7, 3, 4)
    assert result.reject_file is not None
    lines = result.reject_file.read_text().splitlines()
    assert lines[1].startswith('5,seen_at,2012-07-11T13:00:00,"naive timestamp (no offset); accepted: ')
    assert lines[2] == "6,msisdn,+447700900009,unknown line; accepted: one in the customer base"
    assert lines[3] == "7,cell,cell-9,unknown network element; accepted: a ref from the inventory"
    assert lines[4].startswith('8,msisdn,0770,"not an E.164 number')


def test_a_file_without_one_good_row_leaves_no_part(base: Database, store: SnapshotStore, tmp_path: Path):
    result = _import(base, store, tmp_path, "msisdn,cell,seen_at\n0770,cell-1,2012-07-11T13:00:00Z\n")
    assert (result.added, result.rejected) == (0, 1)
    with base.reading() as session:
        assert session.scalar(select(func.count()).select_from(PresencePart)) == 0
        assert current_version(session, "presence") == 0


def test_a_missing_column_refuses_the_file(base: Database, store: SnapshotStore, tmp_path: Path):
    with pytest.raises(InputError, match=r"missing column .got 'seen_at'"):
        _import(base, store, tmp_path, "msisdn,cell,at\n")


def _import(database: Database, store: SnapshotStore, directory: Path, content: str):
    path = directory / "seen.csv"
    path.write_text(content)
    with database.transaction() as session:
        return import_sightings(session, store, path, actor="nina", reject_dir=directory / "rejects")


def _subscriber(account_id: int, number: int) -> Subscriber:
    return Subscriber(
        account_id=account_id,
        msisdn=f"+44770090000{number}",
        imsi=f"23410000000000{number}",
        plan="P",
        payment_type="prepaid",
        segment="consumer",
        brand="o2",
        language="en",
        zone="Europe/London",
        status="active",
        fee_list_minor=0,
        fee_discounted_minor=0,
        fee_service_minor=0,
        fee_device_minor=0,
        attributes={},
    )
