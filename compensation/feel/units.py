"""Units of numbers: days against hours, or per cent against a share, are found when a policy is saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

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
    Literal,
    Name,
    Negative,
    Node,
    UnaryTests,
    Within,
    children,
)
from compensation.feel.parser import COMPARISONS
from compensation.feel.scope import Scope
from compensation.feel.values import FeelType

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
_PERCENT = "%"
# What a part of is taken: a tenth of a fee, a fifth of the time.
_PARTED = (FeelType.MONEY, FeelType.DURATION, FeelType.MONTHS)


def unit_errors(node: Node, scope: Scope) -> list[FeelError]:
    """The complaints about numbers of different units that an expression compares, adds or chooses between.

    A unit is only held against another where both are known: times, shares, amounts, counts. Multiplying and dividing
    may convert, so their result has no unit; but what was multiplied by per cent stays per cent until it is divided by
    a hundred, and money or time never is.
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
        case Binary("*" | "/"):
            is_number = _type(node, scope) not in _PARTED
            return _PERCENT if is_number and _hundreds(node, scope) == 1 else ""
        case If(_, yes, no):
            return _first((yes, no), scope)
        case Call(function, (argument, *_)) if function in ROUNDINGS or function in KEEPING:
            return unit_of(argument, scope)
        case Call(function, arguments) if function in _JOINING:
            return _first(_items(arguments), scope)
    return ""


def unit_of_any(nodes: Iterable[Node], scope: Scope) -> str:
    """The one unit of expressions of which one will be the result; empty where none is known, or several."""
    found = {unit for node in nodes if (unit := unit_of(node, scope))}
    return found.pop() if len(found) == 1 else ""


def known_unit(written: str) -> str:
    """The one word for a unit however it is written; a currency's code stands for itself; empty for what is no unit."""
    return _KNOWN.get(written, written if _CURRENCY.fullmatch(written) else "")


def _errors(node: Node | UnaryTests, scope: Scope) -> Iterator[FeelError]:
    if isinstance(node, Binary) and node.operator in ("*", "/"):
        yield from _percent_of(node, scope)
        # The factors of one product are looked at together, not each pair of them.
        for factor, _ in _factors(node):
            yield from _errors(factor, scope)
        return
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


# --- per cent


def _percent_of(node: Node, scope: Scope) -> Iterator[FeelError]:
    """The complaint about a product of money or time and per cent that nothing divides by a hundred."""
    parted = _type(node, scope)
    if parted not in _PARTED or not _hundreds(node, scope):
        return
    found = next(one for one, _ in _factors(node) if unit_of(one, scope) == _PERCENT)
    name = found.name if isinstance(found, Name) else "(...)"
    accepted = f"{name} / 100, or a parameter with unit: share, whose value 10 % reads 0.10"
    yield FeelError(f"{parted.said} is multiplied by per cent, which is a hundred times its part", found.at, accepted)


def _hundreds(node: Node, scope: Scope) -> int:
    """How many factors of a product are in per cent, less those that it is divided by; 0 where it is put right.

    It is by a number: divided by 100, or by 3000 for 30 days of per cent, or multiplied by 0.01.
    """
    power, over, under = 0, 1, 1
    for factor, sign in _factors(node):
        if isinstance(factor, Literal) and isinstance(factor.value, Fraction):
            top, bottom = factor.value.as_integer_ratio()
            over, under = (over * top, under * bottom) if sign > 0 else (over * bottom, under * top)
        elif unit_of(factor, scope) == _PERCENT:
            power += sign
    converting = under if power > 0 else over
    return 0 if converting % 100 ** abs(power) == 0 else power


def _factors(node: Node, sign: int = 1) -> list[tuple[Node, int]]:
    """The factors of a product, each with 1, or with -1 where the product is divided by it."""
    match node:
        case Binary("*", left, right):
            return _factors(left, sign) + _factors(right, sign)
        case Binary("/", left, right):
            return _factors(left, sign) + _factors(right, -sign)
        case Negative(operand):
            return _factors(operand, sign)
    return [(node, sign)]


def _type(node: Node, scope: Scope) -> FeelType:
    """Money or a duration where an expression is made of such, UNKNOWN otherwise."""
    match node:
        case Name(name) if name in scope:
            return _amount(scope[name].type, scope[name].unit)
        case Binary("+" | "-" | "*" | "/", left, right) | If(_, left, right):
            return _parted((left, right), scope)
        case Negative(operand):
            return _type(operand, scope)
        case Call(function, (argument, *_)) if function in ROUNDINGS or function in KEEPING:
            return _type(argument, scope)
        case Call(function, arguments) if function in _JOINING:
            return _parted(_items(arguments), scope)
    return FeelType.UNKNOWN


def _amount(kind: FeelType, unit: str) -> FeelType:
    return FeelType.MONEY if kind is FeelType.NUMBER and _CURRENCY.fullmatch(unit) else kind


def _parted(nodes: Iterable[Node], scope: Scope) -> FeelType:
    return next((kind for node in nodes if (kind := _type(node, scope)) in _PARTED), FeelType.UNKNOWN)
