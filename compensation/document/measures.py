"""The measures of a policy file: read from YAML, checked, and said in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import time, timedelta

import yaml

from compensation.document.model import Parameter
from compensation.document.yaml_reader import Reader
from compensation.facts import CAUSES, FORCE_MAJEURE, Fact, check_name
from compensation.feel import FeelType, listing, suggestion
from compensation.feel.values import read_duration
from compensation.measures import (
    Count,
    Cut,
    Grace,
    HolidayCalendar,
    Length,
    Measure,
    Named,
    Number,
    Rounded,
    Since,
)
from compensation.measures_said import measure_said
from compensation.periods import MOST_DAYS, Period
from foundation.errors import InputError
from outage.lifecycle import SERVICES

MEASURE_KEYS = (
    *("meaning", "of", "per", "over", "at least", "beyond", "whole", "length", "rounded", "window"),
    *(
        "since",
        "outages over",
        "outages at least",
        "grace",
        "first day",
        "last day",
        "day one",
        "only on",
        "zone",
        "calendar",
        "incidents",
        "leaves out",
    ),
)
"""What a measure may say besides its name and count."""
_CUT_OF = {
    Count.LONGEST: Cut.OUTAGE,
    Count.DAYS: Cut.DAY,
    Count.BLOCKS: Cut.BLOCK,
    Count.OUTAGES: Cut.OUTAGE,
    Count.MONTHS: Cut.MONTH,
    Count.PERIODS: Cut.PERIOD,
}
_OF = re.compile(r"(all|any) of \[?([a-z, ]+?)\]?")
_WORST = "worst service"
_WHOLE_PERIOD, _ANY_FORCE_MAJEURE = "whole period", "force majeure"
_OF_WRITTEN = f"any, {', '.join(SERVICES)}, {_WORST}, {_WHOLE_PERIOD}, or several such as: all of [voice, data]"
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_LAST = re.compile(r"last (.+) days?")
_GRACE = re.compile(r"(\d{1,3}) (working|calendar) days?")
_HOUR = timedelta(hours=1)
_TWO_ENDED = (Period.MONTH, Period.BILLING, Period.QUARTER, Period.YEAR)
_INCIDENTS_WRITTEN = f"{', '.join(_TWO_ENDED)}, last 30 days, or a number parameter: last NAME days"


@dataclass(frozen=True, slots=True)
class MeasuresRead:
    """The measures that could be read with their facts, and the names of those that could not."""

    measures: tuple[Measure, ...]
    facts: Mapping[str, Fact]
    failed: frozenset[str]


def read_measures(
    reader: Reader,
    node: yaml.Node | None,
    catalogue: Mapping[str, Fact],
    parameters: Collection[Parameter],
    unread: Collection[str],
    calendars: Collection[HolidayCalendar],
) -> MeasuresRead:
    """The measures in order, each a fact that rules may read; `unread` are parameters that were complained of."""
    found: dict[str, Measure] = {}
    failed: set[str] = set()
    for item in reader.items(node, "measures") if node is not None and not reader.is_null(node) else ():
        problems = len(reader.problems)
        read = _MeasureReader(reader, catalogue, {one.name: one for one in parameters}, unread, calendars, item)
        measure = read.measure(taken=found)
        if len(reader.problems) > problems:
            failed.add(measure.name)
        else:
            found[measure.name] = measure
    facts = {name: measure.fact(measure_said(measure)) for name, measure in found.items()}
    return MeasuresRead(tuple(found.values()), facts, frozenset(failed - {""}))


class _MeasureReader:
    """Reads one measure; what is wrong is noted by the reader, and a stand-in goes on in its place."""

    def __init__(
        self,
        reader: Reader,
        catalogue: Mapping[str, Fact],
        parameters: Mapping[str, Parameter],
        unread: Collection[str],
        calendars: Collection[HolidayCalendar],
        node: yaml.Node,
    ) -> None:
        self.reader = reader
        self.catalogue = catalogue
        self.parameters = parameters
        self.unread = unread
        self.calendars = {one.name for one in calendars}
        self.node = node
        self.parts = reader.mapping(node, "a measure", ["name", "count"], MEASURE_KEYS)

    def measure(self, taken: Collection[str]) -> Measure:
        count = Count(self.choice("count", [*Count]) or Count.TOTAL)
        cut = self.cut(count)
        services, complete = self.services()
        rounded, rounded_over = self.rounded(count)
        period, last_days = self.period()
        measure = Measure(
            name=self.name(taken),
            meaning=self.text("meaning"),
            count=count,
            cut=cut,
            services=services,
            complete=complete,
            worst=self.text("of") == _WORST,
            outages_over=self.length("outages over"),
            outages_at_least=self.length("outages at least"),
            over=self.length("over"),
            at_least=self.length("at least"),
            beyond=self.length("beyond"),
            whole=self.whole(cut),
            block=self.block(cut),
            block_per_outage=count is Count.BLOCKS and "per" in self.parts,
            rounded=rounded,
            rounded_over=rounded_over,
            window=self.window(),
            since=Since(self.choice("since", [*Since]) or Since.FAULT),
            grace=self.grace(),
            numbers=(self.number("first day"), self.number("last day")),
            first_day_counts=self.choice("day one", ("the day after", "the same day")) == "the same day",
            working_days_only=self.choice("only on", ("working days",)) is not None,
            customer_zone=self.choice("zone", ("policy", "customer")) == "customer",
            period=period,
            last_days=last_days,
            whole_period=self.text("of") == _WHOLE_PERIOD,
            leaves_out=self.leaves_out(),
        )
        self.check_filters()
        self.check_period(measure)
        if count.is_network:
            self.check_network()
        return self.with_calendar(measure)

    # --- words

    def name(self, taken: Collection[str]) -> str:
        node = self.parts.get("name")
        name = self.reader.string(node, "name") if node is not None else None
        if node is None or name is None:
            return ""
        try:
            check_name(name)
        except InputError as error:
            self.reader.problem(node, f'"{name}": {error.what}', error.accepted)
        if name in {*self.catalogue, *self.parameters, *self.unread, *taken}:
            self.reader.problem(node, f'"{name}" is the name of a fact, parameter or earlier measure', "a new name")
        return name

    def text(self, key: str) -> str:
        return (self.reader.string(self.parts[key], key) or "") if key in self.parts else ""

    def choice(self, key: str, accepted: Collection[str]) -> str | None:
        return self.reader.choice(self.parts[key], key, accepted) if key in self.parts else None

    def refuse(self, key: str, why: str, accepted: str = "leave it out") -> None:
        if key in self.parts:
            self.reader.problem(self.parts[key], why, accepted)

    # --- which time

    def services(self) -> tuple[tuple[str, ...] | None, bool]:
        text = self.text("of") or "any"
        if text in ("any", _WORST, _WHOLE_PERIOD):
            return None, False
        if text in SERVICES:
            return (text,), False
        match = _OF.fullmatch(text)
        named = [part.strip() for part in match[2].split(",")] if match else [text]
        unknown = [service for service in named if service not in SERVICES]
        if unknown or match is None:
            close = suggestion(unknown[0] if unknown else text, SERVICES)
            self.refuse("of", f'unknown service "{unknown[0] if unknown else text}"', close or _OF_WRITTEN)
        return tuple(one for one in SERVICES if one in named), match is not None and match[1] == "all"

    def window(self) -> tuple[time, time] | None:
        if "window" not in self.parts:
            return None
        match = _WINDOW.fullmatch(self.text("window"))
        if match is None:
            self.refuse("window", "not a daily window", "local times such as 08:00-22:00")
            return None
        opens, closes = time(int(match[1]), int(match[2])), time(int(match[3] or 0), int(match[4] or 0))
        if opens == closes:
            self.refuse("window", "the window opens and closes at the same time", "two times such as 08:00-22:00")
            return None
        return opens, closes

    def period(self) -> tuple[Period | None, Number | None]:
        """The stretch of days over which all incidents count, and how many days it has when that is said."""
        text = self.text("incidents")
        if not text or text in _TWO_ENDED:
            return (Period(text) if text else None), None
        match = _LAST.fullmatch(text)
        if match is None:
            self.refuse("incidents", f'incidents cannot be "{text}"', _INCIDENTS_WRITTEN)
            return None, None
        if match[1].isascii() and match[1].isdigit():
            if not 1 <= int(match[1]) <= MOST_DAYS:
                self.refuse("incidents", f"nobody looks {match[1]} days back", f"last 1 to {MOST_DAYS} days")
            return Period.DAYS, int(match[1])
        known = self.parameter("incidents", match[1], FeelType.NUMBER, _INCIDENTS_WRITTEN)
        return (Period.DAYS, Named(match[1])) if known is not None else (None, None)

    def leaves_out(self) -> tuple[str, ...]:
        """The cause classes and kinds of force majeure whose incidents do not count."""
        node = self.parts.get("leaves out")
        if node is None:
            return ()
        several = self.reader.items(node, "leaves out") if isinstance(node, yaml.SequenceNode) else [node]
        named = [
            self.reader.choice(one, "leaves out", (_ANY_FORCE_MAJEURE, *FORCE_MAJEURE, *CAUSES)) for one in several
        ]
        every = (kind for name in named if name for kind in (FORCE_MAJEURE if name == _ANY_FORCE_MAJEURE else (name,)))
        return tuple(dict.fromkeys(every))

    def check_period(self, measure: Measure) -> None:
        """What goes by this incident's own clock says nothing of several; the whole period has no outages."""
        keys = ("since", "grace", "first day", "last day", "day one") if measure.period is not None else ()
        for key in keys:
            if key != "since" or measure.since is not Since.FAULT:
                self.refuse(key, "this goes by the clock of one incident, and incidents says several")
        if not measure.whole_period:
            return
        if measure.period in (None, Period.DAYS):
            self.refuse("of", "the whole period needs one with two ends", f"incidents: {', '.join(_TWO_ENDED)}")
        for key in ("outages over", "outages at least", "leaves out"):
            self.refuse(key, "the whole period is no outage")

    def grace(self) -> Grace | None:
        if "grace" not in self.parts:
            return None
        text = self.text("grace")
        if match := _GRACE.fullmatch(text):
            return Grace(int(match[1]), match[2] == "working")
        accepted = "such as 2 working days, 3 calendar days, or a number parameter with the unit working days or days"
        parameter = self.parameter("grace", text, FeelType.NUMBER, accepted)
        if parameter is None:
            return None
        if parameter.unit not in ("working days", "calendar days", "days"):
            self.refuse("grace", f'the unit of "{text}" is "{parameter.unit}"', "working days, calendar days or days")
        return Grace(Named(text), parameter.unit == "working days")

    # --- pieces

    def cut(self, count: Count) -> Cut | None:
        if count is Count.MOST and "per" not in self.parts:
            accepted = f"per: one of {', '.join(Cut)}"
            self.reader.problem(self.node, "most time is taken of pieces: say of which", accepted)
        if count is Count.BLOCKS:
            self.choice("per", [Cut.OUTAGE])
        elif count in _CUT_OF:
            self.refuse("per", f"{count} have no other pieces")
        elif "per" in self.parts:
            per = self.choice("per", [*Cut])
            return None if per is None else Cut(per)
        return _CUT_OF.get(count)

    def whole(self, cut: Cut | None) -> bool:
        if "whole" not in self.parts:
            return False
        if cut not in (Cut.DAY, Cut.BLOCK):
            self.refuse("whole", "only days and blocks can be whole")
        return self.reader.value(self.parts["whole"], FeelType.BOOLEAN, "whole") is True

    def block(self, cut: Cut | None) -> timedelta:
        if cut is not Cut.BLOCK:
            self.refuse("length", "only blocks have a length")
        if "length" not in self.parts:
            return 24 * _HOUR
        length = self.reader.value(self.parts["length"], FeelType.DURATION, "length")
        if not isinstance(length, timedelta) or length < _HOUR or length % _HOUR:
            self.refuse("length", "a block is whole hours long", "such as PT24H")
            return 24 * _HOUR
        return length

    def rounded(self, count: Count) -> tuple[Rounded, Length | None]:
        if "rounded" not in self.parts:
            return Rounded.EXACT, None
        if count is not Count.HOURS:
            self.refuse("rounded", "only hours are rounded here", "count: hours, or round half up(...) in a decision")
        text = self.text("rounded")
        if text.startswith("over "):
            return Rounded.EXACT, self.length("rounded", text.removeprefix("over "))
        accepted = [*Rounded, "over PT30M"]
        if text not in accepted[:-1]:
            close = suggestion(text, accepted)
            self.refuse("rounded", f'rounded cannot be "{text}"', f"{close} " * bool(close) + ", ".join(accepted))
            return Rounded.EXACT, None
        return Rounded(text), None

    def check_filters(self) -> None:
        if sum(key in self.parts for key in ("over", "at least", "whole")) > 1:
            what = "a piece is taken by one of over, at least and whole"
            self.reader.problem(self.node, what, "one of the three")

    def check_network(self) -> None:
        for key in set(self.parts) - {"name", "meaning", "count", "over", "at least"}:
            self.refuse(key, "sites and cells are counted over the whole incident, by their longest unbroken time")

    # --- settings that may be parameters

    def length(self, key: str, text: str | None = None) -> Length | None:
        if key not in self.parts:
            return None
        written = self.text(key) if text is None else text
        length = read_duration(written)
        if length is not None:
            if length < timedelta():
                self.refuse(key, f"{key} is below zero", "such as PT12H")
            return length
        accepted = "a duration such as PT12H, or a parameter that is one"
        return Named(written) if self.parameter(key, written, FeelType.DURATION, accepted) else None

    def number(self, key: str) -> Number | None:
        if key not in self.parts:
            return None
        text = self.text(key)
        if text.isascii() and text.isdigit() and 0 < int(text) < 100_000:
            return int(text)
        accepted = "a whole number from 1, or a parameter that is one"
        return Named(text) if self.parameter(key, text, FeelType.NUMBER, accepted) else None

    def parameter(self, key: str, name: str, kind: FeelType, accepted: str) -> Parameter | None:
        parameter = self.parameters.get(name)
        if name in self.unread:
            return None
        if parameter is None:
            close = suggestion(name, self.parameters)
            self.refuse(key, f'{key} cannot be "{name}"', f"{close}; or {accepted}" if close else accepted)
        elif parameter.type is not kind:
            unit = f" of {parameter.unit}" if parameter.unit else ""
            self.refuse(key, f'the parameter "{name}" is {parameter.type.said}{unit}', accepted)
            return None
        return parameter

    # --- calendars

    def with_calendar(self, measure: Measure) -> Measure:
        """The measure with its holiday calendar: the one that it names, the one there is, or the one a fact names."""
        if not measure.wants_calendar:
            self.refuse("calendar", "nothing here asks for working days")
            return measure
        if "calendar" not in self.parts:
            if len(self.calendars) != 1:
                accepted = listing(sorted(self.calendars)) or "holidays: with a calendar"
                self.reader.problem(self.node, "working days need a holiday calendar", f"calendar: one of {accepted}")
                return measure
            return replace(measure, calendar=next(iter(self.calendars)))
        name = self.text("calendar")
        fact = self.catalogue.get(name)
        by_fact = name not in self.calendars and fact is not None and fact.type is FeelType.STRING
        if name not in self.calendars and not by_fact:
            known = [*self.calendars, *(one.name for one in self.catalogue.values() if one.type is FeelType.STRING)]
            accepted = suggestion(name, known) or "a calendar under holidays, or a text fact that names one"
            self.refuse("calendar", f'there is no calendar "{name}"', accepted)
        return replace(measure, calendar=name, calendar_by=by_fact)
