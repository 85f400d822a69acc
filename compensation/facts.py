"""The catalogue of facts that a rule may read: name, type, unit, meaning, and where each comes from."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from compensation.feel import KEYWORDS, FeelType, NameType, Value
from compensation.feel.functions import FUNCTION_NAMES
from foundation.errors import InputError
from foundation.money import exponent
from outage.evidence import Evidence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact about a line and its outage.

    `column` is the column of the impact snapshot that holds it (None: computed from the line's pattern). `allowed`
    lists the only values it has (None: any). A fact that is not `nullable` is null only where data is missing.
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

    def name_type(self) -> NameType:
        """What the checker needs to know; money comes in whole minor units, so it is exact."""
        return NameType(self.type, self.allowed, exact_money=self.type is FeelType.MONEY)


_SOURCES = {
    Origin.INCIDENT: "the incident record",
    Origin.IMPACT: "the impact run",
    Origin.PATTERN: "the line's outage intervals",
    Origin.LINE: "the subscriber base as it was at the outage",
    Origin.ACCOUNT: "the account as it was at the outage",
}
_SERVICES = {"": "any service", "voice ": "voice", "data ": "data", "sms ": "text messages"}
_FEES = {
    "list fee": "before discounts",
    "discounted fee": "after discounts",
    "service fee": "for service alone, without the device",
    "device fee": "for the device alone",
}
_MONEY_UNIT = "minor units of the line's currency"
_DURATION_UNIT = "days, hours, minutes"


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
    )


def _incident() -> Iterator[Fact]:
    here, string = Origin.INCIDENT, FeelType.STRING
    yield _fact(here, "cause class", string, "What kind of cause the outage had.", "cause_class", nullable=True)
    yield _fact(here, "planned", FeelType.BOOLEAN, "The outage was announced planned work.", "planned")
    yield _fact(here, "outage date", FeelType.DATE, "The day the outage began, in the policy's time zone.")


def _impact() -> Iterator[Fact]:
    here, evidence = Origin.IMPACT, tuple(str(one) for one in Evidence)
    yield _fact(here, "affected", FeelType.BOOLEAN, "The line lost service in this outage.", "affected")
    meaning = "How it is known that the line was touched."
    yield _fact(here, "evidence", FeelType.STRING, meaning, "evidence", allowed=evidence)


def _pattern() -> Iterator[Fact]:
    here, span, unit = Origin.PATTERN, FeelType.DURATION, _DURATION_UNIT
    for prefix, service in _SERVICES.items():
        total = f"Time without {service}, all outages of the incident together, no minute counted twice."
        yield _fact(here, f"total {prefix}loss", span, total, unit=unit)
        yield _fact(here, f"longest {prefix}loss", span, f"The longest unbroken time without {service}.", unit=unit)
    first = "The first day on which the line lost service, in the policy's time zone."
    yield _fact(here, "first lost on", FeelType.DATE, first, nullable=True)
    yield _fact(here, "hours lost", FeelType.NUMBER, "Total loss of any service in hours, exact.", unit="h")


def _line() -> Iterator[Fact]:
    here, string = Origin.LINE, FeelType.STRING
    payments, segments = ("prepaid", "postpaid"), ("consumer", "business")
    meaning = "Whether the line pays before or after use."
    yield _fact(here, "payment type", string, meaning, "payment_type", allowed=payments)
    yield _fact(here, "segment", string, "Private or business line.", "segment", allowed=segments)
    meaning = "The brand or virtual operator that sold the line."
    yield _fact(here, "brand", string, meaning, "brand", nullable=True)
    yield _fact(here, "plan", string, "The tariff of the line.", "plan", nullable=True)
    yield _fact(here, "language", string, "The language the customer is written to in.", "language", nullable=True)
    yield _fact(here, "status", string, "Whether the line is active.", "status", nullable=True)
    for name, part in _FEES.items():
        column = f"fee_{name.removesuffix(' fee')}_minor"
        meaning = f"The monthly fee {part}."
        yield _fact(here, name, FeelType.MONEY, meaning, column, unit=_MONEY_UNIT, nullable=True)
    date = FeelType.DATE
    yield _fact(here, "contract start", date, "First day of the contract.", "contract_started_on", nullable=True)
    meaning = "Day the contract ends; null when it runs on."
    yield _fact(here, "contract end", date, meaning, "contract_ended_on", nullable=True)


def _account() -> Iterator[Fact]:
    here = Origin.ACCOUNT
    meaning = "Lines that the account pays for."
    yield _fact(here, "lines on account", FeelType.NUMBER, meaning, "account_lines", unit="lines")
    yield _fact(here, "currency", FeelType.STRING, "ISO 4217 code of the account.", "currency")


CATALOGUE: Mapping[str, Fact] = {
    fact.name: fact for part in (_incident, _impact, _pattern, _line, _account) for fact in part()
}


def check_name(name: str) -> None:
    """Raises InputError unless a rule could read `name`: words of letters and digits, none of the language's own."""
    accepted = f"words of letters and digits with single spaces, at most {_MAX_NAME} characters, such as service fee"
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise InputError("not a name that rules can read", value=name, accepted=accepted)
    if name.split(maxsplit=1)[0] in KEYWORDS or name in FUNCTION_NAMES:
        taken = ", ".join(sorted(KEYWORDS | FUNCTION_NAMES))
        raise InputError("the name belongs to the rule language", value=name, accepted=f"a name other than {taken}")


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
        case FeelType.DURATION if isinstance(given, datetime.timedelta):
            return given
    accepted = "a whole number of minor units" if fact.type is FeelType.MONEY else f"{fact.type.said}"
    raise InputError("not a value of this fact", where=fact.name, value=given, accepted=accepted)
