"""Working days after a report, on the calendar of England, and numbered days of grace."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.holidays import WorkCalendar, full_days, numbered_days

_ENGLAND = [
    *("2025-01-01", "2025-04-18", "2025-04-21", "2025-05-05", "2025-05-26", "2025-08-25", "2025-12-25", "2025-12-26"),
    *("2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28"),
]
ENGLAND = WorkCalendar("Europe/London", frozenset(map(date.fromisoformat, _ENGLAND)))


@pytest.mark.parametrize(
    ("reported_on", "restored_on", "first_payable", "days"),
    [
        ("2025-10-03", "2025-11-18", "2025-10-08", 41),  # R02-1 Tiree: 41 x 9.98 = 409.18
        ("2025-06-02", "2025-06-04", "2025-06-05", 0),  # R02-2
        ("2025-06-02", "2025-06-06", "2025-06-05", 1),  # R02-3, on the Tiree reading
        ("2025-04-17", "2025-04-25", "2025-04-24", 1),  # R02-4: the Thursday before Easter
        ("2026-03-30", "2026-04-20", "2026-04-02", 18),
        ("2026-12-24", "2026-12-31", "2026-12-31", 0),  # Boxing Day on a Saturday is made up for on the Monday
    ],
)
def test_payable_days_after_two_full_working_days_in_england(reported_on, restored_on, first_payable, days):
    first = ENGLAND.day_after(date.fromisoformat(reported_on), 2)
    assert first == date.fromisoformat(first_payable)
    assert full_days(first, date.fromisoformat(restored_on)) == days


@pytest.mark.parametrize(
    ("numbers", "restored_on", "days"),
    [
        (range(3, 5), "2023-01-01", 2),  # R11-1: days 3 and 4, then 280 days: 2 x 5 + 280 x 10 = 2,810
        (range(5, 10_000), "2023-01-01", 280),
        (range(1, 3), "2023-01-01", 2),
        (range(3, 10_000), "2022-03-24", 0),
        (range(3, 10_000), "2022-03-25", 0),
        (range(3, 10_000), "2022-03-26", 1),
    ],
)
def test_days_are_numbered_from_the_report_which_is_day_0(numbers, restored_on, days):
    assert numbered_days(date(2022, 3, 22), date.fromisoformat(restored_on), numbers) == days


def test_neither_the_day_of_the_report_nor_the_day_of_the_mending_is_a_full_working_day():
    monday = date(2025, 6, 2)
    assert [ENGLAND.full_working_days(monday, monday + timedelta(later)) for later in range(8)] == [
        *(0, 0, 1, 2, 3),
        *(4, 4, 4),
    ]


def test_another_region_has_another_weekend_and_other_holidays():
    gulf = WorkCalendar("Asia/Riyadh", frozenset({date(2026, 9, 23)}), weekend=frozenset({4, 5}))
    assert [gulf.is_working(date(2026, 9, day)) for day in (23, 24, 25, 26, 27)] == [False, True, False, False, True]


def test_a_report_falls_on_the_local_day_of_the_calendar():
    late = int(datetime(2026, 6, 1, 23, 30, tzinfo=ZoneInfo("UTC")).timestamp())
    assert ENGLAND.date_of(late) == date(2026, 6, 2)
    assert WorkCalendar("America/New_York").date_of(late) == date(2026, 6, 1)


@given(st.dates(date(2024, 12, 1), date(2026, 12, 1)), st.integers(0, 15))
def test_between_the_report_and_the_first_day_after_lie_exactly_the_working_days_asked_for(reported_on, count):
    first = ENGLAND.day_after(reported_on, count)
    assert ENGLAND.full_working_days(reported_on, first) == count
    assert count == 0 or ENGLAND.is_working(first - timedelta(1))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: WorkCalendar("Europe/Atlantis"), "unknown time zone"),
        (lambda: WorkCalendar("UTC", weekend=frozenset(range(7))), "not a weekend"),
        (lambda: WorkCalendar("UTC", weekend=frozenset({7})), "not a weekend"),
        (lambda: ENGLAND.day_after(date(2026, 1, 1), -1), "negative grace"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(make, complaint):
    with pytest.raises(InputError, match=complaint):
        make()
