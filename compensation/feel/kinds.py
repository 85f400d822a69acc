"""Types as values meet them: whether a value is of a type, and what becomes of one that is asked to be."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from compensation.feel.scope import NameType
from compensation.feel.values import FeelType, Range, Value, type_of

ANY = NameType(FeelType.UNKNOWN)
# What the types that are built in are called, as the standard has it and as older models have it.
TYPE_NAMES = {
    "number": FeelType.NUMBER,
    "string": FeelType.STRING,
    "boolean": FeelType.BOOLEAN,
    "date": FeelType.DATE,
    "time": FeelType.TIME,
    "date and time": FeelType.DATE_TIME,
    "dateTime": FeelType.DATE_TIME,
    "days and time duration": FeelType.DURATION,
    "dayTimeDuration": FeelType.DURATION,
    "years and months duration": FeelType.MONTHS,
    "yearMonthDuration": FeelType.MONTHS,
    "context": FeelType.CONTEXT,
    "list": FeelType.LIST,
    "range": FeelType.RANGE,
    "function": FeelType.FUNCTION,
    "Null": FeelType.NULL,
    "Any": FeelType.UNKNOWN,
}
_MIDNIGHT = datetime.time.min.replace(tzinfo=datetime.UTC)


def is_of(value: Value, kind: NameType) -> bool:
    """Whether a value is of a type, with all that is in it; null is of every type."""
    if value is None or kind.type is FeelType.UNKNOWN:
        return True
    if type_of(value) is not (FeelType.NUMBER if kind.type is FeelType.MONEY else kind.type):
        return False
    if isinstance(value, tuple):
        return all(is_of(item, kind.item or ANY) for item in value)
    if isinstance(value, Range):
        return all(is_of(end, kind.item or ANY) for end in (value.low, value.high))
    if isinstance(value, Mapping):
        fields = kind.fields or {}
        return all(name in value and is_of(value[name], one) for name, one in fields.items())
    return True


def is_instance(value: Value, kind: NameType) -> bool:
    """What `instance of` says: as `is_of`, but null is an instance of nothing but null itself."""
    if value is None:
        return kind.type is FeelType.NULL
    return is_of(value, kind)


def converted(value: Value, kind: NameType) -> tuple[Value, bool]:
    """The value as one of this type, and whether it could be: else it is null.

    A list of one item becomes that item where no list is asked for, a value the list of it where one is, and a date its
    midnight in UTC (DMN 1.3, implicit conversions).
    """
    if is_of(value, kind):
        return value, True
    if isinstance(value, tuple) and len(value) == 1 and kind.type is not FeelType.LIST:
        return converted(value[0], kind)
    if kind.type is FeelType.LIST and not isinstance(value, tuple) and is_of(value, kind.item or ANY):
        return (value,), True
    if kind.type is FeelType.DATE_TIME and type_of(value) is FeelType.DATE and isinstance(value, datetime.date):
        return datetime.datetime.combine(value, _MIDNIGHT), True
    return None, False
