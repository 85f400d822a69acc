"""Decision tables: hit policies against a naive model, no rule, conflicts, and reading them from text."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.feel import FeelType, NameType, Origin
from compensation.tables.table import HitPolicy, Status, Table, check_table, evaluate_table
from compensation.tables.text import read_table, write_table

SCOPE = {
    "hours lost": NameType(FeelType.NUMBER),
    "plan": NameType(FeelType.STRING),
    "service fee": NameType(FeelType.MONEY, exact_money=True),
}


def table(text: str, hit_policy: HitPolicy = HitPolicy.UNIQUE) -> Table:
    found, errors = read_table(text, hit_policy, SCOPE, Origin())
    assert errors == []
    assert found is not None
    return found


def faults(text: str, hit_policy: HitPolicy = HitPolicy.UNIQUE) -> Any:
    found, errors = read_table(text, hit_policy, SCOPE, Origin())
    return errors if found is None else check_table(found, SCOPE, 2)


def result(text: str, hit_policy: HitPolicy = HitPolicy.UNIQUE, **values: Any) -> Any:
    return evaluate_table(table(text, hit_policy), {name.replace("_", " "): value for name, value in values.items()})


STEPS = """
    hours lost | plan      || credit : money || note
    -------------------------------------------------
    [4..24)    | -         || 5.00           || half a day | at least
    >= 24      | not("X")  || 10.00          || clause "3"
"""


def test_a_rule_that_matches_gives_its_outputs_and_its_number():
    found = result(STEPS, hours_lost=Fraction(24), plan="a|b")
    assert (found.status, found.rules, found.outputs) == (Status.MATCHED, (2,), {"credit": Fraction(10)})


def test_notes_are_kept_as_they_stand():
    assert [rule.note for rule in table(STEPS).rules] == ["half a day | at least", 'clause "3"']


def test_no_match_is_no_rule_and_not_zero():
    found = result(STEPS, hours_lost=Fraction(3), plan="X")
    assert (found.status, found.rules, found.outputs) == (Status.NO_RULE, (), {"credit": None})


def test_two_matches_under_unique_are_a_conflict_that_names_both_rules():
    found = result("plan || n : number\n-||1\n-||2", plan="X")
    assert (found.status, found.rules, found.outputs) == (Status.CONFLICT, (1, 2), {"n": None})


def test_a_null_in_a_collected_sum_makes_the_sum_null():
    found = result("plan || n : number\n- || 1\n- || hours lost", HitPolicy.COLLECT_SUM, plan="X", hours_lost=None)
    assert (found.status, found.outputs) == (Status.MATCHED, {"n": None})


def test_a_bar_inside_quotes_parts_no_cells():
    assert result('plan || n : string\n"a|b" || "c||d"', plan="a|b").outputs == {"n": "c||d"}


def naive(hit_policy: HitPolicy, hits: list[tuple[int, int]]) -> Any:
    """The rules that count and the result, in plain Python; None for a conflict. Priorities go from 99 down."""
    numbers, values = tuple(i for i, _ in hits), tuple(n for _, n in hits)
    by_output = sorted(hits, key=lambda hit: -hit[1])
    counted = {
        HitPolicy.UNIQUE: (numbers, values[0]) if len(hits) == 1 else None,
        HitPolicy.ANY: (numbers, values[0]) if len(set(values)) == 1 else None,
        HitPolicy.PRIORITY: ((by_output[0][0],), by_output[0][1]),
        HitPolicy.FIRST: (numbers[:1], values[0]),
        HitPolicy.RULE_ORDER: (numbers, values),
        HitPolicy.OUTPUT_ORDER: (tuple(i for i, _ in by_output), tuple(n for _, n in by_output)),
        HitPolicy.COLLECT: (numbers, values),
        HitPolicy.COLLECT_SUM: (numbers, sum(values)),
        HitPolicy.COLLECT_MIN: (numbers, min(values)),
        HitPolicy.COLLECT_MAX: (numbers, max(values)),
        HitPolicy.COLLECT_COUNT: (numbers, len(values)),
    }
    return counted[hit_policy]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99)), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(0, 9)),
    st.sampled_from(list(HitPolicy)),
)
def test_hit_policies_agree_with_a_naive_model(rules, hours, hit_policy):
    text = "\n".join(
        [
            f"hours lost || n : number in {', '.join(str(n) for n in range(99, -1, -1))}",
            *(f"[{low}..{high}) || {n}" for low, high, n in rules if low <= high),
        ]
    )
    kept = [rule for rule in rules if rule[0] <= rule[1]] or [(0, 5, 1)]
    text = text if "\n" in text else f"{text}\n[0..5) || 1"
    hits = [(i, n) for i, (low, high, n) in enumerate(kept, 1) if hours is not None and low <= hours < high]
    found = result(text, hit_policy, hours_lost=None if hours is None else Fraction(hours))
    if not hits:
        assert (found.status, found.outputs["n"]) == (Status.NO_RULE, None)
        return
    expected = naive(hit_policy, hits)
    if expected is None:
        assert (found.status, found.outputs["n"]) == (Status.CONFLICT, None)
    else:
        assert (found.status, found.rules, found.outputs["n"]) == (Status.MATCHED, *expected)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("plan || n : number", 1, 1, "needs a header and rules"),
        ("plan | n : number\n- | 1", 1, 1, "does not part inputs from outputs"),
        ("plan || n\n- || 1", 1, 9, "no known type"),
        ("plan || n : numbr\n- || 1", 1, 9, "no known type"),
        ("plan || if : number\n- || 1", 1, 9, "belongs to the rule language"),
        ("plan || n : number | n : number\n- || 1 | 2", 1, 8, "two outputs have one name"),
        ("plan || n : number\n- | - || 1", 2, 1, "rule 1 has 2 tests"),
        ("plan || n : number\n- || 1 | 2", 2, 6, "rule 1 has 2 results"),
        ("plan || n : number\n-", 2, 1, "does not part tests from results"),
        ("plan || n : number\n|| 1", 2, 1, "the cell is empty"),
        ('plan || n : number\n- || "a"', 2, 6, "this is a string, but a number is needed"),
        ("plan || n : number\n< 5 || 1", 2, 3, "the input is a string, but this test is a number"),
        ("plann || n : number\n- || 1", 1, 1, 'unknown name "plann"'),
        ("plan || n : money\n- || service fee / 3", 2, 18, "money is not rounded"),
        ("plan || n : number\n- || service fee", 2, 6, "this is money, but a number is needed"),
    ],
)
def test_a_faulty_table_is_refused_at_the_faulty_cell(text, line, column, what):
    first = faults(text)[0]
    assert what in first.what
    assert (first.at.line, first.at.column) == (line, column)


LEVELS = """
    hours lost : [0..100] | plan : "A", "B" || level : string in "high", "mid", "low" | rate : number else 7
    > 1                   | -               || "low"                                  | 1
    > 2                   | "A"             || "high"                                 | 2
    > 2                   | -               || "mid"                                  | 3
