"""The generated function agrees with the interpreter: random expressions, tables and rows, nulls and boundaries."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.feel import FeelType, NameType, Origin, check_expression, evaluate, parse_expression
from compensation.feel.generate import generate_expression, put_in
from compensation.tables.function import TableFunction
from compensation.tables.table import HitPolicy, Table, check_table, evaluate_table
from compensation.tables.text import read_table

SCOPE = {
    "fee": NameType(FeelType.MONEY, exact_money=True),
    "hours lost": NameType(FeelType.NUMBER),
    "loss": NameType(FeelType.DURATION),
    "day": NameType(FeelType.DATE),
    "affected": NameType(FeelType.BOOLEAN),
    "plan": NameType(FeelType.STRING),
}
READS = tuple(SCOPE)
HOURS = [Fraction(n, 2) for n in range(-1, 12)]
SPANS = [timedelta(hours=n, microseconds=m) for n in range(4) for m in (0, 1)]
DAYS = [date(2024, 2, n) for n in range(26, 30)] + [date(2024, 3, 1)]
VALUES: Any = st.fixed_dictionaries(
    {
        "fee": st.none() | st.integers(-99, 9999).map(lambda minor: Fraction(minor, 100)),
        "hours lost": st.none() | st.sampled_from(HOURS),
        "loss": st.none() | st.sampled_from(SPANS),
        "day": st.none() | st.sampled_from(DAYS),
        "affected": st.none() | st.booleans(),
        "plan": st.none() | st.sampled_from(["A", "B", "C", ""]),
    }
)
LEAVES = st.sampled_from([*SCOPE, "1", "0", "2.5", "0.1", "null", "true", '"A"', '@"PT2H"', '@"2024-02-28"'])
BRANCHES = [
    *(f"({{}}) {op} ({{}})" for op in ("+", "-", "*", "/", "**", "<", "<=", ">", ">=", "=", "!=", "and", "or")),
    *(f"{name}({{}}, 2)" for name in ("round half up", "round half down", "round up", "round down", "decimal")),
    "({}) / 30",
    "if {} then {} else {}",
    "({}) between ({}) and ({})",
    "({}) in (({}), > ({}))",
    "({}) in [({})..({}))",
    "not({})",
    "min({}, {})",
    "sum([{}, {}])",
    "-({})",
    "{{a: {}, b: a}}.b",
    'day.year + count("A", {})',
    "[{}, {}][item > ({})]",
    "[{}, {}][{}]",
    "for x in [{}, {}] return x + ({})",
    "some x in [{}, {}] satisfies x > ({})",
    "every x in [{}], y in [x, {}] satisfies y != null",
    "sort([{}, {}])[1]",
    "({}) instance of number",
    "[{}] instance of list<date>",
    "floor({}, 1) + ceiling({} /* up */, -1)",
    "({}) ** ({}) + (2 * ({})) ** 0.5",
    "round up(({}) * 1000, -2) + decimal({}, -1)",
    'number(string({}), " ", ",")',
    'for d in day..@"2024-03-02" return d = ({})',
    "for x in [{}, {}] return count(partial) // behind\n",
]


def grow(inner: Any) -> Any:
    return st.sampled_from(BRANCHES).flatmap(
        lambda shape: st.tuples(*[inner] * shape.replace("{{", "").count("{}")).map(lambda parts: shape.format(*parts))
    )


@settings(max_examples=500, deadline=None)
@given(st.recursive(LEAVES, grow, max_leaves=7), st.lists(VALUES, min_size=1, max_size=4))
def test_a_generated_expression_gives_what_the_interpreter_gives(text, rows):
    node = parse_expression(text, SCOPE)
    if check_expression(node, SCOPE)[1]:
        return
    function = generate_expression(node, READS, SCOPE)
    for values in rows:
        expected = evaluate(node, values)
        found = function(*[values[name] for name in READS])
        assert (type(found), found) == (type(expected), expected)


def interval(points: list[str]) -> Any:
    ends = st.tuples(st.sampled_from("[("), st.sampled_from(points), st.sampled_from(points), st.sampled_from("])"))
    return ends.map(lambda e: f"{e[0]}{e[1]}..{e[2]}{e[3]}")


def cells(points: list[str]) -> Any:
    compared = st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(points)).map(" ".join)
    one = st.one_of(compared, interval(points), st.sampled_from([*points, "null"]))
    several = st.lists(one, min_size=1, max_size=3).map(", ".join)
    return st.one_of(st.just("-"), one, several, several.map(lambda text: f"not({text})"))


NUMBERS = ["0", "1", "2.5", "4", "5", "hours lost"]
EQUALS = st.lists(st.sampled_from(['"A"', '"B"', "null"]), min_size=1, max_size=2).map(", ".join)
STRINGS = st.one_of(st.just("-"), EQUALS, EQUALS.map(lambda text: f"not({text})"), st.just('> "A"'))
COLUMNS = {
    "hours lost": cells(NUMBERS),
    "fee": cells(["0", "1.5", "20.42", "hours lost"]),
    "loss": cells(['@"PT1H"', '@"PT2H"', '@"PT3H"']),
    "day": cells(['@"2024-02-28"', '@"2024-02-29"', '@"2024-03-01"']),
    "plan": STRINGS,
    "affected": st.sampled_from(["-", "true", "false", "null", "not(true)", "not(null)"]),
}
OUTPUTS = st.sampled_from(["1", "2", "3", "null", "hours lost", "hours lost * 2 + 0.5", "round half up(fee / 3, 2)"])
HEADS = ["n : number", "n : number in 3, 1, 2", "n : number else 2", "n : number in 3, 1, 2 else hours lost"]


@st.composite
def tables(draw: Any) -> Table:
    inputs = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=4, unique=True))
    policy = draw(st.sampled_from(list(HitPolicy)))
    rules = draw(st.integers(1, 6))
    head = draw(st.sampled_from(HEADS))
    names = [f'{name} : "A", "B", null' if name == "plan" and draw(st.booleans()) else name for name in inputs]
    lines = [f"{' | '.join(names)} || {head}"]
    for _ in range(rules):
        row = " | ".join(draw(COLUMNS[name]) for name in inputs)
        lines.append(f"{row} || {draw(OUTPUTS)}")
    table, errors = read_table("\n".join(lines), policy, SCOPE, Origin())
    assert errors == []
    assert table is not None
    return table


@settings(max_examples=400, deadline=None)
@given(tables(), st.lists(VALUES, min_size=1, max_size=8))
def test_a_generated_table_says_what_the_interpreter_says(table, rows):
    function = TableFunction(table, SCOPE)
    for values in rows:
        expected = evaluate_table(table, values)
        found = function.row(*[values[name] for name in function.reads])
        assert (found.status, found.rules, found.outputs) == (
            expected.status,
            expected.rules,
            tuple(expected.outputs.values()),
        )
        assert list(map(type, found.outputs)) == list(map(type, expected.outputs.values()))


STEPS = """
    hours lost | plan     | day            || credit : money in 5, 7.5, 10, 0 else 0
    [4..24)    | "A"      | -              || 5
    >= 24      | not("B") | >= @"2024-03-01" || 10
    4          | -        | -              || 7.5
