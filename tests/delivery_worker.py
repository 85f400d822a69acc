"""A worker process for tests that kill it: `python -m tests.delivery_worker DIRECTORY LEASE BATCH [CHANNEL MOMENT]`.

It says `ready` before it works, `sending` at each call, and a line after each batch. Its carriers are slow, so that a
kill at random often hits a call. Given a channel and a moment it kills itself at its third call of that carrier:
`before` the carrier hears of it, or `after` the carrier has taken it and before the outcome is written.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from foundation import clock
from foundation.db import Database
from foundation.logging import set_up_logging
from notify.accounts.book import AccountBook
from notify.carriers import Carrier, Outcome, Outgoing
from notify.channels.spool import Spool
from notify.worker import run_worker

SLOWNESS_SECONDS = 0.01


class Slow:
    """A carrier that takes its time before and after each call, and its process with it at the third if told so."""

    def __init__(self, carrier: Carrier, dies: str = "") -> None:
        self._carrier = carrier
        self._dies = dies
        self._calls = 0
        self.name, self.in_flight, self.promises = carrier.name, carrier.in_flight, carrier.promises
        self.manner = carrier.manner

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Pass on."""
        self._calls += 1
        print("sending", flush=True)
        self._wait("before")
        outcomes = self._carrier.send(batch)
        self._wait("after")
        return outcomes

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Pass on."""
        return self._carrier.ask(batch)

    def _wait(self, moment: str) -> None:
        if self._calls == 3 and self._dies == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        clock.sleep(SLOWNESS_SECONDS)


def main(directory: str, lease_seconds: str, batch: str, channel: str = "", moment: str = "") -> None:
    """Work until idle on the database of DATABASE_URL and the spool in `directory`."""
    set_up_logging("error")
    database = Database(os.environ["DATABASE_URL"])
    real: list[Carrier] = [Spool(Path(directory) / "spool.db"), AccountBook(database)]
    carriers = {carrier.name: Slow(carrier, moment if carrier.name == channel else "") for carrier in real}
    print("ready", flush=True)
    run_worker(
        database,
        carriers,
        lease_seconds=int(lease_seconds),
        batch=int(batch),
        stop=threading.Event(),
        until_idle=True,
        report=lambda counts: print(counts.claimed, flush=True),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
