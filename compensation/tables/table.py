"""A decision table: inputs, outputs, hit policy and rules, how it is checked, and how it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from compensation.feel import (
    FeelError,
    FeelType,
    Functions,
    Literal,
    NameType,
    Node,
    Scope,
    UnaryTests,
    Value,
    Values,
    aggregated,
    check_allowed,
    check_expression,
    check_tests,
    check_values,
    equal,
    evaluate,
    fits,
    is_exact_money,
    names,
    passes,
)
from compensation.feel.nodes import Equals


class HitPolicy(StrEnum):
    """What to do when several rules match."""

    UNIQUE = "U"
    ANY = "A"
    PRIORITY = "P"
    FIRST = "F"
    RULE_ORDER = "R"
    OUTPUT_ORDER = "O"
    COLLECT = "C"
    COLLECT_SUM = "C+"
    COLLECT_MIN = "C<"
    COLLECT_MAX = "C>"
    COLLECT_COUNT = "C#"

    @property
    def said(self) -> str:
        """What it means, in a few words."""
        return _SAID[self]

    @property
    def gives_list(self) -> bool:
        """Whether every output is a list with a value for each rule that matches."""
        return self in (HitPolicy.RULE_ORDER, HitPolicy.OUTPUT_ORDER, HitPolicy.COLLECT)

    @property
    def by_priority(self) -> bool:
        """Whether the order of the output's allowed values decides."""
        return self in (HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER)


_SAID = {
    HitPolicy.UNIQUE: "one rule at most may match",
    HitPolicy.ANY: "several rules may match when they say the same",
    HitPolicy.PRIORITY: "the result that stands first among the output's values counts",
    HitPolicy.FIRST: "the first rule that matches counts",
    HitPolicy.RULE_ORDER: "the results of all rules that match, in the order of the rules",
    HitPolicy.OUTPUT_ORDER: "the results of all rules that match, in the order of the output's values",
    HitPolicy.COLLECT: "the results of all rules that match",
    HitPolicy.COLLECT_SUM: "all rules that match are added up",
    HitPolicy.COLLECT_MIN: "the smallest result of all rules that match",
    HitPolicy.COLLECT_MAX: "the largest result of all rules that match",
    HitPolicy.COLLECT_COUNT: "how many rules match",
}
_AGGREGATES = {
    HitPolicy.COLLECT_SUM: "sum",
    HitPolicy.COLLECT_MIN: "min",
    HitPolicy.COLLECT_MAX: "max",
    HitPolicy.COLLECT_COUNT: "count",
}
_SUMMABLE = (FeelType.NUMBER, FeelType.MONEY, FeelType.DURATION, FeelType.MONTHS, FeelType.UNKNOWN)


