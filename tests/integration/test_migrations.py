"""Migrations build the same tables that the models describe, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, Connection, MetaData, inspect, select, text
from sqlalchemy.exc import IntegrityError

from foundation import migrate
from foundation.db import Database
from foundation.errors import RefusedError
from outage.models import Incident


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        database = Database(request.getfixturevalue("empty_postgresql"))
    yield database
    database.dispose()


def test_the_migrated_database_equals_the_metadata(database: Database) -> None:
    with database.engine.connect() as connection:
        command.check(migrate.config_for(connection))  # raises on any difference


def test_migrations_are_numbered_in_one_line() -> None:
    scripts = list(ScriptDirectory.from_config(migrate.config_for()).walk_revisions())
    numbers = sorted(script.revision for script in scripts)
    assert numbers == [f"{number:04d}" for number in range(1, len(scripts) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.py", script.path.rsplit("/", 1)[-1]) for script in scripts)


def test_every_migration_can_be_taken_back_and_applied_again(database: Database) -> None:
    with database.engine.begin() as connection:
        command.downgrade(migrate.config_for(connection), "base")
    assert migrate.current_revision(database) is None
    assert migrate.upgrade(database) == (None, "0020")


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before, after = migrate.upgrade(database)
    assert before == after


def test_the_migration_keeps_incidents_that_others_refer_to_and_lets_in_the_new_words(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    insert = (
        "INSERT INTO incidents"
        " (id, ref, title, status, severity, cause_class, planned, started_at, opened_by, opened_at)"
        " VALUES ({0}, 'INC-{0}', 't', '{1}', 'major', 'power', false, 1, 'nina', 1)"
    )

    def run(*statements: str) -> None:
        with database.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    migrate.upgrade(database, "0006")
    entry = (
        "INSERT INTO timeline_entries (incident_id, at, written_at, actor, kind, text) VALUES (1, 1, 1, 'n', 'k', 't')"
    )
    run(insert.format(1, "opened"), entry)
    with pytest.raises(IntegrityError):
        run(insert.format(2, "announced"))
    migrate.upgrade(database)
    run(
        insert.format(2, "announced"),
        insert.format(3, "merged"),
        "UPDATE incidents SET merged_into_id = 1 WHERE id = 3",
    )
    with pytest.raises(IntegrityError):
        run(insert.format(4, "forgotten"))
    with pytest.raises(IntegrityError):
        run("UPDATE incidents SET merged_into_id = 77 WHERE id = 3")
    with database.reading() as session:
        assert [(one.kind, one.status) for one in session.scalars(select(Incident).order_by(Incident.id))] == [
            ("network", "opened"),
            ("network", "announced"),
            ("network", "merged"),
        ]
    database.dispose()


def fill(database: Database) -> dict[str, int]:
    """A row in every table, each referring to the others' rows; returns the number of rows by table."""
    with database.engine.begin() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        checks = inspect(connection)
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            allowed = " ".join(str(check["sqltext"]) for check in checks.get_check_constraints(table.name))
            values = {one.name: value_of(one, allowed) for one in table.columns if one.computed is None}
            connection.execute(table.insert().values(values))
        return count_rows(connection, [table.name for table in metadata.sorted_tables])


def value_of(column: Column[Any], allowed: str) -> object:
    """Something that the column takes: 1, or the first word its check allows."""
    if column.foreign_keys and column.nullable and not column.primary_key:
        return (
            None if column.table.name in {key.column.table.name for key in column.foreign_keys} else reference(column)
        )
    if column.foreign_keys:
        return reference(column)
    words = re.search(rf"\b{column.name}\b\W*(?:::text)?\W*(?:IN \(|= ANY \(+ARRAY\[)'?([^':)]*)", allowed)
    if words is not None:
        return words[1]
    return plain(column)


def plain(column: Column[Any]) -> object:
    """A value of the column's type; text is the column's own name, so that two columns differ."""
    if isinstance(column.type, JSON):
        return {}
    kind = column.type.python_type
    if kind is str:
        return column.name[: getattr(column.type, "length", None) or 64]
    return {bool: True, date: date(2012, 7, 11)}.get(kind, 1)


def reference(column: Column[Any]) -> object:
    """What `fill` put into the column that this one refers to."""
    return plain(next(iter(column.foreign_keys)).column)


def count_rows(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in tables}


def test_no_row_is_lost_when_a_database_in_use_is_brought_up_to_date(empty_database: Database) -> None:
    migrate.upgrade(empty_database, "0009")
    before = fill(empty_database)
    migrate.upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        after = count_rows(connection, before)
        command.check(migrate.config_for(connection))
    assert after == before
    assert {count for name, count in before.items() if name != "alembic_version"} == {1}


def test_entries_of_the_ledger_keep_their_sides_and_are_told_apart_by_credit_and_kind(empty_database: Database) -> None:
    migrate.upgrade(empty_database, "0018")
    fill(empty_database)
    entries = "SELECT {0} FROM ledger_entries ORDER BY credit_id, kind"
    sides = "credit_id, kind, debit, credit, amount_minor, currency, at"
    insert = (
        f"INSERT INTO ledger_entries (id, key, {sides})"
        " VALUES ({0}, 'key:{1}', 1, '{1}', 'owed:7', 'customer:7', 250, 'GBP', 99)"
    )

    def read(columns: str) -> list[tuple[Any, ...]]:
        with empty_database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(entries.format(columns)))]

    with empty_database.engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_entries"))
        for number, kind in enumerate(("accrued", "posted"), 2):
            connection.execute(text(insert.format(number, kind)))
    before = read(sides)
    migrate.upgrade(empty_database, "0019")
    assert read(sides) == before
    assert read("kind, number") == [("accrued", 1), ("posted", 1)]
    again = f"INSERT INTO ledger_entries ({sides}, number) SELECT {sides}, number FROM ledger_entries"
    with pytest.raises(IntegrityError), empty_database.engine.begin() as connection:
        connection.execute(text(again))
    with empty_database.engine.begin() as connection:
        command.downgrade(migrate.config_for(connection), "0018")
    assert read(sides) == before
    assert read("key") == [("key:accrued",), ("key:posted",)]


def test_a_row_that_refers_to_nothing_stops_the_migration_and_nothing_is_changed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database, "0009")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql(
            "INSERT INTO attempts (delivery_id, number, worker, started_at) VALUES (77, 1, 'w', 1)"
        )
        connection.exec_driver_sql("BEGIN")
    with pytest.raises(RefusedError, match="refer to what is not there"):
        migrate.upgrade(database)
    assert migrate.current_revision(database) == "0009"
    database.dispose()
