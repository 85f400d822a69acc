"""Evaluates a decision of a model with everything it requires; inputs come from JSON, results go to JSON."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from compensation.dmn.inputs import allows, checked_inputs
from compensation.dmn.model import Decision, DecisionService, InputData, Knowledge, Logic, Model, Types, local_name
from compensation.feel import FeelType, NameType, Value, evaluate, listing, suggestion
from compensation.feel.builtins import equal
from compensation.feel.effort import Effort, TooLongError
from compensation.feel.kinds import converted
from compensation.feel.temporal import write_duration, write_months, write_time
from compensation.feel.values import (
    Function,
    Months,
    Range,
    write_number,
    write_value,
)
from compensation.tables.table import Status, Table, evaluate_table
from foundation.errors import NotFoundError

_DECIMAL128 = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN)
_MOST_ZEROS = 100
_MOST_SAID = 80


def evaluate_decision(model: Model, name: str, inputs: Mapping[str, Any], notes: list[str] | None = None) -> Value:
    """The result of a decision; inputs that are not given are null, and `notes` says what was null and why.

    Inputs are values of the language (numbers as Fraction); int, Decimal and list are taken for what they mean.
    The name may be that of a decision service. Several outputs come as a context, the results of several rules (R, O,
    C) as a list. Raises NotFoundError for an unknown decision, InputError for an unknown input or a value outside its
    type or allowed values.
    """
    decision, service = model.find_decision(name), model.find_service(name)
    model.refuse_unread(decision.name if decision else name)
    if decision is None and service is not None:
        return _Run(model, {}, [] if notes is None else notes).asked(service, checked_inputs(model, inputs, service))
    if decision is None:
        known = [other.name for other in model.decisions]
        raise NotFoundError(
            "no such decision", where=model.name, value=name, accepted=suggestion(name, known) or listing(known)
        )
    return _Run(model, checked_inputs(model, inputs), [] if notes is None else notes).result(decision)


class _Run:
    def __init__(self, model: Model, inputs: Mapping[str, Value], notes: list[str]) -> None:
        self.model = model
        self.inputs = inputs
        self.notes = notes
        self.types = Types(model.items)
        self.knowledge = {one.name: one for one in model.knowledge}
        self.services = {one.name: one for one in model.services}
        self.effort = Effort()

    def result(self, decision: Decision) -> Value:
        known: dict[str, Value] = {one.name: self.inputs.get(one.name) for one in self.model.inputs}
        return self.decided([decision], known)[decision.name]

    def asked(self, service: DecisionService, given: Mapping[str, Value]) -> Value:
        """What a service says of these inputs; those that are not given are null."""
        try:
            return self.function(service.name)(*(given.get(name) for name in service.inputs))
        except TooLongError as error:
            self.notes.append(str(error))
            return None

    def decided(self, wanted: list[Decision], given: Mapping[str, Value]) -> dict[str, Value]:
        """What is given, and every decision behind those that are wanted; one that is given is not decided."""
        known = dict(given)
        for needed in dict.fromkeys(one.name for decision in wanted for one in self.model.needed(decision)):
            decision = self.model.find_decision(needed)
            if decision is None or needed in known:
                continue
            value = self.logic(decision.logic, needed, known, decision.knowledge, decision.prefix)
            known[needed] = self.as_type(value, self.declared(decision), needed)
            if not allows(self.types, decision.type_ref, known[needed]):
                self.notes.append(f"{_shortened(known[needed])} is no allowed value of {needed}")
                known[needed] = None
            if isinstance(decision.logic, Table) and len(decision.logic.outputs) > 1:
                known.update(_by_output(needed, decision.logic, known[needed]))
        return known

    def declared(self, decision: Decision) -> NameType:
        """The type that a decision's variable says; what a table with several outputs gives, these say themselves."""
        kind = self.types.named(decision.type_ref)
        several = isinstance(decision.logic, Table) and len(decision.logic.outputs) > 1
        is_plain = kind.type not in (FeelType.CONTEXT, FeelType.LIST)
        return NameType(FeelType.UNKNOWN) if several and is_plain else kind

    def as_type(self, value: Value, kind: NameType, name: str) -> Value:
        found, fits = converted(value, kind)
        if not fits:
            self.notes.append(f"{name} is {kind.type.said}, and {_shortened(value)} is none")
        return found

    def logic(
        self, logic: Logic, name: str, values: Mapping[str, Value], knowledge: tuple[str, ...], prefix: str
    ) -> Value:
        functions = {local_name(other, prefix): self.function(other) for other in knowledge}
        if prefix:
            values = {**values, **{local_name(other, prefix): value for other, value in values.items()}}
        if not isinstance(logic, Table):
            return evaluate(logic, values, self.notes, functions)
        found = evaluate_table(logic, values, self.notes, functions)
        if found.status is Status.CONFLICT:
            self.notes.append(f"rules {' and '.join(map(str, found.rules))} of {name} apply at once")
        if found.status in (Status.CONFLICT, Status.NO_RULE):
            return None
        return _as_one(logic, found.outputs)

    def function(self, name: str) -> Function:
        """What the model defines under this name; it gives null when functions call one another without end."""
        defined = self.knowledge.get(name) or self.services[name]
        parameters = self.service_parameters(defined) if isinstance(defined, DecisionService) else defined.parameters

        def called(*arguments: Value) -> Value:
            values: dict[str, Value] = {}
            for one, argument in zip(parameters, arguments, strict=True):
                values[one.name] = self.as_type(argument, self.types.named(one.type_ref), one.name)
            return self.as_type(self.called(defined, values), self.types.result(defined.type_ref), name)

        return Function(tuple(local_name(one.name, defined.prefix) for one in parameters), called)

    def called(self, defined: Knowledge | DecisionService, values: Mapping[str, Value]) -> Value:
        with self.effort.call():
            if isinstance(defined, DecisionService):
                return self.answer(defined, values)
            return self.logic(defined.logic, defined.name, values, defined.knowledge, defined.prefix)

    def answer(self, service: DecisionService, values: Mapping[str, Value]) -> Value:
        """What a service says: the one decision it answers, or a context of several."""
        wanted = [one for one in self.model.decisions if one.name in service.outputs]
        known = self.decided(wanted, {**dict.fromkeys(one.name for one in self.model.inputs), **values})
        if len(service.outputs) == 1:
            return known[service.outputs[0]]
        return {local_name(name, service.prefix): known[name] for name in service.outputs}

    def service_parameters(self, service: DecisionService) -> tuple[InputData, ...]:
        known = {one.name: one for one in self.model.inputs}
        known |= {one.name: InputData(one.name, one.type_ref) for one in self.model.decisions}
        return tuple(known[name] for name in service.inputs)


