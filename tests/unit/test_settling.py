"""Putting rewards together: layers, caps, what others gave, once per account, what was given before, holdouts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.decision.decide import HELD_OUT, decide
from compensation.decision.function import PolicyFunction
from compensation.decision.settling import NO_STANDING, AccountShare, Standing
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import PolicyError, load_policy
from compensation.rewards import Per
from compensation.terms import Holdout

DAY = date(2024, 3, 1)
HEAD = """\
policy: p
title: P
basis: {basis}
currency: {currency}
zone: Europe/London
in force: {{from: 2024-01-01, to: null}}
population: affected
sources: [{{what: a promise, where: the board}}]
"""


def policy(body: str, basis: str = "goodwill", currency: str = "GBP") -> Any:
    return load_policy(HEAD.format(basis=basis, currency=currency) + body)


def problems(body: str, basis: str = "goodwill") -> str:
    with pytest.raises(PolicyError) as caught:
        policy(body, basis)
    return str(caught.value)


def owed(body: str, standing: Any = NO_STANDING, *, basis: Any = "goodwill", **facts: Any) -> Any:
    document = policy(body, basis)
    read = {name: None for name in document.facts_read() if name not in ("currency", "outage date")}
    given = {**read, **facts}
    found = decide(document, given, on=DAY, standing=standing)
    fast = PolicyFunction(document, on=DAY)(given, standing)
    assert (fast.outcome, fast.rewards, fast.text, fast.over_minor) == (
        found.outcome,
        found.rewards,
        found.text,
        found.over_minor,
    )
    return found


def amounts(found: Any) -> dict[str, int | None]:
    return {line.name: line.amount_minor for line in found.rewards}


def said(found: Any) -> str:
    return " ".join(found.trace.explain())


TWO_LAYERS = """\
layers:
  - {{name: law, basis: statutory}}
  - {{name: promise, basis: contractual, combines: {combines}}}
rewards:
  - {{name: floor, kind: bill_credit, layer: law, amount: {law}}}
  - {{name: more, kind: bill_credit, layer: promise, when: affected, amount: {promise}}}
"""


@pytest.mark.parametrize(
    ("combines", "law", "promise", "expected"),
    [
        ("sum", "2.00", "3.00", {"floor": 200, "more": 300}),
        ("greatest", "2.00", "3.00", {"more": 300}),
        ("greatest", "3.00", "3.00", {"floor": 300}),
        ("greatest", "4.00", "3.00", {"floor": 400}),
        ("replaces", "4.00", "3.00", {"more": 300}),
        ("offset", "2.00", "3.00", {"floor": 200, "more": 100}),
        ("offset", "4.00", "3.00", {"floor": 400}),
    ],
)
def test_layers_combine_as_they_say(combines, law, promise, expected):
    found = owed(TWO_LAYERS.format(combines=combines, law=law, promise=promise), basis="statutory", affected=True)
    assert amounts(found) == expected
    assert {line.name: line.basis for line in found.rewards}.items() <= {
        "floor": "statutory",
        "more": "contractual",
    }.items()
    assert "Layer promise comes to 3.00 GBP" in said(found)


def test_a_layer_that_gives_nothing_replaces_nothing():
    found = owed(TWO_LAYERS.format(combines="replaces", law="4.00", promise="3.00"), basis="statutory", affected=False)
    assert amounts(found) == {"floor": 400}


def test_in_kind_may_replace_money_as_povo_did():
    body = """\
layers: [{name: money, basis: contractual}, {name: in kind, basis: contractual, combines: replaces}]
rewards:
  - {name: apology money, kind: bill_credit, layer: money, amount: 200}
  - {name: topping, kind: data_grant, layer: in kind, when: 'plan = "povo 2.0"', quantity: 1, unit: GB, valid days: 3}
"""
    document = load_policy(HEAD.format(basis="contractual", currency="JPY") + body)
    povo, other = (tuple[Any, ...](decide(document, {"plan": plan}, on=DAY).rewards) for plan in ("povo 2.0", "au"))
    assert [(line.name, line.quantity, line.unit, line.valid_days) for line in povo] == [("topping", 1, "GB", 3)]
    assert [line.amount_minor for line in other] == [200]


CAPPED = """\
caps:
  - {amount: 'if service fee = null then null else service fee', per: line, over: month}
  - {amount: 5.00, per: line, over: incident}
