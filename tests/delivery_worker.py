"""A worker process for tests that kill it: `python -m tests.delivery_worker DIRECTORY LEASE BATCH [CHANNEL MOMENT]`.

It says `ready` before it works. Given a channel and a moment it kills itself at its third call of that carrier:
`before` the carrier hears of it, or `after` the carrier has taken it and before the outcome is written.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from foundation.db import Database
from foundation.logging import set_up_logging
from notify.accounts.book import AccountBook
from notify.carriers import Carrier, Outcome, Outgoing
from notify.channels.spool import Spool
from notify.worker import run_worker


class Dying:
    """A carrier that takes its process with it at the third call."""

    def __init__(self, carrier: Carrier, moment: str) -> None:
        self._carrier = carrier
        self._moment = moment
        self._calls = 0
        self.name, self.in_flight, self.promises = carrier.name, carrier.in_flight, carrier.promises

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Pass on, but for the third time."""
        self._calls += 1
        if self._calls == 3 and self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        outcomes = self._carrier.send(batch)
        if self._calls == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Pass on."""
        return self._carrier.ask(batch)


def main(directory: str, lease_seconds: str, batch: str, channel: str = "", moment: str = "") -> None:
    """Work until idle on the database of DATABASE_URL and the spool in `directory`."""
    set_up_logging("error")
    database = Database(os.environ["DATABASE_URL"])
    carriers: dict[str, Carrier] = {"spool": Spool(Path(directory) / "spool.db"), "book": AccountBook(database)}
    if channel:
        carriers[channel] = Dying(carriers[channel], moment)
    print("ready", flush=True)
    run_worker(
        database,
        carriers,
        lease_seconds=int(lease_seconds),
        batch=int(batch),
        stop=threading.Event(),
        until_idle=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
