"""Migrations build the same tables that the models describe, on both databases."""

from __future__ import annotations

import re

from alembic import command
from alembic.script import ScriptDirectory

from foundation import migrate
from foundation.db import Database


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
    assert migrate.upgrade(database) == (None, "0004")


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before, after = migrate.upgrade(database)
    assert before == after
