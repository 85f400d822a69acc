"""Reading a policy: what is accepted, and that each fault is named with file, line, column and what would do."""

from __future__ import annotations

import hashlib
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.document.reading import Basis, PolicyError, Population, load_policy
from compensation.facts import CATALOGUE, Fact, Origin
from compensation.feel import FeelType
from compensation.rewards import KINDS
from foundation.errors import InputError

POLICY = """\
policy: data-day
title: A day for a day
basis: contractual
currency: GBP
zone: Europe/London
in force: {from: 2024-01-01, to: 2025-01-01}
population: affected
sources:
  - {what: the promise, where: terms 4.2}
parameters:
  day rate:
    unit: GBP
    source: price list
    values: {2025-06-01: 2.00, 2023-01-01: 1.50}
decisions:
  - name: days
    expression: round up(total loss / @"P1D", 0)
  - name: scale
    hit policy: F
    table: |
      segment    | days  || factor : number | label : string

      "consumer" | > 3   || 2               | "long"
      -          | -     || 1               | "short"
rewards:
  - name: credit
    kind: bill_credit
    when: affected
    amount: round half up(days * day rate * scale.factor, 2)
text: if scale.label = "long" then "sorry_long" else null
limits: {amount per line: 50.00, total: 1000}
tests:
  - name: one day
    tag: C
    given: {affected: true, total loss: PT20H, segment: business}
    expect: {rewards: {credit: 1.50}, text: null}
"""

ATTRIBUTE = Fact(
    name="loyalty tier",
    type=FeelType.STRING,
    meaning="tier",
    origin=Origin.ATTRIBUTE,
    source="staff",
    allowed=("gold", "silver"),
)


def problems(text: str, **options: Any) -> Any:
    with pytest.raises(PolicyError) as caught:
        load_policy(text, source="p.yaml", **options)
    return caught.value.problems


def with_change(old: str, new: str) -> str:
    assert old in POLICY
    return POLICY.replace(old, new, 1)


def test_a_sound_policy_is_read_whole():
    document = load_policy(POLICY)
    assert (document.name, document.basis, document.population) == ("data-day", Basis.CONTRACTUAL, Population.AFFECTED)
    assert (document.in_force_from, document.in_force_to) == (date(2024, 1, 1), date(2025, 1, 1))
    assert [decision.name for decision in document.decisions] == ["days", "scale"]
    assert (document.limits.amount_per_line_minor, document.limits.total_minor) == (5000, 100_000)
    assert document.content_hash == hashlib.sha256(POLICY.encode()).hexdigest()


def test_the_facts_it_reads_are_listed_with_the_currency_it_pays_in():
    assert load_policy(POLICY).facts_read() == ("affected", "currency", "segment", "total loss")


def test_a_parameter_has_the_value_of_the_day():
    rate: Any = load_policy(POLICY).parameters[0]
    assert rate.on(date(2022, 12, 31)) is None
    assert [rate.on(day).value for day in (date(2025, 5, 31), date(2025, 6, 1))] == [Fraction(3, 2), Fraction(2)]


