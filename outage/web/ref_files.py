"""References of network elements as people have them: pasted text, or a text or CSV file from another tool."""

from __future__ import annotations

import csv
import re

from foundation.errors import InputError

_COLUMNS = ("ref", "element", "element_ref", "cell", "cell_ref", "cell_id")
_BETWEEN = re.compile(r"[\s,;]+")


def read_refs(name: str, content: bytes) -> list[str]:
    """The references in a file, each once, in order.

    A CSV whose first line names a column such as `ref` or `cell` gives that column; any other text gives every word
    between blanks, commas and semicolons. Raises InputError for what is no text in UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _not_text(name) from None
    if "\0" in text:
        raise _not_text(name)
    lines = text.splitlines()
    mark = ";" if lines and ";" in lines[0] else ","
    try:
        header = [column.strip().lower() for column in next(csv.reader(lines[:1], delimiter=mark), [])]
        column = next((header.index(known) for known in _COLUMNS if known in header), None)
        if column is None:
            return split_refs(text)
        rows = csv.reader(lines[1:], delimiter=mark)
        found = [row[column].strip() for row in rows if len(row) > column]
    except csv.Error as error:
        raise InputError(f"not a CSV file: {error}", where=name[:80], accepted="a CSV or plain text") from None
    return list(dict.fromkeys(ref for ref in found if ref))


def split_refs(text: str) -> list[str]:
    """The words of a pasted list, each once, in order."""
    return list(dict.fromkeys(word for word in _BETWEEN.split(text) if word))


def _not_text(name: str) -> InputError:
    return InputError(
        "not a text file", where=name[:80], accepted="a CSV or plain text in UTF-8, with element references"
    )