class Status(StrEnum):
    """How a decision came out; `default`: no rule matched, and the outputs say what then."""

    MATCHED = "matched"
    DEFAULT = "default"
    NO_RULE = "no rule"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Output:
    """A named, typed result; an output of type money must be a whole number of minor units by its form.

    `values` are the allowed ones, for P and O the most important first; `default` is the result without any match.
    """

    name: str
    type: FeelType
    values: UnaryTests | None = None
    default: Node | None = None

    @property
    def listed(self) -> tuple[Value, ...]:
        """The allowed values that are written out, in their order."""
        return written_values(self.values) or ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: a cell per input, an expression per output, and a note such as the clause it follows."""

    number: int
    tests: tuple[UnaryTests, ...]
    outputs: tuple[Node, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rules over input expressions; every rule has as many tests as there are inputs, and one node per output.

    `input_values` are the allowed values of each input, None where all are; empty when no input has any.
    """

    hit_policy: HitPolicy
    inputs: tuple[Node, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    input_values: tuple[UnaryTests | None, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether some output says what it is when no rule matches."""
        return any(output.default is not None for output in self.outputs)

    def allowed_inputs(self) -> tuple[UnaryTests | None, ...]:
        """One entry per input: its allowed values, or None."""
        return self.input_values or (None,) * len(self.inputs)

    def names_read(self) -> Iterator[str]:
        """Every name that some cell reads, in reading order, possibly repeated."""
        defaults = (output.default for output in self.outputs if output.default is not None)
        for node in (*self.inputs, *(tests for tests in self.input_values if tests), *defaults):
            yield from names(node)
        for rule in self.rules:
            for cell in (*rule.tests, *rule.outputs):
                yield from names(cell)


@dataclass(frozen=True, slots=True)
class TableResult:
    """The numbers of the rules that count, the inputs' values, and each output's value (null unless matched).

    Under R, O and C each output is a list with one value per rule, in the order of `rules`.
    """

    status: Status
    rules: tuple[int, ...]
    inputs: tuple[Value, ...]
    outputs: Mapping[str, Value]


def written_values(tests: UnaryTests | None) -> tuple[Value, ...] | None:
    """The values of a list that writes each of them out, None when it holds anything else."""
    found = tuple(
        test.operand.value
        for test in (tests.tests if tests and not tests.negated else ())
        if isinstance(test, Equals) and isinstance(test.operand, Literal)
    )
    return found if tests and found and len(found) == len(tests.tests) else None


def check_table(table: Table, scope: Scope, exponent: int) -> list[FeelError]:
    """Everything wrong with the cells of a table; `exponent` is the number of decimals of the policy's currency."""
    errors = [error for node in table.inputs for error in check_expression(node, scope)[1]]
    allowed = table.allowed_inputs()
    for tests, subject in zip(allowed, table.inputs, strict=True):
        errors += check_tests(tests, subject, scope) if tests else []
    for output in table.outputs:
        errors += _check_output(output, scope, exponent)
    for rule in table.rules:
        for tests, subject, values in zip(rule.tests, table.inputs, allowed, strict=True):
            errors += check_tests(tests, subject, scope, written_values(values))
        for node, output in zip(rule.outputs, table.outputs, strict=True):
            errors += check_result(node, output.type, scope, exponent) or check_allowed(node, output.listed or None)
    return errors + _check_hit_policy(table)


def _check_output(output: Output, scope: Scope, exponent: int) -> list[FeelError]:
    errors = check_values(output.values, output.type, scope) if output.values else []
    if output.default is not None:
        errors += check_result(output.default, output.type, scope, exponent)
        errors += check_allowed(output.default, output.listed or None)
    return errors


def _check_hit_policy(table: Table) -> list[FeelError]:
    policy = table.hit_policy
    if not table.rules:
        return []
    first = table.rules[0].outputs
    if policy.by_priority and not any(output.listed for output in table.outputs):
        what = f"hit policy {policy} goes by the order of an output's values, and no output lists them"
        return [FeelError(what, first[0].at, 'such as level : string in "high", "low" in the header')]
    if policy is HitPolicy.COLLECT_SUM:
        return [
            FeelError(
                f'hit policy C+ cannot add up "{output.name}", {output.type.said}',
                node.at,
                "a number, money or duration; or hit policy U or F",
            )
            for node, output in zip(first, table.outputs, strict=True)
            if output.type not in _SUMMABLE
        ]
    if policy in (HitPolicy.COLLECT_MIN, HitPolicy.COLLECT_MAX):
        return [
            FeelError(f'hit policy {policy} cannot order "{output.name}", {output.type.said}', node.at, "U, F or C")
            for node, output in zip(first, table.outputs, strict=True)
            if output.type is FeelType.BOOLEAN
        ]
    return []


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
        decision if single else f"{decision}.{output.name}": _result_type(table, index)
        for index, output in enumerate(table.outputs)
    }


def _result_type(table: Table, index: int) -> NameType:
    output = table.outputs[index]
    if table.hit_policy is HitPolicy.COLLECT_COUNT:
        return NameType(FeelType.NUMBER)
    one = NameType(output.type, _allowed(table, index), exact_money=output.type is FeelType.MONEY)
    return NameType(FeelType.LIST, item=one) if table.hit_policy.gives_list else one


def _allowed(table: Table, index: int) -> tuple[Value, ...] | None:
    """The values an output can have, when all its cells write texts out: a misspelt test on it is then found."""
    output = table.outputs[index]
    if output.listed:
        return output.listed
    cells = [rule.outputs[index] for rule in table.rules]
    cells += [output.default] if output.default is not None else []
    if output.type is not FeelType.STRING or not cells:
        return None
    written = [cell.value for cell in cells if isinstance(cell, Literal)]
    return tuple(dict.fromkeys(written)) if len(written) == len(cells) else None


def evaluate_table(
    table: Table, values: Values, notes: list[str] | None = None, functions: Functions | None = None
) -> TableResult:
    """The result of a checked table.

    No match is status DEFAULT when an output has one, else NO_RULE; two matches under U, or two that differ under A,
    are status CONFLICT. An input outside its allowed values meets no rule and no default.
    """
    return _Evaluation(table, values, notes, functions).result()


class _Evaluation:
    def __init__(self, table: Table, values: Values, notes: list[str] | None, functions: Functions | None) -> None:
        self.table = table
        self.values = values
        self.notes = notes
        self.functions = functions
        self.inputs = tuple(self.value(node) for node in table.inputs)

    def value(self, node: Node) -> Value:
        return evaluate(node, self.values, self.notes, self.functions)

    def passes(self, tests: UnaryTests, subject: Value) -> bool:
        return passes(tests, subject, self.values, self.notes, self.functions)

    def result(self) -> TableResult:
        if not self.inputs_allowed():
            return self.nothing(Status.NO_RULE)
        matched = list(self.matching())
        if not matched:
            return self.without_match()
        if self.table.hit_policy is HitPolicy.UNIQUE and len(matched) > 1:
            return self.nothing(Status.CONFLICT, matched)
        rows = [(rule, tuple(self.value(node) for node in rule.outputs)) for rule in matched]
        status, numbers, outputs = combine(self.table, rows, self.notes)
        outputs_by_name = dict(zip((output.name for output in self.table.outputs), outputs, strict=True))
        return TableResult(status, numbers, self.inputs, outputs_by_name)

    def inputs_allowed(self) -> bool:
        pairs = zip(self.table.allowed_inputs(), self.inputs, strict=True)
        return all(tests is None or subject is None or self.passes(tests, subject) for tests, subject in pairs)

    def matching(self) -> Iterator[Rule]:
        for rule in self.table.rules:
            if all(self.passes(tests, subject) for tests, subject in zip(rule.tests, self.inputs, strict=True)):
                yield rule
                if self.table.hit_policy is HitPolicy.FIRST:
                    return

    def nothing(self, status: Status, matched: list[Rule] | None = None) -> TableResult:
        outputs = dict.fromkeys((output.name for output in self.table.outputs), None)
        return TableResult(status, tuple(rule.number for rule in matched or ()), self.inputs, outputs)

    def without_match(self) -> TableResult:
        if not self.table.has_default:
            return self.nothing(Status.NO_RULE)
        found: dict[str, Value] = {}
        for output in self.table.outputs:
            value = None if output.default is None else self.value(output.default)
            found[output.name] = (value,) if self.table.hit_policy.gives_list else value
        return TableResult(Status.DEFAULT, (), self.inputs, found)


def combine(
    table: Table, rows: list[tuple[Rule, tuple[Value, ...]]], notes: list[str] | None = None
) -> tuple[Status, tuple[int, ...], tuple[Value, ...]]:
    """What the hit policy makes of the rules that match and their results: status, the rules that count, outputs."""
    policy = table.hit_policy
    if policy is HitPolicy.ANY and not all(equal(row, rows[0][1]) for _, row in rows):
        return Status.CONFLICT, tuple(rule.number for rule, _ in rows), (None,) * len(table.outputs)
    if policy.by_priority:
        rows = sorted(rows, key=lambda row: priority(table, row[1]))
    if policy is HitPolicy.PRIORITY:
        rows = rows[:1]
    columns = list(zip(*(row for _, row in rows), strict=True))
    outputs = rows[0][1]
    if policy.gives_list:
        outputs = tuple(columns)
    if policy in _AGGREGATES:
        outputs = tuple(aggregated(_AGGREGATES[policy], list(column), notes) for column in columns)
    return Status.MATCHED, tuple(rule.number for rule, _ in rows), outputs


def priority(table: Table, row: tuple[Value, ...]) -> tuple[int, ...]:
    """Where each result stands among its output's values, from the left; one that is not there comes last."""
    places = []
    for output, value in zip(table.outputs, row, strict=True):
        listed = output.listed
        places.append(next((i for i, one in enumerate(listed) if equal(one, value)), len(listed)))
    return tuple(places)
