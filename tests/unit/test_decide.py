"""Deciding a case: entitled, nothing or undetermined; money to the minor unit; and a trace that can be read out."""

from __future__ import annotations

import json
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.decision.decide import decide
from compensation.decision.trace import Trace
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import load_policy
from compensation.rewards import RewardLine
from foundation.errors import InputError

HEAD = """\
policy: p
title: P
basis: goodwill
currency: {currency}
zone: Europe/London
in force: {{from: 2024-01-01, to: null}}
population: affected
sources: [{{what: a promise, where: the board}}]
"""
BODY = """\
parameters:
  rate: {unit: share, source: board, values: {2024-01-01: 0.10, 2024-07-01: 0.25}}
decisions:
  - name: level
    hit policy: U
    table: |
      hours lost || level : string || why
      [1..24)    || "short"        || under a day
      >= 24      || "long"
      [30..40]   || "odd"
  - name: base
    expression: rate * service fee
rewards:
  - name: credit
    kind: bill_credit
    when: level = "short" or level = "long"
    amount: round half up(base, 2)
    pays on: next bill
  - name: sorry
    kind: apology
    when: level = "long"
text: if level = null then null else "sorry"
limits: {amount per line: 20.00}
"""
DAY = date(2024, 3, 1)


def policy(body: str = BODY, currency: str = "GBP") -> Any:
    return load_policy(HEAD.format(currency=currency) + body)


def case(hours: Any, fee: Any, on: date = DAY, **more: Any) -> Any:
    return decide(policy(), {"hours lost": hours, "service fee": fee, **more}, on=on)


def test_a_line_gets_what_its_rules_give():
    found = case(5, 2042)
    line = RewardLine("credit", "bill_credit", 204, "GBP", pays_on="next bill")
    assert (found.outcome, found.rewards, found.text, found.cost_minor) == ("entitled", (line,), "sorry", 204)


def test_the_parameter_of_the_outages_day_counts():
    assert [case(5, 1000, on=day).cost_minor for day in (date(2024, 6, 30), date(2024, 7, 1))] == [100, 250]


def test_an_apology_is_a_reward_without_money():
    found = case(24, 1000)
    assert [line.kind for line in found.rewards] == ["bill_credit", "apology"]
    assert found.rewards[1].amount_minor is None


def test_no_rule_gives_nothing_and_no_text():
    found = case(0, 1000)
    assert (found.outcome, found.rewards, found.text, found.reason) == ("nothing", (), None, None)


def test_null_in_money_is_undetermined_with_its_reason():
    found = case(5, None)
    assert (found.outcome, found.rewards, found.text) == ("undetermined", (), None)
    assert found.reason == "credit: its amount is null because base is not known (null)"


def test_a_null_that_no_reward_needs_harms_nothing():
    assert case(0, None).outcome == "nothing"


def test_a_conflict_is_undetermined_and_names_the_rules():
    assert "conflict: rules 2 and 3 of level" in case(35, 1000).reason


def test_another_currency_is_undetermined():
    assert case(5, 1000, currency="EUR").reason == "the account's currency is EUR, the policy pays GBP"


def test_a_result_past_the_limit_is_stopped_and_not_paid():
    found = case(5, 20_010)
    assert found.outcome == "undetermined"
    assert found.reason == "the rewards come to 20.01 GBP, but the limit per line is 20.00 GBP"


def test_an_amount_of_zero_is_no_reward():
    assert case(5, 4).outcome == "nothing"


def test_a_negative_amount_is_never_paid():
    assert "below zero" in case(5, -1000).reason


def test_a_condition_on_what_is_not_known_is_undetermined():
    document = policy("rewards:\n  - {name: c, kind: bill_credit, when: hours lost > 2, amount: 5}\n")
    reason = decide(document, {"hours lost": None}, on=DAY).reason
    assert reason == "c: its condition hours lost > 2 is null because hours lost is not known (null)"


def test_an_amount_whose_table_has_no_rule_is_not_owed():
    body = """\
decisions:
  - name: credit
    hit policy: F
    table: |
      hours lost || credit : money
      > 2        || 5.00
rewards: [{name: c, kind: balance_credit, amount: credit}]
"""
    assert [decide(policy(body), {"hours lost": hours}, on=DAY).outcome for hours in (2, 3)] == ["nothing", "entitled"]


def test_collected_amounts_add_up():
    body = """\
decisions:
  - name: credit
    hit policy: C+
    table: |
      hours lost || credit : money
      > 2        || 5.00
      > 24       || 10.00
rewards: [{name: c, kind: bill_credit, amount: credit}]
"""
    assert decide(policy(body), {"hours lost": 30}, on=DAY).cost_minor == 1500