rewards:
  - {name: first, kind: bill_credit, amount: 3.00}
  - {name: second, kind: balance_credit, amount: 4.00}
  - {name: voucher, kind: voucher, amount: 9.00, valid days: 30}
"""


def test_a_cap_clips_cash_in_order_and_says_so():
    found = owed(CAPPED, **{"service fee": 1000})
    assert amounts(found) == {"first": 300, "second": 200, "voucher": 900}
    assert "7.00 GBP is over the cap per line and incident: 5.00 GBP remains" in said(found)


def test_a_cap_per_month_counts_what_the_policy_gave_for_other_incidents():
    found = owed(CAPPED, Standing(month_minor=600), **{"service fee": 1000})
    assert amounts(found) == {"first": 300, "second": 100, "voucher": 900}
    assert amounts(owed(CAPPED, Standing(month_minor=2000), **{"service fee": 1000})) == {"voucher": 900}


def test_a_cap_that_is_not_known_makes_the_line_undetermined():
    found = owed(CAPPED)
    assert found.outcome == "undetermined"
    assert "the cap per line and month is null" in found.reason


PLAIN = "rewards: [{name: credit, kind: bill_credit, amount: 2.50}]\n"


@pytest.mark.parametrize(
    ("rule", "other", "expected"),
    [("offset", 100, {"credit": 150}), ("offset", 300, {}), ("nothing", 1, {}), ("keep", 300, {"credit": 250})],
)
def test_what_others_gave_for_the_incident_is_not_given_twice(rule, other, expected):
    found = owed(f"other credits: {rule}\n{PLAIN}", Standing(other_minor=other))
    assert amounts(found) == expected
    assert ("was credited for this incident before" in said(found)) is (rule != "keep")


def test_the_trace_says_that_nobody_else_gave_anything():
    assert "No other policy or staff member credited money for this incident." in said(owed(PLAIN))


def test_a_worked_case_states_what_others_gave():
    document = policy(
        "rewards: [{name: credit, kind: bill_credit, amount: 2.50}]\n"
        "tests:\n"
        "  - {name: agent gave, tag: C, given: {credited for this incident: 3.00}, expect: {rewards: {}}}\n"
        "  - {name: nobody gave, tag: C, given: {}, expect: {rewards: {credit: 2.50}}}\n"
    )
    assert [result.passed for result in run_tests(document)] == [True, True]


def test_history_can_be_read_by_rules_for_any_number_of_days():
    body = "rewards: [{name: c, kind: bill_credit, when: outages in the last 90 days >= 2, amount: 1.00}]\n"
    assert amounts(owed(body, **{"outages in the last 90 days": 2})) == {"c": 100}
    assert amounts(owed(body)) == {}


SHARED = """\
caps: [{amount: 8.00, per: account, over: incident}]
rewards:
  - {name: once, kind: bill_credit, per: account, amount: 5.00}
  - {name: each, kind: bill_credit, when: affected, amount: 2.00}
"""


def test_a_reward_per_account_is_carried_by_one_line_and_the_cap_counts_all():
    carries = AccountShare(frozenset({"once"}), {"once": Fraction(500)})
    assert amounts(owed(SHARED, Standing(account=carries), affected=True)) == {"once": 500, "each": 200}
    second = AccountShare(frozenset(), {"once": Fraction(500)}, before_minor=200)
    found = owed(SHARED, Standing(account=second), affected=True)
    assert amounts(found) == {"each": 100}
    assert "once is given once per account, on another of its lines" in said(found)
    third = AccountShare(frozenset(), {"once": Fraction(500)}, before_minor=400)
    assert amounts(owed(SHARED, Standing(account=third), affected=True)) == {}


def test_what_an_account_was_given_before_counts_against_its_reward():
    body = "rewards: [{name: once, kind: bill_credit, per: account, amount: 5.00}]\n"
    share = AccountShare(frozenset({"once"}), {}, given={"money": Fraction(300)})
    assert amounts(owed(body, Standing(account=share))) == {"once": 200}
    share = AccountShare(frozenset({"once"}), {}, other_minor=400)
    assert amounts(owed(body, Standing(account=share))) == {"once": 100}


def test_a_revision_gives_only_what_is_more_and_takes_nothing_back():
    body = PLAIN + "text: '\"credit_only\"'\n"
    raised = owed(body, Standing(given={"money": Fraction(100)}))
    assert (amounts(raised), raised.text) == ({"credit": 150}, "correction")
    same = owed(body, Standing(given={"money": Fraction(250)}))
    assert (amounts(same), same.text, same.outcome) == ({}, None, "nothing")
    lower = owed(body, Standing(given={"money": Fraction(400)}))
    assert (amounts(lower), lower.over_minor) == ({}, 150)
    assert "1.50 GBP more than this was credited before" in said(lower)
    new = owed(body)
    assert (amounts(new), new.text) == ({"credit": 250}, "credit_only")


def test_what_has_no_size_is_given_once_and_quantities_are_topped_up():
    body = """\
