"""Evaluates a decision of a model with everything it requires; inputs come from JSON, results go to JSON."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from compensation.dmn.model import Decision, Knowledge, Logic, Model, Types
from compensation.feel import FeelType, NameType, Value, evaluate, fits, listing, passes, suggestion, write_tests
from compensation.feel.builtins import equal
from compensation.feel.temporal import write_duration, write_months, write_time
from compensation.feel.values import (
    Months,
    read_date,
    read_date_time,
    read_duration,
    read_months,
    read_time,
    type_of,
    write_number,
    write_value,
)
from compensation.tables.table import Status, Table, evaluate_table
from foundation.errors import InputError, NotFoundError

_DECIMAL128 = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN)
_READERS: dict[FeelType, Callable[[str], Value]] = {
    FeelType.DATE: read_date,
    FeelType.TIME: read_time,
    FeelType.DATE_TIME: read_date_time,
    FeelType.DURATION: read_duration,
    FeelType.MONTHS: read_months,
}
_MOST_ZEROS = 100
_MAX_JSON = 1_000_000


def evaluate_decision(model: Model, name: str, inputs: Mapping[str, Value], notes: list[str] | None = None) -> Value:
    """The result of a decision; inputs that are not given are null, and `notes` says what was null and why.

    Several outputs come as a context, the results of several rules (R, O, C) as a list. Raises NotFoundError for an
    unknown decision, InputError for an unknown input or a value outside its type or allowed values.
    """
    decision = model.find_decision(name)
    if decision is None:
        known = [other.name for other in model.decisions]
        raise NotFoundError(
            "no such decision", where=model.name, value=name, accepted=suggestion(name, known) or listing(known)
        )
    _check_inputs(model, inputs)
    return _Run(model, inputs, [] if notes is None else notes).result(decision)


def _check_inputs(model: Model, inputs: Mapping[str, Value]) -> None:
    types = Types(model.items)
    known = {one.name: one for one in model.inputs}
    for name, value in inputs.items():
        if name not in known:
            accepted = suggestion(name, known) or listing(known)
            raise InputError("the model has no such input", where=model.name, value=name, accepted=accepted)
        allowed = types.allowed(known[name].type_ref)
        kind = types.named(known[name].type_ref)
        if not _is_of(kind, value):
            raise InputError("not a value of this input", where=name, value=write_value(value), accepted=kind.type.said)
        items = value if isinstance(value, tuple) else (value,)
        if allowed is not None and not all(item is None or passes(allowed, item, {}) for item in items):
            raise InputError(
                "not an allowed value", where=name, value=write_value(value), accepted=write_tests(allowed)
            )


def _is_of(kind: NameType, value: Value) -> bool:
    if value is None or kind.type is FeelType.UNKNOWN:
        return True
    if isinstance(value, tuple):
        item = kind.item or NameType(FeelType.UNKNOWN)
        return kind.type is FeelType.LIST and all(_is_of(item, one) for one in value)
    if isinstance(value, Mapping):
        fields = kind.fields or {}
        return kind.type is FeelType.CONTEXT and all(
            _is_of(fields.get(name, NameType(FeelType.UNKNOWN)), one) for name, one in value.items()
        )
    return fits(type_of(value), kind.type)


class _Run:
    def __init__(self, model: Model, inputs: Mapping[str, Value], notes: list[str]) -> None:
        self.model = model
        self.inputs = inputs
        self.notes = notes
        self.knowledge = {one.name: one for one in model.knowledge}

    def result(self, decision: Decision) -> Value:
        known: dict[str, Value] = {one.name: self.inputs.get(one.name) for one in self.model.inputs}
        for needed in self.model.needed(decision):
            value = self.logic(needed.logic, needed.name, known, needed.knowledge)
            known[needed.name] = value
            if isinstance(needed.logic, Table) and len(needed.logic.outputs) > 1:
                known.update(_by_output(needed.name, needed.logic, value))
        return known[decision.name]

    def logic(self, logic: Logic, name: str, values: Mapping[str, Value], knowledge: tuple[str, ...]) -> Value:
        functions = {other: self.function(self.knowledge[other]) for other in knowledge}
        if not isinstance(logic, Table):
            return evaluate(logic, values, self.notes, functions)
        found = evaluate_table(logic, values, self.notes, functions)
        if found.status is Status.CONFLICT:
            self.notes.append(f"rules {' and '.join(map(str, found.rules))} of {name} apply at once")
        if found.status in (Status.CONFLICT, Status.NO_RULE):
            return None
        return _as_one(logic, found.outputs)

    def function(self, knowledge: Knowledge) -> Callable[..., Value]:
        def called(*arguments: Value) -> Value:
            values = dict(zip((one.name for one in knowledge.parameters), arguments, strict=True))
            return self.logic(knowledge.logic, knowledge.name, values, knowledge.knowledge)

        return called


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


def inputs_from_json(model: Model, text: str) -> dict[str, Value]:
    """The inputs of a JSON object: numbers exact, dates, times and durations as ISO 8601 text. Raises InputError."""
    accepted = 'an object such as {"Age": 17, "Since": "2012-07-11"}'
    if len(text) > _MAX_JSON:
        raise InputError("the inputs are too long", where="--input", accepted=f"at most {_MAX_JSON} characters")
    try:
        given = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where="--input", accepted=accepted) from None
    if not isinstance(given, dict):
        raise InputError("not a JSON object", where="--input", accepted=accepted)
    types = Types(model.items)
    known = {one.name: one for one in model.inputs}
    return {
        name: from_json(value, types.named(known[name].type_ref), name) if name in known else None
        for name, value in given.items()
    }


def _number(text: str) -> Fraction:
    if len(text) > 60 or "n" in text.lower().replace("-infinity", "n"):
        raise ValueError(f"{text[:20]} is no number that can be read")
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > 400:
        raise ValueError(f"{text[:20]} is out of range")
    return Fraction(mantissa) * Fraction(10) ** int(exponent or 0)


def from_json(given: Any, kind: NameType, where: str) -> Value:
    """A JSON value (numbers as Fraction) as a value of a type; raises InputError."""
    if isinstance(given, list):
        item = (kind.item if kind.type is FeelType.LIST else None) or NameType(FeelType.UNKNOWN)
        return tuple(from_json(one, item, where) for one in given)
    if isinstance(given, dict):
        fields = kind.fields or {}
        unknown = [name for name in given if kind.fields is not None and name not in fields]
        if unknown:
            raise InputError("no such entry", where=where, value=unknown[0], accepted=listing(fields))
        return {
            name: from_json(one, fields.get(name, NameType(FeelType.UNKNOWN)), f"{where}.{name}")
            for name, one in given.items()
        }
    if isinstance(given, str) and kind.type in _READERS:
        value = _READERS[kind.type](given)
        if value is None:
            raise InputError("not a value of this input", where=where, value=given, accepted=kind.type.said)
        return value
    return given  # type: ignore[no-any-return]  # JSON's other values are ours


def to_json(value: Value) -> str:
    """A value as JSON: numbers in full when they end, else to the 34 digits of decimal128; the rest as text."""
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case Fraction():
            return number_text(value)
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
