"""Ranges of numbers from CSV: each number in one range of a kind at a time, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from foundation.db import Database
from foundation.errors import InputError
from outage.imports.importing import ImportResult
from outage.models import NumberRange
from outage.network.inventory import current_version
from outage.number_ranges import import_ranges
from tests import impact_worlds as worlds

_HEADER = "kind,first,last,element,valid_from,valid_to\n"
_IMSI = "imsi,234100000000000,234100000000999,E1,,\n"
_MSISDN = "msisdn,+447700900000,+447700900499,E2,,\n"


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2)
    return database


def _import(database: Database, directory: Path, rows: str):
    path = directory / "ranges.csv"
    path.write_text(_HEADER + rows)
    with database.transaction() as session:
        return import_ranges(session, path, actor="nina", reject_dir=directory / "rejects")


def _rejected(result: ImportResult) -> list[str]:
    assert result.reject_file is not None
    return result.reject_file.read_text().splitlines()[1:]


def test_ranges_load_and_the_same_file_again_changes_nothing(network: Database, tmp_path: Path):
    first = _import(network, tmp_path, _IMSI + _MSISDN)
    assert (first.read, first.added, first.rejected) == (2, 2, 0)
    again = _import(network, tmp_path, _IMSI + _MSISDN)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    with network.reading() as session:
        assert current_version(session, "ranges") == 1
        assert [(one.kind, one.element_id) for one in session.scalars(select(NumberRange))] == [
            ("imsi", 1),
            ("msisdn", 2),
        ]


def test_another_element_or_end_changes_a_range(network: Database, tmp_path: Path):
    _import(network, tmp_path, _IMSI)
    assert _import(network, tmp_path, _IMSI.replace("E1", "E2")).changed == 1
    assert _import(network, tmp_path, _IMSI.replace("E1,,", "E2,,2012-07-01T00:00:00Z")).changed == 1
    with network.reading() as session:
        (one,) = session.scalars(select(NumberRange))
        assert one.valid_to is not None
        assert (one.element_id, one.valid_to.isoformat()) == (2, "2012-07-01T00:00:00+00:00")


def test_a_range_over_another_of_its_kind_is_refused_by_name(network: Database, tmp_path: Path):
    _import(network, tmp_path, _IMSI)
    rows = (
        "imsi,234100000000999,234100000001500,E2,,\n"
        + "imsi,234100000001000,234100000001999,E2,,\n"
        + "imsi,234100000001999,234100000002999,E1,,\n"
        + _MSISDN
    )
    result = _import(network, tmp_path, rows)
    assert (result.added, result.rejected) == (2, 2)
    accepted = "; accepted: numbers that no other range of this kind holds at the time"
    assert _rejected(result) == [
        f"2,first,234100000000999,overlaps 234100000000000 to 234100000000999 of E1{accepted}",
        f"4,first,234100000001999,overlaps 234100000001000 to 234100000001999 of E2{accepted}",
    ]


def test_the_same_numbers_may_move_to_another_element_at_an_instant(network: Database, tmp_path: Path):
    rows = (
        "imsi,234100000000000,234100000000999,E1,,2012-07-01T00:00:00Z\n"
        "imsi,234100000000000,234100000000999,E2,2012-07-01T00:00:00Z,\n"
    )
    assert (_import(network, tmp_path, rows).added, _import(network, tmp_path, rows).unchanged) == (2, 2)


def test_numbers_of_another_length_do_not_overlap(network: Database, tmp_path: Path):
    rows = "imsi,00101000000000,00101000000999,E1,,\nimsi,001010000000000,001010000000999,E2,,\n"
    assert _import(network, tmp_path, rows).added == 2


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("tmsi,1,2,E1,,", "kind", "not one of the accepted words"),
        ("imsi,23410,234100000000999,E1,,", "first", "not an IMSI"),
        ("msisdn,07700900000,+447700900999,E1,,", "first", "not an E.164 number"),
        ("msisdn,+447700900000,+4477009009990,E1,,", "last", "not"),
        ("imsi,234100000000009,234100000000000,E1,,", "last", "before the first number"),
        ("imsi,23410000000000,234100000000009,E1,,", "last", "not as long as the first number"),
        ("imsi,234100000000000,234100000000009,E9,,", "element", "unknown network element"),
        ("imsi,234100000000000,234100000000009,E1,2012-07-01T00:00:00,", "valid_from", '"naive timestamp'),
        (
            "imsi,234100000000000,234100000000009,E1,2012-07-02T00:00:00Z,2012-07-01T00:00:00Z",
            "valid_to",
            "valid_to is not after valid_from",
        ),
    ],
)
def test_a_bad_row_is_rejected_by_field(network: Database, tmp_path: Path, row: str, field: str, reason: str):
    result = _import(network, tmp_path, row + "\n" + _MSISDN)
    assert (result.added, result.rejected) == (1, 1)
    line, found, rest = _rejected(result)[0].split(",", 2)
    assert (line, found) == ("2", field)
    assert reason in rest


def test_the_same_range_twice_in_a_file_is_rejected(network: Database, tmp_path: Path):
    result = _import(network, tmp_path, _IMSI + _IMSI)
    assert (result.added, result.rejected) == (1, 1)
    assert _rejected(result) == ["3,first,234100000000000,the same range as on line 2"]


def test_a_missing_column_refuses_the_file(network: Database, tmp_path: Path):
    path = tmp_path / "ranges.csv"
    path.write_text("kind,first,element\n")
    with network.transaction() as session, pytest.raises(InputError, match=r"missing column .got 'last'"):
        import_ranges(session, path, actor="nina", reject_dir=tmp_path)
