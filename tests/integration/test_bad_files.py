"""Files that are not what they should be, as an operator's script hands them in: what is said, and nothing half-done.

What a file is does not depend on the database; what is left of it afterwards is asked of both.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from foundation import access
from foundation.db import Database
from foundation.snapshots import Snapshot
from outage.models import Account, NetworkElement, PresencePart, Subscriber
from tests.integration.test_outage_commands import Terminal

NETWORK = "ref,kind,name,services\nhlr-1,hlr,HLR,voice|sms|data\ncell-1,cell,One,voice\ncell-2,cell,Two,voice\n"
HEADER = (
    "msisdn,imsi,account,currency,plan,payment_type,segment,brand,language,zone,status,"
    "fee_list,fee_discounted,fee_service,fee_device\n"
)
BASE = HEADER + "".join(
    f"+4477009{number:05d},2341000000{number:05d},A{number},GBP,P,postpaid,consumer,B,en,Europe/London,active,10,10,5,0\n"
    for number in (1, 2)
)
SEEN = "msisdn,cell,seen_at\n+447700900001,cell-1,2024-03-01T10:00:00Z\n"
LINES = ["+447700900001", "+447700900002"]
MOMENT = datetime(2024, 3, 3, 10, 0, 0, 500_000, tzinfo=UTC)


@pytest.fixture
def terminal(tmp_path: Path, sqlite_database: Database) -> Terminal:
    return prepared(tmp_path, sqlite_database)


@pytest.fixture
def either(tmp_path: Path, database: Database) -> Iterator[Terminal]:
    terminal = prepared(tmp_path, database)
    yield terminal
    terminal.close()


def prepared(directory: Path, database: Database) -> Terminal:
    """A terminal whose records hold a small network and base."""
    with database.transaction() as session:
        access.add_user(session, name="nina", display_name="", password="long enough word", roles=["noc"], actor="test")
    terminal = Terminal(directory, database)
    for command, name, content in (("network", "n.csv", NETWORK), ("subscribers", "s.csv", BASE)):
        assert terminal("import", command, terminal.write(name, content)).exit_code == 0
    return terminal


def put(terminal: Terminal, name: str, content: bytes) -> str:
    path = terminal.directory / name
    path.write_bytes(content)
    return str(path)


def counts(database: Database) -> list[int | None]:
    with database.reading() as session:
        tables = (NetworkElement, Account, Subscriber, PresencePart, Snapshot)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def refusal(terminal: Terminal, command: str, path: str) -> str:
    """What one import says that is refused as a whole."""
    result = terminal("import", command, path)
    assert result.exit_code == 2, result.output
    (said,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    return said.removeprefix("error: ").replace(f"{terminal.directory}/", "")


@pytest.mark.parametrize("change", [lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n")])
def test_a_byte_order_mark_and_other_line_ends_are_read(terminal: Terminal, change):
    path = put(terminal, "again.csv", change(BASE.encode()))
    assert "2 read, 0 added, 0 changed, 2 unchanged, 0 rejected" in terminal("import", "subscribers", path).output
    result = terminal("import", "sightings", put(terminal, "seen.csv", change(SEEN.encode())))
    assert "1 read, 1 added" in result.output


def test_files_that_are_no_csv_in_utf8_are_refused_with_line_value_and_way_out(either: Terminal, database: Database):
    latin = BASE.encode() + "+447700900003,234100000000003,A3,GBP,Prépaid,".encode("latin-1") + b"x\n"
    before = counts(database)
    for name, content, said in (
        ("latin.csv", latin, "latin.csv, line 4: not a UTF-8 text file (got '<e9>paid,x<0a>')"),
        ("semi.csv", BASE.replace(",", ";").encode(), "; the fields of this file are parted by semicolons"),
        ("tabs.csv", BASE.replace(",", "\t").encode(), "; the fields of this file are parted by tabs"),
        ("wide.csv", BASE.encode("utf-16"), "this is UTF-16: convert it"),
        ("zip.csv", b"PK\x03\x04\xff\xfe\n", "a ZIP archive or a spreadsheet: export it as CSV"),
        ("gz.csv", b"\x1f\x8b\x08\xff\n", "compressed by gzip"),
        ("parquet.csv", b"PAR1\x15\xff\n", "this is Parquet"),
        ("empty.csv", b"", "empty.csv: empty file; accepted: a CSV file in UTF-8 with a header line"),
        ("blank.csv", b"\xef\xbb\xbf\n\r\n", "blank.csv: empty file"),
        ("late.csv", b"\n" + BASE.encode(), "late.csv, line 1: the first line is empty"),
        ("nul.csv", BASE.encode() + b"\0\n", "nul.csv, line 4: not CSV: a NUL character"),
        ("open.csv", BASE.encode() + b'"open\n', "open.csv, line 4: not CSV: unexpected end of data"),
    ):
        assert said in refusal(either, "subscribers", put(either, name, content)), name
    assert "cannot read this file (got 'Is a directory')" in refusal(either, "subscribers", str(either.directory))
    assert counts(database) == before


def test_a_header_alone_adds_nothing(terminal: Terminal, sqlite_database: Database):
    before = counts(sqlite_database)
    assert "0 read, 0 added" in terminal("import", "subscribers", terminal.write("header.csv", HEADER)).output
    seen = terminal("import", "sightings", terminal.write("seen.csv", SEEN.splitlines()[0]))
    assert (seen.exit_code, counts(sqlite_database)) == (0, before)


def test_a_line_without_an_end_does_not_fill_the_memory(terminal: Terminal, sqlite_database: Database):
    path = terminal.directory / "endless.csv"
    with path.open("wb") as file:
        file.write(BASE.encode())
        for _ in range(256):
            file.write(b"x" * (1 << 20))
    before, held = counts(sqlite_database), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = refusal(terminal, "subscribers", str(path))
    assert said.startswith("endless.csv, line 4: not CSV: a line of more than 100000 characters")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 128 * 1024
    assert counts(sqlite_database) == before


def parquet(terminal: Terminal, name: str, **columns: pa.Array) -> str:
    path = terminal.directory / name
    given = {"msisdn": pa.array(LINES), "cell": pa.array(["cell-1", "cell-2"]), **columns}
    pq.write_table(pa.table(given), path)
    return str(path)


def test_parquet_of_every_accepted_kind_of_column_says_the_same(terminal: Terminal):
    zoned = pa.timestamp("us", tz="UTC")
    for number, times in enumerate(
        (
            pa.array([MOMENT] * 2, zoned),
            pa.array([MOMENT] * 2, pa.timestamp("ns", tz="Europe/London")),
            pa.array([MOMENT] * 2, pa.timestamp("ms", tz="+05:30")),
            pa.array([MOMENT] * 2, zoned).dictionary_encode(),
            pa.array(["2024-03-03T10:00:00.9Z", "2024-03-03T12:00:00+02:00"]),
            pa.array(["2024-03-03T10:00:00Z"] * 2, pa.large_string()),
            pa.array(["2024-03-03T10:00:00Z"] * 2).dictionary_encode(),
        )
    ):
        said = terminal("import", "sightings", parquet(terminal, f"{number}.parquet", seen_at=times)).output
        assert ("2 added" if number == 0 else "2 unchanged") in said, (times.type, said)


def test_parquet_of_other_kinds_is_refused_by_its_column(terminal: Terminal, sqlite_database: Database):
    zoned = pa.array([MOMENT] * 2, pa.timestamp("us", tz="UTC"))
    before = counts(sqlite_database)
    for name, columns, said in (
        ("naive", {"seen_at": zoned.cast(pa.timestamp("us"))}, "column seen_at: naive timestamps (no time zone)"),
        ("int", {"seen_at": pa.array([1, 2])}, "column seen_at: not a column of times (got 'int64')"),
        ("date", {"seen_at": pa.array([MOMENT.date()] * 2)}, "not a column of times (got 'date32[day]')"),
        ("mars", {"seen_at": zoned.cast(pa.timestamp("us", tz="Mars/X"))}, "column seen_at: unknown time zone"),
        ("number", {"seen_at": zoned, "msisdn": pa.array([447700900001, 2])}, "column msisdn: not a column of text"),
        ("cell", {"seen_at": zoned, "cell": pa.array([1, 2])}, "column cell: not a column of text (got 'int64')"),
        ("short", {}, "missing column (got 'seen_at')"),
    ):
        path = parquet(terminal, f"{name}.parquet", **columns)
        assert said in refusal(terminal, "sightings", path), name
    assert counts(sqlite_database) == before


def test_a_damaged_parquet_file_leaves_nothing(either: Terminal, database: Database):
    rows = 50_000
    whole = either.directory / "whole.parquet"
    times = pa.array([int(MOMENT.timestamp()) + number for number in range(rows)], pa.timestamp("s", tz="UTC"))
    columns = {"msisdn": [LINES[0]] * rows, "cell": ["cell-1"] * rows, "seen_at": times}
    pq.write_table(pa.table(columns), whole, row_group_size=10_000)
    content = bytearray(whole.read_bytes())
    before = counts(database)
    content[len(content) // 2 : len(content) // 2 + 3_000] = b"\xff" * 3_000
    for name, found, said in (
        ("cut", content[: len(content) // 3], "cut.parquet: not a Parquet file"),
        ("none", b"", "none.parquet: not a Parquet file"),
        ("spoilt", content, "spoilt.parquet, after row "),
    ):
        assert said in refusal(either, "sightings", put(either, f"{name}.parquet", bytes(found))), name
    assert "No such file" in refusal(either, "sightings", str(either.directory / "gone.parquet"))
    (either.directory / "folder.parquet").mkdir()
    assert "Is a directory" in refusal(either, "sightings", str(either.directory / "folder.parquet"))
    assert counts(database) == before


def test_nobody_was_seen_at_a_time_that_has_not_come(either: Terminal):
    text = SEEN + "+447700900002,cell-1,2924-03-01T10:00:00Z\n+447700900002,cell-1,2924-03-01 10:00:00+01:00\n"
    result = either("import", "sightings", either.write("ahead.csv", text))
    assert (result.exit_code, "1 added, 0 changed, 0 unchanged, 2 rejected" in result.output) == (1, True)
    rejected = (either.directory / "rejects" / "ahead-rejected.csv").read_text().splitlines()
    assert rejected[1].startswith("3,seen_at,2924-03-01T10:00:00Z,in the future; accepted: a time up to ")
    far = pa.array([MOMENT, datetime(9999, 12, 31, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))
    assert either("import", "sightings", parquet(either, "far.parquet", seen_at=far)).exit_code == 1
    rejected = (either.directory / "rejects" / "far-rejected.csv").read_text().splitlines()
    assert rejected[1].startswith("2,seen_at,9999-12-31T00:00:00+00:00,in the future")


def test_an_export_that_came_out_empty_retires_nothing(either: Terminal):
    links = either.write("links.csv", "element,group,member\ncell-1,,hlr-1\n")
    network = either.write("n.csv", NETWORK)
    assert either("import", "network", network, "--dependencies", links).exit_code == 0
    empty = either.write("empty.csv", NETWORK.splitlines()[0])
    no_links = either.write("none.csv", "element,group,member\n")
    told = "no rows: a full import of it would retire everything"
    for words in ((empty,), (empty, "--dry-run"), (network, "--dependencies", no_links)):
        result = either("import", "network", *words, "--full")
        assert (result.exit_code, told in result.output) == (2, True), words
    assert "hlr-1: 1 other element and" in either("whatif", "hlr-1").output


def test_a_diff_shows_instants_and_a_rejected_row_too(terminal: Terminal):
    one = terminal.write("one.csv", "\n".join(NETWORK.splitlines()[:2]) + "\n")
    said = terminal("import", "network", one, "--full", "--dry-run").output
    assert "retired element cell-1: valid_to: nothing -> 20" in said
    dated = "ref,kind,name,services,valid_from,valid_to\nx,cell,X,voice,2024-01-02T00:00:00Z,2024-01-01T00:00:00Z\n"
    assert terminal("import", "network", terminal.write("dated.csv", dated)).exit_code == 1
    rejected = (terminal.directory / "rejects" / "dated-rejected.csv").read_text().splitlines()[1]
    after = "valid_to is not after valid_from; accepted: a time after 2024-01-02T00:00:00Z"
    assert rejected == f"2,valid_to,2024-01-01T00:00:00Z,{after}"
