"""The shell of the command line: what each command is handed, and how mistakes become messages and exit codes."""

from __future__ import annotations

import functools
import json
import threading
from datetime import UTC, date, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import IntegrityError, OperationalError

from foundation import access, migrate
from foundation.db import Database, refusal_of
from foundation.errors import InputError
from foundation.logging import get_logger, set_up_logging
from foundation.settings import Settings, read_settings
from foundation.snapshots import SnapshotStore

EXIT_INPUT = 2
_TRY_AGAIN_SECONDS = 1.0


class App:
    """Settings, records, snapshots and the terminal of one command; opened only when a command asks."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._given = settings

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, read once; raises InputError."""
        settings = self._given or read_settings()
        set_up_logging(settings.log)
        return settings

    @functools.cached_property
    def database(self) -> Database:
        """The records, refused unless they stand at the newest migration."""
        database = Database(self.settings.database_url)
        migrate.check_current(database)
        return database

    def wait_for_database(self, stop: threading.Event) -> bool:
        """Wait until the database server answers, or `stop` is set; whether it answers.

        A process that serves or works for long may start before its database, or while that recovers from a crash.
        """
        database = Database(self.settings.database_url)
        try:
            while not stop.is_set():
                try:
                    migrate.current_revision(database)
                except OperationalError as error:
                    if database.is_sqlite:
                        raise
                    get_logger().warning("database_unreachable", error=str(error.orig).partition("\n")[0])
                    stop.wait(_TRY_AGAIN_SECONDS)
                else:
                    return True
        finally:
            database.dispose()
        return False

    @functools.cached_property
    def store(self) -> SnapshotStore:
        """The snapshots."""
        return SnapshotStore(self.settings.snapshots, memory_mb=self.settings.bulk_memory_mb)

    @functools.cached_property
    def console(self) -> Console:
        """The terminal; plain text when piped."""
        return Console(soft_wrap=True, highlight=False)

    def close(self) -> None:
        """Close what a command opened."""
        if "database" in vars(self):
            self.database.dispose()

    def staff(self, name: str, permission: str) -> str:
        """The name itself when that staff user exists and may do this; raises NotFoundError or ForbiddenError."""
        with self.database.reading() as session:
            access.check_permission(access.get_user(session, name), permission)
        return name

    def progress(self) -> Progress:
        """A progress display: `with app.progress() as progress: task = progress.add_task("Lines", total=n)`."""
        return Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    def print_json(self, value: object) -> None:
        """One JSON document on standard output, for scripts."""
        click.echo(json.dumps(value, default=_as_json, ensure_ascii=False))


def _as_json(value: object) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")


class Shell(click.Group):
    """A group whose commands may raise InputError: said in one line on standard error, exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn a person's mistake into a message."""
        try:
            return super().invoke(ctx)
        except (InputError, IntegrityError) as error:
            said = refusal_of(error) if isinstance(error, IntegrityError) else error
            if said is None:
                raise
            click.echo(f"error: {said}", err=True)
            ctx.exit(EXIT_INPUT)


def staff_option(command: Any) -> Any:
    """`--as USER`: who does this; also from OUTAGE_USER."""
    return click.option(
        "--as", "actor", envvar="OUTAGE_USER", required=True, metavar="USER", help="Staff user who does this."
    )(command)
