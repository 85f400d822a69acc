"""Ranges of IMSIs and MSISDNs that core elements hold, from CSV; no number in two ranges of one kind at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import Progress
from foundation.errors import InputError
from outage.evidence_sql import number_key
from outage.imports.column_checks import check_instant, one_of, optional, text_of
from outage.imports.importing import Batch, Column, CsvFile, ImportResult, Refusal, Rejects
from outage.models import NetworkElement, NumberRange
from outage.msisdn import check_imsi, check_msisdn
from outage.network.inventory import raise_version

COLUMNS = (
    Column("kind", one_of("imsi", "msisdn")),
    Column("first", str.strip, distinct=True),
    Column("last", str.strip, distinct=True),
    Column("element", text_of(128)),
    Column("valid_from", optional(check_instant), required=False),
    Column("valid_to", optional(check_instant), required=False),
)
_CHECKS = {"imsi": check_imsi, "msisdn": check_msisdn}
_ALWAYS = 2**62


@dataclass(slots=True)
class _Range:
    """A range of the records (line 0) or of the file; validity in Unix seconds, `element` by reference."""

    line: int
    kind: str
    first: str
    last: str
    element: str
    valid_from: int | None
    valid_to: int | None
    row: NumberRange | None = None

    @property
    def key(self) -> tuple[str, str, str, int | None]:
        """What makes two rows speak of one range."""
        return self.kind, self.first, self.last, self.valid_from

    @property
    def keys(self) -> tuple[int, int]:
        """The first and the last number as integers."""
        return number_key(self.first), number_key(self.last)

    def is_valid_with(self, other: _Range) -> bool:
        """Whether there is an instant at which both are valid."""
        starts = (-_ALWAYS if one.valid_from is None else one.valid_from for one in (self, other))
        ends = (_ALWAYS if one.valid_to is None else one.valid_to for one in (self, other))
        return max(starts) < min(ends)


def import_ranges(
    session: Session,
    csv: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Load ranges of numbers from a file with `COLUMNS`: kind, first and last number (both held), the element's ref.

    A range is known by its kind, numbers and valid_from; what else a row says is changed. Ranges that the file lacks
    stay: one ends by a valid_to. A row whose numbers another range of its kind holds at the same time is rejected by
    that range's name. The same file again changes nothing. Raises InputError for a file that is not what it should be.
    """
    elements = {row.ref: row.id for row in session.execute(select(NetworkElement.ref, NetworkElement.id))}
    known = {one.key: one for one in _recorded(session)}
    new: dict[Any, _Range] = {}
    with CsvFile(csv, COLUMNS, column_map=column_map) as file, Rejects(csv, reject_dir) as rejects:
        for batch in file.batches(rejects, progress):
            for one in _checked(batch, elements, new):
                new[one.key] = one
        for one, other in _overlaps([*(one for one in known.values() if one.key not in new), *new.values()]):
            del new[one.key]
            told = f"{other.first} to {other.last} of {other.element}"
            reason = f"overlaps {told}; accepted: numbers that no other range of this kind holds at the time"
            rejects.add(one.line, [("first", one.first, reason)])
        added, changed = _load(session, elements, known, new)
    if added or changed:
        version = raise_version(session, "ranges")
        after = {"file": csv.name, "added": added, "changed": changed, "rejected": rejects.rows}
        write_audit(session, actor=actor, action="number ranges imported", subject=f"ranges:{version}", after=after)
    unchanged = file.read - rejects.rows - added - changed
    return ImportResult(str(csv), file.read, added, changed, unchanged, rejects.rows, rejects.written)


def _recorded(session: Session) -> Iterator[_Range]:
    statement = select(NumberRange, NetworkElement.ref).join(
        NetworkElement, NetworkElement.id == NumberRange.element_id
    )
    for row, ref in session.execute(statement):
        span = [None if at is None else clock.to_unix(at) for at in (row.valid_from, row.valid_to)]
        yield _Range(0, row.kind, row.first, row.last, ref, span[0], span[1], row)


def _checked(batch: Batch, elements: Mapping[str, int], before: Mapping[Any, _Range]) -> Iterator[_Range]:
    """The rows of a batch that make sense on their own; the others are refused."""
    nothing = [None] * len(batch.lines)
    for column in ("valid_from", "valid_to"):
        batch.values.setdefault(column, nothing)
    names = [column.name for column in COLUMNS]
    for position in list(batch.good()):
        values = {name: batch.values[name][position] for name in names}
        one = _Range(batch.lines[position], **values)
        fault = _fault(one, elements)
        if fault is None and one.key in before:
            fault = ("first", one.first, f"the same range as on line {before[one.key].line}")
        if fault is None:
            yield one
        else:
            batch.refuse(position, *fault)


def _fault(one: _Range, elements: Mapping[str, int]) -> tuple[str, str, str] | None:
    for name in ("first", "last"):
        try:
            _CHECKS[one.kind](getattr(one, name))
        except InputError as error:
            return name, getattr(one, name), Refusal(error.what, error.accepted).reason
    if len(one.first) != len(one.last):
        return "last", one.last, f"not as long as the first number; accepted: {len(one.first)} characters"
    if one.last < one.first:
        return "last", one.last, f"before the first number; accepted: {one.first} or higher"
    if one.element not in elements:
        return "element", one.element, "unknown network element; accepted: a ref from the inventory"
    if one.valid_from is not None and one.valid_to is not None and one.valid_to <= one.valid_from:
        at = clock.from_unix(one.valid_to).isoformat()
        return "valid_to", at, "valid_to is not after valid_from; accepted: a later time"
    return None


def _overlaps(ranges: Iterable[_Range]) -> Iterator[tuple[_Range, _Range]]:
    """Each row of the file that clashes with a range of the records or of an earlier line, and that range."""
    by_kind: defaultdict[str, list[_Range]] = defaultdict(list)
    for one in ranges:
        by_kind[one.kind].append(one)
    for of_kind in by_kind.values():
        near: list[_Range] = []
        for one in sorted(of_kind, key=lambda each: (each.keys, each.line)):
            near = [other for other in near if other.keys[1] >= one.keys[0]]
            clashing = [other for other in near if one.is_valid_with(other)]
            later = [other for other in clashing if other.line > one.line]
            # What was recorded stays, and of two rows the earlier.
            if len(later) < len(clashing):
                yield one, next(other for other in clashing if other.line <= one.line)
                continue
            for other in later:
                near.remove(other)
                yield other, one
            near.append(one)


def _load(
    session: Session, elements: Mapping[str, int], known: Mapping[Any, _Range], new: Mapping[Any, _Range]
) -> tuple[int, int]:
    added = changed = 0
    for key, one in new.items():
        before = known.get(key)
        row = NumberRange(kind=one.kind, first=one.first, last=one.last) if before is None else before.row
        if row is None or (before and (before.element, before.valid_to) == (one.element, one.valid_to)):
            continue
        row.element_id = elements[one.element]
        row.valid_from, row.valid_to = (
            None if at is None else clock.from_unix(at) for at in (one.valid_from, one.valid_to)
        )
        session.add(row)
        added, changed = (added + 1, changed) if before is None else (added, changed + 1)
    session.flush()
    return added, changed
