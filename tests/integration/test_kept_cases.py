"""Cases too many for rows: kept in a snapshot, read in pages, explained one by one, released from it."""

from __future__ import annotations

import pytest

from compensation.approval import binding
from compensation.assessment import make_situation
from compensation.cases.kept import KeptPage, get_kept, list_kept, list_summaries
from compensation.cases.situation import Situation
from compensation.queries import books_of
from compensation.stories import line_story
from foundation.db import Database
from foundation.errors import NotFoundError
from foundation.snapshots import SnapshotStore
from outage.models import Subscriber
from tests.credit_world import CreditWorld, make_world

BODY = """\
decisions:
  - name: share
    hit policy: F
    table: |
      payment type || share : number
      "prepaid"    || null
      -            || 0.1
rewards:
  - {name: credit, kind: bill_credit, when: share != null, amount: 'round half up(share * service fee, 2)'}
  - {name: once, kind: bill_credit, per: account, when: 'payment type = "postpaid"', amount: 5.00}
text: '"given_only"'
"""


def world_of(database: Database, store: SnapshotStore) -> CreditWorld:
    world = make_world(database, store, [1, 1, 2, 3, 4])
    for line in range(1, 6):
        world.change_line(line, fee_service_minor=1000 * line, payment_type="prepaid" if line == 5 else "postpaid")
    return world


def situation_of(world: CreditWorld, ref: str) -> Situation:
    found = world.get(ref)
    with world.database.reading() as session:
        return make_situation(
            session, world.store, found.impact_run_id, found.policy_version_id, history=found.history_snapshot
        )


def page_of(world: CreditWorld, ref: str, **wish: object) -> KeptPage:
    return list_kept(world.store, situation_of(world, ref), world.get(ref), **wish)  # type: ignore[arg-type]


def test_kept_cases_are_paged_sorted_and_sought(database: Database, store: SnapshotStore) -> None:
    world = world_of(database, store)
    ref = world.assess(world.save(BODY), many=0)
    dearest = page_of(world, ref, limit=2)
    assert (dearest.found, dearest.lines, dearest.cost_minor) == (5, 5, 1000 + 1500)
    assert [case.cost_minor for case in dearest.cases] == [900, 800]
    assert [case.cost_minor for case in page_of(world, ref, by="one", falling=False, limit=3).cases] == [0, 200, 600]
    nothing = page_of(world, ref, outcome="nothing")
    assert [(case.outcome, case.rewards) for case in nothing.cases] == [("nothing", [])]
    assert page_of(world, ref, words="once").found == 3
    assert page_of(world, ref, words="prepaid").found == 1
    (case,) = page_of(world, ref, words="once", by="lines", limit=1, offset=2).cases
    same = get_kept(store, situation_of(world, ref), world.get(ref), case.number)
    assert (same.rewards, same.facts, same.trace) == (case.rewards, case.facts, case.trace)
    with pytest.raises(NotFoundError):
        get_kept(store, situation_of(world, ref), world.get(ref), 99)


def test_summaries_say_what_the_cases_add_up_to(database: Database, store: SnapshotStore) -> None:
    world = world_of(database, store)
    ref = world.assess(world.save(BODY), many=0)
    with database.reading() as session:
        summaries = list_summaries(session, world.get(ref).id)
        assert books_of(session, ref).cases_minor == world.get(ref).totals["amount_minor"] == 2500
    said = [
        (one.rules, one.outcome, tuple(one.rewards), one.cases, one.least_minor, one.most_minor) for one in summaries
    ]
    assert said == [
        ("share: rule 2", "entitled", ("credit (bill_credit)", "once (bill_credit)"), 3, 600, 900),
        ("share: rule 2", "entitled", ("credit (bill_credit)",), 1, 200, 200),
        ("share: rule 1", "nothing", (), 1, 0, 0),
    ]
    assert sum(one.lines for one in summaries) == 5


@pytest.mark.parametrize("many", [0, 5_000])
def test_both_forms_give_explain_and_bind_the_same(database: Database, store: SnapshotStore, many: int) -> None:
    world = world_of(database, store)
    ref = world.give(BODY, many=many)
    assert world.credited() == {1: 600, 2: 200, 3: 800, 4: 900}
    with database.reading() as session:
        told = {
            line: " ".join(line_story(session, store, session.get_one(Subscriber, line))[0].decisions[0].explanation)
            for line in (1, 2, 5)
        }
        bound = binding(session, world.get(ref)).hash
    assert "once is given once per account, on another of its lines" in told[2]
    assert "once (bill credit) is given" in told[1]
    assert "Nothing is owed." in told[5]
    assert bound == binding_of(world, ref)


def binding_of(world: CreditWorld, ref: str) -> str:
    with world.database.reading() as session:
        return binding(session, world.get(ref)).hash


def test_a_snapshot_that_is_missing_stops_the_release(database: Database, store: SnapshotStore) -> None:
    world = world_of(database, store)
    ref = world.assess(world.save(BODY), many=0)
    world.approve(ref)
    store.path(str(world.get(ref).cases_snapshot)).unlink()
    with pytest.raises(NotFoundError, match="snapshot file is missing"):
        world.release(ref)
    assert world.credits() == []
