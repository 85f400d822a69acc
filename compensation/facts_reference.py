"""The reference of what a rule may read, written from the catalogue of facts and the counters of measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compensation.facts import CATALOGUE, Fact, Origin
from compensation.feel import Value
from compensation.feel.values import write_value
from compensation.measures import Count, Cut, Since

ORIGINS: dict[Origin, str] = {
    Origin.INCIDENT: "The incident",
    Origin.IMPACT: "How it touched the line",
    Origin.PATTERN: "Time lost",
    Origin.EARLIER: "Time lost in earlier incidents",
    Origin.LINE: "The line",
    Origin.ACCOUNT: "The account",
    Origin.HISTORY: "What was before",
}
COUNTS: dict[Count, tuple[str, str]] = {
    Count.TOTAL: ("duration", "all time lost; with `per`, of the pieces that count"),
    Count.LONGEST: ("duration", "the longest unbroken outage"),
    Count.MOST: ("duration", "the most time lost in any one piece; needs `per`"),
    Count.HOURS: ("number of h", "time lost in hours, exact or `rounded`; with `per`, each piece for itself, added up"),
    Count.DAYS: ("number of days", "calendar days"),
    Count.BLOCKS: ("number of blocks", "blocks of `length` since the first loss; `per: outage` begins anew each time"),
    Count.OUTAGES: ("number of outages", "separate outages"),
    Count.MONTHS: ("number of months", "calendar months"),
    Count.PERIODS: ("number of billing periods", "billing periods of the line's account"),
    Count.SITES: ("number of sites", "sites of the incident, each by its longest unbroken time without any service"),
    Count.CELLS: ("number of cells", "cells of the incident, in the same way"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a measure: how it is written, and what it does."""

    key: str
    written: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "of",
        "`any`, `voice`, `data`, `sms`, `all of [voice, data]`, `any of [..]`, `worst service`, `whole period`",
        "whose time is counted; `all of` is the time without all of them at once; `worst service` counts each for "
        "itself and takes the greatest count; `whole period` is all time of the period that `incidents` says, lost or "
        "not: a divisor; `any` without this key",
    ),
    Setting(
        "incidents",
        "`this month`, `this billing period`, `this quarter`, `this year`, `last 30 days`, `last NAME days` with a "
        "parameter",
        "over all unplanned incidents up to this one, on the days of that period around the outage date; the last n "
        "days are those before it and all since; this incident alone without this key",
    ),
    Setting(
        "leaves out",
        "`force majeure`, `[flood, war, third_party]`",
        "incidents with any force majeure, or with one of these kinds of it or cause classes, do not count",
    ),
    Setting(
        "outages over, outages at least", "`PT12H`", "only outages that last longer (or as long) at a stretch count"
    ),
    Setting(
        "since",
        ", ".join(f"`{one}`" for one in Since),
        "when the clock starts; time lost before does not count; never reported: nothing counts",
    ),
    Setting("window", "`08:00-22:00`", "only what a clock shows in between; may run over midnight"),
    Setting("only on", "`working days`", "only working days of the calendar count"),
    Setting("per", ", ".join(f"`{one}`" for one in Cut), "the pieces that time lost is cut into"),
    Setting("over", "`PT12H`", "only pieces with more than that lost count"),
    Setting("at least", "`PT12H`", "only pieces with that much lost or more count"),
    Setting("whole", "`true`", "only days or blocks that are lost to the last second count"),
    Setting("beyond", "`PT1H`", "of each piece only what is past that length counts"),
    Setting("length", "`PT24H`", "how long a block is, in whole hours"),
    Setting("rounded", "`up`, `down`, `exact`, `over PT30M`", "how hours are rounded, before any money is"),
    Setting("grace", "`2 working days`, `3 calendar days`", "so many days after the clock's start do not count"),
    Setting(
        "first day, last day",
        "`3`",
        "only days with these numbers count: day 1 is the first after the clock's start and the grace",
    ),
    Setting("day one", "`the day after`, `the same day`", "whether the day of the report (or fault) is day 0 or day 1"),
    Setting("zone", "`policy`, `customer`", "whose calendar days are counted in"),
    Setting("calendar", "a name under `holidays`, or a fact that says one", "which working days hold"),
)
"""The keys of a measure, in the order in which they take effect."""


def reference() -> str:
    """The whole reference as Markdown; `docs/facts.md` holds it, and a test keeps it so."""
    return "\n".join(_lines()) + "\n"


def facts_of(origin: Origin) -> tuple[Fact, ...]:
    """The facts of one origin, in the catalogue's order."""
    return tuple(fact for fact in CATALOGUE.values() if fact.origin is origin)


def values_said(allowed: Iterable[Value] | None) -> str:
    """The allowed values in a row, empty for any."""
    return ", ".join(write_value(value) for value in allowed or ())


def _lines() -> Iterator[str]:
    yield "# Facts and measures"
    yield ""
    yield "Written by `outage policy facts` from the catalogue that the engine itself uses; do not edit."
    yield "Rules read facts by their names. Days and times are those of the policy's zone. A fact that may be null is"
    yield "null when it is not known, or when there is nothing to say. Amounts are recorded in minor units and exact; a"
    yield "rule reads them in major ones: `service fee > 20` is over 20.00."
    for origin, title in ORIGINS.items():
        found = facts_of(origin)
        if found:
            yield from _section(title, ("fact", "type", "unit", "values", "null", "meaning"), map(_fact, found))
            yield ""
            yield f"From {found[0].source}."
    yield from _attributes()
    yield from _measures()


def _fact(fact: Fact) -> tuple[str, ...]:
    return (
        f"`{fact.name}`",
        fact.type.value,
        fact.unit,
        values_said(fact.allowed),
        "may be" if fact.nullable else "",
        fact.meaning,
    )


def _attributes() -> Iterator[str]:
    yield ""
    yield "## Attributes"
    yield ""
    yield "Staff define attributes of lines with a type (string, number, boolean, date, instant, duration), allowed"
    yield "values and, for numbers, a unit; rules read them by name at once. The customer base fills them"
    yield "(`attribute:NAME`), and a list uploaded for an incident may say them for that incident alone. A policy names"
    yield "those it needs under `attributes:`; until staff define them, they are null for every line."
    yield ""
    yield "```"
    yield 'outage attribute define appointment_missed --type boolean --meaning "Engineer did not come" --as nina'
    yield "```"


def _measures() -> Iterator[str]:
    yield ""
    yield "## Measures"
    yield ""
    yield "A policy counts lost time under `measures:`; rules read each measure by its name. A duration may be written"
    yield "out or be the name of a dated parameter, and so may a number of days."
    counts = ((f"`{count}`", gives, meaning) for count, (gives, meaning) in COUNTS.items())
    yield from _section("What is counted: `count`", ("count", "gives", "meaning"), counts)
    settings = ((f"`{'`, `'.join(one.key.split(', '))}`", one.written, one.meaning) for one in SETTINGS)
    yield from _section("Which time counts", ("key", "written", "meaning"), settings)
    yield ""
    yield "The keys take effect in this order. All that is lost is united first, so that no minute counts twice. What"
    yield "needs a fact that is not known (a billing day, the customer's zone, a date that no holiday calendar covers)"
    yield "is null. A line that lost nothing has measures of 0."


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
