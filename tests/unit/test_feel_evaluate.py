"""The interpreter: exact numbers, three-valued logic, nulls, roundings and cells against plain Python."""

from __future__ import annotations

import operator
from datetime import timedelta
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.feel import evaluate, parse_expression, parse_tests, passes

NUMBERS = st.one_of(st.integers(-50, 50).map(Fraction), st.decimals(-50, 50, places=2).map(Fraction))
MAYBE = st.one_of(st.none(), NUMBERS)
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def run(text: str, notes: list[str] | None = None, **values: Any) -> Any:
    return evaluate(parse_expression(text, values), values, notes)


def accepts(cell: str, subject: Any, **values: Any) -> bool:
    return passes(parse_tests(cell, values), subject, values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true and null", None),
        ("false and null", False),
        ("true or null", True),
        ("false or null", None),
        ("not(null)", None),
        ("null = null", True),
        ("null = 1", False),
        ("null != 1", True),
        ("null < 1", None),
        ("null between 1 and 2", None),
        ("3 between null and 2", False),
        ("1 + null", None),
        ("if null then 1 else 2", Fraction(2)),
        ("min(1, null)", None),
        ("null in (1, null)", True),
        ("null in (1, 2)", False),
    ],
)
def test_null_follows_three_valued_logic(text, expected):
    assert run(text) is expected or run(text) == expected


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("1 / (fee - fee)", "a division by zero"),
        ("(1 - fee) ** 0.5", "a power out of reach: 1/2"),
        ("9 ** 999 ** 999", "a power out of reach: 999"),
        ("(fee - fee) ** -0.5", "a division by zero"),
        ('date("9999-12-31") + @"P9D"', "a date, duration or number out of range"),
        ('@"P999999999D" * 9', "a date, duration or number out of range"),
        ("gone + 1", "gone is not known (null)"),
    ],
)
def test_what_cannot_be_computed_is_null_and_says_why(text, note):
    notes: list[str] = []
    assert run(text, notes, fee=Fraction(3), gone=None) is None
    assert notes == [note]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 ** 0.5", "2"),
        ("8 ** (1 / 3)", "2"),
        ("1.05 ** (73 / 365)", "1.009805797673485308294618898283816"),
        # Exactly this would be over half a million digits long.
        ("1.000123456789 ** 4000.5", "1.638626514745243429649682047341434"),
        ("0 ** 0.5", "0"),
    ],
)
def test_powers_with_a_fraction_have_34_digits(text, expected):
    assert run(text) == Fraction(expected)


@given(st.decimals(-1000, 1000, places=4), st.integers(0, 3))
def test_roundings_agree_with_decimal_arithmetic(number, scale):
    modes = {
        "round up": ROUND_UP,
        "round down": ROUND_DOWN,
        "round half up": ROUND_HALF_UP,
        "round half down": ROUND_HALF_DOWN,
    }
    for function, mode in modes.items():
        expected = number.quantize(Decimal(1).scaleb(-scale), rounding=mode)
        assert run(f"{function}(n, {scale})", n=Fraction(number)) == Fraction(expected)


@given(st.integers(0, 2_000_000), st.integers(0, 43_200), st.integers(1, 300), st.integers(1, 31))
def test_money_is_exact_whatever_the_order_of_operations(fee_minor, minutes, percent, divisor):
    """Divided first or last, the cent is that of the exact fraction, half up."""
    exact = Fraction(fee_minor * minutes * percent, 100 * divisor * 1440)
    cents = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    values: dict[str, Any] = {
        "fee": Fraction(fee_minor, 100),
        "loss": timedelta(minutes=minutes),
        "p": Fraction(percent),
    }
    for text in (
        f'round half up(fee / {divisor} * (loss / @"P1D") * p / 100, 2)',
        f'round half up(p * fee * (loss / @"PT1M") / 144000 / {divisor}, 2)',
    ):
        assert run(text, **values) == Fraction(cents, 100)


@given(MAYBE, MAYBE, st.sampled_from(sorted(ORDER)))
def test_comparison_cells_agree_with_python_and_are_false_on_null(subject, bound, symbol):
    expected = subject is not None and bound is not None and ORDER[symbol](subject, bound)
    assert accepts(f"{symbol} bound", subject, bound=bound) is expected
    assert accepts(f"not({symbol} bound)", subject, bound=bound) is not expected


@given(MAYBE, MAYBE, MAYBE, st.booleans(), st.booleans())
def test_interval_cells_agree_with_python_and_are_false_on_null(subject, low, high, low_closed, high_closed):
    known = subject is not None and low is not None and high is not None
    expected = (
        known
        and (low <= subject if low_closed else low < subject)
        and (subject <= high if high_closed else subject < high)
    )
    for opening, closing in (("[" if low_closed else "(", "]" if high_closed else ")"),):
        cell = f"{opening}low..high{closing}"
        assert accepts(cell, subject, low=low, high=high) is expected
        assert run(f"x in {cell}", x=subject, low=low, high=high) is expected


@given(st.one_of(st.none(), st.integers(0, 5)), st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans())
def test_list_cells_agree_with_python(subject, items, with_null):
    cell = ", ".join([*map(str, items), *(["null"] if with_null else [])])
    value = None if subject is None else Fraction(subject)
    expected = with_null if subject is None else subject in items
    assert accepts(cell, value) is expected
    assert accepts(f"not({cell})", value) is not expected


def test_only_dash_null_and_not_accept_a_null():
    accepted = {
        cell: accepts(cell, None) for cell in ("-", "null", 'not("a")', '"a"', "true", "< 1", "[1..2]", "not(null)")
    }
    assert accepted == dict(zip(accepted, (True, True, True, False, False, False, False, False), strict=True))


def test_true_is_not_one():
    assert run("a = b", a=True, b=Fraction(1)) is False