@given(st.integers(0, 10_000_000), st.sampled_from([("JPY", 0), ("GBP", 2), ("KWD", 3)]), st.integers(1, 31))
def test_money_is_exact_in_every_currency(fee, currency, divisor):
    code, digits = currency
    body = f"rewards: [{{name: c, kind: bill_credit, amount: 'round half up(service fee / {divisor}, {digits})'}}]\n"
    found = decide(policy(body, code), {"service fee": fee}, on=DAY)
    assert found.cost_minor == (2 * fee + divisor) // (2 * divisor)


def test_a_day_outside_its_time_is_refused():
    with pytest.raises(InputError, match="not in force"):
        case(5, 1000, on=date(2023, 12, 31))


@pytest.mark.parametrize(
    "facts", [{"hours lost": 1}, {"hours lost": "1", "service fee": 1}, {"hours lost": 1, "service fee": 1.5}]
)
def test_missing_facts_and_facts_of_another_type_are_refused(facts):
    with pytest.raises(InputError):
        decide(policy(), facts, on=DAY)


def test_facts_come_in_as_plain_values():
    document = policy(
        "rewards:\n  - {name: c, kind: apology, when: 'total loss > @\"PT1H\" and first lost on = outage date'}\n"
    )
    facts: dict[str, Any] = {"total loss": timedelta(hours=2), "first lost on": DAY}
    assert decide(document, facts, on=DAY).outcome == "entitled"


def test_the_trace_can_be_stored_and_read_out():
    trace = case(Fraction(49, 2), 2042).trace
    stored = json.loads(json.dumps(trace.to_json()))
    assert Trace.from_json(stored) == trace
    said = Trace.from_json(stored).explain()
    assert "service fee: 20.42 GBP." in said
    assert "rate: 0.1, in force since 2024-01-01 (source: board)." in said
    assert "level: rule 2 because hours lost is 24.5 h, which meets >= 24, so level is long." in said
    assert "base: rate * service fee = 0.1 * 20.42 GBP = 2.042 GBP." in said
    assert any("amount round half up(base, 2) = round half up(2.042 GBP, 2) = 2.04 GBP" in line for line in said)


def test_conditions_on_the_input_contexts_and_lists_are_read_out():
    body = """\
decisions:
  - name: levels
    hit policy: R
    table: |
      plan                     || level : string
      starts with(?, "Pro")    || "a"
      contains(?, "Max")       || "b"
  - name: base
    expression: "{half: hours lost / 2, rest: half + 1}.rest"
rewards: [{name: c, kind: apology, when: 'count(levels) = 2 and base > 1'}]
"""
    decision = decide(policy(body), {"plan": "Pro Max", "hours lost": 4}, on=DAY)
    assert decision.outcome == "entitled"
    said = decision.trace.explain()
    assert any("levels: rules 1 and 2 because plan is Pro Max" in line and "levels is a, b" in line for line in said)
    assert any(line.startswith("base: ") and line.endswith("= 3.") for line in said)


def test_a_default_is_read_out_and_rules_that_differ_under_any_are_a_conflict():
    body = """\
decisions:
  - name: share
    hit policy: A
    table: |
      hours lost || share : number else 0.5
      > 2        || 1
      > 4        || 2
rewards: [{name: c, kind: apology, when: share = 0.5}]
"""
    decision = decide(policy(body), {"hours lost": 1}, on=DAY)
    assert decision.outcome == "entitled"
    assert "share: no rule of the table applies, so share is 0.5 by default." in decision.trace.explain()
    assert "do not say the same" in (decide(policy(body), {"hours lost": 5}, on=DAY).reason or "")


def test_a_refused_reward_says_why_in_the_trace():
    said = case(0, 1000).trace.explain()
    assert "level: no rule of the table applies." in said
    assert said[-1] == "Nothing is owed."


def test_attached_tests_pass_or_say_what_came_out_instead():
    tests = """\
tests:
  - {name: right, tag: C, given: {hours lost: 5, service fee: 20.42}, expect: {rewards: {credit: 2.04}, text: sorry}}
  - name: later
    tag: C
    given: {outage date: 2024-07-01, hours lost: 5, service fee: 1}
    expect: {rewards: {credit: 0.25}, text: sorry}
  - {name: wrong, tag: C, given: {hours lost: 5, service fee: 20.42}, expect: {rewards: {credit: 2.05}, text: sorry}}
  - {name: too much, tag: C, given: {hours lost: 24, service fee: 1}, expect: {rewards: {credit: 0.10}, text: sorry}}
  - {name: early, tag: C, given: {outage date: 2020-01-01}, expect: {rewards: {}}}
"""
    results = run_tests(policy(BODY + tests))
    assert [result.passed for result in results] == [True, True, False, False, False]
    assert results[2].expected == "entitled: credit 2.05; text sorry"
    assert results[2].got == "entitled: credit 2.04; text sorry"
    assert results[3].got == "entitled: credit 0.1, sorry; text sorry"
    assert "not in force" in results[4].detail
