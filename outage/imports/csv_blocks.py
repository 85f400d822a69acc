"""A CSV file as blocks of columns: plain lines by Arrow at once, all else record by record, by the csv module."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader, FileIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv as arrow_csv

from foundation.errors import InputError
from outage.imports.other_files import how_to_read, where_not_utf8

BLOCK_LINES = 20_000
_LONGEST_LINE = 100_000
_TOO_LONG = f"a line of more than {_LONGEST_LINE} characters"
_MOST_BYTES = 4
"""How many bytes a character of UTF-8 may have."""
# A quoted field that stands alone between commas or line ends, with neither a quote nor a line end inside it.
_PLAIN_QUOTED = re.compile(r'(?:(?<=[,\n])|\A)"[^"\r\n]*"(?=[,\r\n]|\Z)')


@dataclass(frozen=True, slots=True)
class Block:
    """Records of the file: the line on which each ends, and their fields as one Arrow text array per column.

    `misfits`: line and number of fields of records that have another number of fields than asked for.
    """

    lines: Sequence[int]
    columns: Sequence[pa.Array]
    misfits: Sequence[tuple[int, int]] = field(default=())

    @property
    def read(self) -> int:
        """How many records this is, misfits too."""
        return len(self.lines) + len(self.misfits)


class _LineTooLongError(Exception):
    """More bytes without a line end than any accepted line has."""


class _BoundedLines(BufferedReader):
    """The bytes of a file, refused before a line without an end fills the memory."""

    _since_end = 0

    def read1(self, size: int = -1, /) -> bytes:
        """Some bytes; raises _LineTooLongError once no line of the accepted length could hold them."""
        found = super().read1(size)
        end = max(found.rfind(b"\n"), found.rfind(b"\r"))
        self._since_end = len(found) - end - 1 if end >= 0 else self._since_end + len(found)
        if self._since_end > _LONGEST_LINE * _MOST_BYTES:
            raise _LineTooLongError
        return found


class CsvBlocks:
    """One CSV file in UTF-8, read once from its start; raises InputError, with the line, for what is no such file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._record_starts = True

    def __enter__(self) -> CsvBlocks:
        try:
            self._binary = _BoundedLines(FileIO(self._path))
        except OSError as error:
            raise InputError("cannot read this file", where=str(self._path), value=error.strerror) from None
        self._file = TextIOWrapper(self._binary, encoding="utf-8-sig", newline="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """How many bytes of the file have been taken."""
        return self._binary.tell()

    def read_record(self) -> list[str]:
        """The next record alone, such as a header; empty at the end of the file."""
        return next(self._records(self._take(1)), [])

    def blocks(self, width: int) -> Iterator[Block]:
        """The rest of the file by some BLOCK_LINES lines, as records of `width` fields; empty lines are no records."""
        while lines := self._take(BLOCK_LINES):
            columns = _plain_columns(lines, width)
            if columns is None:
                yield self._careful_block(lines, width)
                continue
            self._line += len(lines)
            yield Block(range(self._line - len(lines) + 1, self._line + 1), columns)

    def _take(self, count: int) -> list[str]:
        lines: list[str] = []
        try:
            lines.extend(islice(self._file, count))
        except UnicodeDecodeError:
            line, value = where_not_utf8(self._path)
            accepted = f"a CSV file in UTF-8{how_to_read(self._path)}"
            raise InputError(
                "not a UTF-8 text file", where=f"{self._path}, line {line}", value=value, accepted=accepted
            ) from None
        except _LineTooLongError:
            # All lines before it have been given out, for only then are further bytes asked for.
            self._line += len(lines) + 1
            self._refuse(csv.Error(_TOO_LONG))
        return lines

    def _careful_block(self, lines: list[str], width: int) -> Block:
        numbers: list[int] = []
        rows: list[list[str]] = []
        misfits: list[tuple[int, int]] = []
        for row in self._records(lines):
            if len(row) == width:
                numbers.append(self._line)
                rows.append(row)
            elif row:
                misfits.append((self._line, len(row)))
        columns = list(zip(*rows, strict=True)) or [()] * width
        return Block(numbers, [pa.array(column, pa.string()) for column in columns], misfits)

    def _records(self, lines: list[str]) -> Iterator[list[str]]:
        """The records that start in these lines; one that does not end there takes further lines from the file."""
        reader = csv.reader(self._fed(lines), strict=True)
        try:
            while True:
                self._record_starts = True
                row = next(reader, None)
                if row is None:
                    return
                yield row
        except csv.Error as error:
            self._refuse(error)

    def _fed(self, lines: list[str]) -> Iterator[str]:
        waiting = deque(lines)
        while waiting or not self._record_starts:
            if not waiting:
                waiting.extend(self._take(1))
                if not waiting:
                    return
            self._record_starts = False
            line = waiting.popleft()
            self._line += 1
            if "\0" in line:
                raise csv.Error("a NUL character")
            if len(line) > _LONGEST_LINE:
                raise csv.Error(_TOO_LONG)
            yield line

    def _refuse(self, error: csv.Error) -> NoReturn:
        raise InputError(
            f"not CSV: {error}",
            where=f"{self._path}, line {self._line}",
            accepted='comma-separated fields, quoted with "',
        ) from None


def _plain_columns(lines: Sequence[str], width: int) -> list[pa.Array] | None:
    """The fields of lines that are a record each, as columns; None when that is not certain."""
    text = "".join(lines)
    if "\0" in text or len(max(lines, key=len)) > _LONGEST_LINE:
        return None
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return None
    if '"' in text and text.count('"') != 2 * len(_PLAIN_QUOTED.findall(text)):
        return None
    encoded = text.encode()
    names = [str(number) for number in range(width)]
    read = arrow_csv.ReadOptions(column_names=names, block_size=len(encoded) + 1, use_threads=False)
    convert = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    try:
        table = arrow_csv.read_csv(pa.py_buffer(encoded), read, convert_options=convert)
    except pa.ArrowInvalid:  # a record with another number of fields: the careful way says which
        return None
    if table.num_rows != len(lines):
        return None
    return [pa.concat_arrays(column.chunks) for column in table.columns]
