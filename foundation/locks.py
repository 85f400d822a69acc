"""Locks that die with their holder: whoever holds one is alive, so nobody has to guess from the time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from foundation.db import Database
from foundation.logging import get_logger

log = get_logger()


class Held:
    """A lock that is held. On PostgreSQL `connection` is the one that holds it, in autocommit; None beside SQLite."""

    def __init__(self, connection: Connection | None = None) -> None:
        self.connection = connection

    def is_still_held(self) -> bool:
        """Whether it is; whatever broke the connection also gave the lock away."""
        if self.connection is None:
            return True
        try:
            self.connection.execute(text("SELECT 1"))
        except Exception:
            log.warning("lock_lost")
            return False
        return True


@contextlib.contextmanager
def try_lock(database: Database, key: int, file: Path) -> Iterator[Held | None]:
    """The lock, or None when another process or thread holds it.

    PostgreSQL: a session advisory lock on `key`, on a connection of its own (past any transaction pooler). SQLite: a
    lock on `file`, which the kernel releases when the process dies.
    """
    lock = _lock_file(file) if database.is_sqlite else _lock_advisory(database, key)
    with lock as held:
        yield held


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[Held | None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield Held()


@contextlib.contextmanager
def _lock_advisory(database: Database, key: int) -> Iterator[Held | None]:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            yield None
            return
        try:
            yield Held(connection)
        finally:
            with contextlib.suppress(Exception):
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
