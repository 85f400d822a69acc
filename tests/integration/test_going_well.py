"""A delivery that goes well writes no index entry behind its claim, and what is in hand is found without one."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from foundation.db import Database
from notify.carriers import Outcome
from notify.models import DELIVERIES, DeliveryKind, DeliveryState
from notify.outcomes import record_outcomes
from notify.taken import TAKEN, forget_idle, in_hand, list_taken
from notify.transitions import begin_attempts, claim, release_claims
from tests.delivery_rows import message, posting, put

ROWS = 60
WRITTEN_ON_THE_WAY = ("state", "attempt", "worker", "lease_until", "changed_at", "reason", "provider_ref")


def claimed(database: Database, kind: DeliveryKind, channel: str, *, begins: bool, worker: str = "w") -> list[int]:
    with database.transaction() as session:
        rows = claim(session, kind, [channel], worker=worker, lease_seconds=60, limit=ROWS, begins=begins)
    return [row.id for row in rows]


def updated(session: Session) -> Counter[str]:
    """Rows of deliveries that this connection has updated, and those of them that touched no index."""
    counts = [
        func.pg_stat_get_xact_tuples_updated(text("'deliveries'::regclass")),
        func.pg_stat_get_xact_tuples_hot_updated(text("'deliveries'::regclass")),
    ]
    return Counter(dict(zip(("rows", "without_index"), session.execute(select(*counts)).one(), strict=True)))


@contextlib.contextmanager
def touching_no_index(database: Database) -> Iterator[Session]:
    """A transaction that updates ROWS deliveries and, but for pages that happen to be full, no index."""
    with database.transaction() as session:
        before = updated(session)
        yield session
        changed = updated(session) - before
        assert changed["rows"] == ROWS
        assert changed["without_index"] > ROWS * 3 // 4


def delivered(ids: list[int]) -> dict[tuple[int, int], Outcome]:
    return {(number, 1): Outcome(DeliveryState.DELIVERED, f"ref-{number}") for number in ids}


# SQLite writes the entries of those indexes only whose columns change.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "channel", "row"), [(DeliveryKind.POSTING, "book", posting), (DeliveryKind.MESSAGE, "spool", message)]
)
def test_on_postgresql_nothing_behind_the_claim_of_a_delivery_touches_an_index(database: Database, kind, channel, row):
    put(database, [row(number, waiting=False) for number in range(ROWS)])
    ids = claimed(database, kind, channel, begins=kind is DeliveryKind.POSTING)
    assert len(ids) == ROWS
    if kind is DeliveryKind.MESSAGE:
        with touching_no_index(database) as session:
            begin_attempts(session, ids, worker="w", lease_seconds=60)
    with touching_no_index(database) as session:
        record_outcomes(session, delivered(ids))


def test_no_index_and_no_condition_of_one_names_what_a_delivery_writes_on_its_way():
    said = {
        index.name: " ".join(map(str, [*index.columns.keys(), index.dialect_options["postgresql"]["where"]]))
        for index in DELIVERIES.indexes
    }
    assert said
    words = {name: set(re.findall(r"\w+", index)) for name, index in said.items()}
    assert {name: found & set(WRITTEN_ON_THE_WAY) for name, found in words.items()} == {name: set() for name in words}


def test_what_a_worker_has_in_hand_is_found_until_it_has_it_no_more(database: Database):
    put(database, [posting(number) for number in range(8)])
    first = claimed(database, DeliveryKind.POSTING, "book", begins=True)[:]
    put(database, [posting(number) for number in range(8, 10)])
    with database.transaction() as session:
        record_outcomes(session, delivered(first[:5]))
    second = claimed(database, DeliveryKind.POSTING, "book", begins=False)
    with database.reading() as session:
        # What has ended is dropped by the next claim; what has not, stays.
        assert list_taken(session) == sorted(first[5:] + second)
        assert sorted(session.scalars(select(DELIVERIES.c.id).where(in_hand(session)))) == sorted(first[5:] + second)
    with database.transaction() as session:
        assert forget_idle(session) == 0
        assert release_claims(session, second, worker="w") == 2
        record_outcomes(session, delivered(first[5:]))
    with database.transaction() as session:
        assert forget_idle(session) == 1
        assert session.scalars(select(TAKEN.c.worker)).all() == []
    assert claimed(database, DeliveryKind.POSTING, "book", begins=False) == second
