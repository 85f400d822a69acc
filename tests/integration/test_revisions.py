"""A reward that is raised later tops up: only the difference, never twice, nothing taken back."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from compensation.assessment import make_situation
from compensation.cases.kept import list_over_credited
from compensation.models import Approval, Assessment, Case, CaseSummary, Credit, LedgerEntry, PolicyVersion
from compensation.offer_models import Offer
from compensation.queries import books_of
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from notify.channels.spool import Spool
from notify.models import Delivery, DeliveryKind
from outage.models import Outage
from tests.credit_world import CreditWorld, make_world
from tests.impact_worlds import at

PLAIN = "rewards: [{{name: credit, kind: bill_credit, amount: {}}}]\ntext: '\"given_only\"'\n"


def texts_of(world: CreditWorld, ref: str) -> list[tuple[str, str]]:
    with world.database.reading() as session:
        statement = select(Delivery).where(Delivery.campaign == ref, Delivery.kind == DeliveryKind.MESSAGE)
        return [(row.key, row.payload["text"]) for row in session.scalars(statement.order_by(Delivery.key))]


def test_a_raised_reward_credits_the_difference_under_its_revision(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1, 2])
    world.give(PLAIN.format("3.00"))
    world.deliver(spool)
    second = world.give(PLAIN.format("5.00"))
    assert world.get(second).revision == 2
    assert {credit.key: credit.amount_minor for credit in world.credits()} == {
        "INC-1:goodwill-day:1:credit": 300,
        "INC-1:goodwill-day:1:credit:r2": 200,
        "INC-1:goodwill-day:2:credit": 300,
        "INC-1:goodwill-day:2:credit:r2": 200,
    }
    assert texts_of(world, second) == [
        ("INC-1:goodwill-day:1:text:r2", "correction"),
        ("INC-1:goodwill-day:2:text:r2", "correction"),
    ]
    world.deliver(spool)
    bodies = [text.body for text in spool.list_texts(limit=10)]
    assert sum("you now get £2.00 credit" in body for body in bodies) == 2
    with database.reading() as session:
        for ref in (second,):
            assert books_of(session, ref).cases_minor == books_of(session, ref).accrued_minor == 400


def test_releasing_again_and_assessing_again_add_nothing(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1])
    ref = world.give(PLAIN.format("3.00"))
    assert not world.release(ref).is_new
    assert world.assess(world.save(PLAIN.format("3.00"))) == ref
    run = world.measure()
    same = world.assess(world.save(PLAIN.format("3.00") + "limits: {total: 100.00}\n"), run)
    totals = world.get(same).totals
    assert (totals["credits"], totals["texts"], totals["cost_minor"], totals["nothing"]) == (0, 0, 0, 1)


def test_a_new_run_gives_new_lines_the_whole_and_the_others_what_is_more(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.change_line(3, served_by_id=None)
    body = (
        "rewards: [{name: credit, kind: bill_credit, amount: 'round half up(hours lost / 10, 2)'}]\n"
        "text: '\"given_only\"'\n"
    )
    world.give(body)
    assert world.credited() == {1: 260, 2: 260}
    world.change_line(3, served_by_id=1)
    with database.transaction() as session:
        for outage in session.scalars(select(Outage)):
            outage.ended_at = at(30 * 60)
    ref = world.give(body)
    assert world.credited() == {1: 300, 2: 300, 3: 300}
    assert [text for _, text in texts_of(world, ref)] == ["correction", "correction", "given_only"]


def test_what_was_given_too_much_stays_and_is_listed(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give("rewards: [{name: credit, kind: bill_credit, amount: 'round half up(service fee / 10, 2)'}]\n")
    world.change_line(1, fee_service_minor=500)
    world.change_line(3, served_by_id=None)
    ref = world.give("rewards: [{name: credit, kind: bill_credit, amount: 'round half up(service fee / 5, 2)'}]\n")
    assert world.credited() == {1: 200, 2: 400, 3: 200}
    found = world.get(ref)
    assert (found.totals["over_lines"], found.totals["over_minor"]) == (2, 300)
    with database.reading() as session:
        situation = make_situation(
            session, store, found.impact_run_id, found.policy_version_id, history=found.history_snapshot
        )
        over = list_over_credited(session, store, situation, found)
    assert [(one.line_id, one.over_minor) for one in over] == [(3, 200), (1, 100)]


def test_a_reward_per_account_is_topped_up_once_whichever_line_carries_it(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 1])
    once = "rewards: [{{name: once, kind: bill_credit, per: account, amount: 'round half up(service fee / {}, 2)'}}]\n"
    world.give(once.format(10))
    world.change_line(2, fee_service_minor=4000)
    world.give(once.format(10))
    assert {credit.key: (credit.subscriber_id, credit.amount_minor) for credit in world.credits()} == {
        "INC-1:goodwill-day:account:1:once": (1, 200),
        "INC-1:goodwill-day:account:1:once:r2": (2, 200),
    }


def test_a_reward_that_became_per_line_does_not_pay_its_carrier_twice(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 1])
    world.give("rewards: [{name: once, kind: bill_credit, per: account, amount: 5.00}]\n")
    world.give("rewards: [{name: each, kind: bill_credit, amount: 5.00}]\n")
    assert world.credited() == {1: 500, 2: 500}


AMOUNTS = st.lists(st.lists(st.integers(0, 900), min_size=3, max_size=3), min_size=1, max_size=3)


def forget(database: Database) -> None:
    with database.transaction() as session:
        for table in (LedgerEntry, Delivery, Credit, Offer, Case, CaseSummary, Approval, Assessment, PolicyVersion):
            session.execute(delete(table))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(revisions=AMOUNTS, kept=st.booleans(), per=st.sampled_from(["line", "account"]))
def test_whatever_the_revisions_each_gets_the_greatest_of_them(
    database: Database, store: SnapshotStore, revisions: list[list[int]], kept: bool, per: str
) -> None:
    world = CreditWorld(database, store)
    with database.reading() as session:
        known = session.scalar(select(func.count()).select_from(Outage))
    if not known:
        make_world(database, store, [1, 2, 2])
    forget(database)
    body = f"rewards: [{{name: credit, kind: bill_credit, per: {per}, amount: service fee}}]\n"
    most = [0, 0, 0]
    for number, fees in enumerate(revisions):
        for line, fee in enumerate(fees, 1):
            world.change_line(line, fee_service_minor=fee)
        # Limits that bind nobody: another text makes another version.
        limit = f"limits: {{total: {1000 + number}}}\n"
        world.give(body + limit, many=0 if kept else 5_000)
        owed = fees if per == "line" else [fees[0], max(fees[1:]), 0]
        most = [max(pair) for pair in zip(most, owed, strict=True)]
        credited = world.credited()
        if per == "line":
            assert [credited.get(line, 0) for line in (1, 2, 3)] == most
        else:
            assert [credited.get(1, 0), credited.get(2, 0) + credited.get(3, 0)] == most[:2]
    keys = [credit.key for credit in world.credits()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("many", [0, 5_000])
def test_an_assessment_of_many_cases_says_and_pays_the_same(
    database: Database, store: SnapshotStore, many: int
) -> None:
    world = make_world(database, store, list(range(1, 31)))
    for line in range(1, 31):
        world.change_line(line, fee_service_minor=1000 + 7 * line)
    body = "rewards: [{name: credit, kind: bill_credit, amount: 'round half up(service fee / 30, 2)'}]\n"
    ref = world.give(body + "text: '\"given_only\"'\n", many=many)
    found = world.get(ref)
    assert (found.cases_snapshot is not None, len(world.cases(ref))) == ((True, 0) if many == 0 else (False, 30))
    assert world.credited() == {line: (1000 + 7 * line + 15) // 30 for line in range(1, 31)}
    assert found.totals["cost_minor"] == found.totals["amount_minor"] == sum(world.credited().values())
    assert (found.totals["cases"], found.totals["texts"]) == (30, 30)


@pytest.mark.parametrize("per", ["line", "account"])
def test_a_cap_per_account_holds_over_revisions_whichever_line_is_first_by_then(
    sqlite_database: Database, store: SnapshotStore, per: str
) -> None:
    world = make_world(sqlite_database, store, [1, 1])
    world.change_line(1, fee_service_minor=5000)
    world.change_line(2, fee_service_minor=100)
    capped = "caps: [{amount: 6.00, per: account, over: incident}]\nrewards:\n"
    credit = "  - {name: credit, kind: bill_credit, amount: 'round half up(service fee / 10, 2)'}\n"
    once = "  - {name: once, kind: bill_credit, per: account, amount: 4.00}\n"
    world.give(capped + credit)
    assert world.credited() == {1: 500, 2: 10}
    world.change_line(2, fee_service_minor=9000)
    ref = world.give(capped + credit + (once if per == "account" else ""))
    # What is left of the cap goes to the line that comes first now, or to what is once per account.
    assert world.credited() == ({1: 500, 2: 100} if per == "line" else {1: 590, 2: 10})
    assert world.get(ref).totals.get("over_minor", 0) == 0
