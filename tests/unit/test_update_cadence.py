"""When the next update of an incident is due: over a day, on change, on restoration, and over clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.updates.cadence import (
    NONE,
    Posted,
    Situation,
    UpdateKind,
    find_preset,
    next_update,
    own_cadence,
)

AU = find_preset("au_2024")
KNOWN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hours(number: float) -> datetime:
    return KNOWN + timedelta(hours=number)


def told(*ages: float, kind: UpdateKind = UpdateKind.UPDATE) -> list[Posted]:
    return [Posted(hours(age), kind) for age in ages]


@pytest.mark.parametrize(
    ("ages", "due"),
    [
        ((0.25,), 6.25),
        ((0.25, 6.25), 12.25),
        ((0, 6, 12, 18), 24),
        ((0, 6, 12, 18, 24), 48),
        ((0, 6, 12, 18, 24, 48), 72),
        ((0, 23), 29),
        ((0, 30), 54),
    ],
)
def test_updates_are_due_six_hours_apart_for_a_day_and_then_daily(ages, due):
    found = next_update(AU, Situation(KNOWN, None, told(*ages)))
    assert found is not None
    assert (found.kind, found.due_at, found.overdue_at) == (UpdateKind.UPDATE, hours(due), hours(due))
    assert not found.is_due(hours(due) - timedelta(seconds=1))
    assert found.is_due(hours(due))
    assert not found.is_overdue(hours(due))
    assert found.is_overdue(hours(due) + timedelta(seconds=1))


def test_the_first_is_due_at_once_and_overdue_when_the_grace_is_over():
    found = next_update(AU, Situation(KNOWN, None, ()))
    assert found is not None
    assert (found.kind, found.due_at, found.overdue_at) == (UpdateKind.FIRST, KNOWN, hours(0.5))


def test_a_material_change_is_due_at_once_and_says_what_changed():
    found = next_update(AU, Situation(KNOWN, None, told(0), hours(2), ("more lines", "another cause")))
    assert found is not None
    assert (found.due_at, found.overdue_at, found.reason) == (hours(2), hours(2.5), "more lines; another cause")
    late = next_update(AU, Situation(KNOWN, None, told(0), hours(7), ("more lines",)))
    assert late is not None
    assert (late.due_at, late.overdue_at) == (hours(6), hours(6))


def test_service_that_is_back_is_told_once_and_nothing_after_it():
    found = next_update(AU, Situation(KNOWN, hours(3), told(0), hours(2), ("more lines",)))
    assert found is not None
    assert (found.kind, found.due_at) == (UpdateKind.RESTORED, hours(3))
    both = [*told(0), *told(4, kind=UpdateKind.RESTORED)]
    assert next_update(AU, Situation(KNOWN, hours(3), both)) is None
    # Lost again and back again: what was told of the first return says nothing of the second.
    assert next_update(AU, Situation(KNOWN, hours(9), both)) is not None
    assert next_update(AU, Situation(KNOWN, None, both)) is not None


def test_nothing_is_due_by_no_plan_nor_for_what_was_no_incident():
    for restored in (None, hours(1)):
        assert next_update(NONE, Situation(KNOWN, restored, told(0), hours(2), ("x",))) is None
        assert next_update(AU, Situation(KNOWN, restored, (), is_void=True)) is None


def test_an_operators_own_pace_is_checked_and_told():
    own = own_cadence(2, later_every_hours=12, grace_minutes=5)
    assert own.says.startswith("as soon as practicable; every 2 h for 24 h, then every 12 h")
    found = next_update(own, Situation(KNOWN, None, told(0, 1)))
    assert found is not None
    assert found.due_at == hours(3)
    for wrong in ({"every_hours": 0}, {"every_hours": 169}, {"every_hours": 1, "later_every_hours": 200}):
        with pytest.raises(InputError, match="not a pace"):
            own_cadence(**wrong)
    with pytest.raises(InputError, match="not a grace"):
        own_cadence(1, grace_minutes=-1)
    with pytest.raises(InputError, match="au_2024, none, own"):
        find_preset("weekly")


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
def test_hours_are_hours_when_the_clocks_change(change):
    before = change - timedelta(hours=3)
    found = next_update(AU, Situation(before, None, [Posted(before, UpdateKind.FIRST)]))
    assert found is not None
    assert found.due_at - before == timedelta(hours=6)
    london = ZoneInfo("Europe/London")
    wall = found.due_at.astimezone(london).replace(tzinfo=None) - before.astimezone(london).replace(tzinfo=None)
    assert wall in (timedelta(hours=7), timedelta(hours=5))


@given(st.lists(st.integers(0, 200 * 60), min_size=1, max_size=12))
def test_giving_an_update_never_brings_the_next_one_forward(minutes):
    ages = sorted(minutes)
    dues = [
        next_update(AU, Situation(KNOWN, None, told(*(age / 60 for age in ages[: count + 1]))))
        for count in range(len(ages))
    ]
    instants = [due.due_at for due in dues if due is not None]
    assert len(instants) == len(ages)
    assert instants == sorted(instants)
