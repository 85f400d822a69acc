"""Bringing a database to the newest migration, and asking where it stands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
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
    with _migrating(database) as connection:
        command.upgrade(config_for(connection), revision)
    after = current_revision(database)
    return before, after or "empty"


@contextlib.contextmanager
def _migrating(database: Database) -> Iterator[Connection]:
    """A connection in one transaction; on SQLite a table may be made anew in it though other rows refer to it.

    SQLite changes a table by copying it and dropping the old one, which foreign keys forbid; they can only be switched
    off outside of a transaction. So they are off, and checked whole before the commit. Raises RefusedError when a row
    refers to nothing; then nothing was changed.
    """
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            yield connection
        return
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise RefusedError(
                        "rows refer to what is not there", value=broken[:3], accepted="a database whose rows fit"
                    )
        finally:
            driver.execute("PRAGMA foreign_keys = ON")  # type: ignore[union-attr]


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
