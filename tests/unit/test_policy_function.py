"""A policy as a generated function agrees with the interpreter to the cent, and a policy survives DMN and back."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compensation
from compensation.decision.decide import decide
from compensation.decision.function import PolicyFunction
from compensation.decision.worked_cases import run_tests
from compensation.dmn import evaluate_decision, read_model, write_model
from compensation.dmn.exchange import model_to_policy, policy_to_model
from compensation.document.reading import load_policy
from foundation.errors import InputError

SCHEMES = sorted((Path(compensation.__file__).parent / "schemes").glob("*.yaml"))
TEXT = """\
policy: p
title: P
basis: goodwill
currency: GBP
zone: Europe/London
in force: {from: 2024-01-01, to: null}
population: affected
sources: [{what: a promise, where: the board}]
parameters:
  rate: {unit: share, source: board, values: {2024-01-01: 0.10, 2024-07-01: 0.25}}
  cliff: {unit: h, source: board, values: {2024-01-01: 24}}
decisions:
  - name: level
    meaning: How long it was
    hit policy: P
    table: |
      hours lost     | payment type || level : string in "odd", "long", "short" || why
      [1..cliff)     | -            || "short"                                  || under a day
      >= cliff       | "postpaid"   || "long"
      [30..40]       | -            || "odd"
  - name: base
    hit policy: C
    table: |
      total loss       || base : number
      > @"PT1H"        || 1
      >= @"PT2H"       || 2.5
  - name: steps
    expression: if base = null then 0 else sum(base)
  - name: many
    hit policy: U
    table: |
      level   | planned || share : number | flat : money else 1
      "short" | -       || rate           | 2
      "long"  | false   || rate * steps   | round half up(service fee / 3, 2)
      "long"  | null    || null           | null
rewards:
  - {name: credit, kind: bill_credit, when: 'level != "odd"', amount: 'round half up(many.share * service fee, 2)'}
  - {name: flat, kind: balance_credit, amount: many.flat}
  - {name: sorry, kind: apology, when: planned}
text: if many.share > 0.2 then "sorry" else null
limits: {amount per line: 40.00}
"""
DAYS = [date(2024, 3, 1), date(2024, 6, 30), date(2024, 7, 1)]
DOCUMENT = load_policy(TEXT)
FUNCTIONS = {day: PolicyFunction(DOCUMENT, on=day) for day in DAYS}
NULLABLE: Any = {
    "service fee": st.integers(-100, 12_000),
    "hours lost": st.sampled_from([0, 1, Fraction(47, 2), 24, 29, 30, 40, 41]),
    "payment type": st.sampled_from(["prepaid", "postpaid"]),
    "total loss": st.sampled_from([timedelta(hours=n, microseconds=m) for n in (0, 1, 2) for m in (0, 1)]),
    "planned": st.booleans(),
    "currency": st.sampled_from(["GBP", "GBP", "GBP", "EUR"]),
}
FACTS: Any = st.fixed_dictionaries({name: st.none() | values for name, values in NULLABLE.items()})


@settings(max_examples=500, deadline=None)
@given(FACTS, st.sampled_from(DAYS))
def test_the_function_decides_what_the_interpreter_decides(facts, on):
    document = DOCUMENT
    found, expected = FUNCTIONS[on](facts), decide(document, facts, on=on)
    assert (found.outcome, found.rewards, found.text) == (expected.outcome, expected.rewards, expected.text)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda path: path.stem)
def test_the_worked_cases_of_every_scheme_come_out_the_same(scheme):
    document = load_policy(scheme.read_text(), source=scheme.name)
    for test in document.tests:
        on = test.given.get("outage date") or document.in_force_from
        assert isinstance(on, date)
        facts: Any = {**dict.fromkeys(document.facts_read()), "currency": document.currency, **test.given}
        found, expected = PolicyFunction(document, on=on)(facts), decide(document, facts, on=on)
        assert (found.outcome, found.rewards, found.text) == (expected.outcome, expected.rewards, expected.text)


def test_what_the_interpreter_refuses_the_function_refuses():
    document = load_policy(TEXT)
    with pytest.raises(InputError, match="facts are missing"):
        PolicyFunction(document, on=DAYS[0])({})
    with pytest.raises(InputError, match="not in force"):
        PolicyFunction(document, on=date(2020, 1, 1))({})


@pytest.mark.parametrize("text", [TEXT, *(path.read_text() for path in SCHEMES)])
def test_a_policy_survives_dmn_and_back(text):
    document = load_policy(text)
    model = policy_to_model(document)
    xml = write_model(model)
    assert read_model(xml) == model
    again = load_policy(model_to_policy(read_model(xml), {}))
    assert (again.decisions, again.parameters, again.rewards) == (
        document.decisions,
        document.parameters,
        document.rewards,
    )
    assert [result.passed for result in run_tests(again)] == [result.passed for result in run_tests(document)]
    assert write_model(policy_to_model(again)) == xml


def test_an_exported_policy_decides_by_itself():
    model = read_model(write_model(policy_to_model(load_policy(TEXT))))
    facts: Any = {"hours lost": Fraction(25), "payment type": "postpaid", "total loss": timedelta(hours=2)}
    facts |= {"planned": False, "service fee": Fraction(30), "outage date": date(2024, 7, 1)}
    assert evaluate_decision(model, "many", facts) == {"share": Fraction(7, 8), "flat": Fraction(10)}
    assert evaluate_decision(model, "rate", {"outage date": date(2024, 6, 30)}) == Fraction(1, 10)


def test_a_foreign_model_becomes_a_policy_with_the_head_that_the_author_gives():
    xml = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="Level: of care" namespace="urn:n">
    <inputData id="a" name="hours lost"><variable name="hours lost" typeRef="number"/></inputData>
    <decision id="d" name="level"><variable name="level" typeRef="string"/>
    <informationRequirement><requiredInput href="#a"/></informationRequirement>
    <decisionTable hitPolicy="FIRST"><input><inputExpression><text>hours lost</text></inputExpression></input>
    <output typeRef="string"/><rule><inputEntry><text>&gt; 4</text></inputEntry><outputEntry><text>"long"</text>
    </outputEntry></rule></decisionTable></decision></definitions>"""
    head = {"basis": "goodwill", "currency": "GBP", "zone": "Europe/London", "from": "2024-01-01"}
    document = load_policy(model_to_policy(read_model(xml), head))
    assert (document.name, [decision.name for decision in document.decisions]) == ("level-of-care", ["level"])
    with pytest.raises(InputError, match="a model does not say them"):
        model_to_policy(read_model(xml), {})
