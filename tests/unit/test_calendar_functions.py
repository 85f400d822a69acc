"""Functions of the calendar: by the interpreter and by generated functions alike."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest

from compensation.feel import FeelType, NameType, Value, check_expression, evaluate, parse_expression
from compensation.feel.generate import generate_expression

SCOPE = {"day": NameType(FeelType.DATE), "other": NameType(FeelType.DATE)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days in month(day)", 29),
        ("days in year(day)", 366),
        ("days between(day, other)", 20),
        ("days between(other, day)", -20),
        ("start of month(day)", datetime.date(2024, 2, 1)),
        ('days in month(date and time("2023-02-10T10:00:00"))', 28),
        ('days in year(other - duration("P366D"))', 365),
        ("days between(null, day)", None),
    ],
)
def test_interpreter_and_generated_function_agree(text: str, expected: Value) -> None:
    values = {"day": datetime.date(2024, 2, 10), "other": datetime.date(2024, 3, 1)}
    node = parse_expression(text, SCOPE)
    assert check_expression(node, SCOPE)[1] == []
    wanted = Fraction(expected) if isinstance(expected, int) else expected
    assert evaluate(node, values) == wanted
    assert generate_expression(node, tuple(values), SCOPE)(*values.values()) == wanted
