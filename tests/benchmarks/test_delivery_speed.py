"""How fast deliveries are enqueued and drained with spool and book, against one commit per row in the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation import clock
from foundation.db import Database
from notify.accounts.book import AccountBook
from notify.carriers import Carrier
from notify.channels.spool import Spool
from notify.delivery import drain
from notify.outbox import enqueue
from tests.delivery_rows import pairs, put

LINES = 10_000
ONE_BY_ONE = 500


def drained_per_second(database: Database, carriers: dict[str, Carrier], batch: int, limit: int) -> float:
    begun = clock.monotonic()
    counts = drain(database, carriers, worker="bench", lease_seconds=60, batch=batch, limit=limit)
    assert counts.delivered == limit
    return limit / (clock.monotonic() - begun)


def test_batches_drain_many_times_faster_than_one_commit_per_row(benchmark, database: Database, tmp_path: Path):
    put(database, pairs(LINES))
    spool = Spool(tmp_path / "spool.db")
    carriers: dict[str, Carrier] = {"spool": spool, "book": AccountBook(database)}
    slow = drained_per_second(database, carriers, 1, ONE_BY_ONE)
    rest = 2 * LINES - ONE_BY_ONE
    fast = benchmark.pedantic(drained_per_second, (database, carriers, 500, rest), rounds=1)
    print(f"\ndrain: {fast:,.0f} rows/s in batches of 500, {slow:,.0f} rows/s one by one: {fast / slow:.1f} times")
    assert fast > slow
    spool.close()


@pytest.mark.parametrize("again", [False, True])
def test_enqueueing_a_hundred_thousand_rows(benchmark, database: Database, again: bool):
    if again:
        put(database, pairs(50_000))

    def load() -> int:
        with database.transaction() as session:
            return enqueue(session, [pairs(50_000)])

    added = benchmark.pedantic(load, rounds=1)
    assert added == (0 if again else 100_000)
