"""Measures in words: what each counts, in one sentence that a customer can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from fractions import Fraction
from typing import Any

from compensation.facts import FORCE_MAJEURE
from compensation.feel import Value
from compensation.feel.values import say_duration
from compensation.measures import Count, Cut, Length, Measure, Named, Number, Rounded, Since
from compensation.periods import said as period_said
from compensation.plurals import unit_for

_LENGTHS = ("outages_over", "outages_at_least", "over", "at_least", "beyond", "rounded_over")
_ALL = frozenset(FORCE_MAJEURE)
_PIECE = {
    Cut.DAY: "calendar day",
    Cut.OUTAGE: "outage",
    Cut.PERIOD: "billing period",
    Cut.MONTH: "calendar month",
}
_SINCE = {
    Since.KNOWN: "since the operator knew",
    Since.REPORTED: "since the customer's report",
    Since.EITHER: "since the operator knew or was told",
}
_DAY_ZERO = {Since.FAULT: "the loss", Since.KNOWN: "the operator's knowledge", Since.REPORTED: "the report"}


def measure_said(measure: Measure, parameters: Mapping[str, Value] | None = None) -> str:
    """What a measure counts: `calendar days with more than 12 h without voice`.

    `parameters`: the values of a day, to be said in the place of their names.
    """
    values = parameters or {}
    return _said(_bound(measure, values))


def _bound(measure: Measure, values: Mapping[str, Value]) -> Measure:
    """The measure with the values of parameters put in."""

    def put_in(setting: Length | Number | None) -> Any:
        value = values.get(setting.name) if isinstance(setting, Named) else None
        if isinstance(value, Fraction):
            return int(value)
        return setting if value is None else value

    grace = measure.grace
    return replace(
        measure,
        grace=None if grace is None else replace(grace, days=put_in(grace.days)),
        numbers=(put_in(measure.numbers[0]), put_in(measure.numbers[1])),
        last_days=put_in(measure.last_days),
        **{name: put_in(getattr(measure, name)) for name in _LENGTHS},
    )


def _said(measure: Measure) -> str:
    said = [_counted(measure), *([] if measure.whole_period else [f"without {_services(measure)}"])]
    if measure.count.is_network:
        return f"{measure.count} of the incident{_which(measure)} without at least one service at a stretch"
    if measure.outages_over is not None:
        said.append(f"in outages of more than {_length(measure.outages_over)}")
    if measure.outages_at_least is not None:
        said.append(f"in outages of at least {_length(measure.outages_at_least)}")
    if measure.window:
        said.append(f"between {_clock(measure.window[0])} and {_clock(measure.window[1])}")
    if measure.since in _SINCE:
        said.append(_SINCE[measure.since])
    if measure.is_dated:
        said.append(_numbered(measure))
    if measure.working_days_only:
        said.append("on working days")
    if measure.customer_zone:
        said.append("in the customer's time zone")
    if measure.period is not None:
        days = None if measure.last_days is None else _number(measure.last_days)
        said.append("" if measure.whole_period else "in this incident and those before it,")
        said.append(period_said(measure.period, days))
    if measure.leaves_out:
        kinds = ", ".join(kind.replace("_", " ") for kind in measure.leaves_out)
        said.append(f"without incidents of {'any force majeure' if set(measure.leaves_out) >= _ALL else kinds}")
    return " ".join(part for part in said if part)


def _services(measure: Measure) -> str:
    if measure.services is None:
        return "the service that is lost the most" if measure.worst else "at least one service"
    if len(measure.services) == 1:
        return measure.services[0]
    names = " and ".join(measure.services) if measure.complete else " or ".join(measure.services)
    return f"{names} at once" if measure.complete else names


def _counted(measure: Measure) -> str:
    piece = _piece(measure)
    which = _which(measure)
    match measure.count:
        case Count.TOTAL:
            every = f" of every {piece}{which}" if measure.cut else which
            return f"total time{every}{_beyond(measure)}"
        case Count.LONGEST:
            return f"the longest unbroken time{which}{_beyond(measure)}"
        case Count.MOST:
            return f"the most time in one {piece}{which}{_beyond(measure)}"
        case Count.HOURS:
            every = f" of every {piece}" if measure.cut else ""
            return f"hours{_rounded(measure)}{every}{which}{_beyond(measure)}"
    return f"{_piece(measure, many=True)}{which or ' with any time'}"


def _piece(measure: Measure, *, many: bool = False) -> str:
    if measure.cut is Cut.BLOCK:
        where = "of each outage" if measure.block_per_outage else "since the first loss"
        return f"block{'s' * many} of {say_duration(measure.block)} {where}"
    return f"{_PIECE.get(measure.cut, '') if measure.cut else ''}{'s' * many}"


def _which(measure: Measure) -> str:
    if measure.whole:
        return " that is wholly" if measure.count.is_time else " that are wholly"
    if measure.over is not None:
        return f" with more than {_length(measure.over)}"
    return "" if measure.at_least is None else f" with at least {_length(measure.at_least)}"


def _beyond(measure: Measure) -> str:
    return "" if measure.beyond is None else f", of each what is beyond {_length(measure.beyond)}"


def _rounded(measure: Measure) -> str:
    if measure.rounded_over is not None:
        return f", one more for over {_length(measure.rounded_over)}"
    return "" if measure.rounded is Rounded.EXACT else f" rounded {measure.rounded}"


def _numbered(measure: Measure) -> str:
    zero = _DAY_ZERO.get(measure.since, "the operator's knowledge or the report")
    said = f"after the day of {zero}" if not measure.first_day_counts else f"from the day of {zero} on"
    if measure.grace is not None:
        kind = "working" if measure.grace.working else "calendar"
        days = measure.grace.days
        one = unit_for(days, f"{kind} days") if isinstance(days, int) else f"{kind} days"
        said = f"after {_number(days)} {one} {said}"
    first, last = measure.numbers
    if first is not None and last is not None:
        return f"on the days {_number(first)} to {_number(last)} {said}"
    if first is not None:
        return f"from day {_number(first)} on {said}"
    return said if last is None else f"up to day {_number(last)} {said}"


def _length(setting: Length) -> str:
    return setting.name if isinstance(setting, Named) else say_duration(setting)


def _number(setting: Number) -> str:
    return setting.name if isinstance(setting, Named) else str(setting)


def _clock(at: time) -> str:
    return at.strftime("%H:%M")
