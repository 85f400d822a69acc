"""Sightings from CSV into immutable parts, on both databases."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import Snapshot, SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.models import Account, NetworkElement, PresencePart, Subscriber
from outage.network.inventory import current_version, raise_version
from outage.presence.presence import forget_old_presence, forget_presence, import_intervals, import_sightings

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


@pytest.mark.parametrize("offset", ["Z", "+00", "-03", "+0530", "-03:30", "+14:00"])
def test_instants_are_read_as_databases_write_their_offsets(base: Database, store, tmp_path: Path, offset: str):
    texts = [f"2012-07-11 13:00:00{offset}", f"2012-07-11T13:30:00.75{offset}"]
    rows = "".join(f"+447700900001,cell-1,{text}\n" for text in texts)
    assert _import(base, store, tmp_path, "msisdn,cell,seen_at\n" + rows).added == 2
    with base.reading() as session:
        seen = [(part.seen_from, part.seen_to) for part in session.scalars(select(PresencePart))]
    first, last = (clock.parse_instant(text).replace(microsecond=0) for text in texts)
    assert (min(seen)[0], max(seen)[1]) == (first, last)


def test_a_file_without_one_good_row_leaves_no_part(base: Database, store: SnapshotStore, tmp_path: Path):
    result = _import(base, store, tmp_path, "msisdn,cell,seen_at\n0770,cell-1,2012-07-11T13:00:00Z\n")
    assert (result.added, result.rejected) == (0, 1)
    with base.reading() as session:
        assert session.scalar(select(func.count()).select_from(PresencePart)) == 0
        assert current_version(session, "presence") == 0


def test_a_missing_column_refuses_the_file(base: Database, store: SnapshotStore, tmp_path: Path):
    with pytest.raises(InputError, match=r"missing column .got 'seen_at'"):
        _import(base, store, tmp_path, "msisdn,cell,at\n")


def test_each_utc_day_is_a_part_of_its_own(base: Database, store: SnapshotStore, tmp_path: Path):
    rows = "+447700900001,cell-1,2012-07-12T00:59:59+01:00\n+447700900001,cell-1,2012-07-12T01:00:00+01:00\n"
    assert _import(base, store, tmp_path, ROWS + rows).added == 5
    assert [(part.day, part.kind) for part in _parts(base)] == [
        (date(2012, 7, 11), "sighting"),
        (date(2012, 7, 12), "sighting"),
    ]
    again = _import(base, store, tmp_path, ROWS)
    assert (again.added, again.unchanged) == (3, 0)
    more = _import(base, store, tmp_path, ROWS + rows)
    assert (more.added, more.unchanged) == (0, 5)


def test_a_sighting_twice_in_a_file_counts_once(base: Database, store: SnapshotStore, tmp_path: Path):
    result = _import(base, store, tmp_path, ROWS + ROWS.split("\n", 1)[1])
    assert (result.read, result.added, result.unchanged, result.rejected) == (6, 3, 3, 0)


def test_times_in_other_iso_forms_load_and_cells_with_spaces_are_found(
    base: Database, store: SnapshotStore, tmp_path: Path
):
    times = ("20120711T120000Z", "2012-07-11T14:00+02", "2012-07-11 13:00:00.123456789+01:00", "2012-W28-3T12:00Z")
    rows = "".join(f"+447700900001, cell-1 ,{at}\n" for at in times)
    result = _import(base, store, tmp_path, "msisdn,cell,seen_at\n" + rows)
    assert (result.read, result.added, result.unchanged, result.rejected) == (4, 1, 3, 0)
    (part,) = _parts(base)
    assert pq.read_table(store.path(part.snapshot_id)).column("seen_at").to_pylist() == [1342008000]


@pytest.mark.parametrize(
    "at", ["2012-02-30T12:00:00Z", "2012-07-11T24:00:01Z", "2012-07-11T12:00:00+25:00", "", "noon"]
)
def test_what_is_no_time_is_refused(base: Database, store: SnapshotStore, tmp_path: Path, at: str):
    result = _import(base, store, tmp_path, f"msisdn,cell,seen_at\n+447700900001,cell-1,{at}\n")
    assert (result.added, result.rejected) == (0, 1)
    assert result.reject_file is not None
    assert result.reject_file.read_text().splitlines()[1].startswith(f"2,seen_at,{at},")


def test_numbers_are_found_in_the_mirror_if_that_is_current(base: Database, store: SnapshotStore, tmp_path: Path):
    with base.transaction() as session:
        raise_version(session, "base")
    ensure_mirror(base, store)
    assert _import(base, store, tmp_path, ROWS).added == 3
    with base.transaction() as session:
        session.add(_subscriber(session.scalars(select(Account.id)).one(), 3))
        raise_version(session, "base")
    assert _import(base, store, tmp_path, "msisdn,cell,seen_at\n+447700900003,cell-1,2012-07-11T13:00:00Z\n").added == 1


def test_ready_intervals_load_and_those_out_of_order_are_refused(base: Database, store: SnapshotStore, tmp_path: Path):
    path = tmp_path / "stays.csv"
    path.write_text(
        "msisdn,cell,started_at,ended_at\n"
        "+447700900001,cell-1,2012-07-11T23:00:00Z,2012-07-12T02:00:00Z\n"
        "+447700900001,cell-2,2012-07-11T13:00:00Z,2012-07-11T12:00:00Z\n"
        "+447700900001,cell-2,2012-07-11T13:00:00Z,2012-07-11T13:00:00Z\n"
        "+447700900002,cell-2,2012-07-11T13:00:00,2012-07-11T14:00:00Z\n"
    )
    with base.transaction() as session:
        result = import_intervals(session, store, path, actor="nina", reject_dir=tmp_path)
    assert (result.read, result.added, result.rejected) == (4, 1, 3)
    assert result.reject_file is not None
    lines = result.reject_file.read_text().splitlines()
    assert lines[1].startswith("3,ended_at,2012-07-11T12:00:00Z,ended_at is not after started_at; accepted: ")
    assert lines[2].startswith("4,ended_at,")
    assert lines[3].startswith('5,started_at,2012-07-11T13:00:00,"naive timestamp')
    (part,) = _parts(base)
    assert (part.kind, part.day, part.seen_to) == ("interval", date(2012, 7, 11), datetime(2012, 7, 12, 2, tzinfo=UTC))


def test_parquet_loads_like_csv_and_gives_the_same_parts(base: Database, store: SnapshotStore, tmp_path: Path):
    _import(base, store, tmp_path, ROWS)
    noon = datetime(2012, 7, 11, 12, tzinfo=UTC)
    seen = [noon, noon - timedelta(hours=1), noon + timedelta(minutes=30, milliseconds=500)]
    numbers = ["+447700900001", "+447700900002", "+447700900001"]
    table = {
        "n": numbers,
        "c": ["cell-1", "cell-1", "cell-2"],
        "t": pa.array(seen, pa.timestamp("us", "Europe/London")),
    }
    result = _import_parquet(base, store, tmp_path, table, {"msisdn": "n", "cell": "c", "seen_at": "t"})
    assert (result.read, result.added, result.unchanged, result.rejected) == (3, 0, 3, 0)


def test_bad_rows_of_a_parquet_file_are_rejected_by_their_number(base: Database, store: SnapshotStore, tmp_path: Path):
    table = {
        "msisdn": ["+447700900001", None, "+447700900002"],
        "cell": pa.array(["cell-1", "cell-1", "cell-9"]).dictionary_encode(),
        "seen_at": ["2012-07-11T13:00:00Z", "2012-07-11T13:00:00Z", "2012-07-11T13:00:00"],
    }
    result = _import_parquet(base, store, tmp_path, table)
    assert (result.read, result.added, result.rejected) == (3, 1, 2)
    assert result.reject_file is not None
    lines = result.reject_file.read_text().splitlines()
    assert lines[1].startswith('2,msisdn,,"not an E.164 number')
    assert [line.split(",")[:2] for line in lines[2:]] == [["3", "cell"], ["3", "seen_at"]]


_GOOD = {"msisdn": ["+447700900001"], "cell": ["cell-1"], "seen_at": ["2012-07-11T13:00:00Z"]}


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"seen_at": None}, "missing column .got 'seen_at'"),
        ({"seen_at": pa.array([datetime(2012, 7, 11, tzinfo=UTC)], pa.timestamp("s"))}, "naive timestamps"),
        ({"seen_at": [1342008000]}, "not a column of times .got 'int64'"),
        ({"msisdn": [447700900001]}, "not a column of text .got 'int64'"),
    ],
)
def test_a_parquet_file_of_another_schema_is_refused(
    base: Database, store: SnapshotStore, tmp_path: Path, columns: dict[str, Any], complaint: str
):
    table = {name: values for name, values in {**_GOOD, **columns}.items() if values is not None}
    with pytest.raises(InputError, match=complaint):
        _import_parquet(base, store, tmp_path, table)
    assert _parts(base) == []


def test_what_is_no_parquet_is_refused(base: Database, store: SnapshotStore, tmp_path: Path):
    path = tmp_path / "seen.parquet"
    path.write_text(ROWS)
    with base.transaction() as session, pytest.raises(InputError, match="not a Parquet file"):
        import_sightings(session, store, path, actor="nina", reject_dir=tmp_path)
    with base.transaction() as session, pytest.raises(InputError, match="cannot read this file"):
        import_sightings(session, store, tmp_path / "none.parquet", actor="nina", reject_dir=tmp_path)


def test_the_same_facts_in_another_order_give_the_same_part(base: Database, store: SnapshotStore, tmp_path: Path):
    start = datetime(2012, 7, 11, 6, tzinfo=UTC)
    moments = [(start + timedelta(seconds=number % 50_000)).isoformat() for number in range(150_000)]
    rows = [f"+44770090000{1 + at % 2},cell-{1 + at % 2},{moment}\n" for at, moment in enumerate(moments)]
    header = "msisdn,cell,seen_at\n"
    first = _import(base, store, tmp_path, header + "".join(rows))
    assert (first.read, first.added, first.unchanged) == (150_000, 50_000, 100_000)
    assert _import(base, store, tmp_path, header + "".join(reversed(rows))).added == 0
    assert len(_parts(base)) == 1


def test_old_days_are_forgotten_with_their_files_and_the_rest_stays(
    base: Database, store: SnapshotStore, tmp_path: Path
):
    _import(base, store, tmp_path, ROWS + "+447700900001,cell-1,2012-07-12T12:00:00Z\n")
    files = {part.day: store.path(part.snapshot_id) for part in _parts(base)}
    with clock.moved_to(datetime(2012, 7, 15, 12, tzinfo=UTC)):
        assert forget_old_presence(base, store, older_than_days=4, actor="nina").parts == ()
        forgotten = forget_old_presence(base, store, older_than_days=3, actor="nina")
        assert (len(forgotten.parts), forgotten.rows) == (1, 3)
        assert forget_old_presence(base, store, older_than_days=3, actor="nina").parts == ()
    assert [part.day for part in _parts(base)] == [date(2012, 7, 12)]
    assert [path.is_file() for path in files.values()] == [False, True]
    with base.reading() as session:
        assert session.scalar(select(func.count()).select_from(Snapshot)) == 1


def test_a_file_whose_part_was_forgotten_without_being_deleted_is_swept(
    base: Database, store: SnapshotStore, tmp_path: Path
):
    _import(base, store, tmp_path, ROWS)
    with base.transaction() as session:
        assert len(forget_presence(session, older_than_days=1, actor="nina").parts) == 1
    with base.reading() as session:
        assert store.sweep(session, older_than=timedelta(0)) == 1


def test_forgetting_everything_is_refused(base: Database):
    with base.transaction() as session, pytest.raises(InputError, match="not a number of days"):
        forget_presence(session, older_than_days=0, actor="nina")


def _parts(database: Database) -> list[PresencePart]:
    with database.reading() as session:
        return list(session.scalars(select(PresencePart).order_by(PresencePart.day)))


def _import_parquet(
    database: Database,
    store: SnapshotStore,
    directory: Path,
    columns: dict[str, Any],
    names: dict[str, str] | None = None,
):
    path = directory / "seen.parquet"
    pq.write_table(pa.table(columns), path)
    with database.transaction() as session:
        return import_sightings(session, store, path, actor="nina", column_map=names, reject_dir=directory / "rejects")


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
