"""A decision table: inputs, outputs, hit policy and rules; how it is checked and evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from compensation.feel import (
    FeelError,
    FeelType,
    Literal,
    NameType,
    Node,
    Scope,
    UnaryTests,
    Value,
    Values,
    add_up,
    check_expression,
    check_tests,
    evaluate,
    fits,
    is_exact_money,
    names,
    passes,
)


class HitPolicy(StrEnum):
    """What to do when several rules match: at most one may (U), the first counts (F), outputs add up (C+)."""

    UNIQUE = "U"
    FIRST = "F"
    COLLECT_SUM = "C+"


class Status(StrEnum):
    """How a decision came out."""

    MATCHED = "matched"
    NO_RULE = "no rule"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Output:
    """A named, typed result; an output of type money must be a whole number of minor units by its form."""

    name: str
    type: FeelType


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: a cell per input, an expression per output, and a note such as the clause it follows."""

    number: int
    tests: tuple[UnaryTests, ...]
    outputs: tuple[Node, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rules over input expressions; every rule has as many tests as there are inputs, and one node per output."""

    hit_policy: HitPolicy
    inputs: tuple[Node, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]

    def names_read(self) -> Iterator[str]:
        """Every name that some cell reads, in reading order, possibly repeated."""
        for node in self.inputs:
            yield from names(node)
        for rule in self.rules:
            for cell in (*rule.tests, *rule.outputs):
                yield from names(cell)


@dataclass(frozen=True, slots=True)
class TableResult:
    """The numbers of the rules that count, the inputs' values, and each output's value (null unless matched)."""

    status: Status
    rules: tuple[int, ...]
    inputs: tuple[Value, ...]
    outputs: Mapping[str, Value]


def check_table(table: Table, scope: Scope, exponent: int) -> list[FeelError]:
    """Everything wrong with the cells of a table; `exponent` is the number of decimals of the policy's currency."""
    errors = [error for node in table.inputs for error in check_expression(node, scope)[1]]
    for rule in table.rules:
        for tests, subject in zip(rule.tests, table.inputs, strict=True):
            errors += check_tests(tests, subject, scope)
        for node, output in zip(rule.outputs, table.outputs, strict=True):
            errors += check_result(node, output.type, scope, exponent)
    if table.hit_policy is HitPolicy.COLLECT_SUM and table.rules:
        summable = (FeelType.NUMBER, FeelType.MONEY, FeelType.DURATION)
        first = table.rules[0].outputs
        for node, output in zip(first, table.outputs, strict=True):
            if output.type not in summable:
                what = f'hit policy C+ cannot add up "{output.name}", {output.type.said}'
                errors.append(FeelError(what, node.at, "a number, money or duration; or hit policy U or F"))
    return errors


def check_result(node: Node, wanted: FeelType, scope: Scope, exponent: int) -> list[FeelError]:
    """Everything wrong with an expression that must give a `wanted`; money must be rounded outermost or exact."""
    actual, errors = check_expression(node, scope)
    if errors:
        return errors
    # A rounded plain number may become money; money never becomes a plain number unseen.
    if not fits(actual, wanted):
        return [FeelError(f"this is {actual.said}, but {wanted.said} is needed", node.at, f"{wanted.said}")]
    if wanted is FeelType.MONEY and not is_exact_money(node, scope, exponent):
        accepted = f"one rounding outermost with at most {exponent} decimals, such as round half up(..., {exponent})"
        return [FeelError("money is not rounded to the minor unit", node.at, accepted)]
    return []


def output_types(table: Table, decision: str) -> dict[str, NameType]:
    """The names by which later decisions read the outputs: `decision`, or `decision.output` when there are several."""
    single = len(table.outputs) == 1
    return {
        decision if single else f"{decision}.{output.name}": NameType(
            output.type, _allowed(table, index), exact_money=output.type is FeelType.MONEY
        )
        for index, output in enumerate(table.outputs)
    }


def _allowed(table: Table, index: int) -> tuple[Value, ...] | None:
    """The texts an output can have, when all its cells write them out: a misspelt test on it is then found."""
    cells = [rule.outputs[index] for rule in table.rules]
    if table.outputs[index].type is not FeelType.STRING or not cells:
        return None
    written = [cell.value for cell in cells if isinstance(cell, Literal)]
    return tuple(dict.fromkeys(written)) if len(written) == len(cells) else None


def evaluate_table(table: Table, values: Values, notes: list[str] | None = None) -> TableResult:
    """The result of a checked table; no match is status NO_RULE, two matches under U are status CONFLICT."""
    inputs = tuple(evaluate(node, values, notes) for node in table.inputs)
    matched = list(_matching(table, inputs, values, notes))
    numbers = tuple(rule.number for rule in matched)
    nothing = dict.fromkeys((output.name for output in table.outputs), None)
    if not matched:
        return TableResult(Status.NO_RULE, (), inputs, nothing)
    if table.hit_policy is HitPolicy.UNIQUE and len(matched) > 1:
        return TableResult(Status.CONFLICT, numbers, inputs, nothing)
    rows = [[evaluate(node, values, notes) for node in rule.outputs] for rule in matched]
    totals = [add_up(list(column), notes) for column in zip(*rows, strict=True)]
    found = dict(zip(nothing, totals, strict=True))
    return TableResult(Status.MATCHED, numbers, inputs, found)


def _matching(table: Table, inputs: tuple[Value, ...], values: Values, notes: list[str] | None) -> Iterator[Rule]:
    for rule in table.rules:
        if all(passes(tests, subject, values, notes) for tests, subject in zip(rule.tests, inputs, strict=True)):
            yield rule
            if table.hit_policy is HitPolicy.FIRST:
                return
