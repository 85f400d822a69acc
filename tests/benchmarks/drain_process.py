"""A process that drains with carriers that do nothing: `python -m tests.benchmarks.drain_process URL NAME HOW`.

HOW is `batches` (ours), `rows` (a hand-written loop with one commit per row) or `jobs` (procrastinate, one job per row,
whose jobs are there already). It says `ready`, waits for a line, and
then says how many rows it moved.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy import text

from foundation.db import Database
from notify.carriers import Carrier, Manner, Outcome, Outgoing, Promises
from notify.delivery import drain
from notify.models import DeliveryState
from notify.worker import settled_memory

_ONE_ROW = text(
    "UPDATE deliveries SET state = 'delivered', attempt = attempt + 1 WHERE id = ("
    "SELECT id FROM deliveries WHERE state = 'pending' AND NOT waiting ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    ") RETURNING id"
)
ROWS_ONE_BY_ONE = 1000
_TAKEN = Outcome(DeliveryState.DELIVERED, "nothing")


class Nothing:
    """A carrier that takes everything and does nothing."""

    in_flight = 500
    manner = Manner()
    promises = Promises(idempotent=True, can_be_asked=False, fences=False)

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Taken."""
        return [_TAKEN] * len(batch)

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Nobody knows."""
        return [None for _ in batch]


def drain_by_row(database: Database) -> int:
    """The rival: claim and record one row per transaction, with no guarantee at all."""
    moved = 0
    with database.engine.connect() as connection:
        while moved < ROWS_ONE_BY_ONE and connection.execute(_ONE_ROW).first() is not None:
            connection.commit()
            moved += 1
    return moved


def drain_by_job(url: str, name: str) -> int:
    """The rival: procrastinate's worker with a task that does nothing, until its queue is empty."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url.replace("+psycopg", "")))
    moved = 0

    @app.task(name="nothing", queue="rival")
    async def nothing(row: int) -> None:
        nonlocal moved
        moved += 1

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(
                queues=["rival"], name=name, wait=False, concurrency=10, install_signal_handlers=False
            )

    asyncio.run(work())
    return moved


def main(url: str, name: str, how: str) -> None:
    """Drain until nothing is left."""
    database = Database(url)
    carriers: dict[str, Carrier] = {channel: Nothing(channel) for channel in ("book", "spool")}
    # As `outage worker` does; nothing to the rivals, who make few objects.
    with settled_memory():
        print("ready", flush=True)
        sys.stdin.readline()
        if how == "rows":
            moved = drain_by_row(database)
        elif how == "jobs":
            moved = drain_by_job(url, name)
        else:
            moved = drain(database, carriers, worker=name, lease_seconds=60, batch=500).delivered
        print(moved, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
