"""Bulk reading and writing keeps every value as it is, on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Boolean, Column, Date, Float, Integer, MetaData, Table, Text, func, select

from foundation.bulk import insert_batches, insert_rows, read_batches
from foundation.db import Database

_THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("text", Text),
    Column("number", Float),
    Column("flag", Boolean),
    Column("day", Date),
)
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("text", pa.string()),
        ("number", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
    ]
)
_ROWS: list[tuple[Any, ...]] = [
    (1, 'quoted "twice", with a comma', 0.1, True, "2012-07-11"),
    (2, "two\nlines\r\nand a tab\t", 1e300, False, "1999-12-31"),
    (3, "", -0.0, None, None),
    (4, None, None, True, "2012-02-29"),
    (5, "100 %s \\N NULL ünï 漢", 3.141592653589793, False, "0001-01-01"),
]


def _fill(database: Database, rows: list[tuple[Any, ...]]) -> int:
    with database.transaction() as session:
        connection = session.connection()
        _THINGS.create(connection)
        return insert_rows(connection, _THINGS, list(_SCHEMA.names), [rows[:2], [], rows[2:]])


def test_every_value_comes_back_as_it_went_in(database: Database) -> None:
    assert _fill(database, _ROWS) == len(_ROWS)
    with database.reading() as session:
        statement = select(_THINGS).order_by(_THINGS.c.id)
        table = pa.Table.from_batches(read_batches(session.connection(), statement, _SCHEMA))
    expected = [(*row[:4], row[4] and date.fromisoformat(row[4])) for row in _ROWS]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


def test_batches_of_arrow_come_back_as_they_went_in(database: Database) -> None:
    schema = _SCHEMA.set(4, pa.field("day", pa.string()))
    rows = [dict(zip(schema.names, row, strict=True)) for row in _ROWS]
    batches = [pa.RecordBatch.from_pylist(some, schema) for some in (rows[:2], [], rows[2:])]
    with database.transaction() as session:
        _THINGS.create(session.connection())
        assert insert_batches(session.connection(), _THINGS, batches) == len(rows)
        read = [tuple(row) for row in session.execute(select(_THINGS).order_by(_THINGS.c.id))]
    assert read == [(*row[:4], row[4] and date.fromisoformat(row[4])) for row in _ROWS]


def test_values_in_the_statement_are_quoted_and_percent_signs_survive(database: Database) -> None:
    _fill(database, _ROWS)
    schema = pa.schema([("id", pa.int64())])
    for text in ("100 %s \\N NULL ünï 漢", "it's none"):
        statement = select(_THINGS.c.id).where(_THINGS.c.text == text)
        with database.reading() as session:
            batches = list(read_batches(session.connection(), statement, schema))
        found = [row for batch in batches for row in batch.to_pylist()]
        assert found == ([{"id": 5}] if text.startswith("100") else [])


def test_batches_have_at_most_the_asked_size_and_lose_no_row(database: Database) -> None:
    _fill(database, [(number, f"t{number}", 0.5, None, None) for number in range(1, 10_002)])
    with database.reading() as session:
        statement = select(_THINGS).order_by(_THINGS.c.id)
        batches = list(read_batches(session.connection(), statement, _SCHEMA, size=4_000))
    assert [batch.num_rows for batch in batches] == [4_000, 4_000, 2_001]
    assert [one for batch in batches for one in batch.column(0).to_pylist()] == list(range(1, 10_002))


def test_a_query_without_rows_gives_no_batches(database: Database) -> None:
    _fill(database, [])
    with database.reading() as session:
        assert list(read_batches(session.connection(), select(_THINGS), _SCHEMA)) == []


def test_a_value_that_does_not_fit_its_type_is_an_error(database: Database) -> None:
    _fill(database, _ROWS)
    schema = pa.schema([("text", pa.int64())])
    with database.reading() as session, pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        list(read_batches(session.connection(), select(_THINGS.c.text).where(_THINGS.c.id == 1), schema))


def test_rows_of_a_transaction_that_fails_are_not_there(database: Database) -> None:
    _fill(database, [])
    with pytest.raises(Exception, match=r"(?i)unique"), database.transaction() as session:
        insert_rows(session.connection(), _THINGS, list(_SCHEMA.names), [_ROWS, _ROWS[:1]])
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(_THINGS)) == 0


def test_a_reading_session_sees_one_moment(database: Database) -> None:
    _fill(database, _ROWS)
    with database.reading() as reader:
        before = reader.scalar(select(func.count()).select_from(_THINGS))
        with database.transaction() as writer:
            insert_rows(writer.connection(), _THINGS, ["id"], [[(99,)]])
        assert reader.scalar(select(func.count()).select_from(_THINGS)) == before
