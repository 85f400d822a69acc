"""Static checks: unknown names, types that do not go together, and money that is not rounded."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.feel import (
    FeelType,
    NameType,
    check_expression,
    check_tests,
    evaluate,
    fits,
    is_exact_money,
    parse_expression,
    parse_tests,
)
from compensation.feel.values import type_of

SCOPE = {
    "service fee": NameType(FeelType.MONEY, exact_money=True),
    "hours lost": NameType(FeelType.NUMBER),
    "total loss": NameType(FeelType.DURATION),
    "outage date": NameType(FeelType.DATE),
    "affected": NameType(FeelType.BOOLEAN),
    "payment type": NameType(FeelType.STRING, ("prepaid", "postpaid")),
    "rough": NameType(FeelType.MONEY),
}


def check(text: str) -> Any:
    return check_expression(parse_expression(text, SCOPE), SCOPE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0.1 * service fee", FeelType.MONEY),
        ("service fee / service fee", FeelType.NUMBER),
        ("service fee + 5", FeelType.MONEY),
        ('total loss / @"PT1H"', FeelType.NUMBER),
        ('outage date + @"P1D"', FeelType.DATE),
        ("outage date - outage date", FeelType.DURATION),
        ("if affected then service fee else null", FeelType.MONEY),
        ("round half up(service fee / 30, 2)", FeelType.MONEY),
        ("max(service fee, 1)", FeelType.MONEY),
        ('payment type = "prepaid" and service fee > 10', FeelType.BOOLEAN),
        ("payment type = null", FeelType.BOOLEAN),
    ],
)
def test_a_sound_expression_has_a_type(text, kind):
    assert check(text) == (kind, [])


@pytest.mark.parametrize(
    ("text", "column", "what", "accepted"),
    [
        ("1 + servce fee", 5, 'unknown name "servce fee"', 'did you mean "service fee"?'),
        ("service fee * service fee", 13, "money * money means nothing", "money * number"),
        ("payment type + 1", 14, "string + number means nothing", "number + number"),
        ('hours lost > "24"', 12, "a number cannot be compared with a string", "one type"),
        ("affected > true", 10, "a boolean has no order", "="),
        ("1 < null", 3, "a number cannot be compared with null", "one type"),
        ('payment type = "postpayd"', 16, '"postpayd" is never a value here', 'did you mean "postpaid"?'),
        ('payment type in ("prepaid", "x")', 29, '"x" is never a value here', '"prepaid", "postpaid"'),
        ("if hours lost then 1 else 2", 4, "a number, but a boolean is needed", "a boolean"),
        ('if affected then 1 else "a"', 25, "a string stands beside a number", "one type"),
        ("round half up(1, hours lost)", 18, "must be written out", "whole number"),
        ("round half up(1, -31)", 18, "must be written out", "from -30 to 30"),
        ("floor(affected)", 7, "floor needs a number", "floor(number)"),
        ("sum(outage date)", 1, "sum cannot take a date", "sum(a, b"),
        ("-affected", 1, "a boolean has no negative", "number"),
        ("[1..2] = 1", 1, "an interval can only be tested against", "in"),
    ],
)
def test_what_means_nothing_is_named_with_its_place_and_what_would_do(text, column, what, accepted):
    errors = check(text)[1]
    assert what in errors[0].what
    assert accepted in errors[0].accepted
    assert errors[0].at.column == column


@pytest.mark.parametrize(
    ("subject", "cell", "what"),
    [
        ("hours lost", '"many"', "the input is a number, but this test is a string"),
        ("affected", "> true", "a boolean has no order"),
        ("payment type", '"pre-paid"', "is never a value here"),
        ("hours lost", "[5..1]", "ends before it begins"),
        ("total loss", ">= 24", "the input is a days and time duration, but this test is a number"),
        ("hours lost", "< nul", 'unknown name "nul"'),
    ],
)
def test_a_cell_must_fit_its_input(subject, cell, what):
    errors = check_tests(parse_tests(cell, SCOPE), parse_expression(subject, SCOPE), SCOPE)
    assert what in errors[0].what


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("round half up(0.1 * service fee, 2)", True),
        ("round down(0.1 * service fee, 0)", True),
        ("round up(0.1 * service fee, -2)", True),
        ("round half up(0.1 * service fee, 3)", False),
        ("0.1 * service fee", False),
        ("round half up(service fee, 2) * 2", False),
        ("service fee", True),
        ("rough", False),
        ("10.00", True),
        ("10.001", False),
        ("null", True),
        ("if affected then round up(service fee / 3, 2) else 5", True),
        ("if affected then service fee / 3 else 5", False),
        ("min(round half up(service fee / 3, 2), 20)", True),
        ("max([service fee / 3, 20])", False),
        ("round half up(service fee / 3, 2) + round half up(service fee / 7, 2)", True),
        ("service fee - 1.50 + round down(hours lost, 1)", True),
        ("round half up(service fee / 3, 2) + service fee / 7", False),
        ("service fee + 0.005", False),
        ("service fee - rough", False),
    ],
)
def test_money_is_exact_only_when_rounded_outermost_or_exact_as_it_stands(text, exact):
    assert is_exact_money(parse_expression(text, SCOPE), SCOPE, 2) is exact


LEAVES = st.sampled_from([*SCOPE, "1", "0", "2.5", "null", "true", '"prepaid"', '@"PT36H"', '@"2012-07-11"'])
BRANCHES = [
    *(f"({{}}) {operator} ({{}})" for operator in ("+", "-", "*", "/", "**", "<", "=", "!=", "and", "or")),
    "round half up({}, 2) + {}",
    "if {} then {} else {}",
    "({}) between ({}) and ({})",
    "({}) in (({}), > ({}))",
    "not({})",
    "min({}, {})",
    "sum([{}, {}])",
    "abs(-({}))",
]


def grow(inner: Any) -> Any:
    return st.sampled_from(BRANCHES).flatmap(
        lambda shape: st.tuples(*[inner] * shape.count("{}")).map(lambda parts: shape.format(*parts))
    )


VALUES = st.fixed_dictionaries(
    {
        "service fee": st.none() | st.integers(-99, 999).map(lambda minor: Fraction(minor, 100)),
        "hours lost": st.none() | st.integers(-5, 48).map(Fraction),
        "total loss": st.none() | st.timedeltas(),
        "outage date": st.none() | st.dates(),
        "affected": st.none() | st.booleans(),
        "payment type": st.sampled_from([None, "prepaid"]),
        "rough": st.none() | st.fractions(max_denominator=7),
    }
)


@settings(max_examples=400, deadline=None)
@given(st.recursive(LEAVES, grow, max_leaves=6), VALUES)
def test_what_passes_the_check_never_fails_and_gives_its_type_or_null(text, values):
    kind, errors = check(text)
    if errors:
        return
    found = evaluate(parse_expression(text, SCOPE), values)
    assert found is None or kind is FeelType.NULL or fits(type_of(found), kind)
    assert not isinstance(found, float)


def test_dates_and_durations_keep_their_types():
    found = evaluate(parse_expression('outage date + 2 * @"P1D"', SCOPE), {"outage date": date(2012, 7, 11)})
    assert found == date(2012, 7, 11) + timedelta(days=2)
