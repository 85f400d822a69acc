"""Pure: the facts of a case from its group's values, its outage intervals and its incident; and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from compensation.case_sql import group_expression
from compensation.facts import Fact, Origin
from compensation.feel import FeelType
from outage import intervals

FactValue = bool | int | str | Fraction | date | timedelta | None
Pattern = Mapping[str, intervals.IntervalSet]
NO_LOSS: Pattern = {}


@dataclass(frozen=True)
class IncidentFacts:
    """What a rule may read of the incident itself."""

    cause_class: str
    planned: bool
    outage_date: date


def case_facts(
    facts: Sequence[Fact],
    group: Mapping[str, Any],
    pattern: Pattern,
    incident: IncidentFacts,
    zone: str,
) -> dict[str, FactValue]:
    """The values of `facts` for one case.

    `group` holds the group's values by SQL expression, `pattern` the line's outage intervals per service (none for a
    line that was not touched), `zone` the policy's zone, in which days are counted.
    """
    return {fact.name: _value(fact, group, pattern, incident, zone) for fact in facts}


def _value(fact: Fact, group: Mapping[str, Any], pattern: Pattern, incident: IncidentFacts, zone: str) -> FactValue:
    if fact.origin is Origin.PATTERN:
        return _pattern_value(fact.name, pattern, zone)
    if fact.origin is Origin.INCIDENT:
        known: dict[str, FactValue] = {
            "cause class": incident.cause_class,
            "planned": incident.planned,
            "outage date": incident.outage_date,
        }
        return known[fact.name]
    expression = group_expression(fact)
    return None if expression is None else _typed(fact, group[expression])


def _pattern_value(name: str, pattern: Pattern, zone: str) -> FactValue:
    any_service = intervals.union(*pattern.values()) if pattern else intervals.NEVER
    if name == "first lost on":
        first = intervals.first(any_service)
        return None if first is None else datetime.fromtimestamp(first, ZoneInfo(zone)).date()
    if name == "hours lost":
        return Fraction(intervals.total_seconds(any_service), 3600)
    measure, *service, _loss = name.split()  # "longest voice loss", "total loss"
    lost = pattern.get(service[0], intervals.NEVER) if service else any_service
    seconds = intervals.total_seconds(lost) if measure == "total" else intervals.longest_seconds(lost)
    return timedelta(seconds=seconds)


def _typed(fact: Fact, value: object) -> FactValue:
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
        case _:
            return value


def facts_to_json(facts: Mapping[str, FactValue]) -> dict[str, object]:
    """Facts as JSON values: dates ISO, durations whole seconds, exact numbers as `p/q` text."""
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
