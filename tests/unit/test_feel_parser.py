"""Reading FEEL: names with spaces, precedence, cells, places of errors, and texts of any kind."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.feel import (
    FeelError,
    FeelType,
    Literal,
    ModelWords,
    Name,
    NameType,
    Origin,
    evaluate,
    names,
    parse_expression,
    parse_tests,
    passes,
    write_tests,
)
from compensation.feel import write_expression as write
from compensation.feel.nodes import Binary

NAMES = {"service fee", "service", "total loss", "in force days", "terms and conditions", "owed.text", "plan 5"}


def value(text: str, **values: Any) -> Any:
    return evaluate(parse_expression(text, NAMES | set(values)), values)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("service fee", ["service fee"]),
        ("service  \n fee * 2", ["service fee"]),
        ("service + total loss", ["service", "total loss"]),
        ("terms and conditions and service", ["terms and conditions", "service"]),
        ("owed.text", ["owed.text"]),
        ("plan 5", ["plan 5"]),
    ],
)
def test_the_longest_name_in_scope_wins(text, read):
    assert names(parse_expression(text, NAMES)) == read


def test_an_unknown_name_is_read_whole_so_that_a_message_can_name_it():
    assert parse_expression("totl los > 1", NAMES) == Binary(">", Name("totl los"), Literal(Fraction(1)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", Fraction(3)),
        ("(1 + 2) / 3", Fraction(1)),
        ("2 ** 3 ** 2", Fraction(64)),
        ("-3 ** 2", Fraction(9)),
        ("10 - 4 - 3", Fraction(3)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("1 / 3 * 3", Fraction(1)),
        ("1 < 2 and 2 < 3 or false", True),
        ("true or false and false", True),
        ("if 1 > 2 then 1 else if true then 2 else 3", Fraction(2)),
        ("5 between 1 and 5 and true", True),
        ("5 in (1..5]", True),
        ("5 in [1..5)", False),
        ("1 in ]1..5]", False),
        ("3 in (1, 2, [3..4])", True),
        ("3 in [1, 2]", False),
        ("3 in > 2", True),
        ('"a\\"b" = "a\\"b"', True),
        ('@"P1D" = duration("PT24H")', True),
        ('date("2012-03-01") - date("2012-02-28")', timedelta(days=2)),
        ('date("2012-07-11") + @"PT36H"', date(2012, 7, 12)),
        ('@"PT36H" / @"PT24H"', Fraction(3, 2)),
        ('2 * @"PT1H30M"', timedelta(hours=3)),
        ("count([1, 2, 3]) + sum(1, 2) + min(4, 5) + max([1, 2])", Fraction(12)),
    ],
)
def test_expressions_mean_what_the_standard_says(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("1 +", 4, "expected an expression but found the end"),
        ("(1", 3, "expected ) but found the end"),
        ('"abc', 1, "no closing quote"),
        ("foo(1)", 1, '"foo" is not a function'),
        ("1 < 2 < 3", 7, "cannot be chained"),
        ('date("2012-13-01")', 6, "not a date"),
        ('duration("P1X")', 10, "not a duration"),
        ("round half up(1)", 1, "cannot take 1 arguments"),
        ("1a", 1, "runs into a word"),
        ("‘a’", 1, "means nothing here"),
        ("1 in []", 6, "the list is empty"),
        ("9" * 61, 1, "too long"),
        ("1" + "+1" * 200, 121, "too many operations"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_column(text, column, what):
    with pytest.raises(FeelError) as caught:
        parse_expression(text, NAMES)
    assert what in caught.value.what
    assert (caught.value.at.line, caught.value.at.column) == (1, column)


def test_places_count_from_where_the_text_stands_in_its_file():
    with pytest.raises(FeelError) as caught:
        parse_expression("1 +\n  ?", NAMES, Origin(10, 5, 7))
    assert (caught.value.at.line, caught.value.at.column) == (11, 9)


@pytest.mark.parametrize(
    "text",
    [
        "-",
        "not(1, 2)",
        "[1..5]",
        "< 5, > 9",
        "null",
        "not(null)",
        '"a", "b"',
        '>= duration("PT24H")',
        "(1..service fee)",
        "< 2 * ?, 7",
        "not(> ?)",
    ],
)
def test_a_cell_written_back_is_the_same_cell(text):
    tests = parse_tests(text, NAMES)
    assert parse_tests(write_tests(tests), NAMES) == tests


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("< 2 * ?", [3]),
        ("> ?", []),
        ("not(< 2 * ?)", [-3, None]),
        ("<= ?, null", [3, -3, None]),
        ("5 in (> ?)", [3, -3]),
    ],
)
def test_a_cell_may_compare_its_input_with_itself(text, accepted):
    tests = parse_tests(text, NAMES)
    inputs = [Fraction(3), Fraction(-3), None]
    assert [value for value in inputs if passes(tests, value, {})] == accepted


@pytest.mark.parametrize("text", ["", "  ", "1 = 2", "- 1 -", "not(1", "1,", "< < 1", "[1..2", "1 2", "?a", "? ?"])
def test_a_cell_that_means_nothing_is_refused(text):
    with pytest.raises(FeelError):
        parse_tests(text, NAMES)


def test_a_long_list_is_no_deep_expression():
    tests = parse_tests(", ".join(f'"plan {i}"' for i in range(500)), NAMES)
    assert len(tests.tests) == 500


def test_nesting_without_end_is_refused_and_exhausts_nothing():
    for opening in ("(", "[", "not(", "-", "min(1, ", "[1, ", "if ", "1 in (1, "):
        with pytest.raises(FeelError):
            parse_expression(opening * 900, NAMES)


SIGNS = [*'(){}:?[]<>=,+-*/."@ \n19²é', "..", "**", "<="]
WORDS = ["not(", "if ", " then ", " else ", " and ", " in ", " between ", "null", "true", "service fee", "total"]
WORDS += ["for x in ", " return ", "some x in ", "every y in ", " satisfies ", "x", "item", "[item > ", "{a: 1}", ".a"]
WORDS += [" instance of ", "number", "list<", "function(", "context<", " external ", "// ", "/* ", "*/", "e3", "n: "]
CALLS = ['date("', 'duration("PT1H")', '@"2012-07-11"', "round half up(", "min(", 'matches("a", ', "sort("]
PIECES = st.sampled_from([*SIGNS, *WORDS, *CALLS])


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_is_read_or_refused_with_a_feel_error(text):
    readers: list[Any] = [(parse_expression, write), (parse_tests, write_tests)]
    words = ModelWords({"service fee": ("n", "a b")}, {"a type": NameType(FeelType.STRING)})
    for (parse, write_back), model in itertools.product(readers, (None, words)):
        try:
            tree = parse(text, NAMES, model=model)
        except FeelError:
            continue
        assert parse(write_back(tree), NAMES, model=model) == tree
