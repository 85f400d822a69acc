"""How two texts of a policy differ, part by part and cell by cell, whatever their wording and order of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from compensation.document.edit import write_flow
from compensation.document.outline import LISTS, Outline
from compensation.document.outline_table import head_texts, rule_texts


@dataclass(frozen=True, slots=True)
class Cell:
    """One value on both sides; None where it does not exist."""

    before: str | None
    after: str | None

    @property
    def is_changed(self) -> bool:
        """Whether the two differ."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class RowChange:
    """A rule on both sides: its number in each (None: not there) and its cells in the columns of the table's diff."""

    before: int | None
    after: int | None
    cells: tuple[Cell, ...]

    @property
    def kind(self) -> str:
        """`same`, `changed`, `added` or `removed`."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "changed" if any(cell.is_changed for cell in self.cells) else "same"


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table on both sides: heads of all columns of either side, inputs first, and its rules side by side."""

    heads: tuple[Cell, ...]
    rows: tuple[RowChange, ...]


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry of a list (`part`), or the head: `kind` as for a row, its fields that differ, and its table if any."""

    part: str
    name: str
    kind: str
    fields: tuple[tuple[str, Cell], ...]
    table: TableChange | None = None


def compare_outlines(before: Outline, after: Outline) -> list[EntryChange]:
    """What differs, in the order of the newer text; entries are matched by name, rules by what they say."""
    found = []
    fields = _fields(before["head"], after["head"])
    if fields:
        found.append(EntryChange("head", "", "changed", fields))
    for part in LISTS:
        found += _compare_list(part, before["lists"].get(part, []), after["lists"].get(part, []))
    return found


def _compare_list(part: str, before: Sequence[Outline], after: Sequence[Outline]) -> list[EntryChange]:
    olds, news = _named(part, before), _named(part, after)
    found = []
    for name in (*news, *(name for name in olds if name not in news)):
        old, new = olds.get(name), news.get(name)
        change = _compare_entry(part, name, old, new)
        if change.kind != "same":
            found.append(change)
    common = [name for name in news if name in olds]
    if common != [name for name in olds if name in news]:
        order = Cell(", ".join(name for name in olds if name in news), ", ".join(common))
        found.append(EntryChange(part, "", "changed", (("order", order),)))
    return found


def _named(part: str, entries: Sequence[Outline]) -> dict[str, Outline]:
    named: dict[str, Outline] = {}
    for number, entry in enumerate(entries, 1):
        fields = entry["fields"]
        name = entry["key"] or fields.get("name") or fields.get("what") or _cap(fields) or f"{part} {number}"
        named[str(name) if str(name) not in named else f"{name} ({number})"] = fields
    return named


def _cap(fields: Mapping[str, Any]) -> str | None:
    """How a cap is told from others: by whom it is for, and over what."""
    return f"per {fields['per']} and {fields['over']}" if {"per", "over"} <= fields.keys() else None


def _compare_entry(part: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> EntryChange:
    fields = _fields(old or {}, new or {})
    tables = [(side or {}).get("table") for side in (old, new)]
    table = _compare_tables(*tables) if any(_is_table(one) for one in tables) else None
    if old is None or new is None:
        return EntryChange(part, name, "added" if old is None else "removed", fields, table)
    is_same = not fields and (table is None or _is_same(table))
    return EntryChange(part, name, "same" if is_same else "changed", fields, table)


def _is_same(table: TableChange) -> bool:
    return not any(head.is_changed for head in table.heads) and all(row.kind == "same" for row in table.rows)


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[tuple[str, Cell], ...]:
    left, right = _flat(old), _flat(new)
    cells = {
        name: Cell(left.get(name), right.get(name)) for name in (*right, *(one for one in left if one not in right))
    }
    return tuple((name, cell) for name, cell in cells.items() if cell.is_changed)


def _flat(fields: Mapping[str, Any]) -> dict[str, str]:
    """Every value under its name, what is nested under `name, inner name`."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        if _is_table(value):
            continue
        for inner, text in _texts(value):
            found[f"{name}, {inner}" if inner else name] = text
    return found


