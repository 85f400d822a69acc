"""Pure: the measures of one policy on one day, each taken once per distinct lost time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from compensation.decision.counting import LostTime, Measured, Network, measure_value
from compensation.decision.earlier import NOTHING_BEFORE, Before, counted_of, together
from compensation.document.model import PolicyDocument
from compensation.feel import Value
from compensation.measures import BILL_DAY, CAUSE, FORCE_MAJEURE_FACT, KNOWN_AT, REPORTED_AT, TIME_ZONE, Measure
from outage.intervals import IntervalSet


class Measuring:
    """Takes the measures that a policy reads; `on`: the date of the outage, which says what its parameters are."""

    def __init__(self, document: PolicyDocument, on: date) -> None:
        self._zone = document.zone
        self._on = on
        self._calendars = document.calendars
        wanted = document.names_read()
        self._measures = {one.name: one for one in document.measures if one.name in wanted}
        self._parameters: dict[str, Value] = {
            parameter.name: dated.value for parameter in document.parameters if (dated := parameter.on(on)) is not None
        }
        self._taken: dict[tuple[object, ...], Measured] = {}

    def values(
        self,
        lost: Mapping[str, IntervalSet],
        facts: Mapping[str, object],
        *,
        key: object = None,
        network: Network | None = None,
        before: Before = NOTHING_BEFORE,
        before_key: object = "",
    ) -> dict[str, Measured]:
        """Every measure that the policy reads, of one line's lost time and the facts that measures go by.

        `key` names the lost time (None: never seen before): for the same key and facts a measure is taken once.
        `network` is the incident's, the same in every call. `before`: what the line lost in incidents before, with a
        name of its own, as `key` is one of `lost`.
        """
        found = {}
        for name, measure in self._measures.items():
            known = lost
            if measure.leaves_out and not {facts.get(CAUSE), facts.get(FORCE_MAJEURE_FACT)}.isdisjoint(
                measure.leaves_out
            ):
                known = {}
            if measure.looks_back and before:
                both = None if key is None else (key, before_key)
                known = together(known, counted_of(before, measure.leaves_out))
                found[name] = self._value(measure, known, facts, both, network)
            else:
                found[name] = self._value(measure, known, facts, key, network)
        return found

    def _value(
        self,
        measure: Measure,
        lost: Mapping[str, IntervalSet],
        facts: Mapping[str, object],
        key: object,
        network: Network | None,
    ) -> Measured:
        read = tuple(facts.get(name) for name in sorted(measure.facts))
        known = (measure.name, "" if measure.count.is_network else key, *read)
        if key is None or known not in self._taken:
            of = self._of(measure, lost, facts, network)
            self._taken[known] = measure_value(measure, of, self._parameters, self._calendars)
        return self._taken[known]

    def _of(
        self,
        measure: Measure,
        lost: Mapping[str, IntervalSet],
        facts: Mapping[str, object],
        network: Network | None,
    ) -> LostTime:
        zone, bill_day = facts.get(TIME_ZONE), facts.get(BILL_DAY)
        calendar = facts.get(measure.calendar) if measure.calendar_by and measure.calendar else None
        return LostTime(
            lost=lost,
            zone=self._zone,
            customer_zone=zone if isinstance(zone, str) else None,
            known_at=_instant(facts.get(KNOWN_AT)),
            reported_at=_instant(facts.get(REPORTED_AT)),
            bill_day=None if bill_day is None else int(str(bill_day)),
            calendar=calendar if isinstance(calendar, str) else None,
            network=network,
            on=self._on,
        )


def _instant(value: object) -> int | None:
    return int(value.timestamp()) if isinstance(value, datetime) else None
