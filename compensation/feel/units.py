"""Units of numbers: days against hours, or per cent against a share, are found when a policy is saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compensation.feel.errors import FeelError
from compensation.feel.functions import KEEPING, ROUNDINGS
from compensation.feel.nodes import (
    Between,
    Binary,
    Call,
    Compares,
    Equals,
    If,
    In,
    ListOf,
    Name,
    Negative,
    Node,
    UnaryTests,
    Within,
    children,
)
from compensation.feel.parser import COMPARISONS
from compensation.feel.scope import Scope

_ALIKE = {
    "days": ("day", "d", "calendar days", "calendar day"),
    "working days": ("working day",),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "weeks": ("week",),
    "months": ("month",),
    "years": ("year",),
    "%": ("percent", "per cent"),
    "share": ("1",),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "lines": ("line",),
    "sites": ("site", "towers", "tower"),
    "cells": ("cell",),
    "outages": ("outage",),
    "blocks": ("block",),
    "billing periods": ("billing period",),
    "incidents": ("incident",),
}
_KNOWN = {word: unit for unit, words in _ALIKE.items() for word in (unit, *words)}
_CURRENCY = re.compile("[A-Z]{3}")
_JOINING = ("min", "max", "sum", "mean", "median")


def unit_errors(node: Node, scope: Scope) -> list[FeelError]:
    """The complaints about numbers of different units that an expression compares, adds or chooses between.

    A unit is only held against another where both are known: times, shares, amounts, counts. Multiplying and dividing
    may convert, so their result has no unit.
    """
    return list(_errors(node, scope))


def test_units(tests: UnaryTests, against: Node, scope: Scope) -> list[FeelError]:
    """The same for a cell that tests the input expression `against`."""
    subject = unit_of(against, scope)
    return [*_differing(subject, _operands(tests), scope), *_errors(tests, scope)]


def unit_of(node: Node, scope: Scope) -> str:
    """The unit of an expression, the empty text where none is known."""
    match node:
        case Name(name) if name in scope:
            return known_unit(scope[name].unit)
        case Negative(operand):
            return unit_of(operand, scope)
        case Binary("+" | "-", left, right):
            return _first((left, right), scope)
        case If(_, yes, no):
            return _first((yes, no), scope)
        case Call(function, (argument, *_)) if function in ROUNDINGS or function in KEEPING:
            return unit_of(argument, scope)
        case Call(function, arguments) if function in _JOINING:
            return _first(_items(arguments), scope)
    return ""


def known_unit(written: str) -> str:
    """The one word for a unit however it is written; a currency's code stands for itself; empty for what is no unit."""
    return _KNOWN.get(written, written if _CURRENCY.fullmatch(written) else "")


def _errors(node: Node | UnaryTests, scope: Scope) -> Iterator[FeelError]:
    match node:
        case Binary(operator, left, right) if operator in ("+", "-", *COMPARISONS):
            yield from _differing(unit_of(left, scope), (right,), scope)
        case Between(value, low, high):
            yield from _differing(unit_of(value, scope), (low, high), scope)
        case In(value, tests):
            yield from _differing(unit_of(value, scope), _operands(tests), scope)
        case If(_, yes, no):
            yield from _differing(unit_of(yes, scope), (no,), scope)
        case Call(function, arguments) if function in _JOINING and arguments:
            first, *others = _items(arguments) or arguments
            yield from _differing(unit_of(first, scope), others, scope)
    for child in children(node):
        yield from _errors(child, scope)


def _differing(unit: str, others: Iterable[Node], scope: Scope) -> Iterator[FeelError]:
    for other in others:
        found = unit_of(other, scope)
        if unit and found and unit != found:
            accepted = f"a number of {unit}, or one that is converted to it"
            yield FeelError(f"{unit} stand against {found}", other.at, accepted)


def _operands(tests: UnaryTests) -> Iterator[Node]:
    for test in tests.tests:
        match test:
            case Equals(operand) | Compares(_, operand):
                yield from operand.items if isinstance(operand, ListOf) else (operand,)
            case Within(interval):
                yield from (interval.low, interval.high)


def _items(arguments: tuple[Node, ...]) -> tuple[Node, ...]:
    only = arguments[0] if len(arguments) == 1 else None
    return only.items if isinstance(only, ListOf) else arguments


def _first(nodes: Iterable[Node], scope: Scope) -> str:
    return next((unit for node in nodes if (unit := unit_of(node, scope))), "")
