"""The customer base from CSV, on both databases."""

import csv
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from foundation.db import Database
from foundation.errors import InputError
from outage.base import attributes
from outage.base.subscriber_import import import_subscribers
from outage.imports.importing import BATCH_ROWS
from outage.models import Account, NetworkElement, Subscriber
from outage.network.inventory import current_version

HEADER = (
    "msisdn,imsi,account,account_name,account_parent,currency,plan,payment_type,segment,brand,language,zone,status,"
    "fee_list,fee_discounted,fee_service,fee_device,contract_started_on,contract_ended_on,served_by"
)
GOOD = [
    "+447700900001,234100000000001,A1,Ann Ltd,,GBP,P18,postpaid,business,o2,en-GB,Europe/London,active,"
    "20.42,18,15.5,2.50,2011-05-01,,hlr-1",
    "+447700900002,234100000000002,A2,Ann Sales,A1,GBP,P18,postpaid,business,o2,en-GB,Europe/London,active,"
    "20.42,18.00,15.50,2.50,2011-05-01,2013-05-01,",
    "+819012345678,440100000000003,B,Ben,,JPY,P3,prepaid,consumer,tesco,ja,Asia/Tokyo,active,300,300,300,0,,,hlr-1",
]


def row(number: int, **changes: str) -> str:
    """A good row with its own numbers and account, and some fields changed."""
    fields = dict(zip(HEADER.split(","), GOOD[0].split(","), strict=True))
    own = {"msisdn": f"+4477001{number:05}", "imsi": f"2341010000{number:05}", "account": f"N{number}"}
    return ",".join({**fields, **own, **changes}.values())


def test_lines_and_their_accounts_load_and_the_same_file_again_changes_nothing(database: Database, tmp_path: Path):
    path = _written(tmp_path, [HEADER, *GOOD])
    first = _import(database, path)
    assert (first.read, first.added, first.changed, first.unchanged, first.rejected) == (3, 3, 0, 0, 0)
    assert first.details == {"accounts added": 3, "accounts changed": 0}
    second = _import(database, path)
    assert (second.added, second.changed, second.unchanged, second.changes) == (0, 0, 3, 0)
    with database.reading() as session:
        assert current_version(session, "base") == 1
        ann, _, ben = session.scalars(select(Subscriber).order_by(Subscriber.msisdn)).all()
        assert (ann.fee_list_minor, ann.fee_discounted_minor, ann.fee_service_minor) == (2042, 1800, 1550)
        assert (ben.fee_list_minor, ben.payment_type, ben.contract_started_on) == (300, "prepaid", None)
        assert ann.contract_started_on == date(2011, 5, 1)
        assert ann.served_by_id is not None
        assert ann.attributes == {}
        accounts = {account.ref: account for account in session.scalars(select(Account))}
        assert accounts["A2"].parent_id == accounts["A1"].id
        assert (accounts["A1"].name, accounts["B"].currency) == ("Ann Ltd", "JPY")


def test_changed_lines_and_accounts_are_counted(database: Database, tmp_path: Path):
    path = _written(tmp_path, [HEADER, *GOOD])
    _import(database, path)
    changed = GOOD[1].replace("Ann Sales,A1", "Ann Shops,").replace("20.42", "20.43")
    result = _import(database, _written(tmp_path, [HEADER, GOOD[0], changed, GOOD[2], row(7)]))
    assert (result.added, result.changed, result.unchanged) == (1, 1, 2)
    assert result.details == {"accounts added": 1, "accounts changed": 1}
    with database.reading() as session:
        assert current_version(session, "base") == 2
        account = session.scalars(select(Account).where(Account.ref == "A2")).one()
        assert (account.name, account.parent_id) == ("Ann Shops", None)


def test_a_line_can_move_to_another_account(database: Database, tmp_path: Path):
    _import(database, _written(tmp_path, [HEADER, *GOOD]))
    moved = GOOD[0].replace(",A1,Ann Ltd,", ",A9,Zoe,")
    result = _import(database, _written(tmp_path, [HEADER, moved]))
    assert (result.added, result.changed, result.details["accounts added"]) == (0, 1, 1)


def test_optional_columns_that_the_file_lacks_are_left_as_they_are(database: Database, tmp_path: Path):
    _import(database, _written(tmp_path, [HEADER, *GOOD]))
    optional = ("account_name", "account_parent", "contract_started_on", "contract_ended_on", "served_by")
    keep = [index for index, name in enumerate(HEADER.split(",")) if name not in optional]
    rows = [",".join(line.split(",")[index] for index in keep) for line in [HEADER, *GOOD]]
    result = _import(database, _written(tmp_path, rows))
    assert (result.changes, result.unchanged) == (0, 3)