rewards:
  - {name: pass, kind: day_pass, services: data, valid from: 2024-03-08, valid to: 2024-03-09}
  - {name: data, kind: data_grant, quantity: 5, unit: GB, valid days: 30, cost: 1.00}
"""
    found = owed(body, Standing(given={"once pass": Fraction(1), "data_grant GB": Fraction(2)}))
    assert [(line.name, line.quantity, line.cost_minor) for line in found.rewards] == [("data", 3, 60)]


def test_a_held_out_line_gets_nothing_and_no_text():
    body = "holdout: {share: 0.05, salt: spring}\n" + PLAIN + "text: '\"credit_only\"'\n"
    found = owed(body, Standing(held_out=True))
    assert (found.outcome, found.rewards, found.text, found.reason) == ("nothing", (), None, HELD_OUT)
    assert "The line is held out" in said(found)
    assert amounts(owed(body)) == {"credit": 250}


@pytest.mark.parametrize("basis", ["statutory", "contractual"])
def test_only_goodwill_can_be_held_out(basis):
    assert "only goodwill may be held back" in problems("holdout: {share: 0.05, salt: s}\n" + PLAIN, basis)


def test_a_layer_of_the_law_forbids_a_holdout_too():
    body = "holdout: {share: 0.05, salt: s}\n" + TWO_LAYERS.format(combines="sum", law="1.00", promise="1.00")
    assert "only goodwill may be held back" in problems(body)


def test_a_share_of_lines_is_held_out_and_always_the_same_ones():
    holdout = Holdout(Fraction(1, 20), "spring")
    held = [line for line in range(20_000) if holdout.holds("p", line)]
    assert 900 < len(held) < 1100
    assert held == [line for line in range(20_000) if Holdout(Fraction(1, 20), "spring").holds("p", line)]
    assert held != [line for line in range(20_000) if Holdout(Fraction(1, 20), "autumn").holds("p", line)]


CHOICE = """\
rewards:
  - {name: money, kind: bill_credit, amount: 4.00}
  - {name: data, kind: data_grant, when: affected, quantity: 10, unit: GB, valid days: 30}
  - {name: pick, kind: choice, options: [money, data], default: money, default after: 14}
