"""Pure: at which instants something changes while time goes on, found by halving, and what a policy compares time with.

Time lost only grows while an outage goes on, and so does all that is counted over it. A count that is equal at both
ends of a stretch is therefore equal all through it, which makes halving exact.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import Any, TypeVar

from compensation.document.model import PolicyDocument
from compensation.facts import Fact
from compensation.feel import FeelType, Literal, Value
from compensation.feel.values import say_duration
from outage.intervals import IntervalSet

T = TypeVar("T")
Pattern = Mapping[str, IntervalSet]
Cell = tuple[object, ...]
_CONTINUOUS = (datetime.timedelta, datetime.datetime, Fraction)


def changes(value: Callable[[int], T], first: int, last: int, *, most: int | None = None) -> list[int] | None:
    """The instants in (first, last] at which `value` differs from what it was a second before.

    Exact when `value` never returns to what it was before. None when there are more than `most`.
    """
    found: list[int] = []
    stack = [(first, value(first), last, value(last))]
    while stack:
        low, before, high, after = stack.pop()
        if before == after:
            continue
        if high - low == 1:
            found.append(high)
            if most is not None and len(found) > most:
                return None
            continue
        middle = (low + high) // 2
        between = value(middle)
        # The earlier half is looked at first, so that what is found comes in order.
        stack.append((middle, between, high, after))
        stack.append((low, before, middle, between))
    return found


def is_open(pattern: Pattern, as_of: int) -> bool:
    """Whether some service was still lost when the pattern was measured."""
    return any(lost and lost[-1][1] == as_of for lost in pattern.values())


def extended(pattern: Pattern, as_of: int, until: int) -> Pattern:
    """The pattern as it will be when what was open at `as_of` is restored at `until`, which is not before it."""
    return {
        service: (*lost[:-1], (lost[-1][0], until)) if lost and lost[-1][1] == as_of else lost
        for service, lost in pattern.items()
    }


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lengths of time, instants and numbers that stand anywhere in a policy, in order, by their type."""

    by_type: Mapping[type, tuple[Any, ...]]

    def cell(self, value: object, *, steps: bool = False) -> Cell:
        """Where a value lies among the thresholds: two values of one cell compare alike with each of them.

        What goes up in steps (counts, dates) is a cell of its own at each.
        """
        known = None if steps else self.by_type.get(type(value))
        if known is None:
            return (type(value).__name__, value)
        return (bisect_left(known, value), bisect_right(known, value))

    def crossed(self, name: str, before: object, after: object, *, steps: bool = False) -> str | None:
        """What a fact did on its way from one value to the next, in words; None when it stayed in its cell."""
        old, new = self.cell(before, steps=steps), self.cell(after, steps=steps)
        if old == new:
            return None
        known = None if steps else self.by_type.get(type(after))
        if known is None or type(before) is not type(after):
            return f"{name} becomes {_said(after)}"
        lower, upper = bisect_left(known, after), bisect_right(known, after)
        return f"{name} {'reaches' if lower < upper else 'passes'} {_said(known[upper - 1])}"


def thresholds_of(document: PolicyDocument, on: datetime.date) -> Thresholds:
    """Everything in a policy that time could be compared with, its parameters as they are on a day."""
    parts: tuple[object, ...] = (
        document.decisions,
        document.rewards,
        document.terms,
        document.customer_text,
        tuple(dated.value for parameter in document.parameters if (dated := parameter.on(on)) is not None),
    )
    found: dict[type, set[Value]] = {}
    for value in _values(parts):
        found.setdefault(type(value), set()).add(value)
    return Thresholds({kind: tuple(sorted(found.get(kind, ()))) for kind in _CONTINUOUS})


def _values(part: object) -> Iterator[Value]:
    match part:
        case Literal(value):
            yield from _values(value)
        case datetime.timedelta() | datetime.datetime() | Fraction():
            yield part
        case Mapping():
            for item in part.values():
                yield from _values(item)
        case tuple() | list() | frozenset():
            for item in part:
                yield from _values(item)
        case _ if is_dataclass(part) and not isinstance(part, type):
            for one in fields(part):
                yield from _values(getattr(part, one.name))


def _said(value: object) -> str:
    match value:
        case datetime.timedelta():
            return say_duration(value)
        case datetime.datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case Fraction():
            return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"
        case _:
            return "not known" if value is None else str(value)


def goes_in_steps(fact: Fact) -> bool:
    """Whether a fact is a count: it stands still and then goes up by one, and each of its values may matter."""
    return fact.type is FeelType.NUMBER and isinstance(fact.step, Fraction) and fact.step.denominator == 1
