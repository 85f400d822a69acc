"""Reading a CSV file with a column map in batches, checking it column by column, and writing down what was rejected."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from foundation.bulk import Progress
from foundation.errors import InputError
from outage.column_checks import Check

BATCH_ROWS = 20_000
_REMEMBERED = 50_000
_LONGEST_FIELD = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column we read. `required`: the file must have it. `distinct`: nearly every row has another value."""

    name: str
    check: Check
    required: bool = True
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, in rows of the file: read = added + changed + unchanged + rejected.

    `details`: further counts by name, such as accounts added.
    """

    file: str
    read: int
    added: int
    changed: int
    unchanged: int
    rejected: int
    reject_file: Path | None
    details: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How much the import altered; 0 when the records already held the file."""
        return self.added + self.changed + sum(self.details.values())


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stands in a column for a value that was not accepted."""

    what: str
    accepted: str

    @property
    def reason(self) -> str:
        """Why, and what would be accepted."""
        return f"{self.what}; accepted: {self.accepted}" if self.accepted else self.what


class Rejects:
    """The reject file: line, field, value and reason of what did not load; made only when there is something."""

    def __init__(self, source: Path, directory: Path) -> None:
        self.path = directory / f"{source.stem}-rejected.csv"
        self.rows = 0
        self._file: TextIO | None = None

    def add(self, line: int, faults: Iterable[tuple[str, str, str]]) -> None:
        """Reject one row of the source for one or more (field, value, reason)."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(("line", "field", "value", "reason"))
        csv.writer(self._file).writerows((line, *fault) for fault in faults)
        self.rows += 1

    @property
    def written(self) -> Path | None:
        """The file, if anything was rejected."""
        return self.path if self.rows else None

    def __enter__(self) -> Rejects:
        self.path.unlink(missing_ok=True)  # an earlier import's file would look like this one's
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(slots=True)
class Batch:
    """Some rows as columns of checked values; `faults` by position in the batch."""

    lines: list[int]
    values: dict[str, Sequence[Any]]
    faults: defaultdict[int, list[tuple[str, str, str]]]

    def refuse(self, position: int, field_name: str, value: object, reason: str) -> None:
        """Reject a row for what several columns say together."""
        self.faults[position].append((field_name, str(value), reason))

    def good(self) -> Iterator[int]:
        """The positions of rows without a fault so far."""
        return (position for position in range(len(self.lines)) if position not in self.faults)

    def rows(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Each good row as (line, value of each name), nothing for names that the file does not have."""
        everything = zip(self.lines, *(self.values[name] for name in names), strict=True)
        if not self.faults:
            return everything
        return (row for position, row in enumerate(everything) if position not in self.faults)


class CsvFile:
    """One CSV file in UTF-8 with a header, read once in batches; a file that is no such thing is refused as a whole."""

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        *,
        column_map: Mapping[str, str] | None = None,
        further: Callable[[str], Column | None] = lambda _: None,
    ) -> None:
        """`column_map`: our column -> the file's. `further` makes a column of a name that is in no list, or None."""
        self.path = path
        self.read = 0
        self._columns = columns
        self._map = dict(column_map or {})
        self._further = further
        self._memories: dict[str, _Memory] = {}

    def __enter__(self) -> CsvFile:
        try:
            self._binary = self.path.open("rb")
        except OSError as error:
            raise InputError("cannot read this file", where=str(self.path), value=error.strerror) from None
        self._file = TextIOWrapper(self._binary, encoding="utf-8-sig", newline="")
        try:
            self._size = self.path.stat().st_size
            self._reader = csv.reader(self._lines(), strict=True)
            self._read_header()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def batches(self, rejects: Rejects, progress: Progress | None = None) -> Iterator[Batch]:
        """Checked batches of the file's rows. When the next one is asked for, the faults of the last are written.

        Raises InputError for a file that is not UTF-8 text or not CSV, at the line where that shows.
        """
        while True:
            lines, rows = self._take(rejects)
            if not rows:
                return
            batch = self._check(lines, rows)
            yield batch
            for position, faults in sorted(batch.faults.items()):
                rejects.add(batch.lines[position], faults)
            if progress is not None:
                progress(self.read, self._rows_guessed())

    @property
    def present(self) -> list[str]:
        """Our names of the columns that the file has."""
        return list(self._positions)

    def _read_header(self) -> None:
        header = [name.strip() for name in next(self._records(), [])]
        where = f"{self.path}, line 1"
        if not any(header):
            raise InputError("empty file", where=str(self.path), accepted="a CSV file in UTF-8 with a header line")
        doubled = sorted({name for name in header if name and header.count(name) > 1})
        if doubled:
            raise InputError("a column twice", where=where, value=doubled[0], accepted="each column once")
        known = {column.name: column for column in self._columns}
        self._used = self._matched(known, header, where)
        self._positions = {
            name: header.index(self._map.get(name, name)) for name in self._used if self._map.get(name, name) in header
        }
        self._width = len(header)
        for column in self._used.values():
            if column.required and column.name not in self._positions:
                raise InputError(
                    "missing column",
                    where=where,
                    value=self._map.get(column.name, column.name),
                    accepted=f"a header with {', '.join(one.name for one in self._columns if one.required)} "
                    f"(or a column map); the columns found are {', '.join(header)}",
                )

    def _matched(self, known: dict[str, Column], header: list[str], where: str) -> dict[str, Column]:
        theirs = set(self._map.values())
        extra = [*self._map, *(name for name in header if name not in theirs)]
        further = {name: self._further(name) for name in extra if name not in known}
        used = {**known, **{name: column for name, column in further.items() if column is not None}}
        for ours, their in self._map.items():
            if ours not in used:
                raise InputError("column map: no such column of ours", value=ours, accepted=", ".join(known))
            if their not in header:
                raise InputError(
                    "missing column",
                    where=where,
                    value=their,
                    accepted=f"one of the columns found: {', '.join(header)}",
                )
        return used

    def _take(self, rejects: Rejects) -> tuple[list[int], list[list[str]]]:
        """The next rows with as many fields as the header, and their lines; none at the end of the file."""
        lines: list[int] = []
        rows: list[list[str]] = []
        for row in self._records():
            if row:
                self.read += 1
            if len(row) == self._width:
                lines.append(self._reader.line_num)
                rows.append(row)
            elif row:
                reason = f"this row has {len(row)} fields; accepted: {self._width}, as in the header"
                rejects.add(self._reader.line_num, [("", str(len(row)), reason)])
            if len(rows) == BATCH_ROWS:
                break
        return lines, rows

    def _records(self) -> Iterator[list[str]]:
        try:
            yield from self._reader
        except UnicodeDecodeError as error:
            raise InputError(
                "not a UTF-8 text file",
                where=f"{self.path}, after line {self._reader.line_num}",
                value=error.object[error.start : error.start + 1].hex(),
                accepted="a CSV file in UTF-8",
            ) from None
        except csv.Error as error:
            where = f"{self.path}, line {self._reader.line_num}"
            raise InputError(
                f"not CSV: {error}", where=where, accepted='comma-separated fields, quoted with "'
            ) from None

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            if "\0" in line:
                raise csv.Error("a NUL character")
            if len(line) > _LONGEST_FIELD:
                raise csv.Error(f"a line of more than {_LONGEST_FIELD} characters")
            yield line

    def _check(self, lines: list[int], rows: list[list[str]]) -> Batch:
        faults: defaultdict[int, list[tuple[str, str, str]]] = defaultdict(list)
        raw = list(zip(*rows, strict=True)) or [()] * self._width
        values: dict[str, Sequence[Any]] = {}
        for name, position in self._positions.items():
            column = self._used[name]
            memory = self._memories.setdefault(name, _Memory(column.check))
            checked, may_have_faults = memory.read(raw[position], distinct=column.distinct)
            values[name] = checked
            if may_have_faults:
                for index, value in enumerate(checked):
                    if type(value) is Refusal:
                        faults[index].append((self._map.get(name, name), raw[position][index], value.reason))
        return Batch(lines, values, faults)

    def _rows_guessed(self) -> int:
        done = self._binary.tell()
        return max(self.read, self.read * self._size // done) if done else self.read


class _Memory(dict[Any, Any]):
    """Remembers what each text of a column came to: most columns hold a few values a million times."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        super().__init__()
        self._check = check
        self.refused = False

    def __missing__(self, raw: Any) -> Any:
        value = self._ask(raw)
        self[raw] = value
        return value

    def read(self, raw: Iterable[Any], *, distinct: bool = False) -> tuple[list[Any], bool]:
        """The checked values, and whether there may be refusals among them."""
        if distinct:
            return list(map(self._ask, raw)), self.refused
        if len(self) > _REMEMBERED:
            self.clear()
        return list(map(self.__getitem__, raw)), self.refused

    def _ask(self, raw: Any) -> Any:
        try:
            return self._check(raw)
        except InputError as error:
            self.refused = True
            return Refusal(error.what, error.accepted)


def remembered(check: Callable[[Any], Any]) -> Callable[[Iterable[Any]], list[Any]]:
    """A check of many values (of several columns together, as tuples) that asks once per distinct value.

    What it refuses comes back as a `Refusal` in its place.
    """
    memory = _Memory(check)
    return lambda values: memory.read(values)[0]
