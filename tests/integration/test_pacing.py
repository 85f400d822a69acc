"""The pace of a sender: shared by all workers, slowed by the provider, halted by it, set by staff."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError
from notify.carriers import CarrierError, Manner, Outcome, Trouble
from notify.delivery import drain
from notify.models import Delivery, DeliveryState, Sender
from notify.pacing import allow, resume_sender, set_pace
from notify.texts import save_text
from notify.worker import run_worker
from tests.delivery_rows import get, message, posting, put
from tests.delivery_tools import Wire, later, run


def paced(rows_per_second: float | None, burst: int = 1, name: str = "book") -> Wire:
    wire = Wire(name)
    wire.manner = Manner(sender="bind-1", rows_per_second=rows_per_second, burst=burst)
    return wire


def postings(count: int):
    return [posting(number) for number in range(count)]


def sender(database: Database) -> Sender:
    with database.reading() as session:
        return session.get_one(Sender, "bind-1")


def test_a_burst_goes_and_then_so_many_a_second(database: Database):
    put(database, postings(50))
    # So slow that what a busy machine takes for the test itself fills no bucket.
    wire = paced(rows_per_second=0.1, burst=10)
    counts = run(database, {"book": wire})
    assert counts.delivered == 10
    assert 0 < run(database, {"book": wire}).rest_seconds <= 10
    with later(120):
        assert run(database, {"book": wire}).delivered == 10
    with later(1000):
        assert run(database, {"book": wire}).delivered == 10  # the bucket holds no more than its burst


def test_several_workers_together_keep_the_pace_of_one_sender(database: Database):
    put(database, postings(400))
    stop = threading.Event()
    begun = clock.monotonic()

    def work(_: int) -> int:
        carriers = {"book": paced(rows_per_second=60, burst=20)}
        return run_worker(database, carriers, lease_seconds=30, batch=20, stop=stop).delivered

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(work, number) for number in range(3)]
        stop.wait(1.5)
        stop.set()
        delivered = sum(one.result() for one in running)
    taken = clock.monotonic() - begun
    assert 20 < delivered <= 20 + 60 * taken


def test_a_long_text_takes_a_token_for_each_of_its_parts(database: Database):
    with database.transaction() as session:
        save_text(session, "long", "en", "A" * 400, author="mary")
    put(database, [message(n, waiting=False, payload={"text": "long"}) for n in range(10)])
    wire = paced(rows_per_second=1, burst=3, name="spool")
    assert run(database, {"spool": wire}, batch=1).delivered == 1
    with later(2):
        assert run(database, {"spool": wire}, batch=1).delivered in (0, 1)
    with later(60):
        assert run(database, {"spool": wire}, batch=1).delivered == 1


def test_throttled_rows_go_again_and_the_sender_slows_down(database: Database):
    put(database, postings(20))
    wire = paced(rows_per_second=100, burst=20)
    wire.outcomes = [Outcome(DeliveryState.PENDING, None, "429", Trouble.THROTTLED, 5)]
    assert run(database, {"book": wire}).put_back == 20
    slow = sender(database)
    assert slow.slow_rate == 50_000
    wire.outcomes = []
    assert run(database, {"book": wire}).claimed == 0
    with later(7):
        assert run(database, {"book": wire}).delivered >= 1
    with later(600):
        run(database, {"book": wire})
    with database.reading() as session:
        assert set(session.scalars(select(Delivery.state))) == {DeliveryState.DELIVERED}


def test_a_provider_that_asks_for_years_is_tried_again_after_an_hour(database: Database):
    put(database, postings(1))
    wire = paced(rows_per_second=100, burst=20)
    wire.outcomes = [Outcome(DeliveryState.PENDING, None, "429", Trouble.THROTTLED, 10**40)]
    assert run(database, {"book": wire}).put_back == 1
    wire.outcomes = []
    with later(3500):
        assert run(database, {"book": wire}).claimed == 0
    with later(3700):
        assert run(database, {"book": wire}).delivered == 1


def test_a_sender_whom_the_provider_refuses_halts_until_a_person_lets_it_go_on(database: Database):
    put(database, postings(5))
    wire = paced(None)
    wire.error = CarrierError("401: authenticate", nothing_sent=True, trouble=Trouble.REFUSED_ALL)
    assert run(database, {"book": wire}).put_back == 5
    wire.error = None
    with later(60):
        assert run(database, {"book": wire}).claimed == 0
        stop = threading.Event()
        # What a halted sender holds up is not waited for.
        assert run_worker(database, {"book": wire}, lease_seconds=1, batch=10, stop=stop, until_idle=True).claimed == 0
        with database.transaction() as session:
            assert resume_sender(session, "bind-1", actor="mary", reason="new password")
            assert not resume_sender(session, "bind-1", actor="mary", reason="new password")
        assert run(database, {"book": wire}).delivered == 5
    with database.reading() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.subject == "sender:bind-1")).all()
    assert list(actions) == ["sender.halted", "sender.resumed"]


def test_other_channels_go_on_while_one_sender_waits(database: Database):
    put(database, [*postings(3), message(9, waiting=False, payload={"text": "told"}, channel="other")])
    with database.transaction() as session:
        save_text(session, "told", "en", "Hello", author="mary")
    slow = paced(rows_per_second=0.1)
    counts = drain(database, {"book": slow, "other": Wire("other")}, worker="w", lease_seconds=60, batch=100)
    assert counts.delivered == 2
    assert get(database, message(9)).state is DeliveryState.DELIVERED


def test_staff_set_a_pace_for_all_workers(database: Database):
    put(database, postings(5))
    with database.transaction() as session:
        with pytest.raises(NotFoundError, match="bind-1"):
            set_pace(session, "bind-1", rows_per_second=1, burst=1, actor="mary")
        allow(session, {"bind-1": Manner(rows_per_second=100, burst=5)})
        set_pace(session, "bind-1", rows_per_second=0.1, burst=2, actor="mary")
        with pytest.raises(InputError, match="pace"):
            set_pace(session, "bind-1", rows_per_second=0, burst=2, actor="mary")
        with pytest.raises(InputError, match="burst"):
            set_pace(session, "bind-1", rows_per_second=None, burst=0, actor="mary")
    assert run(database, {"book": paced(rows_per_second=100, burst=5)}).delivered == 2


def test_lanes_send_at_once_and_never_more_than_is_in_flight(database: Database):
    put(database, postings(40))
    both = threading.Barrier(2, timeout=10)
    at_once: list[int] = []
    lock = threading.Lock()

    class Laned(Wire):
        manner = Manner(lanes=2)
        now = 0

        def send(self, batch):
            with lock:
                self.now += len(batch)
                at_once.append(self.now)
            both.wait()  # fails unless two calls are under way together
            outcomes = super().send(batch)
            with lock:
                self.now -= len(batch)
            return outcomes

    wire = Laned(in_flight=10)
    assert run(database, {"book": wire}, batch=40).delivered == 40
    assert max(at_once) == 10
    assert {len(batch) for batch in wire.sent} == {5}


def test_an_adapter_that_breaks_leaves_its_rows_unknown_and_the_worker_alive(database: Database):
    put(database, postings(3))

    class Broken(Wire):
        def send(self, batch):  # noqa: ARG002 - it breaks before it looks
            raise KeyError("sid")

    class Short(Wire):
        def send(self, batch):
            return super().send(batch)[1:]

    assert run(database, {"book": Broken()}, limit=2).unknown == 2
    assert run(database, {"book": Short()}).unknown == 1
    assert get(database, posting(0)).reason == "the adapter broke: KeyError"
