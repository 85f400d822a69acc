"""How fast deliveries are enqueued, drained and counted, each against a named rival in the same run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from procrastinate import App, SyncPsycopgConnector
from procrastinate.types import JSONValue
from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, text

from foundation import clock
from foundation.bulk import insert_rows
from foundation.db import Database, Document
from notify.accounts.book import AccountBook
from notify.campaigns import plan_campaign
from notify.carriers import Carrier
from notify.channels.spool import Spool
from notify.delivery import drain
from notify.outbox import NewDelivery, enqueue
from notify.scale import install_queue
from notify.texts import save_text
from notify.waves import Plan
from tests.benchmarks.drain_process import Nothing
from tests.delivery_rows import BODY, CAMPAIGN, pairs, posting, put

ROOT = Path(__file__).resolve().parents[2]
LINES = 10_000
ONE_BY_ONE = 500
JOBS = 2000
# 2,500,000 lines are the 5 million rows of the largest release; the default keeps the run short.
LARGE_LINES = int(os.environ.get("OUTAGE_BENCHMARK_LINES", "100000"))


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


STAGED = Table(
    "staged_deliveries",
    MetaData(),
    *(Column(name, String(128)) for name in ("key", "campaign", "group_key", "kind", "channel", "address")),
    Column("payload", Document),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("waiting", Boolean),
    prefixes=["TEMPORARY"],
)
BARE = """
INSERT INTO deliveries (key, campaign, group_key, kind, channel, address, payload, amount_minor, currency, waiting,
    priority, wave, purpose, statutory, any_hour, state, attempt, created_at, changed_at)
SELECT key, campaign, group_key, kind, channel, address, payload, amount_minor, currency, waiting, 100, 4,
    'compensation', false, false, 'pending', 0, 1, 1
FROM staged_deliveries WHERE true ON CONFLICT (key) DO NOTHING
"""


def bare_insert(database: Database, rows: list[NewDelivery]) -> float:
    """Seconds of what anybody would write by hand: the bulk path into a staging table, one INSERT out of it."""
    names = [column.name for column in STAGED.columns]
    begun = clock.monotonic()
    with database.transaction() as session:
        connection = session.connection()
        STAGED.create(connection)
        stored = ((*row[:3], str(row.kind), *row[4:6], json.dumps(row.payload), *row[7:10]) for row in rows)
        insert_rows(connection, STAGED, names, [stored])
        connection.execute(text(BARE))
        STAGED.drop(connection)
        if not database.is_sqlite:
            connection.execute(text("ANALYZE deliveries"))
    return clock.monotonic() - begun


def our_insert(database: Database, rows: list[NewDelivery]) -> float:
    """Seconds of `enqueue`."""
    begun = clock.monotonic()
    with database.transaction() as session:
        assert enqueue(session, [rows]) == len(rows)
    return clock.monotonic() - begun


def test_enqueueing_against_a_bare_insert_of_the_same_rows(database: Database):
    # In turns and there and back, for the table grows and other work on the machine comes and goes.
    spent = {bare_insert: 0.0, our_insert: 0.0}
    for number, how in enumerate((bare_insert, our_insert, our_insert, bare_insert, bare_insert, our_insert)):
        rows = [row._replace(key=f"{number}:{row.key}", group_key=f"{number}:{row.group_key}") for row in pairs(20_000)]
        spent[how] += how(database, rows)
    bare, ours = (120_000 / seconds for seconds in spent.values())
    print(f"\nenqueue: {ours:,.0f} rows/s, bare {bare:,.0f} rows/s: {ours / bare:.0%}")


def drain_in_processes(url: str, how: str, processes: int) -> float:
    """Rows a second of several processes at once."""
    command = [sys.executable, "-m", "tests.benchmarks.drain_process", url]
    started = [
        subprocess.Popen(
            [*command, f"worker-{number}", how], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    begun = clock.monotonic()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    moved = sum(int(process.communicate()[0].splitlines()[-1]) for process in started)
    return moved / (clock.monotonic() - begun)


@pytest.fixture(params=["on", "off"])
def durable(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    """Whether a commit is on the disk when it returns: `on` is PostgreSQL's default, and how it is run for money."""
    if database.is_sqlite:
        pytest.skip("workers on several machines need PostgreSQL")
    settle_durability(database, request.param)
    yield request.param
    settle_durability(database, "off")  # as the tests' server is set up


def settle_durability(database: Database, value: str) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = {value}"))
        connection.execute(text("SELECT pg_reload_conf()"))


def test_two_workers_drain_many_times_faster_than_a_commit_per_row(database: Database, database_url: str, durable: str):
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="bench")
    put(database, (posting(number) for number in range(52_000)))
    slow = drain_in_processes(database_url, "rows", 2)
    put_jobs(database, JOBS)
    jobs = drain_in_processes(database_url, "jobs", 2)
    fast = drain_in_processes(database_url, "batches", 2)
    print(
        f"\ndrain, two workers, fsync {durable}: {fast:,.0f} rows/s in batches; "
        f"one by one {slow:,.0f} rows/s: {fast / slow:.1f} times; "
        f"procrastinate with a job per row {jobs:,.0f} rows/s: {fast / jobs:.1f} times"
    )
    assert fast > max(slow, jobs)


def put_jobs(database: Database, number: int) -> None:
    """So many jobs of procrastinate that do nothing."""
    install_queue(database)
    app = App(connector=SyncPsycopgConnector(conninfo=database.url.replace("+psycopg", "")))
    task = app.configure_task("nothing", queue="rival")
    with app.open():
        rows: list[dict[str, JSONValue]] = [{"row": row} for row in range(number)]
        task.batch_defer(*rows)


def peak_megabytes() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_memory_stays_flat_over_a_large_release(database: Database):
    carriers: dict[str, Carrier] = {name: Nothing(name) for name in ("book", "spool")}
    with database.transaction() as session:
        save_text(session, "told", "en", BODY, author="mary")
        lines = pairs(LARGE_LINES)
        begun, before = clock.monotonic(), peak_megabytes()
        enqueue(session, (islice(lines, 50_000) for _ in range(0, 2 * LARGE_LINES, 50_000)))
    print(
        f"\nenqueue of {2 * LARGE_LINES:,} rows: {2 * LARGE_LINES / (clock.monotonic() - begun):,.0f} rows/s; "
        f"peak memory {before} MB before, {peak_megabytes()} MB after"
    )
    drain(database, carriers, worker="bench", lease_seconds=60, batch=500, limit=5000)
    print(f"drain of 5,000 of them: peak memory {peak_megabytes()} MB")
