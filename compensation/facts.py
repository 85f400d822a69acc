"""The catalogue of facts that a rule may read: name, type, unit, meaning, and where each comes from."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from compensation.feel import KEYWORDS, FeelType, NameType, Value
from compensation.feel.functions import FUNCTION_NAMES
from compensation.periods import Period, names_in, read_name, said
from foundation.errors import InputError
from foundation.money import exponent
from outage.evidence import Evidence
from outage.lifecycle import CauseClass, ForceMajeure

_NAME = re.compile(r"[^\W\d]\w*(?: \w+)*")
_MAX_NAME = 60


class Origin(StrEnum):
    """Which part of the product a fact comes from."""

    INCIDENT = "incident"
    IMPACT = "impact"
    PATTERN = "pattern"
    LINE = "line"
    ACCOUNT = "account"
    ATTRIBUTE = "attribute"
    MEASURE = "measure"
    EARLIER = "earlier"
    HISTORY = "history"


OF_LOST_TIME = (Origin.PATTERN, Origin.MEASURE, Origin.EARLIER)
"""The origins of facts that hang on a line's own lost time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact about a line and its outage.

    `column` is the column of the impact snapshot that holds it (None: computed from the line's pattern). `allowed`
    lists the only values it has (None: any). A fact that is not `nullable` is null only where data is missing.
    No value lies below `lowest`, and each is a whole multiple of `step` (None: nothing is known of it).
    `looks_back`: it hangs on what the line lost in incidents before this one too.
    """

    name: str
    type: FeelType
    meaning: str
    origin: Origin
    source: str
    column: str | None = None
    unit: str = ""
    allowed: tuple[Value, ...] | None = None
    nullable: bool = False
    lowest: Value = None
    step: Value = None
    looks_back: bool = False

    def name_type(self) -> NameType:
        """What the checker needs to know; money comes in whole minor units, so it is exact."""
        return NameType(
            self.type,
            self.allowed,
            exact_money=self.type is FeelType.MONEY,
            nullable=self.nullable,
            lowest=self.lowest,
            step=self.step,
            unit="" if self.type is FeelType.MONEY else self.unit,
        )


_SOURCES = {
    Origin.INCIDENT: "the incident record",
    Origin.IMPACT: "the impact run",
    Origin.PATTERN: "the line's outage intervals",
    Origin.EARLIER: "the impact runs of earlier incidents that held at the assessment",
    Origin.LINE: "the subscriber base as it was when the impact run was measured",
    Origin.ACCOUNT: "the account as it was when the impact run was measured",
    Origin.HISTORY: "what was credited before, as it was at the assessment",
}
_SERVICES = {"": "any service", "voice ": "voice", "data ": "data", "sms ": "text messages"}
_FEES = {
    "list fee": "before discounts",
    "discounted fee": "after discounts",
    "service fee": "for service alone, without the device",
    "device fee": "for the device alone",
}
_MONEY_UNIT = "minor units of the line's currency"
CREDITED = {
    "credited for this incident": (
        "h_other",
        "Money that other policies or care staff credited to the line for this incident.",
    ),
    "credited this month": (
        "h_month",
        "Money credited to the line for incidents of the calendar month of the outage date, but for what this policy "
        "credited for this one.",
    ),
    "credited this month by this policy": (
        "h_own_month",
        "Money that this policy credited to the line for other incidents of the calendar month of the outage date.",
    ),
}
"""The facts about money credited before, each with its column and meaning."""

LOOKED_BACK = {
    "credits": (FeelType.NUMBER, "Other incidents for which the line was credited money", "incidents"),
    "credited": (
        FeelType.MONEY,
        "Money credited to the line for other incidents",
        "minor units of the line's currency",
    ),
}
"""The first words of the facts about the last n days: their type, meaning and unit."""

_LAST_DAYS = re.compile(r"\b(credits|credited) in the last ([1-9][0-9]?|[1-3][0-9]{2}|400) days\b")
FORCE_MAJEURE = tuple(str(one) for one in ForceMajeure)
CAUSES = tuple(str(one) for one in CauseClass)
SCALE: Mapping[str, tuple[str, str]] = {
    "lines hit": ("lines", "How many lines lost a service in the incident."),
    "user minutes": ("min", "The minutes without at least one service of all lines together."),
    "user hours": ("h", "The hours without at least one service of all lines together."),
    "sites out": ("sites", "How many sites were without a service at any time; a measure counts those out for long."),
    "areas out": ("areas", "How many areas had a cell without a service at any time."),
    "cells out": ("cells", "How many cells were without a service at any time."),
    "greatest area share": ("%", "Of the area that was hit the most, which share of its cells was out at any time."),
}
"""The facts that say how big an incident is, by what it left without service up to where the run stops."""
_DURATION_UNIT = "days, hours, minutes"
_NO_TIME = datetime.timedelta(0)
_SECOND = datetime.timedelta(seconds=1)


def _fact(
    origin: Origin,
    name: str,
    kind: FeelType,
    meaning: str,
    column: str | None = None,
    *,
    unit: str = "",
    allowed: tuple[Value, ...] | None = None,
    nullable: bool = False,
    lowest: Value = None,
    step: Value = None,
) -> Fact:
    return Fact(
        name=name,
        type=kind,
        meaning=meaning,
        origin=origin,
        source=_SOURCES[origin],
        column=column,
        unit=unit,
        allowed=allowed,
        nullable=nullable,
        lowest=lowest,
        step=step,
    )


def _incident() -> Iterator[Fact]:
    here, string = Origin.INCIDENT, FeelType.STRING
    meaning = "What kind of cause the outage had."
    yield _fact(here, "cause class", string, meaning, "cause_class", allowed=CAUSES)
    yield _fact(here, "planned", FeelType.BOOLEAN, "The outage was announced planned work.", "planned")
    yield _fact(here, "outage date", FeelType.DATE, "The day the outage began, in the policy's time zone.")
    meaning = "What was beyond anybody's control, as staff recorded it; null when nothing was."
    yield _fact(here, "force majeure", string, meaning, allowed=FORCE_MAJEURE, nullable=True)
    number, one = FeelType.NUMBER, Fraction(1)
    for unit, step in (("days", one), ("hours", None)):
        meaning = f"How many {unit} the month of the outage date has, by its calendar: a divisor for pro-rating."
        short = "h" if unit == "hours" else unit
        yield _fact(here, f"{unit} of outage month", number, meaning, unit=short, lowest=Fraction(0), step=step)
    for name, (unit, meaning) in SCALE.items():
        yield _fact(here, name, number, meaning, unit=unit, nullable=True, lowest=Fraction(0))
    meaning = "When the operator knew of the outage: the incident's opening, or its start when that was later."
    yield _fact(here, "known at", FeelType.DATE_TIME, meaning, nullable=True)
    yield _fact(here, "known on", FeelType.DATE, "The day on which the operator knew of the outage.", nullable=True)


def _impact() -> Iterator[Fact]:
    here, evidence = Origin.IMPACT, tuple(str(one) for one in Evidence)
    yield _fact(here, "affected", FeelType.BOOLEAN, "The line lost service in this outage.", "affected")
    meaning = "How it is known that the line was touched."
    yield _fact(here, "evidence", FeelType.STRING, meaning, "evidence", allowed=evidence)
    meaning = "When the customer first reported the outage, by declaration or by a list; null when nobody did."
    yield _fact(here, "reported at", FeelType.DATE_TIME, meaning, "reported_at", nullable=True)
    meaning = "The day of that report, in the policy's time zone."
    yield _fact(here, "reported on", FeelType.DATE, meaning, "reported_at", nullable=True)


def _pattern() -> Iterator[Fact]:
    here, span, unit = Origin.PATTERN, FeelType.DURATION, _DURATION_UNIT
    for prefix, service in _SERVICES.items():
        total = f"Time without {service}, all outages of the incident together, no minute counted twice."
        longest = f"The longest unbroken time without {service}."
        for name, meaning in ((f"total {prefix}loss", total), (f"longest {prefix}loss", longest)):
            yield _fact(here, name, span, meaning, unit=unit, lowest=_NO_TIME, step=_SECOND)
    for word, what in (("first lost", "first lost service"), ("restored", "had all its services back")):
        here_and_there = f"the line {what}, in the policy's time zone; null when it lost none."
        yield _fact(here, f"{word} on", FeelType.DATE, f"The day on which {here_and_there}", nullable=True)
        yield _fact(here, f"{word} at", FeelType.DATE_TIME, f"When {here_and_there}", nullable=True)
    meaning = "How many separate times the line was without any service."
    yield _fact(here, "outage count", FeelType.NUMBER, meaning, unit="outages", lowest=Fraction(0), step=Fraction(1))
    meaning, second = "Total loss of any service in hours, exact.", Fraction(1, 3600)
    yield _fact(here, "hours lost", FeelType.NUMBER, meaning, unit="h", lowest=Fraction(0), step=second)


def _line() -> Iterator[Fact]:
    here, string = Origin.LINE, FeelType.STRING
    payments, segments = ("prepaid", "postpaid"), ("consumer", "business")
    meaning = "Whether the line pays before or after use."
    yield _fact(here, "payment type", string, meaning, "payment_type", allowed=payments)
    yield _fact(here, "segment", string, "Private or business line.", "segment", allowed=segments)
    meaning = "The brand or virtual operator that sold the line."
    yield _fact(here, "brand", string, meaning, "brand")
    yield _fact(here, "plan", string, "The tariff of the line.", "plan")
    yield _fact(here, "language", string, "The language the customer is written to in.", "language")
    yield _fact(here, "status", string, "Whether the line is active.", "status")
    for name, part in _FEES.items():
        column = f"fee_{name.removesuffix(' fee')}_minor"
        meaning = f"The monthly fee {part}."
        money, none = FeelType.MONEY, Fraction(0)
        yield _fact(here, name, money, meaning, column, unit=_MONEY_UNIT, lowest=none)
    date = FeelType.DATE
    yield _fact(here, "contract start", date, "First day of the contract.", "contract_started_on", nullable=True)
    meaning = "Day the contract ends; null when it runs on."
    yield _fact(here, "contract end", date, meaning, "contract_ended_on", nullable=True)
    yield _fact(here, "time zone", string, "The time zone that the customer lives by.", "zone")


def _account() -> Iterator[Fact]:
    here = Origin.ACCOUNT
    meaning = "Lines that the account pays for."
    number, one = FeelType.NUMBER, Fraction(1)
    yield _fact(here, "lines on account", number, meaning, "account_lines", unit="lines", lowest=one, step=one)
    yield _fact(here, "currency", FeelType.STRING, "ISO 4217 code of the account.", "currency")
    meaning = "The day of the month on which the account's billing period begins; in a short month its last day."
    day = "account_bill_day"
    yield _fact(here, "billing day", number, meaning, day, unit="day of the month", nullable=True, lowest=one, step=one)
    for unit, step in (("days", one), ("hours", None)):
        meaning = f"How many {unit} the billing period of the outage date has: a divisor for pro-rating."
        name, short = f"{unit} of billing period", "h" if unit == "hours" else unit
        yield _fact(here, name, number, meaning, day, unit=short, nullable=True, lowest=Fraction(0), step=step)
    meaning = "Whether the account pays: good, arrears, fraud or closed."
    standings = ("good", "arrears", "fraud", "closed")
    yield _fact(
        here, "account standing", FeelType.STRING, meaning, "account_standing", allowed=standings, nullable=True
    )
    meaning = "How many accounts stand above the account in its tree; 0 for one that stands alone or on top."
    depth = "account_depth"
    yield _fact(
        here, "account depth", number, meaning, depth, unit="levels", nullable=True, lowest=Fraction(0), step=one
    )


def _earlier() -> Iterator[Fact]:
    periods = ("this month", "this billing period", "this quarter", "this year", "in the last 30 days")
    for words in periods:
        yield from (_earlier_fact(f"{prefix}lost {words}") for prefix in _SERVICES)
    yield from (_earlier_fact(f"outages {words}") for words in periods)


def _earlier_fact(name: str) -> Fact:
    fact = read_name(name)
    if fact is None:
        raise KeyError(name)
    unit = "incidents" if fact.counts_incidents else _DURATION_UNIT
    when, is_unknown = said(fact.period, fact.days), fact.period is Period.BILLING
    if fact.counts_incidents:
        meaning = f"Unplanned incidents before this one in which the line lost a service {when}."
        plain = _fact(Origin.EARLIER, name, FeelType.NUMBER, meaning, unit=unit, lowest=Fraction(0), step=Fraction(1))
    else:
        service = _SERVICES["" if fact.service is None else f"{fact.service} "]
        where = "in unplanned incidents before this one, less what this one counts; no minute twice"
        meaning = f"Time without {service} {when}, {where}."
        span = FeelType.DURATION
        plain = _fact(Origin.EARLIER, name, span, meaning, "pattern", unit=unit, lowest=_NO_TIME, step=_SECOND)
    return replace(plain, nullable=is_unknown, looks_back=True)


def _history() -> Iterator[Fact]:
    here, money, none = Origin.HISTORY, FeelType.MONEY, Fraction(0)
    for name, (column, meaning) in CREDITED.items():
        yield _fact(here, name, money, meaning, column, unit=_MONEY_UNIT, lowest=none)
    yield from (fact for word in LOOKED_BACK for fact in _looked_back(word, 30))


def history_facts_in(text: str) -> Iterator[Fact]:
    """The facts about the last n days that a policy's text names; n is 1 to 400."""
    yield from (_earlier_fact(name) for name in names_in(text))
    for word, days in dict.fromkeys(_LAST_DAYS.findall(text)):
        yield from _looked_back(word, int(days))


def _looked_back(word: str, days: int) -> Iterator[Fact]:
    kind, meaning, unit = LOOKED_BACK[word]
    told = f"{meaning} in the {days} {'day' if days == 1 else 'days'} before the outage date."
    column, step = f"h_{word}_{days}", Fraction(1) if kind is FeelType.NUMBER else None
    name = f"{word} in the last {days} days"
    yield _fact(Origin.HISTORY, name, kind, told, column, unit=unit, lowest=Fraction(0), step=step)


CATALOGUE: Mapping[str, Fact] = {
    fact.name: fact for part in (_incident, _impact, _pattern, _earlier, _line, _account, _history) for fact in part()
}


def check_name(name: str) -> None:
    """Raises InputError unless a rule could read `name`: words of letters and digits, none of the language's own."""
    accepted = f"words of letters and digits with single spaces, at most {_MAX_NAME} characters, such as service fee"
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise InputError("not a name that rules can read", value=name, accepted=accepted)
    first = name.split(maxsplit=1)[0]
    if first in KEYWORDS:
        what = f'"{first}", with which it begins, belongs to the rule language'
        raise InputError(what, value=name, accepted="another first word")
    if name in FUNCTION_NAMES:
        raise InputError("a function of the rule language is called so", value=name, accepted="another name")


def with_attributes(attributes: Iterable[Fact]) -> dict[str, Fact]:
    """The catalogue and the attributes that staff defined; raises InputError for a name that is unreadable or taken."""
    catalogue = dict(CATALOGUE)
    for attribute in attributes:
        check_name(attribute.name)
        if attribute.name in catalogue:
            raise InputError("a fact of this name exists", value=attribute.name, accepted="a new name")
        catalogue[attribute.name] = attribute
    return catalogue


def to_value(fact: Fact, given: object, currency: str) -> Value:
    """The value that rules compute with: whole numbers become exact, money goes from minor to major units.

    `given` is a str, bool, int, Fraction, date, timedelta or None, money an int of minor units. Raises InputError
    when it is not of the fact's type.
    """
    if given is None:
        return None
    whole = isinstance(given, int) and not isinstance(given, bool)
    match fact.type:
        case FeelType.MONEY if whole and isinstance(given, int):
            return Fraction(given, 10 ** exponent(currency))
        case FeelType.NUMBER if isinstance(given, Fraction) or (whole and isinstance(given, int)):
            return Fraction(given)
        case FeelType.STRING if isinstance(given, str):
            return given
        case FeelType.BOOLEAN if isinstance(given, bool):
            return given
        case FeelType.DATE if isinstance(given, datetime.date) and not isinstance(given, datetime.datetime):
            return given
        case FeelType.DATE_TIME if isinstance(given, datetime.datetime):
            return given
        case FeelType.DURATION if isinstance(given, datetime.timedelta):
            return given
    accepted = "a whole number of minor units" if fact.type is FeelType.MONEY else f"{fact.type.said}"
    raise InputError("not a value of this fact", where=fact.name, value=given, accepted=accepted)
