"""The product as it is run: console, scheduler and worker as processes, a leader that dies, a worker that is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial

import pytest
from sqlalchemy import func, select

from compensation import credits, queries
from compensation.confirmations import record_confirmations
from foundation.settings import Settings
from notify.book_models import BookEntry
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.registry import make_spool
from tests.processes import ROOT, Process, environment, free_port, started, wait_until
from tests.world import World, decide

KILLS = 5


@pytest.fixture
def released(world: World) -> tuple[World, str]:
    ref = decide(world)
    credits.release_credits(world.app.database, world.app.store, ref, actor="omar")
    return world, ref


def settled(world: World) -> bool:
    open_states = [state for state in DeliveryState if state not in (DeliveryState.DELIVERED, DeliveryState.FAILED)]
    with world.app.database.reading() as session:
        return not session.scalar(select(func.count()).where(Delivery.state.in_(open_states)))


def prints(process: Process, what: str) -> bool:
    return what in process.printed()


def is_sending(world: World) -> bool:
    with world.app.database.reading() as session:
        return session.scalar(select(Delivery.id).where(Delivery.state == DeliveryState.SENDING).limit(1)) is not None


def test_killing_the_worker_again_and_again_doubles_nothing_and_loses_nothing(released: tuple[World, str]) -> None:
    world, ref = released
    settings = world.app.settings
    moments = random.Random(20120711)
    # Small claims, so that a worker of this small release can be caught in the middle at all.
    small = {"OUTAGE_BATCH": "2", "OUTAGE_LEASE_SECONDS": "1"}
    caught = 0
    for _ in range(KILLS):
        with started(settings, "worker", **small) as worker:
            wait_until(partial(prints, worker, "worker_started"))
            # A call is short beside what a worker does before it: the kill comes as soon as one is seen, or at random.
            end = time.monotonic() + moments.uniform(0.1, 1.5)
            while time.monotonic() < end and not is_sending(world):
                time.sleep(0.002)
            worker.kill()
        caught += is_sending(world)
    done = subprocess.run(
        [sys.executable, "-m", "wsgi", "worker", "--until-idle"],
        cwd=ROOT,
        env=environment(settings, **small),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert caught > 0, "no worker was caught with rows in flight: the test would prove nothing"
    assert done.returncode == 0, done.stderr
    assert settled(world)
    with world.app.database.transaction() as session:
        record_confirmations(session)
    with world.app.database.reading() as session:
        books = queries.books_of(session, ref)
        texts = session.scalar(select(func.count()).where(Delivery.kind == DeliveryKind.MESSAGE))
        posted = session.scalar(select(func.count()).select_from(BookEntry))
        failed = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.FAILED))
    spool = make_spool(settings)
    assert books.differences == []
    assert (posted, failed) == (books.credits, 0)
    assert (spool.count(), spool.doubles()) == (texts, {})


def test_one_command_serves_schedules_and_works(released: tuple[World, str]) -> None:
    world, ref = released
    port = free_port()
    with started(world.app.settings, "run", OUTAGE_PORT=str(port)) as process:
        wait_until(lambda: answers(port))
        wait_until(lambda: settled(world))
        wait_until(lambda: books_agree(world, ref))  # the scheduler entered the confirmations
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(timeout=30) == 0
    assert not answers(port)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            return bool(json.load(response)["status"] == "ok")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def books_agree(world: World, ref: str) -> bool:
    with world.app.database.reading() as session:
        return not queries.books_of(session, ref).differences


def test_of_two_schedulers_one_leads_and_the_other_takes_over_when_it_dies(settings: Settings) -> None:
    with started(settings, "scheduler") as first:
        wait_until(partial(prints, first, "scheduler_leads"))
        with started(settings, "scheduler") as second:
            time.sleep(3)
            assert not prints(second, "scheduler_leads")
            first.kill()
            wait_until(partial(prints, second, "scheduler_leads"))
