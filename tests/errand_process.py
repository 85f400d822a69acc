"""A runner in a process of its own whose errand writes a row and never ends by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from foundation import clock
from foundation.db import Database
from foundation.errand_board import Watch
from foundation.errand_runner import Done, ErrandKind, Runner, Surroundings
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore


def hang(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    """Holds a writing transaction open until the process is killed or told to end."""
    with surroundings.database.transaction() as session:
        session.execute(text("INSERT INTO reference_counters (kind, year, last) VALUES ('HANG', 1, 1)"))
        print("running", flush=True)
        while True:
            watch("hanging", 1, 2)
            clock.sleep(0.05)


if __name__ == "__main__":
    settings = read_settings()
    surroundings = Surroundings(settings, Database(settings.database_url), SnapshotStore(settings.snapshots))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Runner(surroundings, {"write": ErrandKind("write", "Write", "errands.read", hang)}, stop).run()