"""


@pytest.mark.parametrize("policy", list(HitPolicy))
def test_every_boundary_of_every_hit_policy_agrees(policy):
    table, errors = read_table(STEPS, policy, SCOPE, Origin())
    assert table is not None
    assert errors + check_table(table, SCOPE, 2) == []
    function = TableFunction(table, SCOPE)
    tiny = Fraction(1, 10**9)
    for hours in [None, *(point + move for point in (4, 24) for move in (-tiny, Fraction(0), tiny))]:
        for plan in (None, "A", "B", "C"):
            for day in (None, date(2024, 2, 29), date(2024, 3, 1)):
                values: Any = {"hours lost": hours, "plan": plan, "day": day}
                expected = evaluate_table(table, values)
                found = function(values)
                assert (found.status, found.rules, found.outputs) == (
                    expected.status,
                    expected.rules,
                    tuple(expected.outputs.values()),
                )


def test_values_of_another_type_are_left_to_the_interpreter():
    table, _ = read_table("hours lost || n : number\n> 2 || 1", HitPolicy.UNIQUE, SCOPE, Origin())
    assert table is not None
    values: Any = {"hours lost": "many"}
    assert TableFunction(table, SCOPE)(values).status == evaluate_table(table, values).status


def test_nothing_that_a_person_wrote_reaches_the_compiler():
    scope = {"__import__": NameType(FeelType.STRING), "os system": NameType(FeelType.STRING)}
    node = parse_expression('__import__ + "); import os #" + os system', scope)
    function = generate_expression(node, tuple(scope), scope)
    assert function("a", "b") == "a); import os #b"
    assert set(function.__code__.co_varnames) <= {"n0", "n1", "t1", "t2"}
    assert all(name.startswith(("k", "_")) for name in function.__code__.co_names)


def test_a_name_can_be_put_in_as_its_value():
    node = parse_expression("round half up(fee * rate, 2)", {"fee", "rate"})
    assert put_in(node, {"rate": Fraction(1, 10)}) == parse_expression("round half up(fee * 0.1, 2)", {"fee"})
