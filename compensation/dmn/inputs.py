"""The inputs of a model: read from JSON, made values of their types, and held against what these allow."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any

from compensation.dmn.model import DecisionService, InputData, ItemType, Model, Types
from compensation.feel import FeelType, NameType, UnaryTests, Value, listing, passes, suggestion, write_tests
from compensation.feel.kinds import ANY, converted
from compensation.feel.values import (
    Months,
    Range,
    read_date,
    read_date_time,
    read_duration,
    read_months,
    read_number,
    read_time,
    write_value,
)
from foundation.errors import InputError

# What of a type is written as text; a number may be, for JSON's own are often read as binary ones on their way.
_READERS: dict[FeelType, Callable[[str], Value]] = {
    FeelType.NUMBER: read_number,
    FeelType.DATE: read_date,
    FeelType.TIME: read_time,
    FeelType.DATE_TIME: read_date_time,
    FeelType.DURATION: read_duration,
    FeelType.MONTHS: read_months,
}
_MAX_JSON = 1_000_000


def missing_inputs(model: Model, name: str, inputs: Mapping[str, Value]) -> list[InputData]:
    """The inputs that a decision requires, itself or through others, and that are not given."""
    decision = model.find_decision(name)
    needed = model.needed(decision) if decision else []
    required = {other for one in needed for other in one.requires}
    return [one for one in model.inputs if one.name in required and one.name not in inputs]


def checked_inputs(model: Model, inputs: Mapping[str, Any], service: DecisionService | None = None) -> dict[str, Value]:
    """The inputs of a decision or a service as values of their types; raises InputError."""
    types = Types(model.items)
    known = model.typed(service)
    found: dict[str, Value] = {}
    for name, given in flattened(inputs, known):
        if name not in known:
            accepted = suggestion(name, known) or listing(known)
            raise InputError("the model has no such input", where=model.name, value=name, accepted=accepted)
        kind = types.named(known[name])
        value = _plain(given, name)
        found[name], fits = converted(_whole(value, kind), kind)
        if not fits:
            raise InputError("not a value of this input", where=name, value=write_value(value), accepted=kind.type.said)
        _refuse(types, types.items.get(known[name]), found[name], name)
    return found


def flattened(given: Mapping[str, Any], known: Collection[str], around: str = "") -> Iterator[tuple[str, Any]]:
    """What is given by the names of inputs: those of an imported model may stand in an object of its name."""
    for name, value in given.items():
        whole = f"{around}{name}"
        if whole not in known and isinstance(value, Mapping) and any(one.startswith(f"{whole}.") for one in known):
            yield from flattened(value, known, f"{whole}.")
        else:
            yield whole, value


def _plain(given: Any, where: str) -> Value:
    """Whole and decimal numbers of Python as exact ones, lists as tuples; raises InputError for what has no meaning."""
    if isinstance(given, bool) or given is None:
        return given
    if isinstance(given, int | decimal.Decimal) and decimal.Decimal(given).is_finite():
        return Fraction(given)
    if isinstance(given, list | tuple):
        return tuple(_plain(one, where) for one in given)
    if isinstance(given, Mapping):
        return {name: _plain(one, f"{where}.{name}") for name, one in given.items()}
    if isinstance(given, str | Fraction | Months | datetime.date | datetime.time | datetime.timedelta | Range):
        return given
    accepted = "a text, boolean, date, time, duration, int, Decimal or Fraction (a float is not exact)"
    raise InputError("not a value", where=where, value=repr(given), accepted=accepted)


def _whole(value: Value, kind: NameType) -> Value:
    """A context with every entry that its type has; those that are not given are null."""
    if isinstance(value, tuple):
        return tuple(_whole(item, kind.item or kind) for item in value)
    if isinstance(value, Mapping) and kind.type is FeelType.LIST and kind.item:
        return _whole(value, kind.item)
    if not isinstance(value, Mapping) or not kind.fields:
        return value
    known = {name: _whole(item, kind.fields[name]) for name, item in value.items() if name in kind.fields}
    return {**dict.fromkeys(kind.fields), **value, **known}


def allows(types: Types, type_ref: str, value: Value) -> bool:
    """Whether a value, and all within it, is among the allowed ones of its type."""
    try:
        _refuse(types, types.items.get(type_ref), value, "")
    except InputError:
        return False
    return True


def _refuse(types: Types, item: ItemType | None, value: Value, where: str) -> None:
    """Raises InputError for a value, or one within it, that its type does not allow."""
    if item is None or value is None:
        return
    if item.constraint is not None and not passes(item.constraint, value, {}):
        raise _not_allowed(value, where, item.constraint)
    if isinstance(value, tuple) and item.is_list:
        for one in value:
            _refuse(types, dataclasses.replace(item, is_list=False, constraint=None), one, where)
        return
    if item.allowed is not None and not passes(item.allowed, value, {}):
        raise _not_allowed(value, where, item.allowed)
    _refuse(types, types.items.get(item.base), value, where)
    for part in item.components:
        if isinstance(value, Mapping):
            _refuse(types, part, value.get(part.name), f"{where}.{part.name}")


def _not_allowed(value: Value, where: str, tests: UnaryTests) -> InputError:
    return InputError("not an allowed value", where=where, value=write_value(value), accepted=write_tests(tests))


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
    known = model.typed() | {one.name: one.type_ref for one in model.decisions}
    return {
        name: from_json(value, types.named(known[name]), name) if name in known else None
        for name, value in flattened(given, known)
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
    # A list of one may stand for its item, and an item for the list of it.
    item = kind.item or ANY if kind.type is FeelType.LIST else kind
    if isinstance(given, list):
        return tuple(from_json(one, item, where) for one in given)
    kind = item
    if isinstance(given, dict):
        fields = kind.fields or {}
        unknown = [name for name in given if kind.fields is not None and name not in fields]
        if unknown:
            raise InputError("no such entry", where=where, value=unknown[0], accepted=listing(fields))
        return {name: from_json(one, fields.get(name, ANY), f"{where}.{name}") for name, one in given.items()}
    if isinstance(given, str) and kind.type in _READERS:
        value = _READERS[kind.type](given)
        if value is None:
            raise InputError("not a value of this input", where=where, value=given, accepted=kind.type.said)
        return value
    return given  # type: ignore[no-any-return]  # JSON's other values are ours