def test_bad_rows_are_rejected_by_line_field_value_and_reason_while_good_rows_load(database: Database, tmp_path: Path):
    bad = {
        "msisdn": row(10, msisdn="07700900123"),
        "imsi": row(11, imsi="23410"),
        "currency": row(12, currency="GBX"),
        "payment_type": row(13, payment_type="barter"),
        "language": row(14, language="english please"),
        "zone": row(15, zone="Europe/Slough"),
        "fee_list": row(16, fee_list="20.425"),
        "fee_device": row(17, fee_device="-1"),
        "contract_ended_on": row(18, contract_ended_on="2010-01-01"),
        "served_by": row(19, served_by="hlr-9"),
        "account_parent": row(20, account_parent="nobody"),
    }
    result = _import(database, _written(tmp_path, [HEADER, GOOD[0], *bad.values()]))
    assert (result.read, result.added, result.rejected) == (12, 1, 11)
    rejected = _rejected(result.reject_file)
    assert [(line, field) for line, field, _, _ in rejected] == [
        (3, "msisdn"),
        (4, "imsi"),
        (5, "currency"),
        (6, "payment_type"),
        (7, "language"),
        (8, "zone"),
        (9, "fee_list"),
        (10, "fee_device"),
        (11, "contract_ended_on"),
        (12, "served_by"),
        (13, "account_parent"),
    ]
    reasons = {field: (value, reason) for _, field, value, reason in rejected}
    assert reasons["msisdn"] == (
        "07700900123",
        "not an E.164 number; accepted: an E.164 number with + and country code, such as +447700900123",
    )
    assert reasons["fee_list"][1].startswith("not an amount in whole minor units")
    assert reasons["served_by"] == ("hlr-9", "unknown network element; accepted: a ref from the inventory")
    assert reasons["account_parent"] == (
        "nobody",
        "unknown account; accepted: one that this file or the records have",
    )


def test_numbers_that_stand_twice_or_belong_to_another_line_are_rejected(database: Database, tmp_path: Path):
    _import(database, _written(tmp_path, [HEADER, *GOOD]))
    rows = [row(1), row(1, imsi="234101000000077"), row(2, imsi=row(1).split(",")[1]), row(3, imsi="234100000000002")]
    result = _import(database, _written(tmp_path, [HEADER, *rows]))
    assert (result.added, result.rejected) == (1, 3)
    assert [(line, field, reason) for line, field, _, reason in _rejected(result.reject_file)] == [
        (3, "msisdn", "the same MSISDN as on line 2"),
        (4, "imsi", "the same IMSI as on line 2"),
        (5, "imsi", "this IMSI belongs to +447700900002; accepted: an IMSI that no other line has"),
    ]


def test_rows_that_contradict_their_account_are_rejected(database: Database, tmp_path: Path):
    _import(database, _written(tmp_path, [HEADER, *GOOD]))
    rows = [
        row(1, account="X", account_name="One"),
        row(2, account="X", account_name="Two"),
        row(3, account="X", account_name="One", currency="EUR"),
        row(4, account="B", account_name="Ben"),
    ]
    result = _import(database, _written(tmp_path, [HEADER, *rows]))
    assert (result.added, result.rejected) == (1, 3)
    assert sorted((line, field, reason) for line, field, _, reason in _rejected(result.reject_file)) == [
        (3, "account_name", "another account_name of this account than on line 2"),
        (4, "currency", "another currency of this account than on line 2"),
        (5, "currency", "the account is in JPY and an import cannot change that"),
    ]


def test_accounts_in_a_cycle_refuse_the_file_by_name(database: Database, tmp_path: Path):
    rows = [row(1, account="X", account_parent="Y"), row(2, account="Y", account_parent="X")]
    with pytest.raises(InputError, match=r"the accounts form a cycle .*X -> Y -> X"):
        _import(database, _written(tmp_path, [HEADER, *rows]))
    with database.reading() as session:
        assert session.scalars(select(Account)).all() == []


