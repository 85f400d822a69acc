"""Lists: which page of one, and the whole of it as CSV."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, stream_with_context

PAGE_ROWS = 50
MOST_PAGES = 1_000_000


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
    """A CSV download, streamed; instants are written in ISO 8601 UTC."""
    body = stream_with_context(_csv_lines(header, rows))
    disposition = f'attachment; filename="{name}.csv"'
    return Response(body, mimetype="text/csv", headers={"Content-Disposition": disposition})


def _csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in itertools.chain([header], rows):
        writer.writerow([_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


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
