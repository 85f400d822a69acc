"""Pure: the facts of a case from its group's values, its outage intervals and its incident; and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from compensation.cases.sql import BILL_DAY_COLUMN, LOST_BEFORE, group_expression
from compensation.decision.counting import Network
from compensation.decision.earlier import earlier_value, read_before
from compensation.decision.lost_facts import (
    NO_LOSS,
    Pattern,
    billing_value,
    dated_value,
    local_day,
    local_time,
    pattern_value,
)
from compensation.decision.measuring import Measuring
from compensation.facts import Fact, Origin
from compensation.feel import FeelType
from compensation.feel.values import read_duration

__all__ = ["NO_LOSS", "FactValue", "IncidentFacts", "Pattern", "case_facts", "facts_to_json"]

FactValue = bool | int | str | Fraction | date | timedelta | None


@dataclass(frozen=True)
class IncidentFacts:
    """What a rule may read of the incident itself.

    `known_at`: Unix seconds. `scale`: the values of the facts that say how big the incident is, by their names.
    `network`: how many sites and cells were without service when, under `sites` and `cells`. Facts that are not given
    are not known.
    """

    cause_class: str
    planned: bool
    outage_date: date
    known_at: int | None = None
    force_majeure: str | None = None
    scale: Mapping[str, Fraction | None] = field(default_factory=dict)
    network: Network = field(default_factory=dict)

    def value(self, name: str, zone: str) -> FactValue:
        """The value of a fact of origin `incident`; days and times are the zone's."""
        match name:
            case "cause class":
                return self.cause_class
            case "planned":
                return self.planned
            case "outage date":
                return self.outage_date
            case "force majeure":
                return self.force_majeure
            case "known at":
                return local_time(self.known_at, zone)
            case "known on":
                return local_day(self.known_at, zone)
            case "days of outage month" | "hours of outage month":
                return dated_value(name, self.outage_date, zone)
        return self.scale.get(name)


def case_facts(
    facts: Sequence[Fact],
    group: Mapping[str, Any],
    pattern: Pattern,
    incident: IncidentFacts,
    zone: str,
    measuring: Measuring | None = None,
) -> dict[str, FactValue]:
    """The values of `facts` for one case.

    `group` holds the group's values by SQL expression, `pattern` the line's outage intervals per service (none for a
    line that was not touched), `zone` the policy's zone, in which days are counted. `measuring` takes the measures
    that are among the facts; the lost time of two groups with one value of `pattern` is the same.
    """
    own = [fact for fact in facts if fact.origin is not Origin.MEASURE]
    values = {fact.name: _value(fact, group, pattern, incident, zone) for fact in own}
    if len(own) == len(facts) or measuring is None:
        return values
    measured = measuring.values(
        pattern,
        values,
        key=group.get("pattern", ""),
        network=incident.network,
        before=read_before(group.get(LOST_BEFORE)),
        before_key=group.get(LOST_BEFORE),
    )
    return {fact.name: measured[fact.name] if fact.origin is Origin.MEASURE else values[fact.name] for fact in facts}


def _value(fact: Fact, group: Mapping[str, Any], pattern: Pattern, incident: IncidentFacts, zone: str) -> FactValue:
    if fact.origin is Origin.PATTERN:
        return pattern_value(fact.name, pattern, zone)
    if fact.origin is Origin.INCIDENT:
        return incident.value(fact.name, zone)
    if fact.origin is Origin.EARLIER:
        before, bill_day = read_before(group.get(LOST_BEFORE)), group.get(BILL_DAY_COLUMN)
        return earlier_value(fact.name, before, pattern, on=incident.outage_date, zone=zone, bill_day=bill_day)
    expression = group_expression(fact)
    value = None if expression is None else group[expression]
    match fact.name:
        case "reported at":
            return local_time(value, zone)
        case "reported on":
            return local_day(value, zone)
        case "days of billing period" | "hours of billing period":
            return billing_value(fact.name, value, incident.outage_date, zone)
    return _typed(fact, value, zone)


def _typed(fact: Fact, value: object, zone: str) -> FactValue:
    # Attributes are stored as text; every other column has its own type already.
    if value is None or not isinstance(value, str):
        return value  # type: ignore[return-value]
    match fact.type:
        case FeelType.NUMBER:
            return Fraction(value)
        case FeelType.BOOLEAN:
            return value == "true"
        case FeelType.DATE:
            return date.fromisoformat(value)
        case FeelType.DATE_TIME:
            return local_time(int(datetime.fromisoformat(value).timestamp()), zone)
        case FeelType.DURATION:
            return read_duration(value)
        case _:
            return value


def facts_to_json(facts: Mapping[str, FactValue]) -> dict[str, object]:
    """Facts as JSON values: dates and instants ISO, durations whole seconds, exact numbers as `p/q` text."""
    return {name: _to_json(value) for name, value in facts.items()}


def _to_json(value: FactValue) -> object:
    match value:
        case timedelta():
            return value // timedelta(seconds=1)
        case date():
            return value.isoformat()
        case Fraction():
            return str(value)
        case _:
            return value