"""


def test_a_choice_holds_its_options_and_they_are_not_given_besides():
    found = owed(CHOICE, affected=True)
    assert [line.name for line in found.rewards] == ["pick"]
    choice = found.rewards[0]
    assert ([option.name for option in choice.options], choice.default, choice.default_after) == (
        ["money", "data"],
        "money",
        14,
    )
    assert (choice.is_posted, choice.is_offer, found.cost_minor) == (False, True, 400)
    assert [option.name for option in owed(CHOICE, affected=False).rewards[0].options] == ["money"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (CHOICE.replace("default: money", "default: gold"), 'the default "gold" is no option'),
        (CHOICE.replace("[money, data]", "[money, gold]"), "a choice is between other rewards, not gold"),
        ("rewards: [{name: a, kind: bill_credit, layer: x, amount: 1.00}]", "the policy has no layers"),
        (TWO_LAYERS.format(combines="sum", law="1.00", promise="1.00").replace("layer: law, ", ""), "lacks its layer"),
        (TWO_LAYERS.format(combines="add", law="1.00", promise="1.00"), 'combines cannot be "add"'),
        (
            TWO_LAYERS.format(combines="greatest", law="1.00", promise="1.00").replace(
                "layer: law,", "layer: law, per: account,"
            ),
            "a reward per account stands in layers that do not simply add up",
        ),
        ("rewards: [{name: v, kind: voucher, amount: 1.00}]", 'a voucher lacks "valid from"'),
        (
            "rewards: [{name: v, kind: voucher, amount: 1.00, valid days: 3, valid to: 2024-01-02}]",
            'has no "valid to"',
        ),
        ("rewards: [{name: d, kind: data_grant, quantity: 1, unit: TB, valid days: 3}]", 'unit cannot be "TB"'),
        ("rewards: [{name: 'a:b', kind: apology}]", "is no name of a reward"),
        ("caps: [{amount: service fee / 3, per: line, over: month}]\n" + PLAIN, "not rounded"),
        ("holdout: {share: 1.5, salt: s}\n" + PLAIN, "is not between 0 and 1"),
        ("correction text: Oops\n" + PLAIN, "is no name of a text"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_their_place(body, what):
    assert what in problems(body)


def test_days_are_whole_or_the_line_is_undetermined():
    body = "rewards: [{name: d, kind: free_days, days: hours lost / 24}]\n"
    assert owed(body, **{"hours lost": 48}).rewards[0].quantity == 2
    assert "its days is no whole number" in owed(body, **{"hours lost": 47}).reason


EVERYTHING = """\
layers: [{name: law, basis: goodwill}, {name: extra, basis: goodwill, combines: sum}]
caps:
  - {amount: 9.00, per: line, over: incident}
  - {amount: 12.00, per: line, over: month}
  - {amount: 15.00, per: account, over: incident}
holdout: {share: 0.5, salt: s}
rewards:
  - {name: a, kind: bill_credit, layer: law, when: affected, amount: 'round half up(service fee / 3, 2)'}
  - {name: b, kind: balance_credit, layer: extra, amount: 4.00}
  - {name: once, kind: bill_credit, layer: extra, per: account, amount: 5.00}
  - {name: data, kind: data_grant, layer: extra, quantity: 3, unit: GB, valid days: 3}
text: '"given_only"'
"""
GIVEN = st.dictionaries(
    st.sampled_from(["money", "data_grant GB", "text"]), st.integers(1, 2000).map(Fraction), max_size=3
)
SHARES = st.builds(
    AccountShare,
    carries=st.sampled_from([frozenset(), frozenset({"once"})]),
    values=st.sampled_from([{}, {"once": Fraction(500)}]),
    before_minor=st.integers(0, 2000),
    other_minor=st.integers(0, 300),
    given=GIVEN,
)
STANDINGS = st.builds(
    Standing,
    held_out=st.booleans(),
    other_minor=st.integers(0, 600),
    month_minor=st.integers(0, 1500),
    given=GIVEN,
    account=st.none() | SHARES,
)
DOCUMENT = policy(EVERYTHING)
FUNCTION = PolicyFunction(DOCUMENT, on=DAY)


@settings(max_examples=300, deadline=None)
@given(STANDINGS, st.none() | st.integers(0, 4000), st.booleans())
def test_interpreter_and_function_settle_alike_and_nothing_goes_below_zero(standing, fee, affected):
    facts = {"service fee": fee, "affected": affected}
    found, fast = decide(DOCUMENT, facts, on=DAY, standing=standing), FUNCTION(facts, standing)
    assert (fast.outcome, fast.rewards, fast.text, fast.over_minor, fast.reason) == (
        found.outcome,
        found.rewards,
        found.text,
        found.over_minor,
        found.reason if found.outcome != "undetermined" else fast.reason,
    )
    assert all(line.size > 0 for line in found.rewards)
    cash = sum(line.amount_minor or 0 for line in found.rewards if line.is_cash and line.per is Per.LINE)
    assert cash <= 900


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(0, 500))
def test_over_any_revisions_a_line_gets_the_greatest_of_them_and_no_more(fees, other):
    given_before = Fraction(0)
    greatest = 0
    document = policy("rewards: [{name: a, kind: bill_credit, amount: service fee}]\n")
    for fee in fees:
        standing = Standing(other_minor=other, given={"money": given_before} if given_before else {})
        found = decide(document, {"service fee": fee}, on=DAY, standing=standing)
        given_before += sum(line.amount_minor or 0 for line in found.rewards)
        greatest = max(greatest, fee - other)
        assert given_before == greatest
