"""The checks of a whole policy: periods of its parameters, what its author explained, and what has gone stale."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

import compensation
from compensation.dmn.exchange import model_to_policy, policy_to_model
from compensation.document.reading import PolicyError, load_policy
from compensation.geometry.policy import PolicyFindings, check_policy_tables, explanation_text

SCHEMES = Path(compensation.__file__).parent / "schemes"
POLICY = """\
policy: steps
title: Steps
basis: goodwill
currency: GBP
zone: Europe/London
in force: {from: 2025-01-01, to: null}
population: affected
sources: [{what: steps, where: a page}]
parameters:
  least:
    unit: h
    source: a page
    values: {2025-01-01: 4, 2026-01-01: 2}
  rule:
    unit: name
    source: a page
    values: {2025-01-01: old, 2026-01-01: new}
decisions:
  - name: level
    hit policy: U
    table: |
      rule  | hours lost || level : string
      "old" | >= least   || "high"
      "new" | >= 3       || "high"
@EXPLAINED@
  - name: credit
    hit policy: U
    table: |
      level  | segment || credit : money
      "high" | -       || 5.00
rewards:
  - {name: credit, kind: bill_credit, amount: credit}
tests:
  - name: one
    tag: C
    given: {hours lost: 5, segment: consumer}
    expect: {rewards: {credit: 5.00}, text: null}
"""


def findings(explained: str = "") -> PolicyFindings:
    return check_policy_tables(load_policy(POLICY.replace("@EXPLAINED@\n", explained)), now=time.monotonic)


def test_each_period_of_the_parameters_is_checked_with_its_own_values():
    found = findings()
    assert [(one.decision, one.since, one.until) for one in found.decisions] == [
        ("level", date(2025, 1, 1), date(2026, 1, 1)),
        ("level", date(2026, 1, 1), None),
        ("credit", date(2025, 1, 1), None),
    ]
    assert found.problems() == [
        'level: no rule matches when rule is "old" and hours lost is below 4, for example rule = "old", hours lost = 0',
        'level: no rule matches when rule is "new" and hours lost is below 3, for example rule = "new", hours lost = 0',
    ]


def test_a_rule_is_dead_only_when_it_is_dead_in_every_period():
    assert all(one.report.dead == () for one in findings().decisions)


def test_a_result_that_no_rule_gives_is_not_reported_again_by_who_reads_it():
    assert findings().decisions[2].report.is_clean


@pytest.mark.parametrize(
    ("expression", "may_be_unknown"),
    [
        ('force majeure = null and not(cause class in ("natural_disaster", "third_party"))', False),
        ("not(hours lost between 2 and 4)", False),
        ("hours lost instance of number", False),
        ('not(force majeure > "fire")', True),
        ("lines hit between 2 and 4", True),
    ],
)
def test_a_condition_that_is_always_known_leaves_no_gap_for_null(expression, may_be_unknown):
    answered = f"""decisions:
  - {{name: own fault, type: boolean, expression: '{expression}'}}
  - name: answered
    hit policy: U
    table: |
      own fault || said : string
      true      || "yes"
      false     || "no"
  - name: level"""
    text = POLICY.replace("@EXPLAINED@\n", EXPLAINED).replace("decisions:\n  - name: level", answered)
    said = check_policy_tables(load_policy(text), now=time.monotonic).problems()
    assert [one for one in said if "own fault is not known (null)" in one] == (said if may_be_unknown else [])
    assert bool(said) is may_be_unknown


EXPLAINED = """\
    explained:
      - gap: {rule: '"old"', hours lost: '< least'}
        why: short outages
      - gap: {rule: '"new"', hours lost: '< 3'}
        why: short outages
"""


def test_an_explained_gap_is_no_problem():
    assert findings(EXPLAINED).problems() == []


def test_a_stale_explanation_is_a_problem():
    stale = EXPLAINED + (
        "      - {gap: {hours lost: '> 5'}, why: never}\n"
        "      - {overlap: [1, 2], why: meant}\n"
        "      - {dead rule: 2, why: kept}\n"
    )
    said = findings(stale).problems()
    assert sorted(set(said)) == sorted(
        [
            'level: the gap where hours lost is above 5 is explained ("never"), but there is none',
            'level: the overlap of rules 1 and 2 is explained ("meant"), but they do not overlap',
            'level: rule 2 is explained as never counting ("kept"), but it can count',
        ]
    )


def test_what_the_check_prints_can_be_pasted_under_the_table():
    printed = [explanation_text(one.report).splitlines() for one in findings().decisions[:2]]
    pasted = "\n".join([*printed[0], *printed[1][1:]]).replace("why:", "why: meant") + "\n"
    assert findings(pasted).problems() == []


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("{gap: {hour lost: '< 3'}, why: x}", 'the table has no input "hour lost"'),
        ("{gap: {hours lost: '\"A\"'}, why: x}", "the input is a number"),
        ("{overlap: [1, 7], why: x}", "there is no rule 7"),
        ("{overlap: [1, 1], why: x}", "an overlap is of two rules"),
        ("{dead rule: x, why: x}", "the number of a rule is not a number"),
        ("{why: x}", "an explanation is about one thing"),
        ("{dead rule: 1}", 'an explanation lacks "why"'),
    ],
)
def test_an_explanation_that_cannot_be_read_is_named_with_its_place(entry, what):
    with pytest.raises(PolicyError) as caught:
        findings(f"    explained:\n      - {entry}\n")
    assert [what in problem.what for problem in caught.value.problems] == [True]
    assert caught.value.problems[0].line == 26


def test_explanations_travel_with_a_decision_model():
    document = load_policy(POLICY.replace("@EXPLAINED@\n", EXPLAINED))
    back = load_policy(model_to_policy(policy_to_model(document), {}))
    assert back.decisions == document.decisions


def test_the_scheme_of_o2_leaves_nothing_open():
    document = load_policy((SCHEMES / "o2_uk_2012_07.yaml").read_text(encoding="utf-8"))
    assert check_policy_tables(document, now=time.monotonic).problems() == []
