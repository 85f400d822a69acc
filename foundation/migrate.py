"""Bringing a database to the newest migration, and asking where it stands."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from foundation.db import Database
from foundation.errors import RefusedError


def config_for(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file; commands run on the given connection."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "head") -> tuple[str | None, str]:
    """Bring the database to `revision`; returns where it stood and where it stands. Again: no change."""
    before = current_revision(database)
    with database.engine.begin() as connection:
        command.upgrade(config_for(connection), revision)
    after = current_revision(database)
    return before, after or "empty"


def current_revision(database: Database) -> str | None:
    """The migration the database stands at, None for an empty one."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check_current(database: Database) -> None:
    """Raise RefusedError unless the database stands at the newest migration."""
    newest = ScriptDirectory.from_config(config_for()).get_current_head()
    current = current_revision(database)
    if current != newest:
        raise RefusedError(
            f"the database stands at {current or 'nothing'}, this program needs {newest}",
            accepted="run `outage db upgrade` first",
        )
