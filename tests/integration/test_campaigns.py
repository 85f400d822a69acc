"""Campaigns: the canary and its waves, pause, resume, abort, ceilings, what failures stop, what people decide."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from notify import queries
from notify.campaigns import abort_campaign, get_campaign, list_gates, pause_campaign, plan_campaign, resume_campaign
from notify.carriers import Outcome, Promises
from notify.counters import count_standings, fold_counts, recount_standings
from notify.decisions import Decision, decide_unknown, retry_failed
from notify.delivery import drain
from notify.models import CampaignState, DeliveryCount, DeliveryKind, DeliveryState
from notify.outbox import enqueue
from notify.texts import save_text
from notify.transitions import claim
from notify.upkeep import cancel_aborted, look_after
from notify.waves import Plan
from notify.worker import run_worker
from tests.delivery_rows import CAMPAIGN, get, message, pairs, posting, put
from tests.delivery_tools import Wire, later, run

WHO: dict[str, Any] = {"actor": "mary", "reason": "as told"}
DONE, FAILED = Outcome(DeliveryState.DELIVERED), Outcome(DeliveryState.FAILED, None, "no such account")


def postings(count: int):
    return [posting(number) for number in range(count)]


def state_of(database: Database) -> CampaignState:
    with database.reading() as session:
        return get_campaign(session, CAMPAIGN).state


def count(database: Database, kind: str = "posting") -> dict[str, int]:
    with database.reading() as session:
        return queries.campaign_counts(session, CAMPAIGN)[kind]


def assert_counted(database: Database) -> None:
    with database.reading() as session:
        assert sorted(count_standings(session, CAMPAIGN), key=str) == sorted(
            recount_standings(session, CAMPAIGN), key=str
        )


def test_a_campaign_goes_out_in_waves_and_stops_at_the_canary_when_that_fails(database: Database):
    put(database, postings(5000))
    wire = Wire()
    wire.outcomes = [FAILED]
    counts = run(database, {"book": wire})
    assert 100 <= counts.failed <= 200  # one per cent, but enough to judge by
    assert state_of(database) is CampaignState.STOPPED
    with database.reading() as session:
        stopped = get_campaign(session, CAMPAIGN)
        assert "the limit is 5 %" in (stopped.reason or "")
        [gate] = list_gates(session, CAMPAIGN)
        assert (gate.open_percent, gate.is_open) == (3, False)
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign.stopped")).all()
        assert entry.actor == "system"
    assert run(database, {"book": wire}).claimed == 0
    assert_counted(database)


def test_a_stopped_campaign_goes_on_when_a_person_lets_it_and_its_failures_can_be_tried_again(database: Database):
    put(database, postings(3000))
    wire = Wire()
    wire.outcomes = [FAILED]
    failed = run(database, {"book": wire}).failed
    wire.outcomes = [DONE]
    with database.transaction() as session:
        assert resume_campaign(session, CAMPAIGN, **WHO)
    assert run(database, {"book": wire}).delivered == 3000 - failed
    with database.transaction() as session:
        assert retry_failed(session, CAMPAIGN, failed_with="another reason", **WHO) == 0
        assert retry_failed(session, CAMPAIGN, failed_with="no such account", **WHO) == failed
    assert run(database, {"book": wire}).delivered == failed
    assert count(database) == {"delivered": 3000}
    assert_counted(database)


def test_a_canary_that_goes_well_opens_everything_by_itself(database: Database):
    put(database, postings(3000))
    assert run(database, {"book": Wire()}).delivered == 3000
    with database.reading() as session:
        [gate] = list_gates(session, CAMPAIGN)
    assert gate.is_open


def test_a_wave_that_waits_says_for_what(database: Database):
    bill_run = clock.now() + timedelta(days=20)
    put(database, (posting(number, not_before=bill_run if number % 10 else None) for number in range(3000)))
    delivered = run(database, {"book": Wire()}).delivered
    with database.reading() as session:
        [gate] = list_gates(session, CAMPAIGN)
        held = queries.count_held(session, CAMPAIGN)
    assert 0 < delivered == gate.outcomes < gate.needed == 90
    assert gate.waits_for.startswith(f"{delivered} of the 90 outcomes are in that open it; ")
    assert gate.waits_for.endswith(" are held or waiting for their credit")
    assert held == 2700
    with database.transaction() as session:
        pause_campaign(session, CAMPAIGN, **WHO)
        assert list_gates(session, CAMPAIGN)[0].waits_for == ""


def test_a_small_campaign_goes_at_once_by_priority(database: Database):
    put(database, [posting(1), posting(2, priority=1), posting(3, priority=1)])
    wire = Wire()
    run(database, {"book": wire})
    assert [row.key for row in wire.sent[0]] == [posting(number).key for number in (2, 3, 1)]


def test_failures_that_rise_later_stop_a_campaign_that_began_well(database: Database):
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="mary")
    put(database, postings(3000))
    wire = Wire()
    assert run(database, {"book": wire}, limit=2000).delivered == 2000
    look_after(database, {"book": wire})
    wire.outcomes = [FAILED]
    run(database, {"book": wire}, limit=300)
    look_after(database, {"book": wire})
    assert state_of(database) is CampaignState.STOPPED
    assert run(database, {"book": wire}).claimed == 0


def test_what_dead_workers_left_unknown_stops_nothing_and_what_a_provider_left_does(database: Database):
    put(database, postings(150))
    wire = Wire(promises=Promises(idempotent=False, can_be_asked=False, fences=False))
    wire.outcomes = [Outcome(DeliveryState.UNKNOWN, None, "read timeout")]
    run(database, {"book": wire})
    look_after(database, {"book": wire})
    # All of it went at once, for it is hardly more than a canary; but nothing more would go.
    put(database, [posting(number) for number in range(1000, 1010)])
    look_after(database, {"book": wire})
    assert state_of(database) is CampaignState.STOPPED


def test_a_pause_holds_from_the_next_call_on_and_nothing_is_lost(database: Database):
    put(database, postings(60))

    class Pausing(Wire):
        def send(self, batch):
            if len(self.sent) == 1:
                with database.transaction() as session:
                    pause_campaign(session, CAMPAIGN, **WHO)
            return super().send(batch)

    wire = Pausing(in_flight=10)
    counts = run(database, {"book": wire}, batch=60)
    # The second call was on its way when the pause came.
    assert (counts.delivered, counts.put_back, len(wire.sent)) == (20, counts.claimed - 20, 2)
    assert count(database) == {"delivered": 20, "pending": 40}
    with database.transaction() as session:
        assert not pause_campaign(session, CAMPAIGN, **WHO)
        assert resume_campaign(session, CAMPAIGN, **WHO)
        assert not resume_campaign(session, CAMPAIGN, **WHO)
    assert run(database, {"book": wire}).delivered == 40
    assert_counted(database)


def test_an_idle_worker_does_not_wait_for_a_paused_campaign(database: Database):
    put(database, postings(5))
    with database.transaction() as session:
        pause_campaign(session, CAMPAIGN, **WHO)
    stop = threading.Event()
    counts = run_worker(database, {"book": Wire()}, lease_seconds=1, batch=10, stop=stop, until_idle=True)
    assert counts.claimed == 0


def test_an_abort_cancels_what_has_not_left_and_never_what_has(database: Database):
    put(database, pairs(30))
    run(database, {"book": Wire()}, limit=10)
    with database.transaction() as session:
        claim(session, DeliveryKind.POSTING, ["book"], worker="w", lease_seconds=60, limit=5)
        assert abort_campaign(session, CAMPAIGN, **WHO)
    assert cancel_aborted(database) == 50
    assert cancel_aborted(database) == 0
    assert run(database, {"book": Wire(), "spool": Wire("spool")}).claimed == 0
    assert count(database) == {"delivered": 10, "cancelled": 20}
    assert count(database, "message") == {"cancelled": 30}
    assert get(database, message(1)).reason == "the release was aborted"
    with database.transaction() as session:
        assert not abort_campaign(session, CAMPAIGN, **WHO)
        with pytest.raises(RefusedError, match="aborted"):
            resume_campaign(session, CAMPAIGN, **WHO)
        with pytest.raises(RefusedError, match="aborted"):
            retry_failed(session, CAMPAIGN, **WHO)
    assert_counted(database)


def test_a_campaign_never_has_more_rows_than_its_ceiling(database: Database):
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(ceiling=10), actor="mary")
    put(database, postings(10))
    with database.transaction() as session:
        assert enqueue(session, [postings(10)]) == 0  # the same again adds nothing
    with pytest.raises(RefusedError, match="at most 10"), database.transaction() as session:
        enqueue(session, [postings(11)])
    assert count(database) == {"pending": 10}


def test_of_two_campaigns_the_one_of_lower_priority_goes_first(database: Database):
    with database.transaction() as session:
        plan_campaign(session, "AS-2026-00002", Plan(priority=1), actor="mary")
    urgent = posting(7, campaign="AS-2026-00002", key="urgent")
    put(database, [posting(1), urgent])
    wire = Wire()
    run(database, {"book": wire}, limit=1)
    assert [row.key for row in wire.sent[0]] == ["urgent"]


def test_steering_asks_for_a_reason_and_a_campaign_that_there_is(database: Database):
    put(database, [posting(1)])
    with database.transaction() as session:
        with pytest.raises(InputError, match="reason"):
            pause_campaign(session, CAMPAIGN, actor="mary", reason=" ")
        with pytest.raises(NotFoundError, match="nothing"):
            pause_campaign(session, "nothing", **WHO)
        with pytest.raises(InputError, match="failure_percent"):
            plan_campaign(session, CAMPAIGN, Plan(failure_percent=101), actor="mary")


@pytest.mark.parametrize(
    ("decision", "state", "released"),
    [
        (Decision.THERE, DeliveryState.DELIVERED, 1),
        (Decision.NOT_THERE, DeliveryState.FAILED, 0),
        (Decision.SEND_AGAIN, DeliveryState.PENDING, 0),
    ],
)
def test_an_unknown_attempt_is_settled_by_a_persons_word(database: Database, decision, state, released):
    put(database, [posting(1), message(1), posting(2)])
    wire = Wire(promises=Promises(idempotent=False, can_be_asked=False, fences=False))
    wire.outcomes = [Outcome(DeliveryState.UNKNOWN, None, "read timeout")]
    assert run(database, {"book": wire}).unknown == 2
    with database.transaction() as session:
        assert decide_unknown(session, CAMPAIGN, decision, keys=[posting(1).key], **WHO) == 1
        assert decide_unknown(session, CAMPAIGN, decision, keys=[posting(1).key], **WHO) == 0
    kept = get(database, posting(1))
    assert (kept.state, kept.reason) == (state, "decided by mary: as told")
    assert get(database, message(1)).waiting is (not released)
    assert get(database, posting(2)).state is DeliveryState.UNKNOWN
    wire.outcomes = [DONE]
    with later(3):
        assert run(database, {"book": wire}).delivered == (decision is Decision.SEND_AGAIN)
    assert_counted(database)


def test_a_persons_word_on_credits_says_nothing_of_texts_that_are_unknown_for_the_same_reason(database: Database):
    put(database, [posting(1), posting(3), message(2, waiting=False, payload={"text": "plain"})])
    with database.transaction() as session:
        save_text(session, "plain", "en", "Hello", author="mary")
    wire, other = Wire(), Wire("spool")
    wire.outcomes = [Outcome(DeliveryState.UNKNOWN, None, said) for said in ("read timeout", None)]
    other.outcomes = wire.outcomes[:1]
    assert run(database, {"book": wire, "spool": other}).unknown == 3
    with database.transaction() as session:
        of_credits: dict[str, Any] = {"kind": DeliveryKind.POSTING, "unknown_because": "read timeout"}
        assert decide_unknown(session, CAMPAIGN, Decision.THERE, **of_credits, **WHO) == 1
        assert decide_unknown(session, CAMPAIGN, Decision.NOT_THERE, unknown_because="", **WHO) == 1
    assert get(database, message(2)).state is DeliveryState.UNKNOWN
    assert get(database, posting(3)).state is DeliveryState.FAILED


def test_folding_keeps_the_sums_and_leaves_what_is_folded_alone(database: Database):
    put(database, postings(200))
    run(database, {"book": Wire()}, batch=5)
    with database.transaction() as session:
        rows = session.scalar(select(func.count()).select_from(DeliveryCount))
        saved = fold_counts(session)
        assert saved > 10
        assert session.scalar(select(func.count()).select_from(DeliveryCount)) == (rows or 0) - saved
        assert fold_counts(session) == 0
    assert_counted(database)


def test_two_workers_and_a_folder_at_once_leave_the_counters_true(database: Database):
    put(database, pairs(400))
    stop = threading.Event()
    carriers = {"book": Wire(), "spool": Wire("spool")}

    def fold(_: int) -> int:
        folded = 0
        while not stop.wait(0.01):
            with database.transaction() as session:
                folded += fold_counts(session)
        return folded

    def work(number: int) -> int:
        return drain(database, carriers, worker=f"w{number}", lease_seconds=60, batch=20).delivered

    with ThreadPoolExecutor(3) as threads:
        folding = threads.submit(fold, 0)
        done = sum(threads.map(work, range(2)))
        done += drain(database, carriers, worker="last", lease_seconds=60, batch=100).delivered
        stop.set()
        folding.result()
    assert done == 800
    assert count(database) == {"delivered": 400}
    with database.transaction() as session:
        fold_counts(session)
    assert_counted(database)
