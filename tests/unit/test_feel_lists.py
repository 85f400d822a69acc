"""Going through lists: filters, for, some and every, patterns, sorting, and what keeps hostile texts in bounds."""

from __future__ import annotations

import time
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from compensation.feel import (
    FeelError,
    FeelType,
    NameType,
    check_expression,
    evaluate,
    names,
    parse_expression,
    parse_tests,
    passes,
    write_expression,
)
from compensation.feel.generate import generate_expression, put_in

NUMBER = NameType(FeelType.NUMBER)
LINE = NameType(FeelType.CONTEXT, fields={"fee": NUMBER, "plan name": NameType(FeelType.STRING)})
SCOPE = {
    "xs": NameType(FeelType.LIST, item=NUMBER),
    "lines": NameType(FeelType.LIST, item=LINE),
    "n": NUMBER,
    "text": NameType(FeelType.STRING),
}
VALUES: Any = {
    "xs": (Fraction(1), Fraction(2), Fraction(5)),
    "lines": (
        {"fee": Fraction(10), "plan name": "A"},
        {"fee": Fraction(30), "plan name": "B"},
    ),
    "n": Fraction(2),
    "text": "outage of the core",
}
MEMBERS = ("fee", "plan name")


def read(text: str) -> Any:
    return parse_expression(text, SCOPE, members=MEMBERS)


def value(text: str, notes: list[str] | None = None) -> Any:
    """What the interpreter and the generated function both say, and what its own text says again."""
    node = read(text)
    expected = evaluate(node, VALUES, notes)
    found = generate_expression(node, tuple(SCOPE), SCOPE)(*VALUES.values())
    assert (type(found), found) == (type(expected), expected)
    again = read(write_expression(node))
    assert again == node
    return expected


def numbers(*items: int) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, items))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xs[item > n]", numbers(5)),
        ("xs[item > n or item = 1]", numbers(1, 5)),
        ("xs[1]", 1),
        ("xs[-1]", 5),
        ("xs[n]", 2),
        ("xs[true]", numbers(1, 2, 5)),
        ("xs[n > 100]", ()),
        ("xs[item in ]1..5[]", numbers(2)),
        ("5 in ]1..5[", False),
        ("5 in ]1..(xs[3])]", True),
        ("lines[fee > 20].plan name", ("B",)),
        ("lines[item.fee > 20][1].plan name", "B"),
        ('lines[plan name = "A"].fee', numbers(10)),
        ("for x in xs return x * n", numbers(2, 4, 10)),
        ("for i in 1..3 return i ** 2", numbers(1, 4, 9)),
        ("for i in 3..1 return i", numbers(3, 2, 1)),
        ("for i in 1..2, j in i..2 return 10 * i + j", numbers(11, 12, 22)),
        ("sum(for line in lines return line.fee)", 40),
        ("some x in xs satisfies x > 4", True),
        ("some x in xs satisfies x > 5", False),
        ("every x in xs satisfies x > 0", True),
        ("every x in xs, y in xs satisfies x = y", False),
        ("some x in [1, null] satisfies x > 3", None),
        ("every x in [1, null] satisfies x > 3", False),
        ("every x in [] satisfies false", True),
        ("2 in xs", True),
        ("n in (xs)", True),
        ("7 in xs", False),
        ("sqrt(16 / 9)", Fraction(4, 3)),
        ("sqrt(2) ** 2 - 2 < 0.0000001", True),
        ("sqrt(-1)", None),
        ("sort([3, 1, 2])", numbers(1, 2, 3)),
        ('sort(["b", "a"])', ("a", "b")),
        ('sort([1, "a"])', None),
        ("sort([true, false])", None),
        ('matches(text, "^out.*core$")', True),
        ('matches(text, "CORE", "i")', True),
        ('matches(text, "CORE")', False),
        ('replace("a1b22", "([0-9]+)", "<$1>")', "a<1>b<22>"),
        ('split("a, b,c", ", *")', ("a", "b", "c")),
        ('string join(["a", null, "b"], "-")', "a-b"),
        ('string join([], "-")', ""),
        ("distinct values([1, true, 1, [1], [1]])", (Fraction(1), True, (Fraction(1),))),
        ('@"2024-02-29".month + @"2024-02-29".weekday', 6),
        ("(for d in [1, 2] return date(2024, 1, d))[2]", date(2024, 1, 2)),
        ("{rates: [{from: 0, rate: 1}, {from: 10, rate: 2}], found: rates[from <= 12][-1].rate}.found", 2),
    ],
)
def test_lists_are_gone_through(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("xs[9]", "the list has no item 9"),
        ("for x in n return x", "what is gone through is no list"),
        ("for i in 1..n / 3 return i", "what is gone through is no list"),
        ("for i in 1..1000000000 return i", "more than 10000 items are gone through"),
        ('matches(text, text + "(")', "not a pattern"),
        ('replace(text, "o", "$3")', "invalid group reference"),
    ],
)
def test_what_cannot_be_gone_through_is_null_and_says_why(text, what):
    notes: list[str] = []
    assert value(text, notes) is None
    assert any(what in note for note in notes)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("for n in xs return n", 10, '"n" is a name already'),
        ("for x in n return x", 10, "this is a number, but a list is needed"),
        ("for x in xs return x + text", 22, "number + string means nothing"),
        ("some x in xs satisfies x", 24, "this is a number, but a boolean is needed"),
        ("n[item > 1]", 2, "a number has no items to choose from"),
        ('xs["a"]', 4, "this is a string, which chooses no item"),
        ("xs[itm > 1]", 4, 'unknown name "itm"'),
        ("lines[1].fees", 9, 'there is no "fees" here'),
        ('matches(text, "(a+)+")', 15, "what is repeated may hold no repetition or choice itself"),
        ('matches(text, "(a|b)*")', 15, "what is repeated may hold no repetition or choice itself"),
        ('matches(text, "(?=a)")', 15, "looking ahead or behind"),
        ('split(text, "(.)\\\\1")', 13, "\\1 is not supported"),
        ('replace(text, ".*.*.*.*", "")', 15, "at most 6 repetitions, 3 of them without end"),
        ('matches(text, "a", "q")', 15, 'unknown flag "q"'),
    ],
)
def test_faults_are_found_when_it_is_saved_with_their_place(text, column, what):
    errors = check_expression(read(text), SCOPE)[1]
    assert [what in str(error) for error in errors] == [True], errors
    assert errors[0].at.column == column


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("for x xs return x", 5, "expected a name and in but found x"),
        ("for x in xs satisfies x", 13, "expected return but found satisfies"),
        ("some x in xs return x", 14, "expected satisfies but found return"),
        ("for x in xs, x in xs return x", 14, '"x" stands twice'),
        ("xs[1", 5, "expected ] but found the end"),
    ],
)
def test_texts_that_go_through_nothing_are_named_with_their_place(text, column, what):
    with pytest.raises(FeelError, match="line 1") as caught:
        read(text)
    assert (caught.value.at.column, caught.value.what) == (column, what)


