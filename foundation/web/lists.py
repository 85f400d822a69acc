"""Lists: which page of one, and the whole of it as CSV."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from flask import Response, request

PAGE_ROWS = 50
MOST_PAGES = 1_000_000
_IN_MEMORY = 1_000_000


@dataclass(frozen=True)
class Page:
    """Which part of a list is shown: `number` counts from 1, `size` rows each."""

    number: int
    size: int = PAGE_ROWS

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size

    def pages(self, rows: int) -> int:
        """How many pages `rows` rows make, at least one."""
        return max(1, -(-rows // self.size))


def read_page(size: int = PAGE_ROWS) -> Page:
    """The page asked for by `?page=`; anything that is no page is the first."""
    text = request.args.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 1
    return Page(min(max(number, 1), MOST_PAGES), size)


def wants_csv() -> bool:
    """Whether the list is asked for as CSV (`?format=csv`)."""
    return request.args.get("format") == "csv"


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A CSV download; instants are written in ISO 8601 UTC. `rows` may be a generator over an open session."""
    # All rows are written before the first byte is sent: a failure half-way is then an error page, not half a file.
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+", newline="", encoding="utf-8")
        )
        writer = csv.writer(file)
        for row in itertools.chain([header], rows):
            writer.writerow([_cell(value) for value in row])
        file.seek(0)
        owned = stack.pop_all()
    response = Response(_chunks(file, owned), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.call_on_close(owned.close)
    return response


def _chunks(file: IO[str], owned: contextlib.ExitStack) -> Iterator[str]:
    with owned:
        while chunk := file.read(_IN_MEMORY):
            yield chunk


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    # A spreadsheet would run text that starts like a formula.
    if isinstance(value, str) and value[:1] in ("=", "@", "\t", "\r"):
        return f"'{value}"
    if isinstance(value, str) and value[:1] in ("+", "-") and not value[1:].replace(".", "").isdecimal():
        return f"'{value}"
    return value
