"""The text of a decision table as cells: where lines and cells begin, and cells written back as aligned text."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

_RULE_LINE = re.compile(r"[-|+\s]*-{3}[-|+\s]*")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the table's text; `offset` is its first character's place in it."""

    text: str
    offset: int

    def strip(self) -> Stretch:
        """The same without the blanks around it."""
        left = len(self.text) - len(self.text.lstrip())
        return Stretch(self.text.strip(), self.offset + left)


@dataclass(frozen=True, slots=True)
class CellRow:
    """A line of a table, the header too: cells left and right of `||`, and the note if it has one."""

    tests: tuple[Stretch, ...]
    results: tuple[Stretch, ...]
    note: Stretch | None = None

    def cells(self) -> tuple[Stretch, ...]:
        """All cells from the left, without the note."""
        return (*self.tests, *self.results)


@dataclass(frozen=True, slots=True)
class Written:
    """A line of cells to write; the header is one too."""

    tests: Sequence[str]
    results: Sequence[str]
    note: str = ""


def content_lines(text: str) -> list[Stretch]:
    """The lines that say something: neither blank nor made of dashes."""
    found, offset = [], 0
    for line in text.split("\n"):
        if line.strip() and not _RULE_LINE.fullmatch(line):
            found.append(Stretch(line, offset))
        offset += len(line) + 1
    return found


def sections(line: Stretch) -> list[Stretch]:
    """Inputs, outputs and note; the note is taken as it stands."""
    return split(line, "||", most=2)


def cells(section: Stretch) -> list[Stretch]:
    """The cells of a section without the blanks around them."""
    return [cell.strip() for cell in split(section, "|")]


@functools.cache
def _pieces(separator: str) -> re.Pattern[str]:
    """A text in quotes, up to the end where it is not closed, or the separator."""
    return re.compile(rf'"(?:\\.|[^"\\])*"?|{re.escape(separator)}', re.DOTALL)


def split(part: Stretch, separator: str, most: int = -1) -> list[Stretch]:
    """Splits at a separator outside quotes, at most `most` times."""
    found: list[Stretch] = []
    start = 0
    for piece in _pieces(separator).finditer(part.text):
        if len(found) == most:
            break
        if piece[0] == separator:
            found.append(Stretch(part.text[start : piece.start()], part.offset + start))
            start = piece.end()
    return [*found, Stretch(part.text[start:], part.offset + start)]


def split_rows(text: str) -> list[CellRow]:
    """Every line of a table as cells, the header first; a line without `||` has tests alone."""
    rows = []
    for line in content_lines(text):
        parts = sections(line)
        results = tuple(cells(parts[1])) if len(parts) > 1 else ()
        rows.append(CellRow(tuple(cells(parts[0])), results, parts[2].strip() if len(parts) > 2 else None))
    return rows


def join_rows(rows: Sequence[Written]) -> str:
    """The text of a table from its rows, the header first, in aligned columns.

    Every row must have as many cells as the header. A cell is tidied first (`tidy`), so that it stays one cell.
    """
    lines = [
        ([tidy(cell) for cell in row.tests], [tidy(cell) for cell in row.results], " ".join(row.note.split()))
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*(tests + results for tests, results, _ in lines), strict=True)]
    written = []
    for tests, results, note in lines:
        padded = [cell.ljust(width) for cell, width in zip(tests + results, widths, strict=True)]
        parts = [" | ".join(padded[: len(tests)]), " | ".join(padded[len(tests) :]), *([note] if note else [])]
        written.append(" || ".join(parts).rstrip())
    return "\n".join([written[0], "-" * (sum(widths) + 3 * len(widths)), *written[1:]]) + "\n"


def tidy(cell: str) -> str:
    """A cell on one line that cannot run into its neighbours: an open quote is closed, a bare `|` becomes text."""
    text = " ".join(cell.split("\n")).replace("\t", " ").replace("\r", " ").strip()
    # A backslash at the end takes the first quote for itself.
    while _is_open(text):
        text += '"'
    if len(split(Stretch(text, 0), "|")) > 1:
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _is_open(text: str) -> bool:
    quoted, index = False, 0
    while index < len(text):
        if quoted and text[index] == "\\":
            index += 1
        elif text[index] == '"':
            quoted = not quoted
        index += 1
    return quoted
