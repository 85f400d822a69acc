"""What queries share on both databases: many values as one parameter, and the present by the database's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Text, bindparam, literal, select

from foundation import clock
from foundation.db import Database, dialect_of, is_one_of, now_of, one_of, packed

ODD = (
    "plain",
    "",
    "null",
    "NULL",
    'a "quoted" word',
    "back\\slash",
    "{a,b}",
    "a,b",
    " ends in blanks ",
    "line\nbreak",
    "ü€😀",
)
# PostgreSQL keeps no text with a NUL, and no half of a character.
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def is_among(database: Database, value: object, values: list[object]) -> bool:
    column = literal(value, BigInteger if isinstance(value, int) else Text)
    with database.reading() as session:
        return bool(session.scalar(select(one_of(session, column, values))))


@pytest.mark.parametrize("value", [*ODD, 0, -7, 2**62])
def test_a_value_is_found_among_others_whatever_it_is(database: Database, value) -> None:
    others: list[object] = [3, 5] if isinstance(value, int) else ["other", "ODD"]
    assert is_among(database, value, [*others, value])
    assert not is_among(database, value, others)
    assert not is_among(database, value, [])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_texts_are_among_those_that_they_equal(database: Database, values, value) -> None:
    assert is_among(database, value, values) == (value in values)


def test_a_statement_made_once_reads_the_clock_and_its_parameters_each_time(database: Database) -> None:
    with database.reading() as session:
        dialect = dialect_of(session)
        chosen = is_one_of(dialect, literal(7, BigInteger), bindparam("these", type_=Text))
        query = select(now_of(dialect, bindparam("later", type_=BigInteger)), chosen)
        read = []
        for shift, later, these in ((0, 0, [7, 8]), (3600, 0, []), (3600, 60, [7])):
            with clock.moved_to(clock.now() + timedelta(seconds=shift)):
                at, found = session.execute(query, {"later": later, "these": packed(dialect, these)}).one()
                read.append((round((at - clock.now()).total_seconds() - later, -1), bool(found)))
    assert read == [(0, True), (0, False), (0, True)]