def _shortened(value: Value) -> str:
    text = write_value(value)
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}..."


def _as_one(table: Table, outputs: Mapping[str, Value]) -> Value:
    """The value of a table: that of its one output, else a context; a list of those where the rules give a list."""
    columns = list(outputs.values())
    if len(columns) == 1:
        return columns[0]
    if not table.hit_policy.gives_list:
        return dict(outputs)
    rows = zip(*(column if isinstance(column, tuple) else () for column in columns), strict=True)
    return tuple(dict(zip(outputs, row, strict=True)) for row in rows)


def _by_output(name: str, table: Table, value: Value) -> dict[str, Value]:
    if isinstance(value, tuple):
        rows = [row for row in value if isinstance(row, Mapping)]
        return {f"{name}.{one.name}": tuple(row[one.name] for row in rows) for one in table.outputs}
    row = value if isinstance(value, Mapping) else {}
    return {f"{name}.{one.name}": row.get(one.name) for one in table.outputs}


# --- JSON


def to_json(value: Value) -> str:
    """A value as JSON: numbers in full when they end, else to the 34 digits of decimal128; the rest as text."""
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case Fraction():
            return number_text(value)
        case Range() | Function():
            return json.dumps(write_value(value), ensure_ascii=False)
        case tuple():
            return f"[{', '.join(map(to_json, value))}]"
        case Mapping():
            inside = (f"{json.dumps(key, ensure_ascii=False)}: {to_json(one)}" for key, one in value.items())
            return "{" + ", ".join(inside) + "}"
        case datetime.timedelta():
            return json.dumps(write_duration(value))
        case Months():
            return json.dumps(write_months(value))
        case datetime.datetime() | datetime.time():
            return json.dumps(write_time(value))
        case _:
            return json.dumps(value.isoformat())


def number_text(value: Fraction) -> str:
    """A decimal text of a number: in full when it ends within 34 digits, else rounded to them."""
    text = write_number(value)
    if not {"/", "E"} & set(text) and len(text.lstrip("-").replace(".", "").strip("0")) <= 34:
        return text
    rounded = _DECIMAL128.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
    return f"{rounded:f}" if abs(rounded.adjusted()) < _MOST_ZEROS else f"{rounded.normalize(_DECIMAL128)}"


def same(left: Value, right: Value, tolerance: Fraction = Fraction(1, 10**8)) -> bool:
    """Whether two results agree: numbers to a tolerance relative to their size, all else exactly."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return abs(left - right) <= tolerance * max(Fraction(1), abs(left), abs(right))
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(same(a, b, tolerance) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key], tolerance) for key in left)
    return equal(left, right)