def test_staff_defined_attributes_are_checked_merged_and_taken_away(database: Database, tmp_path: Path):
    with database.transaction() as session:
        define = attributes.define_attribute
        define(session, name="tier", kind="string", meaning="Loyalty tier", allowed=["gold", "blue"], actor="ann")
        define(session, name="points", kind="number", meaning="Points", actor="ann")
    both = _written(
        tmp_path,
        [f"{HEADER},attribute:tier,attribute:points", f"{row(1)},gold,12", f"{row(2)},green,1", f"{row(3)},,x"],
    )
    first = _import(database, both)
    assert (first.added, first.rejected) == (1, 2)
    assert [(line, field) for line, field, _, _ in _rejected(first.reject_file)] == [
        (3, "attribute:tier"),
        (4, "attribute:points"),
    ]
    assert _import(database, both).changes == 0
    assert _attributes(database) == {"tier": "gold", "points": 12}
    only_tier = _written(tmp_path, [f"{HEADER},attribute:tier", f"{row(1)},blue"])
    assert _import(database, only_tier).changed == 1
    assert _attributes(database) == {"tier": "blue", "points": 12}
    no_tier = _written(tmp_path, [f"{HEADER},attribute:tier", f"{row(1)},"])
    assert _import(database, no_tier).changed == 1
    assert _attributes(database) == {"points": 12}
    assert _import(database, no_tier).changes == 0


def test_an_attribute_that_nobody_defined_refuses_the_file(sqlite_database: Database, tmp_path: Path):
    path = _written(tmp_path, [f"{HEADER},attribute:tier", f"{GOOD[0]},gold"])
    with pytest.raises(InputError, match=r"nobody defined \(got 'attribute:tier'\); accepted: none is defined yet"):
        _import(sqlite_database, path)


def test_an_attribute_definition_is_checked_and_keeps_its_type(sqlite_database: Database):
    with sqlite_database.transaction() as session:
        define = attributes.define_attribute
        made, changed = define(session, name="vip", kind="boolean", meaning="Very important", actor="ann")
        assert changed
        assert define(session, name="vip", kind="boolean", meaning="Very important", actor="ann") == (made, False)
        with pytest.raises(InputError, match="another type"):
            define(session, name="vip", kind="string", meaning="x", actor="ann")
        with pytest.raises(InputError, match="unknown type"):
            define(session, name="x", kind="float", meaning="x", actor="ann")
        with pytest.raises(InputError, match="not a name"):
            define(session, name="X y", kind="string", meaning="x", actor="ann")
        with pytest.raises(InputError, match="not a number"):
            define(session, name="x", kind="number", meaning="x", allowed=["one"], actor="ann")


def test_a_missing_column_refuses_the_file_and_says_which_were_found(sqlite_database: Database, tmp_path: Path):
    path = _written(tmp_path, [HEADER.replace("msisdn", "number"), *GOOD])
    with pytest.raises(InputError) as refused:
        _import(sqlite_database, path)
    assert "lines.csv, line 1: missing column (got 'msisdn')" in str(refused.value)
    assert "the columns found are number, imsi, account" in str(refused.value)
    assert _import(sqlite_database, path, {"msisdn": "number"}).added == 3


def test_batches_join_up_and_progress_is_told(sqlite_database: Database, tmp_path: Path):
    count = 2 * BATCH_ROWS + 5
    path = _written(tmp_path, [HEADER, *(row(number) for number in range(count))])
    told: list[tuple[int, int]] = []
    with sqlite_database.transaction() as session:
        _add_hlr(session)
        result = import_subscribers(
            session,
            path,
            actor="ann",
            reject_dir=tmp_path,
            progress=lambda done, total: told.append((done, total)),
        )
    assert (result.added, result.details["accounts added"]) == (count, count)
    assert [done for done, _ in told] == [BATCH_ROWS, 2 * BATCH_ROWS, count]
    assert told[-1][1] == count


def _written(directory: Path, lines: list[str]) -> Path:
    path = directory / "lines.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _add_hlr(session) -> None:
    if session.scalar(select(NetworkElement.id).where(NetworkElement.ref == "hlr-1")) is None:
        session.add(NetworkElement(ref="hlr-1", kind="hlr", name="HLR", services=["voice"]))
        session.flush()


def _import(database: Database, path: Path, column_map: dict[str, str] | None = None):
    with database.transaction() as session:
        _add_hlr(session)
        return import_subscribers(session, path, actor="ann", column_map=column_map, reject_dir=path.parent / "rejects")


def _rejected(path: Path | None) -> list[tuple[int, str, str, str]]:
    assert path is not None
    with path.open(encoding="utf-8") as file:
        return [(int(one["line"]), one["field"], one["value"], one["reason"]) for one in csv.DictReader(file)]


def _attributes(database: Database) -> dict[str, object]:
    with database.reading() as session:
        return dict(session.scalars(select(Subscriber.attributes)).one())
