"""Tests made at every end point: they read back, pass, agree with the generated function, and reach every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

import compensation
from compensation.decision.function import PolicyFunction
from compensation.decision.worked_cases import given_facts, outage_date, run_tests, what_comes_out
from compensation.document.reading import PolicyDocument, load_policy
from compensation.geometry.boundary_tests import boundary_tests, yaml_of_tests

SCHEMES = sorted((Path(compensation.__file__).parent / "schemes").glob("*.yaml"))
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
    unit: time
    type: days and time duration
    source: a page
    values: {2025-01-01: PT4H, 2026-01-01: PT2H}
decisions:
  - name: level
    hit policy: F
    table: |
      segment    | total loss || level : string
      "business" | -          || "none"
      -          | >= least   || "high"
      -          | [@"PT1H"..@"PT2H") || "low"
  - name: credit
    hit policy: U
    table: |
      level  | service fee || credit : money else 0.00
      "high" | >= 10.00    || 5.00
      "high" | < 10.00     || 2.00
      "low"  | -           || 1.00
rewards:
  - {name: credit, kind: bill_credit, when: lines on account < 100, amount: credit}
"""


def document() -> PolicyDocument:
    return load_policy(POLICY)


def test_each_end_point_has_its_three_sides():
    names = [test.name for test in boundary_tests(document())]
    for side in ("just below", "at", "just above"):
        assert f"level, rule 2: total loss {side} PT4H" in names
        assert f"credit, rule 1: service fee {side} 10" in names
        assert f"lines on account {side} 100" in names
    assert "level, rule 1: segment business" in names
    assert "level, rule 1: segment not business" in names


def test_a_side_is_as_near_as_the_fact_can_come():
    found = {test.name: test.given for test in boundary_tests(document())}
    assert found["credit, rule 1: service fee just below 10"]["service fee"] == 999
    assert str(found["level, rule 2: total loss just above PT4H"]["total loss"]) == "4:00:01"


def test_rules_of_later_tables_are_reached_through_the_earlier_ones():
    ready = {test.name: test.expect for test in boundary_tests(document())}
    assert ready["credit, rule 1: service fee at 10"].rewards == {"credit": {"amount": 5}}
    assert ready["credit, rule 1: service fee just below 10"].rewards == {"credit": {"amount": 2}}


def test_a_changed_parameter_has_tests_of_its_own_period():
    dated = [test for test in boundary_tests(document()) if "outage date" in test.given]
    assert {str(test.given["outage date"]) for test in dated} == {"2026-01-01"}
    assert {str(test.given["total loss"]) for test in dated} == {"1:59:59", "2:00:00", "2:00:01"}


def test_every_made_test_reads_back_and_passes():
    made = boundary_tests(document())
    text = POLICY + "tests:\n" + yaml_of_tests(document(), made)
    results = run_tests(load_policy(text))
    assert len(results) == len(made) > 15
    assert [one for one in results if not one.passed] == []


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda path: path.stem)
def test_interpreter_and_generated_function_agree_at_every_end_point_of_a_scheme(scheme):
    policy = load_policy(scheme.read_text(encoding="utf-8"), source=scheme.name)
    made = boundary_tests(policy)
    functions: dict[object, PolicyFunction] = {}
    for test in made:
        on = outage_date(policy, test)
        function = functions.setdefault(on, PolicyFunction(policy, on=on))
        fast = function(given_facts(policy, test, on))
        expected = what_comes_out(policy, test)
        assert (fast.outcome, fast.text) == (expected.outcome, expected.text), test.name
        assert {line.name for line in fast.rewards} == set(expected.rewards), test.name


def test_no_more_are_made_than_asked_for():
    assert len(boundary_tests(document(), most=4)) == 4
