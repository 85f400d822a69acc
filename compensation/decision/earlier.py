"""Pure: what a line lost in incidents before this one: as text, over a period, and the facts that follow from it."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from compensation.decision.lost_facts import Pattern
from compensation.document.model import PolicyDocument
from compensation.facts import Origin
from compensation.feel.values import say_duration
from compensation.measures import BILL_DAY, TIME_ZONE
from compensation.periods import EarlierFact, dates_of, read_name
from outage import counters, intervals
from outage.intervals import IntervalSet


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run of an incident before another: its name (`INC-2026-00003 run 2`), and the incident's cause."""

    name: str
    cause: str = "unknown"
    force_majeure: str | None = None

    def is_left_out(self, leaves_out: Collection[str]) -> bool:
        """Whether its cause class or its kind of force majeure is one of those."""
        return self.cause in leaves_out or self.force_majeure in leaves_out


Before = Mapping[EarlierRun, Pattern]
"""Lost intervals in Unix seconds per service, by the run that they stand in."""

NOTHING_BEFORE: Before = {}
RECORD, SPAN, NONE = ";", ",", "none"
"""What stands between the records of a text, one per run and service, and between the intervals of a record."""

_TEXTS_KEPT = 4096


@functools.lru_cache(maxsize=_TEXTS_KEPT)
def read_before(text: str | None) -> Before:
    """What `INC-2026-00003 run 2 power storm voice 1767225600-1767229200` and further records say.

    A record holds the run, cause class, force majeure (`none`), service and intervals; an empty text says nothing.
    """
    before: dict[EarlierRun, dict[str, IntervalSet]] = {}
    for record in text.split(RECORD) if text else ():
        name, cause, force_majeure, service, spans = record.rsplit(" ", 4)
        run = EarlierRun(name, cause, None if force_majeure == NONE else force_majeure)
        before.setdefault(run, {})[service] = intervals.normalise(_span(span) for span in spans.split(SPAN))
    return before


def _span(text: str) -> intervals.Interval:
    start, _, end = text.partition("-")
    return int(start), int(end)


def together(lost: Pattern, before: Before) -> Pattern:
    """What a line lost in this incident and in those before it, each service for itself, no second twice."""
    services = dict.fromkeys(service for pattern in (lost, *before.values()) for service in pattern)
    return {
        service: intervals.union(*(counters.lost_of(pattern, service) for pattern in (lost, *before.values())))
        for service in services
    }


def counted_of(before: Before, leaves_out: Collection[str]) -> Before:
    """What was lost before, without the incidents of those causes and kinds of force majeure."""
    if not leaves_out:
        return before
    return {run: pattern for run, pattern in before.items() if not run.is_left_out(leaves_out)}


def within(s: IntervalSet, dates: tuple[date, date | None], zone: str) -> IntervalSet:
    """The part of a set on the days of a period."""
    begins_on, ends_on = dates
    return counters.within_dates(s, begins_on, date.max if ends_on is None else ends_on, zone)


def earlier_value(
    name: str, before: Before, lost: Pattern, *, on: date, zone: str, bill_day: int | None
) -> Fraction | timedelta | None:
    """The value of a fact about incidents before this one, in which the line lost `lost`; days are the zone's.

    Time lost is what this incident does not count itself, each second once. None where the bill day is not known that
    it takes. Raises KeyError for any other name.
    """
    fact = _fact(name)
    dates = dates_of(fact.period, on, bill_day=bill_day, days=fact.days)
    if dates is None:
        return None
    if fact.counts_incidents:
        runs = (intervals.union(*pattern.values()) for pattern in before.values())
        return Fraction(sum(bool(within(spans, dates, zone)) for spans in runs))
    own = _lost(lost, fact)
    others = intervals.union(*(_lost(pattern, fact) for pattern in before.values()))
    return timedelta(seconds=intervals.total_seconds(within(intervals.difference(others, own), dates, zone)))


def told_before(document: PolicyDocument, facts: Mapping[str, object], before: Before, on: date) -> dict[str, str]:
    """From which runs each fact and measure that looks back comes, and how long each of them had it lost, in words.

    `INC-2026-00003 run 2: 1 h 30 min`, by the name of the fact; `facts` are the case's values.
    """
    if not before:
        return {}
    left_out = {one.name: one.leaves_out for one in document.measures}
    said = {
        name: runs_said(counted_of(before, left_out.get(name, ())), *_asked(document, name, facts, on))
        for name in document.facts_read()
    }
    return {name: words for name, words in said.items() if words}


def _asked(
    document: PolicyDocument, name: str, facts: Mapping[str, object], on: date
) -> tuple[tuple[date, date | None] | None, str, Collection[str] | None]:
    """What a fact or measure asks of incidents before this one: the dates (None: nothing), the zone, the services."""
    bill_day, zone = facts.get(BILL_DAY), document.zone
    day = None if bill_day is None else int(str(bill_day))
    fact = read_name(name) if document.catalogue[name].origin is Origin.EARLIER else None
    if fact is not None:
        services = None if fact.service is None else (fact.service,)
        return dates_of(fact.period, on, bill_day=day, days=fact.days), zone, services
    measure = next((one for one in document.measures if one.name == name), None)
    if measure is None or not measure.looks_back or measure.period is None:
        return None, zone, None
    own_zone = facts.get(TIME_ZONE)
    zone = own_zone if measure.customer_zone and isinstance(own_zone, str) else zone
    dates = dates_of(measure.period, on, bill_day=day, days=document.last_days(measure, on))
    return dates, zone, measure.services


def runs_said(
    before: Before, dates: tuple[date, date | None] | None, zone: str, services: Collection[str] | None = None
) -> str:
    """The runs in which a service (None: any) was lost in a period, with how long; empty where there is none."""
    if dates is None:
        return ""
    told = []
    for run, pattern in before.items():
        seconds = intervals.total_seconds(within(counters.lost_any(pattern, services), dates, zone))
        if seconds:
            told.append(f"{run.name}: {say_duration(timedelta(seconds=seconds))}")
    return ", ".join(told)


def _lost(pattern: Pattern, fact: EarlierFact) -> IntervalSet:
    return counters.lost_any(pattern) if fact.service is None else counters.lost_of(pattern, fact.service)


def _fact(name: str) -> EarlierFact:
    fact = read_name(name)
    if fact is None:
        raise KeyError(name)
    return fact
