"""Bulk rows in a temporary table first: duplicates and conflicts rejected by line, then one set-based diff."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from foundation.db import Base
from outage.imports.importing import Rejects

_CHUNK = 5_000


def table_of(model: type[Base]) -> Table:
    """The table of a model."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not on a table")
    return table


def staging_table(name: str, /, **columns: TypeEngine[Any] | type[TypeEngine[Any]]) -> Table:
    """A temporary table of that name with the line of the file as its key."""
    return Table(
        name,
        MetaData(),
        Column("line", Integer, primary_key=True, autoincrement=False),
        *(Column(column, kind) for column, kind in columns.items()),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )


@contextlib.contextmanager
def staged(connection: Connection, table: Table) -> Iterator[None]:
    """The temporary table, empty at the start and gone at the end; after an error the rollback takes it away."""
    connection.execute(text(f'DROP TABLE IF EXISTS "{table.name}"'))
    table.create(connection)
    yield
    table.drop(connection)


def index_staged(connection: Connection, table: Table, *names: str) -> None:
    """Make a filled staging table quick to join by these columns."""
    if connection.dialect.name == "postgresql":
        # It joins and groups by hashing; it only has to learn how many rows and values there are.
        columns = ", ".join(f'"{name}"' for name in ("line", *names))
        connection.execute(text(f'ANALYZE "{table.name}" ({columns})'))
        return
    for name in names:
        # Not an Index object: that would join the table's definition and be made again before the rows.
        connection.execute(text(f'CREATE INDEX "{table.name}_{name}" ON "{table.name}" ("{name}", line)'))


def reject_lines(
    connection: Connection, table: Table, rejects: Rejects, field: str, found: Select[tuple[int, Any, str]]
) -> int:
    """Reject and remove the staged rows that a query finds as (line, value, reason); returns how many."""
    rows = connection.execute(found).all()
    for line, value, reason in rows:
        rejects.add(line, [(field, "" if value is None else str(value), reason)])
    lines = [row[0] for row in rows]
    for start in range(0, len(lines), _CHUNK):
        connection.execute(delete(table).where(table.c.line.in_(lines[start : start + _CHUNK])))
    return len(lines)


def doubles(table: Table, names: Sequence[str], what: str) -> Select[tuple[int, Any, str]]:
    """The rows whose values of these columns already stood on an earlier line."""
    keys = [table.c[name] for name in names]
    firsts = select(*keys, func.min(table.c.line).label("first")).group_by(*keys).having(func.count() > 1).subquery()
    same = and_(*(table.c[name] == firsts.c[name] for name in names))
    reason = literal(f"the same {what} as on line ").concat(cast(firsts.c.first, String))
    return (
        select(table.c.line, keys[-1], reason)
        .join(firsts, same)
        .where(table.c.line != firsts.c.first)
        .order_by(table.c.line)
    )


def load_changes(
    connection: Connection,
    target: Table,
    source: FromClause,
    *,
    keys: Sequence[str],
    values: Mapping[str, ColumnElement[Any]],
    differs: Mapping[str, ColumnElement[bool]] | None = None,
    defaults: Mapping[str, ColumnElement[Any]] | None = None,
) -> tuple[int, int]:
    """Update the rows of `target` that differ from `source`, insert those it lacks; returns (added, changed).

    `values`: what an existing row is set to; it is changed when one of them is not what the row holds, as told by
    `differs` for columns named there. `defaults`: what a new row has instead of `values`, or besides them.
    """
    same = and_(*(target.c[key] == source.c[key] for key in keys))
    unlike = {**{name: target.c[name].is_distinct_from(value) for name, value in values.items()}, **(differs or {})}
    changed = 0
    if values:
        statement = update(target).where(same, or_(*unlike.values())).values(dict(values))
        changed = connection.execute(statement).rowcount
    new = {**{key: source.c[key] for key in keys}, **values, **(defaults or {})}
    missing = (
        select(*new.values())
        .select_from(source.outerjoin(target, same))
        .where(target.c.id.is_(None))
        .order_by(source.c.line)
    )
    added = insert_selected(connection, target, list(new), missing)
    return added, changed


def find_changes(
    target: Table,
    source: FromClause,
    *,
    keys: Sequence[str],
    values: Mapping[str, ColumnElement[Any]],
    differs: Mapping[str, ColumnElement[bool]] | None = None,
) -> Select[Any]:
    """A query for `source.line` of what `load_changes` would add or change; `target` is outer joined to it."""
    same = and_(*(target.c[key] == source.c[key] for key in keys))
    unlike = {**{name: target.c[name].is_distinct_from(value) for name, value in values.items()}, **(differs or {})}
    return (
        select(source.c.line)
        .select_from(source.outerjoin(target, same))
        .where(or_(target.c.id.is_(None), *unlike.values()))
    )


def insert_selected(connection: Connection, target: Table, names: Sequence[str], found: Select[Any]) -> int:
    """Insert what a query finds; returns how many rows."""
    # Without the option SQLAlchemy does not keep an INSERT's count on PostgreSQL.
    keep = {"preserve_rowcount": True}
    return connection.execute(insert(target).from_select(names, found), execution_options=keep).rowcount
