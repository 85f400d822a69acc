"""The log of lines that changes of the customer base touched, kept while that is less than making a mirror anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Subquery,
    Table,
    delete,
    func,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.orm import Session

from foundation.snapshots import Snapshot
from outage.imports.staging import insert_selected, staging_table, table_of
from outage.models import BaseChange, BulkState, Subscriber

LARGEST_SHARE = 0.1
"""Of the mirror's lines: with more of them changed, it is made anew."""

TOUCHED = staging_table("touched_lines", regroups=Integer, old_account_id=BigInteger)
"""By line of the file: a line of the base that it adds or changes; `regroups`: an account has more or fewer lines."""

_subscribers = table_of(Subscriber)
_changes = table_of(BaseChange)


def most_logged(session: Session) -> int:
    """How many touched lines of one change are worth logging; 0 when there is no mirror that a log could help."""
    rows = session.scalar(
        select(Snapshot.rows)
        .join(BulkState, BulkState.whole_id == Snapshot.id)
        .where(BulkState.name == "base", BulkState.whole_version >= BulkState.logged_from)
    )
    return int((rows or 0) * LARGEST_SHARE)


def fill_touched(connection: Connection, found: Select[Any]) -> int:
    """Fill TOUCHED (line, regroups, old_account_id) by a query, before the change; returns how many lines it names."""
    return insert_selected(connection, TOUCHED, ["line", "regroups", "old_account_id"], found)


def log_touched(connection: Connection, staged: Table, version: int) -> None:
    """Log the lines of TOUCHED, and all lines of accounts that have more or fewer of them now, as of a new version."""
    line = _subscribers.c.id
    touched = (
        select(line, _subscribers.c.account_id, TOUCHED.c.regroups)
        .join(staged, staged.c.msisdn == _subscribers.c.msisdn)
        .join(TOUCHED, TOUCHED.c.line == staged.c.line)
        .subquery()
    )
    regrouped = union(
        select(touched.c.account_id).where(touched.c.regroups == 1),
        select(TOUCHED.c.old_account_id).where(TOUCHED.c.regroups == 1, TOUCHED.c.old_account_id.is_not(None)),
    )
    lines = union(select(touched.c.id), select(line).where(_subscribers.c.account_id.in_(regrouped))).subquery()
    insert_selected(connection, _changes, ["version", "line_id"], select(literal(version, BigInteger), lines.c.id))
    if connection.dialect.name == "postgresql":
        connection.execute(text(f'ANALYZE "{_changes.name}"'))


def lines_since(version: int) -> Select[Any]:
    """A query for the ids of the lines that changes after this version touched; a line may stand in it twice."""
    return select(BaseChange.line_id).where(BaseChange.version > version)


def count_since(session: Session, version: int) -> int:
    """How many lines those are."""
    found: Subquery = lines_since(version).distinct().subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def forget_to(session: Session, version: int) -> None:
    """Drop what a whole mirror of this version has made needless."""
    session.execute(delete(BaseChange).where(BaseChange.version <= version))
