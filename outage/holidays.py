"""Working days: a calendar that the caller gives, and days counted after a report."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from foundation.errors import InputError
from outage.intervals import local_date

_ONE = timedelta(days=1)
_WEEK = range(7)


@dataclass(frozen=True)
class WorkCalendar:
    """The working days of one region: its zone, its weekend (0 is Monday), its holidays.

    Holidays are data with a source, given by whoever counts: they differ by region and are announced year by year.
    Raises InputError for an unknown zone or a weekend that leaves no working day.
    """

    zone: str
    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = frozenset({5, 6})

    def __post_init__(self) -> None:
        """Check what was given."""
        local_date(0, self.zone)
        if not self.weekend <= set(_WEEK) or len(self.weekend) == len(_WEEK):
            accepted = "some of 0 (Monday) to 6 (Sunday)"
            raise InputError("not a weekend", where="work calendar", value=sorted(self.weekend), accepted=accepted)

    def is_working(self, day: date) -> bool:
        """Whether people work on that date."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def date_of(self, second: int) -> date:
        """The local date at an instant (Unix seconds): the day on which something was reported or mended."""
        return local_date(second, self.zone)

    def working_days(self, from_on: date, to_on: date) -> int:
        """How many working days there are from `from_on` to the day before `to_on`."""
        return sum(self.is_working(from_on + _ONE * number) for number in range((to_on - from_on).days))

    def full_working_days(self, reported_on: date, restored_on: date) -> int:
        """How many full working days passed after the report: neither its day nor the day of the mending counts."""
        return self.working_days(reported_on + _ONE, restored_on)

    def day_after(self, reported_on: date, working_days: int) -> date:
        """The first date after so many full working days that follow a report; the day of the report is day 0.

        Raises InputError for a negative number.
        """
        if working_days < 0:
            accepted = "whole days from 0"
            raise InputError("negative grace", where="working_days", value=working_days, accepted=accepted)
        day = reported_on
        while working_days:
            day += _ONE
            working_days -= self.is_working(day)
        return day + _ONE


def full_days(from_on: date, restored_on: date) -> int:
    """How many full calendar days from `from_on` on are lost; the day of the mending is not full."""
    return max((restored_on - from_on).days, 0)


def numbered_days(reported_on: date, restored_on: date, numbers: Collection[int] | range) -> int:
    """How many full days after a report bear one of `numbers`; the day of the report is day 0.

    With tiers such as "days 3 and 4" and "day 5 on" pass `range(3, 5)` and `range(5, 10_000)`.
    """
    return sum(1 <= number < (restored_on - reported_on).days for number in numbers)
