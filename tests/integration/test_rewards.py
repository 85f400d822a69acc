"""Rewards from case to credit: once per account, layers, caps, what others gave, holdouts, offers, voucher codes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from compensation.models import LedgerEntry
from compensation.offer_models import Offer, VoucherCode
from compensation.stories import line_story
from compensation.voucher_codes import count_free, import_codes
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.snapshots import SnapshotStore
from notify.accounts.statements import statement
from notify.channels.spool import Spool
from notify.models import Delivery, DeliveryKind
from outage.models import Subscriber
from tests.credit_world import CreditWorld, add_loss, make_world
from tests.impact_worlds import START

ONCE = "rewards: [{name: credit, kind: bill_credit, per: account, amount: 5.00}]\ntext: '\"given_only\"'\n"


def story_of(world: CreditWorld, line: int) -> str:
    with world.database.reading() as session:
        (story,) = line_story(session, world.store, session.get_one(Subscriber, line))
    return " ".join(" ".join(decision.explanation) for decision in story.decisions)


def texts_of(world: CreditWorld) -> list[str]:
    with world.database.reading() as session:
        return list(session.scalars(select(Delivery.key).where(Delivery.kind == DeliveryKind.MESSAGE)))


def test_an_account_of_one_or_five_lines_gets_one_credit_and_one_text(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2, 2, 2, 2, 2])
    ref = world.assess(world.save(ONCE))
    assert world.get(ref).totals | {"lines": 6, "credits": 2, "texts": 2, "cost_minor": 1000} == world.get(ref).totals
    assert sum(case.lines * case.amount_minor for case in world.cases(ref)) == 1000
    world.approve(ref)
    world.release(ref)
    assert [(credit.key, credit.subscriber_id, credit.amount_minor) for credit in world.credits()] == [
        ("INC-1:goodwill-day:account:1:credit", 1, 500),
        ("INC-1:goodwill-day:account:2:credit", 2, 500),
    ]
    assert sorted(texts_of(world)) == ["INC-1:goodwill-day:1:text", "INC-1:goodwill-day:2:text"]
    assert "credit is given once per account, on another of its lines" in story_of(world, 4)
    assert "5.00 GBP" in story_of(world, 2)


def test_the_line_with_the_greatest_value_carries_what_is_per_account(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 1, 1])
    world.change_line(2, fee_service_minor=6000)
    world.change_line(3, fee_service_minor=6000)
    world.give(ONCE.replace("amount: 5.00", "amount: 'round half up(service fee / 10, 2)'"))
    assert world.credited() == {2: 600}


def test_a_cap_per_account_clips_lines_in_order_of_their_value(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 1, 1, 2])
    world.change_line(3, fee_service_minor=9000)
    capped = (
        "caps: [{amount: 6.00, per: account, over: incident}]\n"
        "rewards: [{name: credit, kind: bill_credit, amount: 'round half up(service fee / 20, 2)'}]\n"
    )
    world.give(capped)
    assert world.credited() == {1: 100, 3: 450, 2: 50, 4: 100}
    assert "is over the cap per account: 0.50 GBP remains" in story_of(world, 2)


def test_layers_keep_their_basis_in_the_ledger(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1])
    world.give(
        "layers: [{name: law, basis: statutory}, {name: extra, basis: goodwill, combines: sum}]\n"
        "rewards:\n"
        "  - {name: floor, kind: bill_credit, layer: law, amount: 2.00}\n"
        "  - {name: more, kind: bill_credit, layer: extra, amount: 1.00}\n"
    )
    with database.reading() as session:
        entries = session.scalars(select(LedgerEntry).order_by(LedgerEntry.amount_minor)).all()
    assert [(entry.debit, entry.amount_minor) for entry in entries] == [
        ("expense:goodwill", 100),
        ("expense:statutory", 200),
    ]


def test_a_second_policy_takes_off_what_the_first_gave(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2])
    plain = "rewards: [{name: credit, kind: bill_credit, amount: 3.00}]\n"
    before = world.assess(world.save(plain.replace("3.00", "4.50"), "second"))
    world.approve(before)
    world.give(plain, name="first")
    with pytest.raises(RefusedError, match="does not know of"):
        world.release(before)
    again = world.assess(world.save(plain.replace("3.00", "4.50"), "second"))
    assert again != before
    assert world.assess(world.save(plain.replace("3.00", "4.50"), "second")) == again
    world.approve(again)
    world.release(again)
    assert world.credited() == {1: 450, 2: 450}
    assert "3.00 GBP was credited for this incident before by another policy or staff" in story_of(world, 1)
    # What was explained is explained the same whatever is credited later.
    told = story_of(world, 1)
    world.give(plain.replace("3.00", "9.00"), name="third")
    assert told in story_of(world, 1)


def test_a_cap_per_month_counts_the_policys_other_incidents(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1])
    with database.transaction() as session:
        add_loss(session, "INC-2", 3000, 3060, START + timedelta(minutes=3000))
        add_loss(session, "INC-3", 60_000, 60_060, START + timedelta(minutes=60_000))
    capped = (
        "caps: [{amount: 5.00, per: line, over: month}]\nrewards: [{name: credit, kind: bill_credit, amount: 3.00}]\n"
    )
    for incident in ("INC-1", "INC-2", "INC-3"):
        world.give(capped, run=world.measure(incident))
    assert [(credit.key, credit.amount_minor) for credit in world.credits()] == [
        ("INC-1:goodwill-day:1:credit", 300),
        ("INC-2:goodwill-day:1:credit", 200),
        ("INC-3:goodwill-day:1:credit", 300),
    ]


def test_rules_read_outages_and_credits_of_the_last_days(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1])
    with database.transaction() as session:
        add_loss(session, "INC-2", 3000, 3060, START + timedelta(minutes=3000))
    world.give("rewards: [{name: credit, kind: bill_credit, amount: 3.00}]\n", name="first")
    body = (
        "rewards:\n"
        "  - {name: again, kind: bill_credit, when: outages in the last 90 days >= 1, amount: 1.00}\n"
        "  - {name: sum, kind: bill_credit, when: credited in the last 30 days > 2.99, amount: 0.10}\n"
        "  - {name: number, kind: bill_credit, when: credits in the last 30 days = 1, amount: 0.01}\n"
    )
    ref = world.assess(world.save(body), world.measure("INC-2"))
    assert [case.amount_minor for case in world.cases(ref)] == [111]
    other = world.assess(world.save(body, "before"), world.measure("INC-1"))
    assert [case.amount_minor for case in world.cases(other)] == [0]


def test_held_out_lines_get_nothing_and_are_shown_as_such(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, list(range(1, 41)))
    body = "holdout: {share: 0.25, salt: spring}\nrewards: [{name: c, kind: bill_credit, amount: 1.00}]\n"
    ref = world.give(body + "text: '\"given_only\"'\n")
    totals = world.get(ref).totals
    assert 0 < totals["held_out"] < 40
    assert totals["credits"] == totals["texts"] == len(world.credits()) == 40 - totals["held_out"]
    held = next(line for line in range(1, 41) if line not in world.credited())
    assert "The line is held out" in story_of(world, held)


CODES = "rewards: [{name: gift, kind: voucher, amount: 10.00, valid days: 30, codes: summer}]\ntext: '\"given_only\"'\n"


def test_voucher_codes_are_given_once_and_an_exhausted_pool_stops(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1, 2, 3])
    ref = world.assess(world.save(CODES))
    with pytest.raises(RefusedError, match="has 0 free codes"):
        world.approve(ref)
    with database.transaction() as session:
        assert import_codes(session, "summer", ["AAA", "BBB", "", "AAA"], 1000, "GBP", actor="maria") == 2
        assert import_codes(session, "summer", ["BBB", "CCC", "DDD"], 1000, "GBP", actor="maria") == 2
        with pytest.raises(InputError, match="not a voucher code"):
            import_codes(session, "summer", ["has space"], 1000, "GBP", actor="maria")
    world.approve(ref)
    world.release(ref)
    with database.reading() as session:
        given = session.scalars(select(VoucherCode.credit_key).where(VoucherCode.credit_key.is_not(None))).all()
        assert count_free(session, "summer", 1000, "GBP") == 1
    assert sorted(str(key) for key in given) == [f"INC-1:goodwill-day:{line}:gift" for line in (1, 2, 3)]
    world.deliver(spool)
    with database.reading() as session:
        (entry,) = statement(session, "A1").entries
    assert entry.detail["code"] in ("AAA", "BBB", "CCC")
    assert (entry.valid_to - entry.valid_from).days == 30  # type: ignore[operator]
    bodies = [text.body for text in spool.list_texts(limit=10)]
    assert len(bodies) == 3
    assert all("a £10.00 voucher (code " in body for body in bodies)


KINDS = """\
rewards:
  - {name: days, kind: free_days, days: 2, cost: 'round half up(service fee * 2 / 30, 2)'}
  - {name: data, kind: data_grant, quantity: 5, unit: GB, valid days: 30, stacking: adds}
  - {name: minutes, kind: minutes_grant, quantity: 60, valid days: 7}
  - {name: texts, kind: texts_grant, quantity: 20, valid days: 7}
  - {name: longer, kind: validity_days, days: 1}
  - {name: pass, kind: day_pass, services: 'data, voice', valid from: 2012-07-28, valid to: 2012-07-29}
  - {name: less, kind: discount, percent: 10, product: Bolt On, valid days: 30}
  - {name: fee, kind: fee_waiver, fee: termination fee}
