"""The flow of a drain: lanes and channels do not wait for one another, and nothing is on its way that is not begun."""

from __future__ import annotations

import threading

from sqlalchemy import select

from foundation.db import Database
from notify.campaigns import pause_campaign
from notify.carriers import Manner
from notify.models import Delivery, DeliveryState
from notify.queries import list_attempts
from notify.texts import save_text
from tests.delivery_rows import CAMPAIGN, message, posting, put
from tests.delivery_tools import Wire, run

SECONDS = 10


def test_a_slow_lane_holds_up_no_other(sqlite_database: Database):
    put(sqlite_database, [posting(number) for number in range(12)])
    others = threading.Event()

    class Uneven(Wire):
        manner = Manner(lanes=2)
        waited = False

        def send(self, batch):
            if not self.sent:
                self.sent.append(batch)
                self.waited = others.wait(SECONDS)
                return super().send(self.sent.pop(0))
            if len(self.sent) == 11:
                others.set()
            return super().send(batch)

    wire = Uneven(in_flight=2)
    assert run(sqlite_database, {"book": wire}, batch=12).delivered == 12
    assert wire.waited, "the other lane waited for the slow one"


def test_a_slow_channel_holds_up_no_other(sqlite_database: Database):
    with sqlite_database.transaction() as session:
        save_text(session, "plain", "en", "Service is back.", author="mary")
    texts = [message(number, waiting=False, channel="fast", payload={"text": "plain"}) for number in range(30)]
    put(sqlite_database, [posting(100), *texts])
    gone = threading.Event()

    class Slow(Wire):
        waited = False

        def send(self, batch):
            self.waited = gone.wait(SECONDS)
            return super().send(batch)

    class Fast(Wire):
        def send(self, batch):
            outcomes = super().send(batch)
            if sum(map(len, self.sent)) == 30:
                gone.set()
            return outcomes

    slow, fast = Slow("book"), Fast("fast", in_flight=5)
    assert run(sqlite_database, {"book": slow, "fast": fast}).delivered == 31
    assert slow.waited, "the fast channel waited for the slow one"


def test_what_leaves_in_one_call_is_committed_as_sending_with_its_attempt(database: Database):
    put(database, [posting(number) for number in range(20)])
    seen: list[tuple[int, int]] = []

    class Looking(Wire):
        def send(self, batch):
            with database.reading() as session:
                sending = session.scalars(select(Delivery.id).where(Delivery.state == DeliveryState.SENDING)).all()
                begun = [attempt for number in sending for attempt in list_attempts(session, number)]
            assert set(sending) == {row.delivery_id for row in batch}
            assert [(one.delivery_id, one.number, one.ended_at) for one in begun] == [(n, 1, None) for n in sending]
            assert all(one.worker and one.started_at for one in begun)
            seen.append((len(sending), batch[0].attempt))
            return super().send(batch)

    assert run(database, {"book": Looking()}, batch=10).delivered == 20
    assert seen == [(10, 1), (10, 1)]


def test_a_paused_campaign_begins_nothing_though_its_rows_were_claimed(sqlite_database: Database):
    put(sqlite_database, [posting(number) for number in range(8)])

    class Pausing(Wire):
        def send(self, batch):
            with sqlite_database.transaction() as session:
                pause_campaign(session, CAMPAIGN, actor="mary", reason="wrong")
            return super().send(batch)

    wire = Pausing(in_flight=2)
    counts = run(sqlite_database, {"book": wire}, batch=8)
    assert (counts.claimed, counts.delivered, counts.put_back) == (8, 2, 6)
    assert len(wire.sent) == 1