def test_the_types_of_items_are_known():
    for text, kind in [
        ("xs[1]", FeelType.NUMBER),
        ("lines[fee > 1][1].plan name", FeelType.STRING),
        ("sort(xs)[1] + 1", FeelType.NUMBER),
        ("max(for x in xs return x)", FeelType.NUMBER),
        ("xs[item > 1]", FeelType.LIST),
        ("every x in xs satisfies x > 1", FeelType.BOOLEAN),
    ]:
        assert check_expression(read(text), SCOPE) == (kind, [])


def test_what_a_text_names_itself_is_not_read_from_outside():
    assert names(read("for x in xs return x + n")) == ["xs", "n"]
    assert names(read("some x in xs, y in [x] satisfies x = y")) == ["xs"]
    assert names(read("lines[fee > n]")) == ["lines", "n"]


def test_a_parameter_is_put_in_but_not_what_the_text_names():
    assert put_in(read("for x in xs return x + n"), {"n": Fraction(2)}) == read("for x in xs return x + 2")


def test_a_cell_may_ask_every_item():
    cell = parse_tests("every x in xs satisfies x < ?", SCOPE)
    assert passes(cell, Fraction(6), VALUES)
    assert not passes(cell, Fraction(5), VALUES)


def doubling(first: str, again: str, times: int = 40) -> str:
    entries = [f"a0: {first}", *(f"a{n}: {again.replace('@', f'a{n - 1}')}" for n in range(1, times))]
    return "{" + ", ".join(entries) + "}"


HOSTILE = [
    doubling('"' + "x" * 100 + '"', "@ + @"),
    doubling("9", "@ * @"),
    doubling("[1, 2]", "concatenate(@, @)"),
    doubling("[1, 2]", "[@, @]", 20),
    "for a in 1..9999 return for b in 1..9999 return for c in 1..9999 return a",
    "for a in 1..100, b in 1..100, c in 1..100, d in 1..100 return a",
    "every a in 1..99999999999999, b in 1..99999999999999 satisfies true",
    "string(for a in 1..5000 return for b in 1..2 return string(a))",
    "distinct values(for a in 1..9999 return [a])",
    'matches("' + "a" * 310 + '", "a*a*b")',
    'matches("' + "a" * 900 + '", "a*a*a*b")',
    'matches("' + "a" * 900 + '", "a?a?a?a?a?a?b")',
    'matches("' + "a" * 900 + '", "a{0,9}a{0,9}a{0,9}b")',
    "{f: for a in 1..3000 return a, g: for b in 1..3000 return f}.g",
    "for a in 1..9999 return partial",
    "for a in 1..99 return for b in 1..99 return count(partial)",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_is_written_makes_it_run_on(text):
    started = time.monotonic()
    evaluate(parse_expression(text, ()), {})
    assert time.monotonic() - started < 60
