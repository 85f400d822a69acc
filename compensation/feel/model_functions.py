"""The functions that decision models know beside those of policies, and what every function calls its arguments."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from compensation.feel.builtins import equal, square_root
from compensation.feel.functions import SIGNATURES, Signature, fixed
from compensation.feel.ranges import RELATIONS, read_range, relation
from compensation.feel.values import FeelType, Function, Value, type_of

_N, _S, _B, _L, _ANY = FeelType.NUMBER, FeelType.STRING, FeelType.BOOLEAN, FeelType.LIST, FeelType.UNKNOWN
_C, _R, _F = FeelType.CONTEXT, FeelType.RANGE, FeelType.FUNCTION
_DIGITS = Context(prec=34)
# e to the power of more has more digits than a number may have.
_MOST_EXPONENT = 4_000
# What is multiplied or squared grows with all the digits that go in.
_MOST_BITS = 100_000


def _decimal(number: Fraction) -> Decimal:
    return _DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))


def exponential(number: Fraction) -> Fraction | None:
    """To 34 digits, as decimal128 has it; so is the logarithm."""
    return Fraction(_DIGITS.exp(_decimal(number))) if abs(number) <= _MOST_EXPONENT else None


def logarithm(number: Fraction) -> Fraction | None:
    return Fraction(_DIGITS.ln(_decimal(number))) if number > 0 else None


def _numbers(items: Sequence[Value]) -> list[Fraction] | None:
    """The numbers of a list, or those that stand one by one; None when anything else is among them, or too much."""
    listed = items[0] if len(items) == 1 and isinstance(items[0], tuple) else items
    numbers = [item for item in listed if isinstance(item, Fraction)]
    bits = sum(one.numerator.bit_length() + one.denominator.bit_length() for one in numbers)
    return numbers if len(numbers) == len(listed) and bits <= _MOST_BITS else None


def product(*items: Value) -> Fraction | None:
    numbers = _numbers(items)
    return functools.reduce(lambda left, right: left * right, numbers) if numbers else None


def mode(*items: Value) -> Value:
    numbers = _numbers(items)
    if numbers is None:
        return None
    counts = Counter(numbers)
    most = max(counts.values(), default=0)
    return tuple(sorted(number for number, count in counts.items() if count == most))


def deviation(*items: Value) -> Fraction | None:
    """The standard deviation of a sample."""
    numbers = _numbers(items)
    if numbers is None or len(numbers) < 2:
        return None
    mean = sum(numbers, Fraction(0)) / len(numbers)
    return square_root(sum(((number - mean) ** 2 for number in numbers), Fraction(0)) / (len(numbers) - 1))


# --- contexts


def get_value(context: Mapping[str, Value], keys: Value) -> Value:
    """The entry of that name; with several names, the one deep inside."""
    found: Value = context
    for key in keys if isinstance(keys, tuple) else (keys,):
        if not isinstance(found, Mapping) or not isinstance(key, str):
            return None
        found = found.get(key)
    return found


def get_entries(context: Mapping[str, Value]) -> Value:
    return tuple({"key": key, "value": value} for key, value in context.items())


def context_of(entries: Sequence[Value]) -> Value:
    """A context from `{key, value}` each; null when a key is missing, no text or there twice."""
    found: dict[str, Value] = {}
    for entry in entries:
        key = entry.get("key") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or not isinstance(key, str) or "value" not in entry or key in found:
            return None
        found[key] = entry["value"]
    return found


def context_put(context: Mapping[str, Value], keys: Value, value: Value) -> Value:
    """The context with one entry more or changed; with several keys, deep inside."""
    if isinstance(keys, str):
        return {**context, keys: value}
    if not isinstance(keys, tuple) or not keys or not isinstance(keys[0], str):
        return None
    key, rest = keys[0], keys[1:]
    if not rest:
        return {**context, key: value}
    inner = context.get(key, {})
    changed = context_put(inner, rest, value) if isinstance(inner, Mapping) else None
    return None if changed is None else {**context, key: changed}


def context_merge(contexts: Sequence[Value]) -> Value:
    found: dict[str, Value] = {}
    for one in contexts:
        if not isinstance(one, Mapping):
            return None
        found.update(one)
    return found


# --- lists with a function


def sort_by(items: Sequence[Value], precedes: Function) -> Value:
    if len(precedes.parameters) != 2:
        return None

    def order(left: Value, right: Value) -> int:
        if precedes(left, right) is True:
            return -1
        return 1 if precedes(right, left) is True else 0

    return tuple(sorted(items, key=functools.cmp_to_key(order)))


def sort(items: tuple[Value, ...], precedes: Value = None) -> Value:
    if isinstance(precedes, Function):
        return sort_by(items, precedes)
    plain = SIGNATURES["sort"].run
    return plain(items) if plain and precedes is None else None


def list_replace(items: tuple[Value, ...], where: Value, value: Value) -> Value:
    """The item at a place, or every item for which a function of it and the new one is true, replaced."""
    if isinstance(where, Function):
        if len(where.parameters) != 2:
            return None
        return tuple(value if where(item, value) is True else item for item in items)
    if not isinstance(where, Fraction) or where.denominator != 1 or not 1 <= abs(where) <= len(items):
        return None
    place = int(where) - 1 if where > 0 else len(items) + int(where)
    return (*items[:place], value, *items[place + 1 :])


def is_same(left: Value, right: Value) -> bool:
    """Whether two values are of one type and the same, zones and all."""
    zones = [str(getattr(one, "tzinfo", None)) for one in (left, right)]
    return type_of(left) is type_of(right) and zones[0] == zones[1] and equal(left, right)


MODEL_SIGNATURES: dict[str, Signature] = {
    "exp": fixed("exp(number)", (_N,), _N, exponential, "e to that power, to 34 digits."),
    "log": fixed("log(number)", (_N,), _N, logarithm, "The natural logarithm, to 34 digits."),
    "product": Signature(1, None, "product(a, b, ...)", "All multiplied.", (_ANY,), _N, product),
    "mode": Signature(1, None, "mode(a, b, ...)", "The most frequent numbers.", (_ANY,), _L, mode),
    "stddev": Signature(1, None, "stddev(a, b, ...)", "The deviation of a sample.", (_ANY,), _N, deviation),
    "sort": fixed("sort(list, function)", (_L, _ANY), _L, sort, "The list in order.", least=1),
    "list replace": fixed(
        "list replace(list, place or function, value)", (_L, _ANY, _ANY), _L, list_replace, "With items replaced."
    ),
    "get value": fixed("get value(context, key or keys)", (_C, _ANY), _ANY, get_value, "The entry of that name."),
    "get entries": fixed("get entries(context)", (_C,), _L, get_entries, "Its entries as {key, value}."),
    "context": fixed("context(list)", (_L,), _C, context_of, "A context from {key, value} each."),
    "context put": fixed(
        "context put(context, key or keys, value)", (_C, _ANY, _ANY), _C, context_put, "With an entry more."
    ),
    "context merge": fixed("context merge(list)", (_L,), _C, context_merge, "All in one, the later over the earlier."),
    "is": fixed("is(a, b)", (_ANY, _ANY), _B, is_same, "Whether both are the same, zones and all."),
    "range": fixed('range("[1..5]")', (_S,), _R, read_range, "The range that a text says."),
    **{name: fixed(f"{name}(a, b)", (_ANY, _ANY), _B, relation(name), "How two ranges lie.") for name in RELATIONS},
}
MODEL_FUNCTION_NAMES = frozenset(MODEL_SIGNATURES)
# Of these functions a null argument has a meaning.
MODEL_NULL_TOLERANT = frozenset({"is", "context put", "list replace", "sort"})

_LIST, _TEXT, _ONE = ("list",), ("string",), ("number",)
_ROUNDS, _DATE, _TWO = ("n", "scale"), ("date",), ("string", "match")
_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(
        ("min", "max", "sum", "count", "mean", "median", "all", "any", "product", "mode", "stddev"), (_LIST,)
    ),
    **dict.fromkeys(("reverse", "distinct values", "flatten"), (_LIST,)),
    **dict.fromkeys(("round up", "round down", "round half up", "round half down", "decimal"), (_ROUNDS,)),
    **dict.fromkeys(("floor", "ceiling"), (_ROUNDS,)),
    "abs": (("n",), _ONE),
    **dict.fromkeys(("sqrt", "odd", "even", "exp", "log"), (_ONE,)),
    "modulo": (("dividend", "divisor"),),
    "number": (("from", "grouping separator", "decimal separator"),),
    **dict.fromkeys(("string", "duration", "range"), (("from",),)),
    **dict.fromkeys(("string length", "upper case", "lower case"), (_TEXT,)),
    **dict.fromkeys(("substring before", "substring after", "contains", "starts with", "ends with"), (_TWO,)),
    "substring": (("string", "start position", "length"),),
    "matches": (("input", "pattern", "flags"),),
    "replace": (("input", "pattern", "replacement", "flags"),),
    "split": (("string", "delimiter"),),
    "string join": (("list", "delimiter"),),
    "list contains": (("list", "element"),),
    "append": (("list", "item"),),
    "index of": (("list", "match"),),
    "sublist": (("list", "start position", "length"),),
    "insert before": (("list", "position", "newItem"),),
    "remove": (("list", "position"),),
    "list replace": (("list", "position", "newItem"), ("list", "match", "newItem")),
    "sort": (("list", "precedes"),),
    "date": (("from",), ("year", "month", "day")),
    "time": (("from",), ("hour", "minute", "second", "offset")),
    "date and time": (
        ("from",),
        ("date", "time"),
        ("year", "month", "day", "hour", "minute", "second", "offset"),
    ),
    "years and months duration": (("from", "to"),),
    **dict.fromkeys(("day of year", "day of week", "month of year", "week of year"), (_DATE,)),
    "get value": (("m", "key"), ("context", "key"), ("context", "keys")),
    "get entries": (("m",), ("context",)),
    "context": (("entries",),),
    "context put": (("context", "key", "value"), ("context", "keys", "value")),
    "context merge": (("contexts",),),
    "is": (("value1", "value2"),),
    **dict.fromkeys(
        RELATIONS,
        (("point1", "point2"), ("range1", "range2"), ("point", "range"), ("range", "point"), ("value1", "value2")),
    ),
}


def takes_names(function: str) -> tuple[tuple[str, ...], ...]:
    """What the standard calls the arguments of a built-in function, one entry for each way to call it."""
    return _NAMES.get(function, ())
