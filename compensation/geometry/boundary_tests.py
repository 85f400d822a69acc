"""Worked cases at every end point of a policy's tables, with what comes out: the point, just below, just above."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from compensation.decision.worked_cases import what_comes_out
from compensation.document.model import Expectation, PolicyDocument, PolicyTest, Tag
from compensation.document.parts import flow_scalar, scalar
from compensation.feel import FeelType, Value
from compensation.feel.values import write_number, write_value
from compensation.geometry.boundary_points import Point, Points, in_major_units, said_plainly
from compensation.geometry.policy import Period, periods
from foundation.errors import InputError
from foundation.money import from_major

_OUTAGE_DATE = "outage date"


def boundary_tests(document: PolicyDocument, *, most: int = 2_000) -> list[PolicyTest]:
    """A test for each side of every end point, in the order of tables and rules, each different and at most so many.

    Later periods of the parameters add those of the cells that read them. What a case expects is what the interpreter
    gives: a person checks it against the source before it is kept.
    """
    found: dict[object, PolicyTest] = {}
    used = {test.name for test in document.tests}
    for number, period in enumerate(periods(document)):
        for point in Points(document, period, is_first=number == 0).all():
            test = _test(document, point, period if number else None)
            key = tuple(sorted((name, write_value(value)) for name, value in point.facts.items())), number
            if test is None or key in found:
                continue
            name = next(n for n in _numbered(test.name) if n not in used)
            used.add(name)
            found[key] = replace(test, name=name)
            if len(found) >= most:
                return list(found.values())
    return list(found.values())


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in itertools.count(2))


def _test(document: PolicyDocument, point: Point, period: Period | None) -> PolicyTest | None:
    given: dict[str, Value | int] = {}
    for name, value in point.facts.items():
        is_money = document.catalogue[name].type is FeelType.MONEY and isinstance(value, Fraction)
        given[name] = from_major(value, document.currency) if is_money and isinstance(value, Fraction) else value
    if period is not None:
        given.setdefault(_OUTAGE_DATE, period.since)
    test = PolicyTest(point.about, Tag.COMPUTED, given, Expectation("", {}, None))
    try:
        return replace(test, expect=what_comes_out(document, test))
    except InputError:  # an outage date on which the policy is not in force
        return None


def yaml_of_tests(document: PolicyDocument, tests: list[PolicyTest]) -> str:
    """The tests as they stand under `tests:` of a policy file."""
    return "".join(_entry(document, test) for test in tests)


def _entry(document: PolicyDocument, test: PolicyTest) -> str:
    catalogue, currency = document.catalogue, document.currency
    facts = {name: in_major_units(value, catalogue[name], currency) for name, value in test.given.items()}
    given = ", ".join(f"{flow_scalar(name)}: {_flow(value)}" for name, value in facts.items())
    rewards = ", ".join(f"{flow_scalar(name)}: {_fields(fields)}" for name, fields in test.expect.rewards.items())
    outcome = f"outcome: {test.expect.outcome}, " if test.expect.outcome == "undetermined" else ""
    return (
        f"  - name: {scalar(test.name)}\n"
        f"    tag: {test.tag}\n"
        f"    given: {{{given}}}\n"
        f"    expect: {{{outcome}rewards: {{{rewards}}}, text: {_flow(test.expect.text)}}}\n"
    )


def _fields(fields: Mapping[str, Value]) -> str:
    if not fields:
        return "true"
    return "{" + ", ".join(f"{flow_scalar(name)}: {_flow(value)}" for name, value in fields.items()) + "}"


def _flow(value: Value) -> str:
    """A value within a YAML mapping on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Fraction():
            return write_number(value)
        case str():
            return flow_scalar(value)
    return said_plainly(value)
