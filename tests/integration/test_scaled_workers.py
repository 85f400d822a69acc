"""Workers that procrastinate brings slices to, as processes: woken by jobs, killed, nothing lost and nothing twice."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from foundation.db import Database
from foundation.errors import InputError
from foundation.settings import Settings
from notify.accounts.statements import totals
from notify.campaigns import plan_campaign
from notify.models import DeliveryState
from notify.queries import campaign_counts, count_deliveries
from notify.registry import make_spool
from notify.scale import install_queue, run_scaled
from notify.waves import Plan
from tests.delivery_rows import CAMPAIGN, pairs, put
from tests.processes import started, wait_until

LINES = 1500
SMALL = {"OUTAGE_BATCH": "10", "OUTAGE_LEASE_SECONDS": "2", "OUTAGE_TEXTS_PER_DAY": "0"}
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def delivered(database: Database) -> int:
    with database.reading() as session:
        return count_deliveries(session, campaign=CAMPAIGN, state=DeliveryState.DELIVERED)


@on_postgresql
def test_two_processes_of_which_one_is_killed_deliver_everything_once(database: Database, settings: Settings):
    put(database, pairs(LINES))
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="mary")
    command = ("worker", "--engine", "procrastinate")
    with started(settings, *command, **SMALL) as killed, started(settings, *command, "--until-idle", **SMALL) as other:
        wait_until(lambda: delivered(database) > LINES // 10)
        killed.kill()
        assert other.popen.wait(timeout=120) == 0, other.printed()
    with database.reading() as session:
        counts = campaign_counts(session, CAMPAIGN)
        [total] = totals(session)
        workers = session.scalar(text("SELECT count(DISTINCT worker) FROM attempts"))
    assert counts == {"posting": {"delivered": LINES}, "message": {"delivered": LINES}}
    assert (total.entries, total.amount_minor) == (LINES, LINES * (LINES + 1) // 2)
    assert workers == 2, "one of the processes did nothing: the test would show little"
    spool = make_spool(settings)
    assert (spool.count(), spool.doubles()) == (LINES, {})
    spool.close()


@on_postgresql
def test_what_comes_while_it_rests_is_taken_up(database: Database, settings: Settings):
    with started(settings, "worker", "--engine", "procrastinate", **SMALL) as worker:
        wait_until(lambda: "worker_started" in worker.printed())
        put(database, pairs(5))
        wait_until(lambda: delivered(database) == 10, seconds=30)


@on_postgresql
def test_the_queue_is_made_once(database: Database):
    assert [install_queue(database), install_queue(database)] == [True, False]


def test_on_sqlite_it_says_what_it_needs(sqlite_database: Database):
    with pytest.raises(InputError, match="procrastinate needs PostgreSQL"):
        run_scaled(sqlite_database, {}, lease_seconds=5, batch=5, stop=threading.Event())
