"""Confirmed postings are entered in the ledger once, by a job that looks only at what came since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import event, select, text, update

from compensation.confirmations import Confirmations, record_confirmations
from compensation.models import LedgerEntry
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from notify.channels.spool import Spool
from notify.counters import COUNTED, Changes
from notify.models import DELIVERIES, DeliveryState
from tests.credit_world import CreditWorld, make_world

MONEY = 'rewards: [{name: pounds, kind: bill_credit, amount: "round half up(2, 2)"}]\n'
PENDING, DELIVERED = str(DeliveryState.PENDING), str(DeliveryState.DELIVERED)


def entered(world: CreditWorld) -> list[int]:
    """The credits that are entered as posted."""
    with world.database.reading() as session:
        posted = select(LedgerEntry.credit_id).where(LedgerEntry.kind == "posted")
        return list(session.scalars(posted.order_by(LedgerEntry.credit_id)))


def look(world: CreditWorld, confirmations: Confirmations) -> int:
    with world.database.transaction() as session:
        found = confirmations.enter(session)
    confirmations.keep()
    return found


def confirm(world: CreditWorld, ids: Sequence[int]) -> None:
    """Confirm postings as what writes no attempt does: a receipt, a person, an acknowledgement."""
    with world.database.transaction() as session:
        changes = Changes()
        change = update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(state=DeliveryState.DELIVERED)
        changes.move_all(session.execute(change.returning(*COUNTED)).all(), PENDING, DELIVERED)
        changes.write(session)


def postings(world: CreditWorld) -> list[int]:
    with world.database.reading() as session:
        kept = DELIVERIES.c.kind == "posting"
        return list(session.scalars(select(DELIVERIES.c.id).where(kept).order_by(DELIVERIES.c.id)))


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_more) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_where_nothing_happened_only_the_counters_and_the_newest_attempt_are_looked_at(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give(MONEY)
    world.deliver(spool)
    confirmations = Confirmations()
    assert look(world, confirmations) == 3
    with statements_of(database) as asked:
        assert look(world, confirmations) == 0
    looked_at = [statement for statement in asked if "SELECT" in statement]
    assert len(looked_at) == 2
    assert not any("deliveries" in one or "credits" in one or "ledger" in one for one in looked_at)


def test_what_came_since_is_found_by_its_attempts_and_the_rest_of_its_release_let_be(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give(MONEY)
    confirm(world, postings(world)[:1])
    confirmations = Confirmations()
    assert look(world, confirmations) == 1
    world.deliver(spool)
    with statements_of(database) as asked:
        assert look(world, confirmations) == 2
    written = [statement for statement in asked if statement.startswith("INSERT INTO ledger_entries")]
    assert len(written) == 1
    assert "attempts" in written[0]
    assert len(entered(world)) == 3


def test_what_no_attempt_tells_of_is_found_by_the_counter(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give(MONEY)
    first, *others = postings(world)
    confirm(world, [first])
    confirmations = Confirmations()
    assert look(world, confirmations) == 1
    confirm(world, others)
    assert look(world, confirmations) == 2
    assert look(world, confirmations) == 0
    assert len(entered(world)) == 3


def test_what_was_not_committed_is_entered_again_and_what_another_entered_is_not(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give(MONEY)
    first, second, third = postings(world)
    confirmations = Confirmations()
    confirm(world, [first])
    assert look(world, confirmations) == 1
    confirm(world, [second])
    with world.database.transaction() as session:
        assert confirmations.enter(session) == 1
        session.execute(text("SELECT 1"))
        session.rollback()
    assert look(world, confirmations) == 1
    confirm(world, [third])
    with world.database.transaction() as session:
        assert record_confirmations(session) == 1
    assert look(world, confirmations) == 0
    assert look(world, Confirmations()) == 0
    assert len(entered(world)) == 3
