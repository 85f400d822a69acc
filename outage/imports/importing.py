"""Reading a CSV file with a column map in batches, checking it column by column, and writing down what was rejected."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from foundation.bulk import Progress
from foundation.errors import InputError
from outage.imports.column_checks import Check
from outage.imports.column_shapes import Shape
from outage.imports.csv_blocks import BLOCK_LINES, Block, CsvBlocks
from outage.imports.other_files import has_text, other_separator

BATCH_ROWS = BLOCK_LINES
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column we read. `required`: the file must have it. `distinct`: nearly every row has another value.

    `shape`: tells of a whole column where `check` need not be asked.
    """

    name: str
    check: Check
    required: bool = True
    distinct: bool = False
    shape: Shape | None = None


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

    lines: Sequence[int]
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
        self._blocks = CsvBlocks(path)

    def __enter__(self) -> CsvFile:
        self._blocks.__enter__()
        try:
            self._size = self.path.stat().st_size
            self._read_header()
        except BaseException:
            self._blocks.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._blocks.__exit__(kind, error, at)

    def batches(self, rejects: Rejects, progress: Progress | None = None) -> Iterator[Batch]:
        """Checked batches of the file's rows. When the next one is asked for, the faults of the last are written.

        Raises InputError for a file that is not UTF-8 text or not CSV, at the line where that shows.
        """
        for block in self._read_blocks(rejects):
            batch = self._check(block)
            yield batch
            for position, faults in sorted(batch.faults.items()):
                rejects.add(batch.lines[position], faults)
            if progress is not None:
                progress(self.read, self._rows_guessed())

    def texts(
        self, rejects: Rejects, progress: Progress | None = None
    ) -> Iterator[tuple[Sequence[int], dict[str, pa.Array]]]:
        """The rows as their lines and columns of texts that nobody has checked, for those who check them elsewhere."""
        for block in self._read_blocks(rejects):
            yield block.lines, {name: block.columns[position] for name, position in self._positions.items()}
            if progress is not None:
                progress(self.read, self._rows_guessed())

    def _read_blocks(self, rejects: Rejects) -> Iterator[Block]:
        for block in self._blocks.blocks(self._width):
            self.read += block.read
            for line, width in block.misfits:
                reason = f"this row has {width} fields; accepted: {self._width}, as in the header"
                rejects.add(line, [("", str(width), reason)])
            yield block

    @property
    def present(self) -> list[str]:
        """Our names of the columns that the file has."""
        return list(self._positions)

    def _read_header(self) -> None:
        header = [name.strip() for name in self._blocks.read_record()]
        where = f"{self.path}, line 1"
        if not any(header):
            what, place = ("the first line is empty", where) if has_text(self.path) else ("empty file", str(self.path))
            raise InputError(what, where=place, accepted="a CSV file in UTF-8 with a header line")
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
                    f"(or a column map); the columns found are {', '.join(header)}{other_separator(header)}",
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

    def _check(self, block: Block) -> Batch:
        batch = Batch(block.lines, {}, defaultdict(list))
        for name, position in self._positions.items():
            column = self._used[name]
            memory = self._memories.setdefault(name, _Memory(column.check))
            texts = block.columns[position]
            checked, has_refusals = memory.read_column(texts, column)
            batch.values[name] = checked
            if has_refusals:
                for index, value in enumerate(checked):
                    if type(value) is Refusal:
                        fault = (self._map.get(name, name), texts[index].as_py(), value.reason)
                        batch.faults[index].append(fault)
        return batch

    def _rows_guessed(self) -> int:
        done = self._blocks.position
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

    def read(self, raw: Iterable[Any]) -> list[Any]:
        """The checked values, and refusals in their places."""
        if len(self) > _REMEMBERED:
            self.clear()
        return list(map(self.__getitem__, raw))

    def read_column(self, texts: pa.Array, column: Column) -> tuple[list[Any], bool]:
        """The same for a column of texts, and whether there are refusals among them."""
        if column.shape is not None:
            return self._read_shaped(texts, column.shape)
        if column.distinct:
            self.refused = False
            return list(map(self._ask, texts.to_pylist())), self.refused
        encoded = texts.dictionary_encode()
        each = self.read(encoded.dictionary.to_pylist())
        values = each * len(texts) if len(each) == 1 else list(map(each.__getitem__, encoded.indices.to_pylist()))
        return values, any(type(value) is Refusal for value in each)

    def _read_shaped(self, texts: pa.Array, shape: Shape) -> tuple[list[Any], bool]:
        self.refused = False
        values = texts.to_pylist()
        known = shape(texts)
        if pc.all(known).as_py() is False:
            for position in pc.indices_nonzero(pc.invert(known)).to_pylist():
                values[position] = self._ask(values[position])
        return values, self.refused

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
    return memory.read
