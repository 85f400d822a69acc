"""Schemes on the days when clocks change: from the measured loss to the released credit, reckoned by hand.

The same texts in three zones. Times are local wall times; `fold` is never needed, no case begins or ends in the hour
that is there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import compensation
from compensation import policies
from compensation.models import PolicyState
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from notify.texts import install_ready_texts
from outage.models import Account, Outage
from tests.credit_world import CreditWorld
from tests.impact_worlds import SERVICES, add_elements, add_incident, add_line

LONDON, NEW_YORK, KOLKATA = "Europe/London", "America/New_York", "Asia/Kolkata"
NOW = datetime.fromisoformat("2026-11-15T09:00:00+00:00")
Case = tuple[str, str, int, dict[str, int]]
"""First and last local time without service, the fee in minor units, and what is released: minor units or days."""


def scheme(name: str, zone: str) -> str:
    """A ready-made scheme as another country with the same law would have it."""
    text = (Path(compensation.__file__).parent / "schemes" / f"{name}.yaml").read_text()
    head = text[: text.index("\ntests:")] + "\n"
    own = next(line for line in head.splitlines() if line.startswith("zone:"))
    return head.replace(own, f"zone: {zone}")


def adopted(world: CreditWorld, text: str) -> int:
    """A version that is approved; returns its id."""
    with world.database.transaction() as session:
        version = policies.save_policy(session, text, actor="maria").version
        version.state = PolicyState.APPROVED
        return version.id


def released(
    database: Database, store: SnapshotStore, text: str, zone: str, cases: Sequence[Case], **facts: Any
) -> list[dict[str, int]]:
    """What each case comes to, each as an incident of its own with a line of its own."""
    currency = next(line for line in text.splitlines() if line.startswith("currency:")).split()[1]
    world = CreditWorld(database, store, NOW)
    with database.transaction() as session:
        install_ready_texts(session, "marketing")
        add_elements(session, *range(1, len(cases) + 1))
        for number, (start, end, fee, _) in enumerate(cases, 1):
            session.add(Account(id=number, ref=f"A{number}", name=f"Account {number}", currency=currency))
            add_line(session, number, account=number, served_by=number, zone=zone, fee_service_minor=fee, **facts)
            incident = add_incident(session, f"INC-{number}")
            span = [datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)) for local in (start, end)]
            incident.started_at = span[0]
            for service in SERVICES:
                outage = Outage(incident_id=incident.id, element_id=number, service=service, degree="lost")
                outage.started_at, outage.ended_at = span
                session.add(outage)
    version_id = adopted(world, text)
    for number in range(1, len(cases) + 1):
        ref = world.assess(version_id, world.measure(f"INC-{number}"))
        world.approve(ref)
        world.release(ref)
    found: list[dict[str, int]] = [{} for _ in cases]
    for credit in world.credits():
        size = credit.amount_minor if credit.amount_minor is not None else int(str(credit.quantity))
        found[credit.subscriber_id - 1][credit.reward] = size
    return found


DAY = {"longer validity": 1}
INDIA: dict[str, list[Case]] = {
    # 29 March has 23 hours: half an hour, 23 hours, half an hour are 24 and not over; a second more is.
    # 25 October has 25 hours: from midnight to 23:30 are 24 and a half. Its hours until 11:31 are over 12.
    LONDON: [
        ("2026-03-28T23:30:00", "2026-03-30T00:30:00", 0, {}),
        ("2026-03-28T23:30:00", "2026-03-30T00:30:01", 0, DAY),
        ("2026-10-25T00:00:00", "2026-10-25T23:30:00", 0, DAY),
        ("2026-10-24T12:30:00", "2026-10-25T11:30:00", 0, {}),
        ("2026-10-24T12:30:00", "2026-10-25T11:31:00", 0, DAY),
    ],
    NEW_YORK: [
        ("2026-03-08T00:00:00", "2026-03-09T00:59:00", 0, {}),
        ("2026-03-08T00:00:00", "2026-03-09T01:30:00", 0, DAY),
        ("2026-11-01T00:00:00", "2026-11-01T23:00:00", 0, {}),
        ("2026-11-01T00:00:00", "2026-11-01T23:00:01", 0, DAY),
    ],
    KOLKATA: [
        ("2026-03-28T23:30:00", "2026-03-30T00:30:00", 0, DAY),
        ("2026-10-25T00:00:00", "2026-10-25T23:30:00", 0, {}),
        ("2026-10-24T12:30:00", "2026-10-25T12:31:00", 0, DAY),
    ],
}


@pytest.mark.parametrize("zone", INDIA)
def test_over_a_day_is_time_that_passed_and_half_a_day_is_of_the_calendar(
    sqlite_database: Database, store: SnapshotStore, zone: str
) -> None:
    text = scheme("in_trai_2024_mobile", zone)
    found = released(sqlite_database, store, text, zone, INDIA[zone], payment_type="prepaid")
    assert found == [expected for *_, expected in INDIA[zone]]


NETHERLANDS: dict[str, list[Case]] = {
    # By the wall 13, 12, 25 and 24 hours; in truth 12 (not over 12), 13 (one block), 24 (one block), 25 (two).
    LONDON: [
        ("2026-03-28T20:00:00", "2026-03-29T09:00:00", 4650, {}),
        ("2026-10-24T21:00:00", "2026-10-25T09:00:00", 4650, {"credit": 155}),
        ("2026-03-28T10:00:00", "2026-03-29T11:00:00", 4650, {"credit": 155}),
        ("2026-10-24T10:00:00", "2026-10-25T10:00:00", 4650, {"credit": 310}),
    ],
    NEW_YORK: [
        ("2026-03-07T20:00:00", "2026-03-08T09:00:00", 4650, {}),
        ("2026-10-31T21:00:00", "2026-11-01T09:00:00", 4650, {"credit": 155}),
        ("2026-03-07T10:00:00", "2026-03-08T11:00:00", 4650, {"credit": 155}),
        ("2026-10-31T10:00:00", "2026-11-01T10:00:00", 4650, {"credit": 310}),
    ],
    KOLKATA: [
        ("2026-03-28T20:00:00", "2026-03-29T09:00:00", 4650, {"credit": 155}),
        ("2026-10-24T21:00:00", "2026-10-25T09:00:00", 4650, {}),
        ("2026-03-28T10:00:00", "2026-03-29T11:00:00", 4650, {"credit": 310}),
        ("2026-10-24T10:00:00", "2026-10-25T10:00:00", 4650, {"credit": 155}),
    ],
}


@pytest.mark.parametrize("zone", NETHERLANDS)
def test_blocks_of_24_hours_are_time_that_passed_and_no_days(
    sqlite_database: Database, store: SnapshotStore, zone: str
) -> None:
    text = scheme("nl_telecommunicatiewet_2017", zone)
    found = released(sqlite_database, store, text, zone, NETHERLANDS[zone], payment_type="postpaid")
    assert found == [expected for *_, expected in NETHERLANDS[zone]]


CALENDAR = """\
policy: calendar-days
title: A day's share of the fee for each whole day
basis: goodwill
currency: GBP
zone: {zone}
in force: {{from: 2026-01-01, to: null}}
population: affected
sources: [{{what: a promise, where: the board}}]
measures:
  - {{name: whole days, meaning: Days lost to the last second., count: days, whole: true, zone: {whose}}}
