"""What every feed checks of a foreign JSON body: text that can be stored, timestamps, and where a schema failed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from foundation.errors import InputError

TIMESTAMP_ACCEPTED = "an RFC 3339 timestamp with its offset, such as 2026-11-21T23:13:56.279Z"
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def read_timestamp(text: str, where: str) -> datetime:
    """An RFC 3339 timestamp as aware UTC, floored to a whole second whatever its precision.

    Raises InputError naming `where` for any other form, a timestamp without offset included.
    """
    form = _TIMESTAMP.fullmatch(text)
    try:
        if form is not None:
            return datetime.fromisoformat(form[1] + form[2]).astimezone(UTC)
    # A 30 February is a ValueError, year 1 east of Greenwich an OverflowError: both are refused below.
    except (ValueError, OverflowError):
        pass
    raise InputError("not a timestamp", where=where, value=text, accepted=TIMESTAMP_ACCEPTED)


def check_storable(body: object) -> None:
    """Refuse what JSON can carry but a database cannot keep: NUL, half a surrogate pair, NaN and infinity.

    Raises InputError naming the path of the first such value.
    """
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str):
            _check_text(value, where)
        elif isinstance(value, float) and not math.isfinite(value):
            raise InputError("not a number", where=where, value=value, accepted="a finite number")
        elif isinstance(value, dict):
            for name in value:
                _check_text(str(name), where)
            waiting.extend((_joined(where, name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((_joined(where, index), inner) for index, inner in enumerate(value))


def schema_refusal(messages: Any, body: object, accepted: Mapping[str, str]) -> InputError:
    """The first of marshmallow's messages as an InputError with path, value, and what would be accepted.

    `accepted`: by path without indexes, such as "alerts[].labels.ne"; marshmallow's own words stand in for a
    path that is not there.
    """
    steps, complaint = next(_complaints(messages, ()))
    where, shape, value = "", "", body
    missing = False
    for step in steps:
        where = _joined(where, step)
        shape = f"{shape}[]" if isinstance(step, int) else _joined(shape, step)
        missing = isinstance(value, dict) and step not in value
        value = None if missing else value[step]  # type: ignore[index]
    return InputError(
        "missing" if missing else "not accepted",
        where=where or "body",
        value=f"{type(value).__name__} of {len(value)}" if isinstance(value, dict | list) else value,
        accepted=accepted.get(shape, complaint),
    )


def _complaints(messages: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(messages, dict):
        for step, inner in messages.items():
            # "_schema" is marshmallow's name for the object itself.
            yield from _complaints(inner, steps if step == "_schema" else (*steps, step))
    else:
        yield steps, str(messages[0])


def _check_text(text: str, where: str) -> None:
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise InputError("text that cannot be stored", where=where or "body", value=text, accepted="Unicode text")


def _joined(where: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{where}[{step}]"
    return f"{where}.{step}" if where else step
