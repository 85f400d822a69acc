"""What tests of delivery share: a carrier that answers as it is told, and rows left in the middle of things."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from foundation import clock
from foundation.db import Database
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises
from notify.delivery import drain
from notify.models import DeliveryState
from notify.transitions import begin_attempts, claim


class Wire:
    """A carrier made for a test: answers with what it is told, and keeps what it was given."""

    manner = Manner()

    def __init__(self, name: str = "book", promises: Promises | None = None, in_flight: int = 500) -> None:
        self.name = name
        self.in_flight = in_flight
        self.promises = promises or Promises(idempotent=False, can_be_asked=True, fences=False)
        self.sent: list[Sequence[Outgoing]] = []
        self.error: CarrierError | None = None
        self.answer: Outcome | None = None
        self.outcomes: list[Outcome] = []

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.sent.append(batch)
        if self.error is not None:
            raise self.error
        if self.outcomes:
            return [self.outcomes[number % len(self.outcomes)] for number in range(len(batch))]
        return [Outcome(DeliveryState.DELIVERED, f"wire:{row.key}") for row in batch]

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        if self.error is not None:
            raise self.error
        return [self.answer] * len(batch)


def run(database: Database, carriers, worker: str = "w1", lease_seconds: int = 60, batch: int = 100, limit=None):
    return drain(database, carriers, worker=worker, lease_seconds=lease_seconds, batch=batch, limit=limit)


def later(seconds: int):
    return clock.moved_to(clock.now() + timedelta(seconds=seconds))


def take(database: Database, row, worker: str = "dead", *, sending: bool) -> Outgoing:
    """What a worker does before it dies: claim everything due, and begin to send."""
    with database.transaction() as session:
        rows = claim(session, row.kind, [row.channel], worker=worker, lease_seconds=5, limit=100)
    attempts = {}
    if sending:
        with database.transaction() as session:
            attempts = begin_attempts(session, [taken.id for taken in rows], worker=worker, lease_seconds=5)
    [taken] = [taken for taken in rows if taken.key == row.key]
    return Outgoing(
        taken.id,
        taken.key,
        attempts.get(taken.id, 0),
        taken.kind,
        taken.address,
        taken.payload,
        taken.amount_minor,
        taken.currency,
        "Hello",
    )