def test_it_is_in_force_from_its_first_day_until_before_its_last():
    document = load_policy(POLICY)
    days = (date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1))
    assert [document.is_in_force(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "what", "accepted"),
    [
        ("policy: data-day", "policy: Data Day", 1, 9, "is no policy name", "small letters"),
        (
            "basis: contractual",
            "basis: contractal",
            3,
            8,
            'basis cannot be "contractal"',
            'did you mean "contractual"?',
        ),
        ("GBP\nzone", "GBX\nzone", 4, 11, 'unknown currency "GBX"', "ISO 4217"),
        ("Europe/London", "Europe/Lundon", 5, 7, "unknown time zone", "Europe/London"),
        ("to: 2025-01-01", "to: 2023-01-01", 6, 34, "ends before it begins", "a date after 2024-01-01"),
        ("from: 2024-01-01", "from: 2024-02-30", 6, 18, "from is not a date: 2024-02-30", "a date such as"),
        ("population: affected", "populaton: affected", 7, 1, 'has no "populaton"', 'did you mean "population"?'),
        ("where: terms 4.2", "when: terms 4.2", 9, 25, 'a source has no "when"', "what, where"),
        ("    unit: GBP\n", "", 12, 5, 'lacks "unit"', "unit: ..."),
        ("2023-01-01: 1.50", "2024-01-02: 1.50", 14, 13, "has no value on 2024-01-01", "2024-01-01 or before"),
        ("2023-01-01: 1.50", "2023-01-01: 1.5.0", 14, 44, "is not money: 1.5.0", "an amount in major units"),
        ("day rate:\n", "service fee:\n", 11, 3, "has the name of a fact", "another name"),
        ("total loss /", "total los /", 17, 26, 'unknown name "total los"', 'did you mean "total loss"?'),
        ("hit policy: F", "hit policy: X", 19, 17, 'hit policy cannot be "X"', "A, C, C#, C+, C<, C>, F, O, P, R, U"),
        ('"consumer"', '"consumr"', 23, 7, "is never a value here", 'did you mean "consumer"?'),
        ("> 3 ", '> "3"', 23, 22, "the input is a number, but this test is a string", "a number"),
        ("kind: bill_credit", "kind: bil_credit", 27, 11, 'kind cannot be "bil_credit"', 'did you mean "bill_credit"?'),
        ("when: affected", "when: days", 28, 11, "a number, but a boolean is needed", "a boolean"),
        (
            "round half up(days * day rate * scale.factor, 2)",
            "days * day rate",
            29,
            18,
            "not rounded",
            "round half up(..., 2)",
        ),
        ("scale.factor, 2", "scale.factor, 3", 29, 13, "money is not rounded", "at most 2 decimals"),
        ("scale.factor", "scale.fctor", 29, 45, 'unknown name "scale.fctor"', 'did you mean "scale.factor"?'),
        ('"long" then', '"lang" then', 30, 24, "is never a value here", 'did you mean "long"?'),
        ("50.00", "50.001", 31, 27, "finer than the minor unit", "at most 2 decimals"),
        ("segment: business", "segmnt: business", 35, 48, 'unknown fact "segmnt"', 'did you mean "segment"?'),
        ("total loss: PT20H", "total loss: 20 h", 35, 41, "is not a days and time duration", "PT24H"),
        ("{credit: 1.50}", "{crdit: 1.50}", 36, 24, 'no reward "crdit"', 'did you mean "credit"?'),
        ("tag: C", "tag: X", 34, 10, 'tag cannot be "X"', "A, C, S"),
        (
            'if scale.label = "long" then "sorry_long" else null',
            "sorry_long",
            30,
            7,
            "stands in quotes",
            "'\"sorry_long\"'",
        ),
        (
            "{what: the promise, where: terms 4.2}",
            "terms",
            9,
            5,
            "a source is not a mapping",
            "{what: ..., where: ...}",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_would_do(old, new, line, column, what, accepted):
    found = problems(with_change(old, new))
    matching = [problem for problem in found if what in problem.what]
    assert matching, found
    problem = matching[0]
    assert accepted in problem.accepted
    if "lacks" not in what and "has the name" not in what:
        assert (problem.line, problem.column) == (line, column)
    assert str(problem).startswith(f"p.yaml:{problem.line}:{problem.column}: ")


def test_a_policy_without_a_last_day_holds_on():
    document = load_policy(with_change("{from: 2024-01-01, to: 2025-01-01}", "{from: 2024-01-01}"))
    assert document.in_force_to is None


def test_every_fault_is_reported_at_once():
    text = POLICY.replace("total loss /", "total los /").replace("contractual", "contract").replace("50.00", "many")
    found = problems(text)
    assert [problem.line for problem in found] == [3, 17, 31]


def test_what_failed_draws_no_complaints_after_it():
    assert len(problems(with_change("total loss / @", "total los / @"))) == 1
    assert len(problems(with_change("2023-01-01: 1.50", "2023-01-01: 1.5.0"))) == 1


@pytest.mark.parametrize(
    "text", ["", "- a", "a: [", "policy: x: y", "[" * 5000, "a: 1\na: 2", "x\0y", "policy: {a: b}"]
)
def test_what_is_no_policy_is_refused_as_such(text):
    assert problems(text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(POLICY)), st.integers(0, 12), st.text(alphabet=POLICY + "@|\"'{}[]\0\t", max_size=8))
def test_a_damaged_policy_is_read_or_refused_with_places(start, length, inserted):
    text = POLICY[:start] + inserted + POLICY[start + length :]
    try:
        load_policy(text)
    except PolicyError as error:
        places = [(problem.line, problem.column) for problem in error.problems]
        assert places and min(places) >= (1, 1)  # noqa: PT018 - refusing is one of two good ends


def test_an_attribute_that_staff_defined_is_a_fact_like_any_other():
    text = with_change("when: affected", 'when: loyalty tier = "gold"')
    assert "loyalty tier" in load_policy(text, attributes=[ATTRIBUTE]).facts_read()
    assert 'unknown name "loyalty tier"' in problems(text)[0].what
    assert "is never a value" in problems(text.replace("gold", "gld"), attributes=[ATTRIBUTE])[0].what


@pytest.mark.parametrize("name", ["if tier", "not", "round half up", "a  b", "", "a-b", "1a", "brand"])
def test_an_attribute_needs_a_name_that_rules_can_read_and_is_not_taken(name):
    attribute = Fact(name=name, type=FeelType.STRING, meaning="", origin=Origin.ATTRIBUTE, source="staff")
    with pytest.raises(InputError):
        load_policy(POLICY, attributes=[attribute])


def test_every_fact_of_the_catalogue_can_be_read_by_a_rule():
    for name, fact in CATALOGUE.items():
        text = with_change("when: affected", f"when: {name} != null")
        assert name in load_policy(text).facts_read()
        assert fact.meaning
        assert fact.source


def test_every_kind_of_reward_can_be_written():
    values = {
        "amount": "1.00",
        "percent": "10",
        "valid from": "2024-01-01",
        "valid to": "2024-02-01",
        "pays on": "a bill",
        "days": "2",
        "quantity": "5",
        "unit": "GB",
        "stacking": "adds",
        "cost": "0.50",
        "services": "data",
        "product": "a bolt-on",
        "codes": "summer",
        "fee": "termination",
        "ceiling": "20.00",
        "pays as": "bill_credit",
        "default": "sorry",
        "default after": "14",
    }
    for kind in KINDS.values():
        fields = "".join(f"    {field.name}: {values[field.name]}\n" for field in kind.fields if field.name in values)
        options = "    options: [sorry]\n" if kind.name == "choice" else ""
        head = POLICY.split("  - name: credit\n", maxsplit=1)[0] + "  - {name: sorry, kind: apology}\n"
        document = load_policy(f"{head}  - name: it\n    kind: {kind.name}\n{fields}{options}")
        assert document.rewards[1].kind is kind


def test_a_text_that_lost_its_quotes_to_yaml_is_recognised():
    line = next(line for line in POLICY.splitlines() if line.startswith("text:"))
    assert "without FEEL's own quotes" in problems(with_change(line, 'text: "sorry"'))[0].what
