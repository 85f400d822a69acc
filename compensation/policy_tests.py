"""Runs the worked cases attached to a policy against the policy itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from compensation.decide import Decision, decide
from compensation.document_model import Expectation, PolicyDocument, PolicyTest
from compensation.feel import Value
from compensation.feel.values import read_date, write_number
from compensation.rewards import RewardLine
from foundation.errors import InputError
from foundation.money import exponent


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one worked case came out; `expected` and `got` as short texts, `detail` says why it came out so."""

    __test__ = False  # pytest takes any class named Test... for its own

    name: str
    passed: bool
    expected: str
    got: str
    detail: str


def run_tests(document: PolicyDocument) -> list[TestResult]:
    """The result of every attached test, in their order."""
    return [_run(document, test) for test in document.tests]


def _run(document: PolicyDocument, test: PolicyTest) -> TestResult:
    day = test.given.get("outage date")
    on = (read_date(str(day)) if day is not None else None) or document.in_force_from
    facts: dict[str, Value | int] = {
        name: None for name in document.facts_read() if name not in ("currency", "outage date")
    }
    expected = _expected_text(test.expect)
    try:
        decision = decide(document, {**facts, **test.given}, on=on)
    except InputError as error:
        return TestResult(test.name, False, expected, "an error", error.message)
    got = _as_expected(decision, test.expect)
    detail = " ".join(decision.trace.explain())
    return TestResult(test.name, got == test.expect, expected, _expected_text(got), detail)


def _as_expected(decision: Decision, expect: Expectation) -> Expectation:
    """What came out, with the fields that the expectation names (or the first that has a value)."""
    rewards: dict[str, Mapping[str, Value]] = {}
    for line in decision.rewards:
        fields = _fields(line)
        named = expect.rewards.get(line.name)
        wanted = list(fields)[:1] if named is None else named
        rewards[line.name] = {name: fields.get(name) for name in wanted}
    return Expectation(decision.outcome, rewards, decision.text)


def _fields(line: RewardLine) -> dict[str, Value]:
    amount = None if line.amount_minor is None else Fraction(line.amount_minor, 10 ** exponent(line.currency))
    fields: dict[str, Value] = {
        "amount": amount,
        "percent": line.percent,
        "valid from": line.valid_from,
        "valid to": line.valid_to,
        "pays on": line.pays_on,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _expected_text(expect: Expectation) -> str:
    said = [f"{name} {_said(fields)}".strip() for name, fields in expect.rewards.items()]
    return f"{expect.outcome}: {', '.join(said) or 'no reward'}; text {expect.text or 'none'}"


def _said(fields: Mapping[str, Value]) -> str:
    first = next(iter(fields), None)
    return " ".join(
        ("" if name == first else f"{name} ") + (write_number(value) if isinstance(value, Fraction) else str(value))
        for name, value in fields.items()
    )