"""


def levels(hit_policy: HitPolicy, hours: Any, plan: Any = "A") -> Any:
    found = result(LEVELS, hit_policy, hours_lost=None if hours is None else Fraction(hours), plan=plan)
    return found.status, found.rules, tuple(found.outputs.values())


@pytest.mark.parametrize(
    ("hit_policy", "expected"),
    [
        (HitPolicy.PRIORITY, (Status.MATCHED, (2,), ("high", 2))),
        (HitPolicy.OUTPUT_ORDER, (Status.MATCHED, (2, 3, 1), (("high", "mid", "low"), (2, 3, 1)))),
        (HitPolicy.RULE_ORDER, (Status.MATCHED, (1, 2, 3), (("low", "high", "mid"), (1, 2, 3)))),
        (HitPolicy.ANY, (Status.CONFLICT, (1, 2, 3), (None, None))),
        (HitPolicy.COLLECT_COUNT, (Status.MATCHED, (1, 2, 3), (3, 3))),
    ],
)
def test_several_outputs_follow_the_hit_policy(hit_policy, expected):
    assert levels(hit_policy, 3) == expected


def test_without_a_match_the_defaults_count_and_under_a_list_policy_as_a_list():
    assert levels(HitPolicy.UNIQUE, 1) == (Status.DEFAULT, (), (None, 7))
    assert levels(HitPolicy.COLLECT, 1) == (Status.DEFAULT, (), ((None,), (7,)))


def test_an_input_outside_its_allowed_values_meets_no_rule_and_no_default_but_null_does():
    assert levels(HitPolicy.UNIQUE, 101) == (Status.NO_RULE, (), (None, None))
    assert levels(HitPolicy.UNIQUE, 2, plan="C") == (Status.NO_RULE, (), (None, None))
    assert levels(HitPolicy.UNIQUE, 2, plan=None) == (Status.MATCHED, (1,), ("low", 1))


def test_a_table_written_is_read_as_the_same_table():
    for text in (STEPS, LEVELS, 'plan || n : string in "a|b", " else " else "a|b"\nnot("||") || " in "'):
        first = table(text)
        assert table(write_table(first)) == first


@pytest.mark.parametrize(
    ("text", "hit_policy", "what"),
    [
        ('plan || n : string\n- || "a"', HitPolicy.PRIORITY, "no output lists them"),
        ("plan || n : boolean\n- || true", HitPolicy.COLLECT_MAX, 'cannot order "n"'),
        ('plan || n : string in "a", "b"\n- || "c"', HitPolicy.UNIQUE, '"c" is never a value here'),
        ('plan || n : string in "a" else "c"\n- || "a"', HitPolicy.UNIQUE, '"c" is never a value here'),
        ('plan : "a", "b" || n : number\n"c" || 1', HitPolicy.UNIQUE, '"c" is never a value here'),
        ('plan || n : number in "a"\n- || 1', HitPolicy.UNIQUE, "the input is a number, but this test is a string"),
    ],
)
def test_allowed_values_and_hit_policies_are_checked(text, hit_policy, what):
    assert what in faults(text, hit_policy)[0].what


def test_what_cannot_be_added_up_cannot_be_collected():
    assert "cannot add up" in faults('plan || n : string\n- || "a"', HitPolicy.COLLECT_SUM)[0].what
