"""The worker: one loop that takes up what others left, settles, sends, and rests when there is nothing to do."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from foundation import clock
from foundation.db import Database
from foundation.logging import get_logger
from notify.carriers import Carrier
from notify.delivery import DrainCounts, drain, recover, settle_unknown
from notify.transitions import is_work_ahead

_REST_SECONDS = (0.2, 5.0)
_NAME_LENGTH = 64


def worker_name() -> str:
    """A name no other living worker has: host, process, and something random."""
    tail = f"-{os.getpid()}-{secrets.token_hex(4)}"
    return socket.gethostname()[: _NAME_LENGTH - len(tail)] + tail


def run_worker(
    database: Database,
    carriers: Mapping[str, Carrier],
    *,
    lease_seconds: int,
    batch: int,
    stop: threading.Event,
    until_idle: bool = False,
    name: str | None = None,
    report: Callable[[DrainCounts], None] | None = None,
) -> DrainCounts:
    """Work until `stop` is set (checked between batches) or, with `until_idle`, until nothing is left to do soon.

    "Soon" is two leases: what a dead worker left is waited for, taken up and settled. `report` gets the sum so far
    after each round. A database that cannot be reached is tried again, unless `until_idle`.
    """
    worker = name or worker_name()
    log = get_logger()
    log.info("worker_started", worker=worker, channels=sorted(carriers))
    counts, rest, next_look = DrainCounts(), _REST_SECONDS[0], 0.0
    while not stop.is_set():
        try:
            look = clock.monotonic() >= next_look
            if look:
                next_look = clock.monotonic() + max(1, lease_seconds / 2)
            done = _one_round(database, carriers, worker, lease_seconds, batch, look=look)
            idle = done == DrainCounts()
            if idle and until_idle and not _is_work_near(database, carriers, lease_seconds):
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
            stop.wait(min(rest, 0.5) if until_idle else rest)
    log.info("worker_stopped", worker=worker, claimed=counts.claimed, delivered=counts.delivered)
    return counts


def _one_round(
    database: Database, carriers: Mapping[str, Carrier], worker: str, lease_seconds: int, batch: int, *, look: bool
) -> DrainCounts:
    settled = DrainCounts()
    if look:
        recover(database)
        settled = settle_unknown(database, carriers)
    return settled + drain(database, carriers, worker=worker, lease_seconds=lease_seconds, batch=batch, limit=batch)


def _is_work_near(database: Database, carriers: Mapping[str, Carrier], lease_seconds: int) -> bool:
    soon = timedelta(seconds=2 * lease_seconds)
    askable = [
        name
        for name, carrier in carriers.items()
        if carrier.promises.can_be_asked and carrier.promises.ask_after_seconds <= soon.total_seconds()
    ]
    with database.reading() as session:
        return is_work_ahead(session, carriers.keys(), askable, clock.now() + soon)
