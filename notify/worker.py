"""The worker: one loop that takes up what others left, settles, sends, and rests when there is nothing to do."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy.exc import OperationalError

from foundation import clock
from foundation.db import Database
from foundation.logging import get_logger
from notify.carriers import Carrier
from notify.delivery import drain
from notify.drained import DrainCounts
from notify.pacing import find_halted, sender_of
from notify.screening import Conduct
from notify.settling import settle_unknown
from notify.transitions import is_work_ahead
from notify.upkeep import look_after, recover

_REST_SECONDS = (0.2, 5.0)
_TEND_SECONDS = 1.0
_NAME_LENGTH = 64
# Objects made before the youngest are looked through, and how often the older ones are; Python's own are 700, 10, 10.
_COLLECT_AFTER = (50_000, 20, 50)


def worker_name() -> str:
    """A name no other living worker has: host, process, and something random."""
    tail = f"-{os.getpid()}-{secrets.token_hex(4)}"
    return socket.gethostname()[: _NAME_LENGTH - len(tail)] + tail


@contextlib.contextmanager
def settled_memory() -> Iterator[None]:
    """For a process that does nothing but drain: what is loaded now stays, and rows come and go by the thousand.

    Otherwise much of its time goes into looking for garbage among what never changes.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        # What stays frozen is not given back at the end of the process, of which libraries complain.
        gc.unfreeze()
        gc.set_threshold(*before)


def run_worker(
    database: Database,
    carriers: Mapping[str, Carrier],
    *,
    lease_seconds: int,
    batch: int,
    stop: threading.Event,
    until_idle: bool = False,
    name: str | None = None,
    conduct: Conduct | None = None,
    report: Callable[[DrainCounts], None] | None = None,
) -> DrainCounts:
    """Work until `stop` is set (checked between batches) or, with `until_idle`, until nothing is left to do soon.

    "Soon" is two leases: what a dead worker left is waited for, taken up and settled. `report` gets the sum so far
    after each round. A database that cannot be reached is tried again, unless `until_idle`.
    """
    worker = name or worker_name()
    log = get_logger()
    log.info("worker_started", worker=worker, channels=sorted(carriers))
    me = Work(database, carriers, worker, lease_seconds, batch, conduct or Conduct())
    counts, rest = DrainCounts(), _REST_SECONDS[0]
    while not stop.is_set():
        try:
            done = me.one_round()
            idle = done == DrainCounts()
            if idle and until_idle and not me.is_work_near():
                break
        except OperationalError as error:
            if until_idle:
                raise
            log.warning("database_unreachable", worker=worker, error=type(error.orig).__name__)
            done, idle = DrainCounts(), True
        counts += done
        if report is not None:
            report(counts)
        rest = min(rest * 2, _REST_SECONDS[1]) if idle else _REST_SECONDS[0]
        if idle:
            # A paced sender says when it may go on; anything else is looked for less and less often.
            stop.wait(min(rest, done.rest_seconds, 0.5 if until_idle else math.inf))
    log.info("worker_stopped", worker=worker, claimed=counts.claimed, delivered=counts.delivered)
    return counts


class Work:
    """One worker's rounds, and when it last did what need not be done in each."""

    def __init__(
        self,
        database: Database,
        carriers: Mapping[str, Carrier],
        worker: str,
        lease_seconds: int,
        batch: int,
        conduct: Conduct,
    ) -> None:
        self._database = database
        self._carriers = carriers
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._batch = batch
        self._conduct = conduct
        self._next_look = self._next_tend = 0.0
        self._tends = True

    def one_round(self) -> DrainCounts:
        """Send one batch; now and then, and whenever there was nothing to send, see to what is due."""
        settled = self.look()
        drained = self.drain_slice(self._batch)
        if drained == DrainCounts():
            self._next_tend = 0.0
        return settled + drained

    def look(self) -> DrainCounts:
        """Take up what others left and ask about unknowns, when that is due; and look after campaigns."""
        settled = DrainCounts()
        now = clock.monotonic()
        if now >= self._next_look:
            self._next_look = now + max(1, self._lease_seconds / 2)
            recover(self._database)
            settled = settle_unknown(self._database, self._carriers)
        self._tends = now >= self._next_tend
        if self._tends:
            self._next_tend = now + _TEND_SECONDS
            look_after(self._database, self._carriers)
        return settled

    def drain_slice(self, rows: int) -> DrainCounts:
        """Send up to so many rows."""
        return drain(
            self._database,
            self._carriers,
            worker=self._worker,
            lease_seconds=self._lease_seconds,
            batch=self._batch,
            limit=rows,
            conduct=self._conduct,
            tends=self._tends,
        )

    def is_work_near(self) -> bool:
        """Whether something may go, or may be taken up and asked about, within two leases."""
        soon = 2 * self._lease_seconds
        senders = {name: sender_of(carrier) for name, carrier in self._carriers.items()}
        askable = [
            name
            for name, carrier in self._carriers.items()
            if carrier.promises.can_be_asked and carrier.promises.ask_after_seconds <= soon
        ]
        with self._database.reading() as session:
            halted = find_halted(session, senders.values())
            channels = [name for name, sender in senders.items() if sender not in halted]
            return is_work_ahead(session, channels, askable, soon)