text: '"given_only"'
"""


def test_every_kind_is_a_bucket_of_its_own_and_the_text_says_it(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1])
    ref = world.give(KINDS)
    assert (world.get(ref).totals["cost_minor"], world.get(ref).totals["amount_minor"]) == (133, 0)
    world.deliver(spool)
    with database.reading() as session:
        entries = statement(session, "A1").entries
        assert not statement(session, "A1").balances
    assert len({entry.id for entry in entries}) == 8
    assert {entry.kind: entry.detail.get("quantity") for entry in entries}["data_grant"] == "5"
    (text,) = spool.list_texts(limit=5)
    for said in (
        "2 free days",
        "5 GB of data until 9 October 2012",
        "60 minutes of calls until 16 September 2012",
        "20 text messages",
        "one more day of validity",
        "unlimited data, calls on 28 July 2012",
        "10% off Bolt On",
        "termination fee not charged",
    ):
        assert said in text.body


def test_what_must_be_claimed_is_an_offer_and_no_credit(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2])
    ref = world.give("rewards: [{name: c, kind: bill_credit, how: to claim, amount: 1.00}]\ntext: '\"offer_open\"'\n")
    totals = world.get(ref).totals
    assert (totals["offers"], totals["credits"], totals["cost_minor"], totals["amount_minor"]) == (2, 0, 200, 0)
    assert world.credits() == []
    with database.reading() as session:
        offers = session.scalars(select(Offer).order_by(Offer.key)).all()
    assert [(offer.key, offer.state, offer.size) for offer in offers] == [
        ("INC-1:goodwill-day:1:c", "open", "100"),
        ("INC-1:goodwill-day:2:c", "open", "100"),
    ]
