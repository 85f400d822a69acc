"""Changed regions between two tables: exactly where asking every point of both finds another result."""

from __future__ import annotations

import itertools
import time
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.feel import write_tests
from compensation.geometry.diff import TableDifference, changed_regions
from compensation.tables.table import HitPolicy, Table, evaluate_table
from tests.unit.test_geometry import COLUMNS, SCOPE, is_in, points_of, table


def difference(before: str, after: str, policy: str = "U", **options: Any) -> TableDifference:
    return changed_regions(table(before, policy), table(after, policy), SCOPE, now=time.monotonic, **options)


def shown(found: TableDifference) -> list[tuple[str, str, str]]:
    return [(" | ".join(map(write_tests, one.region.cells)), one.before, one.after) for one in found.regions]


@st.composite
def pairs(draw: Any) -> tuple[Table, Table]:
    """A table and the same with some cells, rules and columns changed."""
    names = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3, unique=True))
    policy = draw(st.sampled_from(list(HitPolicy)))
    head = draw(st.sampled_from(["n : number in 3, 1, 2", "n : number in 3, 1, 2 else 3"]))
    rows = [
        [*(draw(COLUMNS[name]) for name in names), draw(st.sampled_from(["1", "2", "3"]))]
        for _ in range(draw(st.integers(1, 4)))
    ]
    other = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.sampled_from(other))
        place = draw(st.integers(0, len(names)))
        row[place] = draw(COLUMNS[names[place]]) if place < len(names) else draw(st.sampled_from(["1", "2"]))
    if draw(st.booleans()):
        other.append([*(draw(COLUMNS[name]) for name in names), "2"])

    def made(lines: list[list[str]]) -> Table:
        return table(
            "\n".join([f"{' | '.join(names)} || {head}", *(f"{' | '.join(r[:-1])} || {r[-1]}" for r in lines)]), policy
        )

    return made(rows), made(other)


def outcome(asked: Table, values: Any) -> Any:
    result = evaluate_table(asked, values)
    outputs = result.outputs["n"]
    # Without an order of the results a list is a bag.
    if asked.hit_policy is HitPolicy.COLLECT and isinstance(outputs, tuple):
        outputs = tuple(sorted(outputs, key=str))
    return result.status.replace("default", "matched"), outputs


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_the_regions_are_where_the_results_of_the_points_differ(pair):
    before, after = pair
    found = changed_regions(before, after, SCOPE, now=time.monotonic)
    assert found.undecided == ""
    names = [node.name for node in after.inputs]
    cells = [[rule.tests[i] for asked in pair for rule in asked.rules] for i in range(len(names))]
    columns = [points_of(SCOPE[name], column) for name, column in zip(names, cells, strict=True)]
    for point in itertools.product(*columns):
        values = dict(zip(names, point, strict=True))
        differs = outcome(before, values) != outcome(after, values)
        assert any(is_in(point, one.region) for one in found.regions) is differs, point
    for one in found.regions:
        values = dict(zip(names, one.region.example, strict=True))
        assert outcome(before, values) != outcome(after, values)
        assert one.rules_before == evaluate_table(before, values).rules or before.hit_policy is HitPolicy.OUTPUT_ORDER


def test_a_moved_threshold_changes_just_what_lies_between():
    found = difference("hours lost || n : number\n>= 4 || 5\n< 4 || 0", "hours lost || n : number\n> 6 || 5\n<= 6 || 0")
    assert shown(found) == [("[4..6]", "5", "0")]
    (one,) = found.regions
    assert (one.rules_before, one.rules_after) == ((1,), (2,))
    assert one.as_json(found.inputs)["words"] == "hours lost is 4 to 6"


def test_a_table_that_says_the_same_otherwise_has_no_changed_region():
    before = "hours lost | segment || n : number\n< 4 | - || 1\n>= 4 | - || 2"
    after = 'segment | hours lost || n : number\n"business" | >= 4 || 2\n"consumer" | >= 4 || 2\n- | [0..4) || 1'
    assert difference(before, after).regions == ()


def test_another_column_is_a_region_in_the_inputs_of_both():
    found = difference(
        "hours lost || n : number\n- || 1",
        'hours lost | segment || n : number\n- | "consumer" || 1\n- | "business" || 2',
    )
    assert found.inputs == ("hours lost", "segment")
    assert shown(found) == [('- | "business"', "1", "2")]


def test_a_changed_formula_changes_where_it_is_used():
    found = difference(
        "hours lost || n : number\n< 4 || 1\n>= 4 || lines * 2", "hours lost || n : number\n< 4 || 1\n>= 4 || lines * 3"
    )
    assert shown(found) == [(">= 4", "lines * 2", "lines * 3")]


def test_an_opaque_cell_is_a_question_with_the_same_answer_in_both():
    before = "hours lost | segment || n : number\n> lines | - || 1\nnot(> lines) | - || 2"
    after = before.replace("> lines | - || 1", '> lines | "consumer" || 1') + '\n> lines | "business" || 3'
    found = difference(before, after)
    assert ('- | "business"', "1", "3") in shown(found)
    assert all('"business"' in cells for cells, _, _ in shown(found))
    assert "hours lost meets > lines" in {words for one in found.regions for words in one.conditions}


def test_a_parameter_of_each_version_is_put_in():
    asked = table("hours lost || n : number\n>= free || 5\n< free || 0")
    values = {"free": Fraction(4)}, {"free": Fraction(5)}
    found = changed_regions(asked, asked, SCOPE, now=time.monotonic, parameters=values)
    assert shown(found) == [("[4..5)", "5", "0")]


def test_past_its_budget_it_says_so():
    ticks = itertools.count()
    rows = "\n".join(f"[{n}..{n + 2}) | {n % 9} | {n % 7} || {n % 3}" for n in range(120))
    head = "hours lost | lines | free || n : number"
    found = changed_regions(
        table(f"{head}\n{rows}", "C"),
        table(f"{head}\n{rows}\n> 3 | > 2 | > 1 || 9", "C"),
        SCOPE,
        now=lambda: float(next(ticks)),
        budget_seconds=2.5,
    )
    assert found.undecided == "more than 2.5 s would be needed"
