"""Migrations build the same tables that the models describe, on both databases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from foundation import migrate
from foundation.db import Database
from outage.models import Incident


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
    assert migrate.upgrade(database) == (None, "0016")


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
