"""A worker is killed again and again: nobody is credited twice, nobody is texted twice, nobody is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from foundation import clock
from foundation.db import Database
from notify.accounts.book import AccountBook
from notify.accounts.statements import balance_total, totals
from notify.book_models import BookAccount
from notify.carriers import Carrier
from notify.channels.spool import Spool
from notify.counters import count_standings, recount_standings
from notify.delivery import drain
from notify.models import Attempt, DeliveryKind, DeliveryState
from notify.queries import campaign_counts, count_deliveries, list_deliveries
from notify.settling import settle_unknown
from notify.totals import posting_totals
from notify.upkeep import recover
from tests.delivery_rows import CAMPAIGN, message, pairs, posting, put

ROOT = Path(__file__).resolve().parents[2]
LINES = 3000


def start_worker(
    url: str, directory: Path, *more: str, lease_seconds: int = 1, batch: int = 40
) -> subprocess.Popen[str]:
    """A worker in a process of its own, returned when it begins to work."""
    command = [sys.executable, "-m", "tests.delivery_worker", str(directory), str(lease_seconds), str(batch), *more]
    environment = os.environ | {"DATABASE_URL": url}
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def finish(worker: subprocess.Popen[str], timeout: float = 60) -> int:
    worker.communicate(timeout=timeout)
    return worker.returncode


def assert_everybody_once(database: Database, spool: Spool, lines: int) -> None:
    with database.reading() as session:
        assert campaign_counts(session, CAMPAIGN) == {"posting": {"delivered": lines}, "message": {"delivered": lines}}
        counted, recounted = count_standings(session, CAMPAIGN), recount_standings(session, CAMPAIGN)
        assert sorted(counted, key=str) == sorted(recounted, key=str)
        assert posting_totals(session, CAMPAIGN).book_minor == lines * (lines + 1) // 2
        [total] = totals(session)
        assert (total.kind, total.entries, total.amount_minor) == ("bill_credit", lines, lines * (lines + 1) // 2)
        assert balance_total(session, "GBP") == total.amount_minor
        for number in (0, lines // 2, lines - 1):
            account = session.get_one(BookAccount, (posting(number).address, "GBP"))
            assert account.balance_minor == number + 1
    assert spool.doubles() == {}
    assert spool.count() == lines
    assert {text.key for text in spool.list_texts(limit=lines)} == {message(number).key for number in range(lines)}


def test_a_worker_killed_again_and_again_at_random_moments_credits_and_texts_everybody_once(
    database: Database, database_url: str, tmp_path: Path
):
    put(database, pairs(LINES))
    moments = random.Random(20120711)
    in_flight = 0
    for kill in range(6):
        worker = start_worker(database_url, tmp_path)
        assert worker.stdout is not None
        for _ in range(moments.randint(1, 40)):  # of 300 calls and batches in all
            worker.stdout.readline()
        if kill % 2:
            time.sleep(moments.uniform(0.0, 0.04))
        else:
            # Calls are short beside what a busy machine does between them: every other kill aims at one.
            while worker.stdout.readline() not in ("sending\n", ""):
                pass
        worker.send_signal(signal.SIGKILL)
        assert finish(worker) == -signal.SIGKILL
        with database.reading() as session:
            in_flight += count_deliveries(session, state=DeliveryState.SENDING)
    assert in_flight > 0  # otherwise no kill hit a call and the test showed little
    assert finish(start_worker(database_url, tmp_path)) == 0
    spool = Spool(tmp_path / "spool.db")
    assert_everybody_once(database, spool, LINES)
    spool.close()


def test_two_workers_of_which_one_is_killed_leave_nobody_out(database: Database, database_url: str, tmp_path: Path):
    put(database, pairs(LINES // 3))
    killed, other = start_worker(database_url, tmp_path), start_worker(database_url, tmp_path)
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    finish(killed)
    assert finish(other) == 0
    spool = Spool(tmp_path / "spool.db")
    assert_everybody_once(database, spool, LINES // 3)
    spool.close()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("channel", ["book", "spool"])
def test_killed_around_the_call_the_rows_are_unknown_and_then_settled(
    database: Database, database_url: str, tmp_path: Path, channel: str, moment: str
):
    put(database, pairs(200))
    worker = start_worker(database_url, tmp_path, channel, moment, lease_seconds=5, batch=20)
    assert finish(worker) == -signal.SIGKILL
    kind = DeliveryKind.POSTING if channel == "book" else DeliveryKind.MESSAGE

    def in_state(state: DeliveryState) -> int:
        with database.reading() as session:
            return count_deliveries(session, kind=kind, state=state)

    assert (in_state(DeliveryState.DELIVERED), in_state(DeliveryState.SENDING)) == (40, 20)
    spool = Spool(tmp_path / "spool.db")
    carriers: dict[str, Carrier] = {"spool": spool, "book": AccountBook(database)}
    with clock.moved_to(clock.now() + timedelta(seconds=7)):
        assert recover(database) == (0, 20)
        assert in_state(DeliveryState.UNKNOWN) == 20
        counts = settle_unknown(database, carriers)
        assert counts.settled == 20
        assert (counts.delivered, counts.put_back) == ((20, 0) if moment == "after" else (0, 20))
        assert in_state(DeliveryState.UNKNOWN) == 0
    with clock.moved_to(clock.now() + timedelta(seconds=20)):
        drain(database, carriers, worker="next", lease_seconds=60, batch=100)
    assert_everybody_once(database, spool, 200)
    again = {"before": 20, "after": 0}[moment]
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(Attempt.number == 2)) == again
        assert all(row.attempt <= 2 for row in list_deliveries(session, limit=400))
    spool.close()