other credits: keep
rewards:
  - name: days
    kind: bill_credit
    amount: round half up(service fee * whole days / days of outage month, 2)
  - name: hours
    kind: bill_credit
    amount: round half up(service fee * hours lost / hours of outage month, 2)
"""
WHOLE: dict[str, list[Case]] = {
    # The month with the short day has 743 hours, the one with the long day 745 (November: 721).
    LONDON: [
        ("2026-03-29T00:00:00", "2026-03-30T00:00:00", 7430, {"days": 240, "hours": 230}),
        ("2026-03-29T00:00:00", "2026-03-29T23:59:59", 7430, {"hours": 230}),
        ("2026-10-25T00:00:00", "2026-10-26T00:00:00", 7450, {"days": 240, "hours": 250}),
        ("2026-10-24T23:00:00", "2026-10-26T23:00:00", 7450, {"days": 240, "hours": 490}),
    ],
    NEW_YORK: [
        ("2026-03-08T00:00:00", "2026-03-09T00:00:00", 7430, {"days": 240, "hours": 230}),
        ("2026-11-01T00:00:00", "2026-11-02T00:00:00", 7210, {"days": 240, "hours": 250}),
    ],
    KOLKATA: [("2026-03-29T00:00:00", "2026-03-30T00:00:00", 7440, {"days": 240, "hours": 240})],
}


@pytest.mark.parametrize("zone", WHOLE)
def test_a_whole_day_of_23_or_25_hours_is_a_day_and_hours_are_pro_rated_by_the_months_own(
    sqlite_database: Database, store: SnapshotStore, zone: str
) -> None:
    text = CALENDAR.format(zone=zone, whose="policy")
    found = released(sqlite_database, store, text, zone, WHOLE[zone])
    assert found == [expected for *_, expected in WHOLE[zone]]


def test_whose_days_are_counted_decides_what_one_loss_comes_to(database: Database, store: SnapshotStore) -> None:
    # London's whole 25 October; for a customer in Kolkata it runs from 04:30 to 05:30 of the next day.
    text = CALENDAR.format(zone=LONDON, whose="customer")
    cases: list[Case] = [("2026-10-25T00:00:00", "2026-10-26T00:00:00", 7450, {})]
    world = CreditWorld(database, store, NOW)
    assert released(database, store, text, LONDON, cases) == [{"days": 240, "hours": 250}]
    world.change_line(1, zone=KOLKATA)
    other = adopted(world, text.replace("calendar-days", "calendar-days-too"))
    again = world.get(world.assess(other, world.measure("INC-1"))).totals
    assert (again["credits"], again["amount_minor"]) == (1, 250)
