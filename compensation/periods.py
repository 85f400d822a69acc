"""Pure: the periods over which what a line lost in several incidents adds up: how they are said, when they begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from outage.counters import period_of
from outage.lifecycle import SERVICES

MOST_DAYS = 400
"""How many days before the outage date may be looked back on."""

_FIRST_OF_MONTH = 1
_DAYS = r"[1-9][0-9]?|[1-3][0-9]{2}|400"
_LAST_DAYS = rf"in the last (?:{_DAYS}) days"
_NAME = re.compile(
    rf"(?P<what>(?:(?P<service>{'|'.join(SERVICES)}) )?lost|outages) "
    rf"(?:(?P<period>this month|this billing period|this quarter|this year)|in the last (?P<days>{_DAYS}) days)"
)
_IN_TEXT = re.compile(rf"\b(?:(?:{'|'.join(SERVICES)}) )?(?:lost|outages) {_LAST_DAYS}\b")


class Period(StrEnum):
    """A stretch of days around the date of the outage."""

    MONTH = "this month"
    BILLING = "this billing period"
    QUARTER = "this quarter"
    YEAR = "this year"
    DAYS = "last days"


@dataclass(frozen=True, slots=True)
class EarlierFact:
    """What a fact about incidents before this one says.

    `counts_incidents`: how many there were; else how long `service` (None: any) was lost in them. `days` belong to
    Period.DAYS.
    """

    counts_incidents: bool
    service: str | None
    period: Period
    days: int | None


def read_name(name: str) -> EarlierFact | None:
    """What the fact of a name says, None for any other name: `voice lost this month`, `outages in the last 30 days`."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    days = found["days"]
    period = Period.DAYS if days else Period(found["period"])
    return EarlierFact(found["what"] == "outages", found["service"], period, int(days) if days else None)


def names_in(text: str) -> Iterator[str]:
    """The names of facts about the last n days that a policy's text has in it; the longest where one holds another."""
    return iter(dict.fromkeys(_IN_TEXT.findall(text)))


def dates_of(
    period: Period, on: date, *, bill_day: int | None = None, days: int | None = None
) -> tuple[date, date | None] | None:
    """The first day of a period around the date of the outage, and the day after its last (None: it has no end yet).

    The last n days are those before the outage date, and all since. None where the bill day or the number of days that
    it takes is not known.
    """
    match period:
        case Period.MONTH:
            return period_of(on, _FIRST_OF_MONTH)
        case Period.BILLING:
            return None if bill_day is None else period_of(on, bill_day)
        case Period.QUARTER:
            first = on.month - (on.month - 1) % 3
            return date(on.year, first, 1), period_of(date(on.year, first + 2, 1), _FIRST_OF_MONTH)[1]
        case Period.YEAR:
            return date(on.year, 1, 1), date(on.year + 1, 1, 1)
    return None if days is None else (on - timedelta(days=days), None)


def first_day(period: Period, on: date, *, days: int | None = None) -> date:
    """The first day that a period may have, whatever the account's bill day; a year at most for unknown days."""
    if period is Period.BILLING:
        # The longest billing period: from the 31st of one month to the 31st of the next but one that has one.
        return on - timedelta(days=31)
    begins_on = dates_of(period, on, days=days if days is not None else MOST_DAYS)
    return on if begins_on is None else begins_on[0]


def said(period: Period, days: int | str | None = None) -> str:
    """A period in words: `in the calendar month of the outage date`."""
    if period is Period.DAYS:
        one = "day" if str(days) == "1" else "days"
        return f"in the {days} {one} before the outage date and since"
    return {
        Period.MONTH: "in the calendar month of the outage date",
        Period.BILLING: "in the billing period of the outage date",
        Period.QUARTER: "in the calendar quarter of the outage date",
        Period.YEAR: "in the calendar year of the outage date",
    }[period]
