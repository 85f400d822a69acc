"""What a check of a table's form can find, in words for people and as JSON for the editor."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compensation.feel import Literal, UnaryTests, Value, write_tests
from compensation.feel.nodes import Compares, Equals, Test, Within
from compensation.feel.values import say_duration, write_value
from compensation.geometry.space import OpaqueCell, Region

MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """Inputs that no rule matches, in a table without a default."""

    region: Region


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules that match at once, where at most one may (hit policy U)."""

    rules: tuple[int, int]
    region: Region


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rules that match at once and say different things, where they must say the same (hit policy A)."""

    rules: tuple[int, int]
    region: Region
    results: tuple[tuple[Value, ...], tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class DeadRule:
    """A rule that nothing can match, because of what it asks of one input."""

    rule: int
    input: str
    cell: UnaryTests


@dataclass(frozen=True, slots=True)
class ShadowedRule:
    """A rule that never counts: whatever it matches, those rules match as well and go before it (F, P)."""

    rule: int
    by: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mergeable:
    """Two rules that say the same and differ in one input only (U, A): one rule with this cell would do."""

    rules: tuple[int, int]
    input: str
    cell: UnaryTests


@dataclass(frozen=True, slots=True)
class Undecided:
    """A question that was left open, and why; `region` where it stays open, if it is about one."""

    question: str
    why: str
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class TableReport:
    """All that was found in a table. `inputs` are its input expressions; each list holds at most 100 findings, and
    `left_off` counts what was not listed. `accepted` says of each accepted gap whether there still is a gap in it.
    """

    inputs: tuple[str, ...]
    gaps: tuple[Gap, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dead: tuple[DeadRule, ...] = ()
    shadowed: tuple[ShadowedRule, ...] = ()
    mergeable: tuple[Mergeable, ...] = ()
    opaque: tuple[OpaqueCell, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    accepted: tuple[bool, ...] = ()
    left_off: int = 0

    @property
    def decided(self) -> bool:
        """Whether every question has its answer."""
        return not self.undecided

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong as far as is known."""
        return not (self.gaps or self.overlaps or self.conflicts or self.dead or self.shadowed)


def region_words(inputs: Sequence[str], region: Region) -> str:
    """What the inputs are in a region: `brand is "O2" and lines on account is at least 10`."""
    said = [f"{name} {cell_words(cell)}" for name, cell in zip(inputs, region.cells, strict=True) if not cell.is_any]
    return " and ".join(said) or "any input"


def cell_words(cell: UnaryTests) -> str:
    """What a cell asks of its input, in words."""
    if cell.is_any:
        return "is anything"
    said = [_test_words(test) for test in cell.tests]
    if cell.negated:
        return "is neither " + " nor ".join(said) if len(said) > 1 else f"is not {said[0]}"
    return "is " + " or ".join(said)


_ORDER_WORDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}


def _test_words(test: Test) -> str:
    match test:
        case Equals(Literal(value)):
            return _value_words(value)
        case Compares(symbol, Literal(value)):
            return f"{_ORDER_WORDS[symbol]} {_value_words(value)}"
        case Within(interval) if isinstance(interval.low, Literal) and isinstance(interval.high, Literal):
            low, high = _value_words(interval.low.value), _value_words(interval.high.value)
            start = f"{low}" if interval.low_closed else f"above {low}"
            return f"{start} to {high}" if interval.high_closed else f"{start} to below {high}"
    return write_tests(UnaryTests((test,)))


def _value_words(value: Value) -> str:
    match value:
        case None:
            return "not known (null)"
        case datetime.timedelta():
            return say_duration(value)
        case datetime.date():
            return value.isoformat()
    return write_value(value)


def example_words(inputs: Sequence[str], example: Sequence[Value]) -> str:
    """A point as `hours lost = 4, plan = "A"`, each input once."""
    pairs = dict(zip(inputs, example, strict=True))
    return ", ".join(f"{name} = {'null' if value is None else _value_words(value)}" for name, value in pairs.items())


def findings_in_words(report: TableReport) -> list[str]:
    """Every finding as a sentence, the worst first; nothing when the table is clean and all was decided."""
    inputs = report.inputs

    def at(region: Region) -> str:
        doubt = f" (as far as {' and '.join(region.assumes)} can be that)" if region.assumes else ""
        return f"{region_words(inputs, region)}{doubt}, for example {example_words(inputs, region.example)}"

    said = [f"rules {_joined(one.rules)} say different things when {at(one.region)}" for one in report.conflicts]
    said += [f"rules {_joined(one.rules)} both match when {at(one.region)}" for one in report.overlaps]
    said += [f"no rule matches when {at(gap.region)}" for gap in report.gaps]
    said += [
        f"rule {one.rule} can never match: {one.input} can never be {write_tests(one.cell)}" for one in report.dead
    ]
    said += [f"rule {one.rule} never counts: {_before(one.by)} before it" for one in report.shadowed]
    said += [f"and {report.left_off} more such findings, which are not listed"] if report.left_off else []
    said += [_opaque_words(one) for one in report.opaque]
    said += [f"not decided: {one.question}: {one.why}" for one in report.undecided]
    said += [f"rules {_joined(one.rules)} could be one: {one.input} {cell_words(one.cell)}" for one in report.mergeable]
    return said


def _opaque_words(one: OpaqueCell) -> str:
    where = f"rule {one.rule}" if one.rule else "the header"
    return f"{where}, {one.input} (line {one.at.line}, column {one.at.column}) cannot be looked into: {one.why}"


def _joined(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))


def _before(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"rule {numbers[0]} takes all of it"
    return f"rules {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} together take all of it"


def report_json(report: TableReport) -> dict[str, Any]:
    """The report for the editor: cells and examples as FEEL text, each finding with its words. See TableReport."""
    inputs = report.inputs

    def region(one: Region) -> dict[str, Any]:
        return region_json(inputs, one)

    return {
        "decided": report.decided,
        "clean": report.is_clean,
        "inputs": list(inputs),
        "gaps": [region(gap.region) for gap in report.gaps],
        "overlaps": [{"rules": list(one.rules), **region(one.region)} for one in report.overlaps],
        "conflicts": [
            {
                "rules": list(one.rules),
                **region(one.region),
                "results": [[write_value(value) for value in row] for row in one.results],
            }
            for one in report.conflicts
        ],
        "dead": [{"rule": one.rule, "input": one.input, "cell": write_tests(one.cell)} for one in report.dead],
        "shadowed": [{"rule": one.rule, "by": list(one.by)} for one in report.shadowed],
        "mergeable": [
            {"rules": list(one.rules), "input": one.input, "cell": write_tests(one.cell)} for one in report.mergeable
        ],
        "opaque": [
            {"rule": one.rule, "input": one.input, "why": one.why, "line": one.at.line, "column": one.at.column}
            for one in report.opaque
        ],
        "undecided": [
            {"question": one.question, "why": one.why, **(region(one.region) if one.region else {})}
            for one in report.undecided
        ],
        "left off": report.left_off,
        "words": findings_in_words(report),
    }


def region_json(inputs: Sequence[str], region: Region) -> dict[str, Any]:
    """A region: `cells` as FEEL, one per input, `words`, the `example` as FEEL literals by input, `assumes`."""
    return {
        "cells": [write_tests(cell) for cell in region.cells],
        "words": region_words(inputs, region),
        "example": {name: write_value(value) for name, value in zip(inputs, region.example, strict=True)},
        "assumes": list(region.assumes),
    }
