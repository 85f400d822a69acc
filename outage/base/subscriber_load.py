"""Staged lines into the records as a diff, and into the log of what a change of the base touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    String,
    Table,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from outage.base import log as base_log
from outage.base.log import TOUCHED
from outage.imports.staging import find_changes, load_changes, staged, table_of
from outage.models import Account, Subscriber
from outage.network.inventory import raise_version

_subscribers = table_of(Subscriber)


@contextlib.contextmanager
def line_load(session: Session, table: Table, names: Sequence[str]) -> Iterator[LineLoad]:
    """A load of staged lines, of which these stored columns are told; their accounts are in the records by now."""
    connection = session.connection()
    with staged(connection, TOUCHED):
        yield LineLoad(session, table, names)


class LineLoad:
    """One load: what differs is loaded, and logged when that helps to bring the mirror up to date."""

    def __init__(self, session: Session, table: Table, names: Sequence[str]) -> None:
        self._session = session
        self._table = table
        self._names = names
        self._logs = False

    def run(self) -> tuple[int, int]:
        """Load; returns how many lines were added and how many changed."""
        connection = self._session.connection()
        account = table_of(Account)
        source = select(self._table, account.c.id.label("account_id")).join(
            account, account.c.ref == self._table.c.account
        )
        most = base_log.most_logged(self._session)
        if most:
            self._logs = self._find_touched(connection, source.subquery()) <= most
        if self._logs:
            source = source.join(TOUCHED, TOUCHED.c.line == self._table.c.line)
        staged_lines = source.subquery()
        values, differs, defaults = self._values(connection, staged_lines)
        return load_changes(
            connection, _subscribers, staged_lines, keys=["msisdn"], values=values, differs=differs, defaults=defaults
        )

    def raise_version(self, *, logged: bool) -> int:
        """Count the change of the base, and log it as of the new version if that helps; returns the version.

        `logged` False: more changed than the lines that were loaded, so that the mirror has to be made anew.
        """
        logs = self._logs and logged
        version = raise_version(self._session, "base", logged=logs)
        if logs:
            base_log.log_touched(self._session.connection(), self._table, version)
        return version

    def _find_touched(self, connection: Connection, source: FromClause) -> int:
        values, differs, _ = self._values(connection, source)
        found = find_changes(_subscribers, source, keys=["msisdn"], values=values, differs=differs)
        old = _subscribers.c.account_id
        regroups = case((or_(old.is_(None), old != source.c.account_id), 1), else_=0)
        return base_log.fill_touched(connection, found.add_columns(regroups, old))

    def _values(
        self, connection: Connection, source: FromClause
    ) -> tuple[dict[str, ColumnElement[Any]], Mapping[str, ColumnElement[bool]], Mapping[str, ColumnElement[Any]]]:
        """What a line is set to, how to tell that it differs, and what a new one has instead."""
        own = [name for name in self._names if name in _subscribers.c and name not in ("msisdn", "attributes")]
        values: dict[str, ColumnElement[Any]] = {name: source.c[name] for name in [*own, "account_id"]}
        new, kept, empty = _merged(connection, source.c.attributes)
        if "attributes" not in self._names:
            return values, {}, {"attributes": empty}
        onto_nothing = _merged(connection, source.c.attributes, onto_nothing=True)[0]
        differs = {"attributes": new.is_distinct_from(kept)}
        return {**values, "attributes": new}, differs, {"attributes": onto_nothing}


def _merged(
    connection: Connection, attributes: ColumnElement[Any], *, onto_nothing: bool = False
) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    """The recorded attributes with those of the file put over them, the recorded alone, and none, in one JSON form."""
    if connection.dialect.name == "postgresql":
        empty: ColumnElement[Any] = literal_column("'{}'::jsonb")
        kept: ColumnElement[Any] = _subscribers.c.attributes
        return func.jsonb_strip_nulls(attributes if onto_nothing else kept.op("||")(attributes)), kept, empty
    empty = literal("{}", String)
    kept = func.json(_subscribers.c.attributes)
    return func.json_patch(empty if onto_nothing else _subscribers.c.attributes, attributes), kept, empty
