"""What no page or call ever accepts: text that a database cannot keep, wherever in the request it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from foundation.errors import InputError


def refuse_junk() -> None:
    """Raise InputError when the address, a field or a JSON body holds NUL, half a surrogate pair, NaN or infinity.

    Raises BadRequest when a body that says it is JSON is none.
    """
    _check_text("address", request.path)
    for fields in (request.args, request.form):
        for name, value in fields.items(multi=True):
            _check_text("name of a field", name)
            _check_text(name, value)
    if request.is_json and request.get_data():
        for where, value in _leaves(_json_body()):
            if isinstance(value, str):
                _check_text(where, value)
            elif isinstance(value, float) and not math.isfinite(value):
                raise InputError("not a number", where=where, value=str(value), accepted="a finite number")


def _json_body() -> Any:
    try:
        return request.get_json()
    except RecursionError:
        raise BadRequest("The body is nested too deep.") from None


def _check_text(where: str, text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        shown = json.dumps(text[:80])
        raise InputError(
            "text that cannot be stored", where=where.replace("\0", ""), value=shown, accepted="plain text"
        )


def _leaves(body: Any) -> Iterable[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [("body", body)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, dict):
            yield from ((where, name) for name in value)
            waiting.extend((str(name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{where}[{index}]", inner) for index, inner in enumerate(value))
        else:
            yield where, value
