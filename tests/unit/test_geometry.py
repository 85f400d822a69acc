"""Checks by geometry: what they find on small tables is what asking every point, neighbour and midpoint finds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.feel import FeelType, NameType, Origin, Value, passes, write_tests
from compensation.feel.regions import written_bounds
from compensation.geometry.check import check_table
from compensation.geometry.report import TableReport, report_json
from compensation.tables.table import HitPolicy, Table, priority
from compensation.tables.text import read_table

SECOND = timedelta(seconds=1)
SCOPE = {
    "hours lost": NameType(FeelType.NUMBER, nullable=False, lowest=Fraction(0)),
    "lines": NameType(FeelType.NUMBER, nullable=False, lowest=Fraction(1), step=Fraction(1)),
    "fee": NameType(FeelType.MONEY, exact_money=True, lowest=Fraction(0)),
    "loss": NameType(FeelType.DURATION, nullable=False, lowest=timedelta(0), step=SECOND),
    "day": NameType(FeelType.DATE, nullable=False, lowest=date(2024, 1, 1), highest=date(2024, 12, 31)),
    "reported": NameType(FeelType.DATE_TIME),
    "affected": NameType(FeelType.BOOLEAN, nullable=False),
    "segment": NameType(FeelType.STRING, ("consumer", "business"), nullable=False),
    "plan": NameType(FeelType.STRING),
    "free": NameType(FeelType.NUMBER),
}


def table(text: str, policy: HitPolicy | str = HitPolicy.UNIQUE) -> Table:
    found, errors = read_table(text, HitPolicy(policy), SCOPE, Origin())
    assert errors == []
    assert found is not None
    return found


def check(text: str, policy: HitPolicy | str = HitPolicy.UNIQUE, **options: Any) -> TableReport:
    return check_table(table(text, policy), SCOPE, now=time.monotonic, **options)


def shown(report: TableReport) -> list[str]:
    return [" | ".join(write_tests(cell) for cell in gap.region.cells) for gap in report.gaps]


# --- brute force


def near(kind: NameType, value: Any) -> Iterator[Value]:
    unit: Any = Fraction(1, 100)
    match kind.type:
        case FeelType.DATE:
            unit = timedelta(days=1)
        case FeelType.DURATION | FeelType.DATE_TIME:
            unit = SECOND
    yield from (value - unit, value, value + unit)


def points_of(kind: NameType, cells: list[Any]) -> list[Value]:
    """Every end point, what lies beside it, the midpoints, far ends, and null where it can come."""
    nulls: list[Value] = [None] if kind.nullable else []
    if kind.allowed:
        return [*kind.allowed, *nulls]
    if kind.type is FeelType.BOOLEAN:
        return [True, False, *nulls]
    bounds: Any = {value for cell in cells for value in written_bounds(cell) if value is not None}
    if kind.type is FeelType.STRING:
        return [*bounds, "?", *nulls]
    found: Any = {moved for value in bounds for moved in near(kind, value)}
    found |= {limit for limit in (kind.lowest, kind.highest) if limit is not None}
    ordered = sorted(found)
    if kind.type.is_numeric:
        found |= {(low + high) / 2 for low, high in itertools.pairwise(ordered)} | {Fraction(7), Fraction(-7)}
    if kind.step == Fraction(1):
        found = {Fraction(floor(value) + move) for value in bounds for move in (-1, 0, 1, 2)} | {Fraction(1)}
    elif kind.exact_money:
        found = {value for value in found if (value * 100).denominator == 1}
    low, high = kind.lowest, kind.highest
    if not found:
        found = {{FeelType.DATE: date(2024, 5, 5), FeelType.DURATION: SECOND}.get(kind.type, Fraction(3))}
    return [v for v in found if (low is None or v >= low) and (high is None or v <= high)] + nulls


def brute(asked: Table) -> Iterator[tuple[tuple[Value, ...], frozenset[int]]]:
    """Every combination of telling points with the rules that match it."""
    columns = []
    for index, node in enumerate(asked.inputs):
        cells = [rule.tests[index] for rule in asked.rules]
        columns.append(points_of(SCOPE[node.name], cells))  # type: ignore[union-attr]
    for point in itertools.product(*columns):
        met = frozenset(
            rule.number
            for rule in asked.rules
            if all(passes(cell, value, {}) for cell, value in zip(rule.tests, point, strict=True))
        )
        yield point, met


def interval(points: list[str]) -> Any:
    pair = st.lists(st.integers(0, len(points) - 1), min_size=2, max_size=2).map(sorted)
    return st.tuples(st.sampled_from("[("), pair, st.sampled_from("])")).map(
        lambda e: f"{e[0]}{points[e[1][0]]}..{points[e[1][1]]}{e[2]}"
    )


def cells(points: list[str]) -> Any:
    compared = st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(points)).map(" ".join)
    one = st.one_of(compared, interval(points), st.sampled_from([*points, "null"]))
    several = st.lists(one, min_size=1, max_size=2).map(", ".join)
    return st.one_of(st.just("-"), one, several, several.map(lambda text: f"not({text})"))


def chosen(*words: str) -> Any:
    several = st.lists(st.sampled_from(words), min_size=1, max_size=2).map(", ".join)
    return st.one_of(st.just("-"), several, several.map(lambda text: f"not({text})"))


COLUMNS = {
    "hours lost": cells(["0", "1", "2 + 0.5", "4"]),
    "lines": cells(["1", "2", "3", "9.5"]),
    "fee": cells(["0", "1.50", "1.51", "20"]),
    "loss": cells(['@"PT0S"', '@"PT1H"', '@"PT1H1S"']),
    "day": cells(['@"2024-02-28"', '@"2024-02-29"', '@"2024-12-31"']),
    "affected": st.sampled_from(["-", "true", "false", "not(true)"]),
    "segment": st.sampled_from(["-", '"consumer"', '"business"', 'not("business")', 'starts with(?, "c")']),
    "plan": chosen('"A"', '"B"', "null"),
    "free": cells(["0", "-1", "3"]),
}


@st.composite
def tables(draw: Any, policy: HitPolicy) -> Table:
    inputs = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3, unique=True))
    lines = [f"{' | '.join(inputs)} || n : number in 3, 1, 2"]
    for _ in range(draw(st.integers(1, 5))):
        cell_texts = [draw(COLUMNS[name]) for name in inputs]
        lines.append(f"{' | '.join(cell_texts)} || {draw(st.sampled_from(['1', '2', '3']))}")
    return table("\n".join(lines), policy)


def is_in(point: tuple[Value, ...], region: Any) -> bool:
    return all(passes(cell, value, {}) for cell, value in zip(region.cells, point, strict=True))


@settings(max_examples=150, deadline=None)
@given(tables(HitPolicy.UNIQUE))
def test_gaps_overlaps_and_dead_rules_are_those_that_every_point_shows(asked):
    report = check_table(asked, SCOPE, now=time.monotonic, budget_seconds=60.0)
    assert report.decided
    seen: set[int] = set()
    pairs: set[tuple[int, int]] = set()
    for point, met in brute(asked):
        seen |= met
        pairs |= set(itertools.combinations(sorted(met), 2))
        assert any(is_in(point, gap.region) for gap in report.gaps) is (not met), point
    assert {one.rule for one in report.dead} == {rule.number for rule in asked.rules} - seen
    assert {one.rules for one in report.overlaps} == pairs
    for region in [*(gap.region for gap in report.gaps), *(overlap.region for overlap in report.overlaps)]:
        assert is_in(region.example, region)
    for overlap in report.overlaps:
        for rule in overlap.rules:
            assert all(
                passes(cell, value, {})
                for cell, value in zip(asked.rules[rule - 1].tests, overlap.region.example, strict=True)
            )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([HitPolicy.FIRST, HitPolicy.PRIORITY]).flatmap(tables))
def test_shadowed_rules_are_those_that_never_come_first(asked):
    report = check_table(asked, SCOPE, now=time.monotonic, budget_seconds=60.0)
    assert report.decided
    seen: set[int] = set()
    counted: set[int] = set()
    for _, met in brute(asked):
        seen |= met
        order = sorted(met)
        if asked.hit_policy is HitPolicy.PRIORITY:
            values = {n: (asked.rules[n - 1].outputs[0].value,) for n in met}
            order.sort(key=lambda n: priority(asked, values[n]))
        counted |= set(order[:1])
    assert {one.rule for one in report.shadowed} == seen - counted
    assert {one.rule for one in report.dead} == {rule.number for rule in asked.rules} - seen


# --- examples


def test_a_gap_is_told_with_its_smallest_example_and_in_words():
    report = check('hours lost | segment || n : number\n< 4 | - || 1\n>= 4 | "consumer" || 2')
    assert shown(report) == ['>= 4 | "business"']
    found = report_json(report)
    assert found["gaps"][0]["example"] == {"hours lost": "4", "segment": '"business"'}
    assert found["gaps"][0]["words"] == 'hours lost is at least 4 and segment is "business"'
    assert found["words"] == [
        'no rule matches when hours lost is at least 4 and segment is "business", '
        'for example hours lost = 4, segment = "business"'
    ]
    assert found["decided"] is True
    assert found["clean"] is False


def test_a_default_leaves_no_gap():
    assert check("hours lost || n : number else 0\n< 4 || 1").is_clean


def test_what_cannot_come_is_no_gap():
    assert check('segment || n : number\n"consumer" || 1\n"business" || 2').is_clean
    assert check("lines || n : number\n< 10 || 1\n> 9 || 2", "A").conflicts == ()
    assert check("lines || n : number\n[1..9] || 1\n>= 10 || 2").is_clean
    assert check('loss || n : number\n[@"PT0S"..@"PT3H59M59S"] || 1\n>= @"PT4H" || 2').is_clean
    assert check('day || n : number\n<= @"2024-06-30" || 1\n[@"2024-07-01"..@"2024-12-31"] || 2').is_clean
    assert shown(check("hours lost || n : number\n[0..3.99] || 1\n>= 4 || 2")) == ["(3.99..4)"]


def test_an_amount_is_only_cut_at_the_minor_unit():
    assert shown(check("fee || n : number\n[0..9.99] || 1\n>= 10 || 2\nnull || 3")) == []


def test_null_is_a_piece_of_its_own():
    report = check('plan || n : number\n"A" || 1\nnot("A", null) || 2')
    assert shown(report) == ["null"]
    assert report.gaps[0].region.example == (None,)
    assert check('plan || n : number\n"A" || 1\nnot("A") || 2').is_clean


def test_the_allowed_values_of_a_header_limit_what_can_come():
    assert check("free : [0..10], null || n : number\n<= 5 || 1\n> 5 || 2\nnull || 3").is_clean


def test_two_columns_on_one_input_are_looked_at_together():
    report = check(
        "hours lost | hours lost || n : number\n> 4 | < 8 || 1\n<= 4 | - || 2\n> 4 | >= 8 || 3\n> 9 | < 5 || 4"
    )
    assert report.gaps == ()
    assert [one.rule for one in report.dead] == [4]


def test_a_conflict_shows_both_results_and_equal_ones_are_none():
    report = check("hours lost || n : number\n>= 4 || 1\n>= 8 || 2\n< 4 || 1\n< 2 || 0 + 1", "A")
    (found,) = report.conflicts
    assert (found.rules, found.results) == ((1, 2), ((Fraction(1),), (Fraction(2),)))
    assert [one.question for one in report.undecided] == ["whether rules 3 and 4 say the same"]


def test_a_shadowed_rule_is_named_with_those_before_it():
    report = check("hours lost || n : number\n< 4 || 1\n>= 4 || 2\n[2..6] || 3\n> 5 || 4", "F")
    assert [(one.rule, one.by) for one in report.shadowed] == [(3, (1, 2)), (4, (2,))]


def test_rules_that_could_be_one_are_told():
    report = check("hours lost | segment || n : number\n< 4 | - || 1\n[4..8) | - || 1\n>= 8 | - || 2")
    (found,) = report.mergeable
    assert (found.rules, found.input, write_tests(found.cell)) == ((1, 2), "hours lost", "< 8")


def test_a_cell_that_reads_another_input_is_flagged_and_not_guessed():
    report = check("hours lost | lines || n : number\n> lines | - || 1\n<= 4 | - || 2\n> 400 | - || 3\n> 6 | < 1 || 4")
    assert [(one.rule, one.input, one.why) for one in report.opaque] == [(1, "hours lost", "it reads lines")]
    assert report.gaps == ()
    questions = [one.question for one in report.undecided]
    assert questions == [
        "whether rules 1 and 2 overlap",
        "whether rules 1 and 3 overlap",
        "whether there is a gap",
    ]
    assert [one.rule for one in report.dead] == [4]
    assert report.overlaps == ()
    assert not report.decided


def test_an_opaque_cell_does_not_hide_what_is_sure_without_it():
    report = check('hours lost | segment || n : number\n> lines | "consumer" || 1\n<= 4 | "business" || 2')
    assert 'hours lost is above 4 and segment is "business"' in " ".join(report_json(report)["words"])


def test_a_computed_input_is_a_column_of_its_own_and_says_so():
    report = check("lines * 2 | segment || n : number\n< 8 | - || 1")
    (found,) = report.gaps
    assert found.region.assumes == ("lines * 2",)


def test_times_with_a_zone_are_cut_too():
    at = '@"2024-03-01T10:00:00+01:00"'
    report = check(f"reported || n : number\n< {at} || 1\n> {at} || 2\nnull || 3")
    assert report.gaps[0].region.example == (datetime.fromisoformat("2024-03-01T09:00:00+00:00"),)


def test_past_its_budget_a_check_says_that_it_is_not_decided():
    ticks = itertools.count()
    report = check_table(
        table("hours lost || n : number\n< 4 || 1"), SCOPE, now=lambda: float(next(ticks)), budget_seconds=0.5
    )
    assert not report.decided
    assert report.undecided[0].why == "more than 0.5 s would be needed"


def test_an_accepted_gap_is_none_and_one_that_is_not_there_is_told():
    asked = table("hours lost || n : number\n< 4 || 1")
    wide = table("hours lost || n : number\n>= 2 || 1\n< 3 || 2")
    gap, none = wide.rules[0].tests, wide.rules[1].tests
    report = check_table(asked, SCOPE, now=time.monotonic, accepted_gaps=[gap, none])
    assert (report.gaps, report.accepted) == ((), (True, False))


@pytest.mark.parametrize("policy", ["C", "C+", "R", "O"])
def test_lists_and_sums_have_gaps_but_no_overlaps(policy):
    report = check("hours lost || n : number in 1, 2\n>= 4 || 1\n>= 8 || 2", policy)
    assert (shown(report), report.overlaps, report.conflicts, report.shadowed) == (["< 4"], (), (), ())
