"""Values, conditions and calculations as people read them: with units, and with numbers in the place of names."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from compensation.feel import FeelType, Literal, Node, Value, Values, write_expression, write_tests
from compensation.feel.temporal import write_time
from compensation.feel.values import (
    Function,
    Months,
    Range,
    say_duration,
    say_months,
    write_money,
    write_number,
    write_value,
)
from compensation.plurals import unit_for
from compensation.tables.table import Table, TableResult
from foundation.money import exponent

# Units that a duration or a pure share does not need to have said.
_SILENT_UNITS = frozenset({"", "1", "share"})


@dataclass(slots=True)
class Phrases:
    """Says values by the name they go under; `types` and `units` grow as names come into scope."""

    currency: str
    types: dict[str, FeelType] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def value(self, value: Value, kind: FeelType = FeelType.UNKNOWN, unit: str = "") -> str:
        """A value with its unit: `30.00 GBP`, `20 h 15 min`, `10 %`, `yes`, `not known`."""
        match value:
            case None:
                return "not known"
            case bool():
                return "yes" if value else "no"
            case str():
                return value
            case datetime.timedelta():
                return say_duration(value)
            case Months():
                return say_months(value)
            case datetime.datetime() | datetime.time():
                return write_time(value)
            case datetime.date():
                return value.isoformat()
            case tuple():
                return ", ".join(self.value(item, kind, unit) for item in value) or "none"
            case Mapping():
                return ", ".join(f"{key} {self.value(item)}" for key, item in value.items())
            case Range() | Function():
                return write_value(value)
            case Fraction() if kind is FeelType.MONEY:
                return write_money(value, self.currency, exponent(self.currency))
            case Fraction():
                number = write_number(value)
                return number if unit in _SILENT_UNITS else f"{number} {unit_for(value, unit)}"

    def named(self, name: str, value: Value) -> str:
        """The value of a fact, parameter or decision, with its unit."""
        return self.value(value, self.types.get(name, FeelType.UNKNOWN), self.units.get(name, ""))

    def with_values(self, node: Node, values: Values) -> str:
        """An expression with the values of its names put in."""
        return write_expression(node, lambda name: self._put_in(name, values))

    def calculation(self, node: Node, values: Values, result: str) -> str:
        """`expression = expression with numbers = result`, without repeating what is the same."""
        steps = [write_expression(node), self.with_values(node, values), result]
        if isinstance(node, Literal):
            steps = [result]
        return " = ".join(step for index, step in enumerate(steps) if step not in steps[:index])

    def conditions(self, table: Table, result: TableResult, values: Values) -> tuple[str, ...]:
        """For each rule that counts, what its cells ask of which input, and what that input is."""
        return tuple(self._rule(table, number, result.inputs, values) for number in result.rules)

    def _rule(self, table: Table, number: int, inputs: tuple[Value, ...], values: Values) -> str:
        said = []
        for test, node, value in zip(table.rules[number - 1].tests, table.inputs, inputs, strict=True):
            if test.is_any:
                continue
            name = write_expression(node)
            is_what = f"{name} is {self.named(name, value)}"
            wanted = write_tests(test, lambda read: self._put_in(read, values))
            said.append(is_what if wanted == write_value(value) else f"{is_what}, which meets {wanted}")
        return " and ".join(said)

    def _put_in(self, name: str, values: Values) -> str:
        if name not in values:  # the input of a test, or an entry of a context: named by the text itself
            return name
        value = values[name]
        if value is None or isinstance(value, bool | str):
            return write_value(value)
        said = self.named(name, value)
        is_compound = isinstance(value, Fraction) and (value < 0 or "/" in said)
        return f"({said})" if is_compound else said


def result_names(outputs: Mapping[str, Value], decision: str) -> dict[str, str]:
    """The name in scope of each output of a decision: the decision's own when there is one output."""
    if len(outputs) == 1:
        return dict.fromkeys(outputs, decision)
    return {output: f"{decision}.{output}" for output in outputs}
