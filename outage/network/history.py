"""The history of the network inventory: what each import added, changed and retired, written by the database itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, FromClause, func, literal, literal_column, or_, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.imports.staging import insert_selected, table_of
from outage.models import InventoryChange

ELEMENT, DEPENDENCY = "element", "dependency"
ADDED, CHANGED, RETIRED = "added", "changed", "retired"
_history = table_of(InventoryChange)
_COLUMNS = ("version", "at", "actor", "file", "subject", "ref", "change", "before", "after")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one imported file have in common; `version` is the inventory's after the import."""

    version: int
    at: datetime
    actor: str
    file: str

    @property
    def now(self) -> ColumnElement[int]:
        """The instant in Unix seconds, as SQL."""
        return literal_column(str(clock.to_unix(self.at)))


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the history: what an import did to one element or dependency; instants in the values: Unix seconds."""

    version: int
    at: datetime
    actor: str
    file: str
    subject: str
    ref: str
    change: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def record_changes(
    connection: Connection,
    stamp: Stamp,
    subject: str,
    *,
    ref: ColumnElement[str],
    change: ColumnElement[str],
    before: ColumnElement[Any],
    after: ColumnElement[Any],
    found: FromClause,
    where: ColumnElement[bool],
    order: ColumnElement[Any],
) -> int:
    """Write a row of history for every row of `found` that meets `where`; returns how many. Ask before the change."""
    common: list[ColumnElement[Any]] = [
        literal(stamp.version),
        stamp.now,
        literal(stamp.actor),
        literal(stamp.file[:256]),
        literal(subject),
    ]
    rows = select(*common, ref, change, before, after).select_from(found).where(where).order_by(order)
    return insert_selected(connection, _history, _COLUMNS, rows)


def document(connection: Connection, values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """The JSON object of these values, built by the database; instants are Unix seconds."""
    is_sqlite = connection.dialect.name == "sqlite"
    parts: list[ColumnElement[Any]] = []
    for name, value in values.items():
        # To SQLite a document is a text like any other, and would be quoted.
        parts += [
            literal_column(f"'{name}'"),
            func.json(value) if is_sqlite and isinstance(value.type, JSON) else value,
        ]
    return func.json_object(*parts) if is_sqlite else func.jsonb_build_object(*parts)


def count_changes(session: Session, version: int, subject: str) -> dict[str, int]:
    """How many elements or dependencies the import of that version added, changed and retired; 0 not named."""
    statement = (
        select(InventoryChange.change, func.count())
        .where(InventoryChange.version == version, InventoryChange.subject == subject)
        .group_by(InventoryChange.change)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def list_changes(
    session: Session,
    *,
    ref: str | None = None,
    version: int | None = None,
    subject: str | None = None,
    change: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Change]:
    """The history, newest first: of one import by its version (in the file's order), of one element by its ref.

    With `ref` the dependencies of that element come too. `offset`: so many rows before those are left out.
    """
    fitting = _fitting(ref, version, subject, change)
    statement = select(*(_history.c[name] for name in _COLUMNS)).where(*fitting).limit(limit).offset(offset)
    statement = statement.order_by(InventoryChange.id if version is not None else InventoryChange.id.desc())
    return [Change(*row) for row in session.execute(statement)]


def count_history(
    session: Session,
    *,
    ref: str | None = None,
    version: int | None = None,
    subject: str | None = None,
    change: str | None = None,
) -> int:
    """How many changes `list_changes` has of these."""
    statement = select(func.count()).select_from(_history).where(*_fitting(ref, version, subject, change))
    return session.scalar(statement) or 0


def _fitting(
    ref: str | None, version: int | None, subject: str | None, change: str | None
) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (InventoryChange.version, version),
        (InventoryChange.subject, subject),
        (InventoryChange.change, change),
    ):
        if value is not None:
            yield column == value
    if ref is not None:
        own = InventoryChange.ref.startswith(f"{ref}{ARROW}", autoescape=True)
        yield or_(InventoryChange.ref == ref, own)


ARROW = " needs "


def dependency_ref(
    element: ColumnElement[str], member: ColumnElement[str], group: ColumnElement[str]
) -> ColumnElement[str]:
    """How the history names a dependency: `cell-1 needs mme-1 (pool)`."""
    return element.concat(ARROW).concat(member).concat(" (").concat(group).concat(")")
