"""Runs the worked cases attached to a policy against the policy itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from compensation.decision.decide import Decision, decide
from compensation.decision.earlier import Before, EarlierRun, earlier_value, told_before
from compensation.decision.lost_facts import (
    BILLING,
    DATED,
    DAY_OF,
    billing_value,
    dated_value,
    local_day,
    pattern_value,
)
from compensation.decision.measuring import Measuring
from compensation.decision.settling import AccountShare, Standing
from compensation.document.model import Expectation, PolicyDocument, PolicyTest
from compensation.facts import Origin
from compensation.feel import Value
from compensation.feel.values import read_date, write_number
from compensation.measures import Measure
from compensation.rewards import Per, RewardLine
from foundation.errors import InputError
from foundation.money import exponent
from outage.intervals import first, union

_WHAT = {"discount": "product", "fee_waiver": "fee", "discretionary": "pays as"}
_OWN_MONTH = "credited this month by this policy"


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one worked case came out; `expected` and `got` as short texts, `detail` says why it came out so.

    `rules` are the numbers of the rules that decided, by decision.
    """

    __test__ = False  # pytest takes any class named Test... for its own

    name: str
    passed: bool
    expected: str
    got: str
    detail: str
    rules: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def run_tests(document: PolicyDocument) -> list[TestResult]:
    """The result of every attached test, in their order."""
    return [_run(document, test) for test in document.tests]


def _run(document: PolicyDocument, test: PolicyTest) -> TestResult:
    expected = expectation_text(test.expect)
    try:
        on = outage_date(document, test)
        decision = _decided(document, test, on)
    except InputError as error:
        return TestResult(test.name, False, expected, "an error", error.message)
    got = _as_expected(decision, test.expect)
    detail = " ".join(decision.trace.explain())
    rules = {step.name: step.rules for step in decision.trace.decisions if step.rules}
    return TestResult(test.name, got == test.expect, expected, expectation_text(got), detail, rules)


def what_comes_out(document: PolicyDocument, test: PolicyTest) -> Expectation:
    """What the policy gives for a case whatever it expects, each reward by its first field; raises InputError."""
    return _as_expected(decision_of(document, test), Expectation("", {}, None))


def decision_of(document: PolicyDocument, test: PolicyTest) -> Decision:
    """What the policy decides for a case, whatever it expects; raises InputError."""
    return _decided(document, test, outage_date(document, test))


def _decided(document: PolicyDocument, test: PolicyTest, on: date) -> Decision:
    facts = given_facts(document, test, on)
    told = told_before(document, {name: facts.get(name) for name in document.facts_read()}, _before(test), on)
    return decide(document, facts, on=on, standing=_standing(document, test), told=told)


def outage_date(document: PolicyDocument, test: PolicyTest) -> date:
    """The day that the case says, else that of its first lost second, else the policy's first."""
    said = read_date(str(test.given.get("outage date")))
    lost = union(*(test.lost or {}).values())
    return said or local_day(first(lost), document.zone) or document.in_force_from


def given_facts(document: PolicyDocument, test: PolicyTest, on: date) -> dict[str, Value | int]:
    """Every fact that the policy reads as a case gives it, or as it follows from its clock times; the rest are null."""
    facts: dict[str, Value | int] = {name: test.given.get(name) for name in document.facts_read()}
    facts.pop("outage date", None)
    if "currency" not in test.given:
        facts.pop("currency", None)
    own = {name: document.catalogue[name] for name in facts if name not in test.given}
    for name, fact in own.items():
        if fact.origin is Origin.PATTERN and test.lost is not None:
            facts[name] = pattern_value(name, test.lost, document.zone)
        elif fact.origin is Origin.EARLIER:
            lost, bill_day = test.lost or {}, _bill_day(test)
            facts[name] = earlier_value(name, _before(test), lost, on=on, zone=document.zone, bill_day=bill_day)
        elif name in DATED:
            facts[name] = dated_value(name, on, document.zone)
        elif name in BILLING:
            facts[name] = billing_value(name, _bill_day(test), on, document.zone)
        elif name in DAY_OF:
            facts[name] = _day(test.given.get(DAY_OF[name]), document.zone)
    follows = own.keys() & {measure.name for measure in document.measures if _follows(measure, test)}
    if follows:
        measured = Measuring(document, on).values(test.lost or {}, {**test.given, **facts}, before=_before(test))
        facts |= {name: measured[name] for name in follows}
    return facts


def _standing(document: PolicyDocument, test: PolicyTest) -> Standing:
    """What was given before; the line is alone on its account, so that what it had, the account had."""
    given = (test.given.get(name) for name in ("credited for this incident", _OWN_MONTH))
    other, month = (value if isinstance(value, int) else 0 for value in given)
    shared = frozenset(reward.name for reward in document.rewards if reward.per is Per.ACCOUNT)
    concerns = bool(shared or document.terms.caps_of(Per.ACCOUNT))
    account = AccountShare(shared, other_minor=other, month_minor=month) if concerns and (other or month) else None
    return Standing(other_minor=other, month_minor=month, account=account)


def _before(test: PolicyTest) -> Before:
    return {EarlierRun(f"incident {number}"): lost for number, lost in enumerate(test.before, 1)}


def _follows(measure: Measure, test: PolicyTest) -> bool:
    """Whether a case says what a measure is taken of."""
    return test.lost is not None or measure.whole_period or (measure.looks_back and bool(test.before))


def _day(instant: object, zone: str) -> date | None:
    return instant.astimezone(ZoneInfo(zone)).date() if isinstance(instant, datetime) else None


def _bill_day(test: PolicyTest) -> int | None:
    value = test.given.get("billing day")
    return int(value) if isinstance(value, int | Fraction) else None


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
    fields: dict[str, Value] = {
        "amount": _major(line.amount_minor, line.currency),
        "ceiling": _major(line.ceiling_minor, line.currency),
        "percent": line.percent,
        "days" if line.unit == "days" else "quantity": line.quantity,
        _WHAT.get(line.kind, "services"): line.what,
        "default": line.default,
        "default after": _count(line.default_after),
        "valid from": line.valid_from,
        "valid to": line.valid_to,
        "valid days": _count(line.valid_days),
        "pays on": line.pays_on,
        "unit": line.unit,
        "stacking": line.stacking,
        "codes": line.codes,
        "cost": _major(line.cost_minor, line.currency),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _major(amount_minor: int | None, currency: str) -> Fraction | None:
    return None if amount_minor is None else Fraction(amount_minor, 10 ** exponent(currency))


def _count(number: int | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def expectation_text(expect: Expectation) -> str:
    """An outcome on one line: `entitled: credit 3.00; text credit_only`."""
    said = [f"{name} {_said(fields)}".strip() for name, fields in expect.rewards.items()]
    return f"{expect.outcome}: {', '.join(said) or 'no reward'}; text {expect.text or 'none'}"


def _said(fields: Mapping[str, Value]) -> str:
    first = next(iter(fields), None)
    return " ".join(
        ("" if name == first else f"{name} ") + (write_number(value) if isinstance(value, Fraction) else str(value))
        for name, value in fields.items()
    )