def _texts(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        return [("", "null" if value is None else str(value))]
    if "flow" in value or "raw" in value:
        return [("", str(value.get("flow", value.get("raw"))))]
    if "items" in value:
        return [(str(number), _one(item)) for number, item in enumerate(value["items"], 1)]
    if "pairs" in value:
        return [(f"from {day}", _one(one)) for day, one in value["pairs"]]
    said = [(name, _one(one)) for name, one in value.get("map", {}).items()]
    for reward, fields in value.get("rewards", {}).items():
        said += [(f"{reward}, {field}" if field else reward, _one(one)) for field, one in fields.items()]
    return said


def _one(value: Any) -> str:
    if isinstance(value, dict) and "map" in value:
        return write_flow({name: _one(one) for name, one in value["map"].items()})
    return _texts(value)[0][1]


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and "rules" in value


# --- tables


def _compare_tables(before: Any, after: Any) -> TableChange:
    old = before if _is_table(before) else {"inputs": [], "outputs": [], "rules": [], "note": ""}
    new = after if _is_table(after) else {"inputs": [], "outputs": [], "rules": [], "note": ""}
    columns = _columns(head_texts(old), head_texts(new))
    heads = tuple(Cell(*_heads(old, new, left, right)) for left, right in columns)
    lefts = [_spread(row, [left for left, _ in columns]) for row in rule_texts(old)]
    rights = [_spread(row, [right for _, right in columns]) for row in rule_texts(new)]
    return TableChange((*heads, Cell("Note", "Note")), tuple(_rows(lefts, rights)))


def _heads(old: Any, new: Any, left: int | None, right: int | None) -> tuple[str | None, str | None]:
    lefts, rights = head_texts(old), head_texts(new)
    return None if left is None else lefts[left], None if right is None else rights[right]


def _columns(old: Sequence[str], new: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Which column of the one is which of the other: by the name before `:`, else by its place between equal ones."""
    pairs: list[tuple[int | None, int | None]] = []
    left, right = ([head.partition(":")[0].strip() for head in heads] for heads in (old, new))
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag in ("equal", "replace") and b - a == d - c:
            pairs += zip(range(a, b), range(c, d), strict=True)
            continue
        pairs += [(place, None) for place in range(a, b)]
        pairs += [(None, place) for place in range(c, d)]
    return pairs


def _spread(row: Sequence[str], places: Sequence[int | None]) -> tuple[str | None, ...]:
    return (*(None if place is None else row[place] for place in places), row[-1])


def _rows(old: Sequence[tuple[str | None, ...]], new: Sequence[tuple[str | None, ...]]) -> list[RowChange]:
    found: list[RowChange] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [_row(old, new, left, right) for left, right in zip(range(a, b), range(c, d), strict=True)]
            continue
        pairs = _alike(old[a:b], new[c:d])
        found += [_row(old, new, _plus(left, a), _plus(right, c)) for left, right in pairs]
    return found


def _plus(place: int | None, base: int) -> int | None:
    return None if place is None else place + base


def _alike(
    old: Sequence[tuple[str | None, ...]], new: Sequence[tuple[str | None, ...]]
) -> list[tuple[int | None, int | None]]:
    """Rules that differ, in pairs that share most of their cells; the rest was added or taken away."""
    pairs: list[tuple[int | None, int | None]] = []
    left = 0
    for right, row in enumerate(new):
        best = max(range(left, len(old)), key=lambda place: _shared(old[place], row), default=None)
        if best is None or _shared(old[best], row) * 2 < len(row) - 1:
            pairs.append((None, right))
            continue
        pairs += [(place, None) for place in range(left, best)]
        pairs.append((best, right))
        left = best + 1
    return pairs + [(place, None) for place in range(left, len(old))]


def _shared(left: Sequence[str | None], right: Sequence[str | None]) -> int:
    return sum(one == other for one, other in zip(left, right, strict=True))


def _row(
    old: Sequence[tuple[str | None, ...]],
    new: Sequence[tuple[str | None, ...]],
    left: int | None,
    right: int | None,
) -> RowChange:
    width = len((old if left is not None else new)[left if left is not None else right or 0])
    olds = old[left] if left is not None else (None,) * width
    news = new[right] if right is not None else (None,) * width
    cells = tuple(Cell(one, other) for one, other in zip(olds, news, strict=True))
    return RowChange(None if left is None else left + 1, None if right is None else right + 1, cells)
