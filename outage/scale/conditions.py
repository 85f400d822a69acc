"""What a reporting threshold asks of an incident's scale, and the exact second at which that came true."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from outage import steps
from outage.scale.facts import IncidentScale, NetworkScale
from outage.steps import Steps


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one measure has come: `have` of `need`, both exact, in `unit`."""

    measure: str
    have: int
    need: int
    unit: str


@dataclass(frozen=True, slots=True)
class Finding:
    """When a condition came true or will, if nothing more is restored (Unix seconds; None: never).

    `since`: when what made it true began. `not_known`: what it would take to be sure. `is_blind`: the records say
    nothing of it at all.
    """

    when: int | None
    distances: tuple[Distance, ...] = ()
    not_known: tuple[str, ...] = ()
    is_blind: bool = False
    since: int | None = None


class Condition(Protocol):
    """Anything that can be asked of an incident's scale."""

    def judge(self, scale: IncidentScale) -> Finding:
        """When it came true, and how far away it is."""


_NOT_MEASURED = Finding(None, (), ("lines: the incident has no impact run yet",), is_blind=True)


@dataclass(frozen=True, slots=True)
class UserTime:
    """The lines' seconds without `service` (None: at least one service) come to `seconds`."""

    seconds: int
    service: str | None = None
    unit: str = "user-minutes"

    def judge(self, scale: IncidentScale) -> Finding:
        """When the sum reached it."""
        if scale.run is None:
            return _NOT_MEASURED
        lines = scale.service(self.service)
        size = 3600 if self.unit == "user-hours" else 60
        distance = Distance(self.unit, lines.seconds // size, self.seconds // size, self.unit)
        return Finding(steps.when_area(lines.series, self.seconds), (distance,))


@dataclass(frozen=True, slots=True)
class Duration:
    """Some line is without `service` for `seconds` without a break; `over`: for more than that."""

    seconds: int
    over: bool = False
    service: str | None = None

    def judge(self, scale: IncidentScale) -> Finding:
        """When it had lasted that long."""
        if scale.run is None:
            return _NOT_MEASURED
        return _held(scale, scale.service(self.service).series, 1, self.seconds + self.over, "duration")


@dataclass(frozen=True, slots=True)
class LinesHit:
    """So many lines have lost a service so far, for any time."""

    at_least: int

    def judge(self, scale: IncidentScale) -> Finding:
        """When the last of them lost it."""
        if scale.run is None:
            return _NOT_MEASURED
        distance = Distance("lines that lost service", scale.any.lines, self.at_least, "lines")
        return Finding(steps.when_level(scale.any.hit, self.at_least), (distance,))


@dataclass(frozen=True, slots=True)
class LinesOut:
    """So many lines are without a service at once for `seconds`; `share`: so large a part of all lines."""

    at_least: int = 0
    seconds: int = 0
    share: Fraction | None = None
    over: bool = False

    def judge(self, scale: IncidentScale) -> Finding:
        """When they had been for so long."""
        if scale.run is None or scale.lines_all is None:
            return _NOT_MEASURED
        wanted = self.at_least
        if self.share is not None:
            wanted = max(1, -(-scale.lines_all * self.share.numerator // self.share.denominator))
        distance = Distance("lines out at once, at worst", scale.any.worst, wanted, "lines")
        held = _held(scale, scale.any.series, wanted, self.seconds + self.over, f"{wanted:,} lines or more out")
        return Finding(held.when, (distance, *held.distances), since=held.since)


@dataclass(frozen=True, slots=True)
class ElementsOut:
    """So many elements of a kind (`cell`, `site`, `msc` ...) are out at once for `seconds`."""

    kind: str
    at_least: int
    seconds: int = 0

    def judge(self, scale: IncidentScale) -> Finding:
        """When they had been for so long."""
        found = _kind(scale, self.kind)
        series, highest = ((), 0) if found is None else (found.series, found.worst)
        distance = Distance(f"{self.kind}s out at once, at worst", highest, self.at_least, f"{self.kind}s")
        if not self.seconds:
            return Finding(steps.when_level(series, self.at_least), (distance,))
        held = _held(scale, series, self.at_least, self.seconds, f"{self.kind} out")
        return Finding(held.when, (distance, *held.distances), since=held.since)


@dataclass(frozen=True, slots=True)
class WholeArea:
    """All of some area is without service for more than `seconds`: every cell of it, or every line that lives there.

    Where the records do not say where lines live, a core element that is out for so long leaves it open.
    """

    seconds: int

    def judge(self, scale: IncidentScale) -> Finding:
        """When the first area had been for so long."""
        until, wanted = int(scale.at.timestamp()), self.seconds + 1
        wholes = [(area.area, area.cells.series, area.cells.all) for area in scale.areas if area.cells.all]
        wholes += [(area.area, area.lines_series, area.lines_all) for area in scale.areas if area.lines_all]
        held = (steps.when_held(series, every, wanted) for _, series, every in wholes)
        moments = [when for when in held if when is not None]
        lasted = max(
            ((steps.longest_held(series, every, until), name) for name, series, every in wholes), default=(0, "")
        )
        first = min(moments, default=None)
        distance = Distance(f"all of {lasted[1] if lasted[0] else 'an area'} out", lasted[0], self.seconds, "seconds")
        if (first is None or first > until) and self._is_open_question(scale, until):
            return Finding(first, (distance,), ("which lines live in which area",), is_blind=True)
        return Finding(first, (distance,), since=None if first is None else first - wanted)

    def _is_open_question(self, scale: IncidentScale, until: int) -> bool:
        if any(area.lines_all for area in scale.areas):
            return False
        return any(steps.longest_held(kind.series, 1, until) > self.seconds for kind in scale.kinds)


@dataclass(frozen=True, slots=True)
class Unknowable:
    """Something that the records do not hold."""

    what: str

    def judge(self, scale: IncidentScale) -> Finding:  # noqa: ARG002
        """Not known."""
        return Finding(None, (), (self.what,), is_blind=True)


@dataclass(frozen=True, slots=True)
class AtMost:
    """A condition on a part of what the records count whole: false while false of the whole, else not known."""

    whole: Condition
    missing: str

    def judge(self, scale: IncidentScale) -> Finding:
        """False, or not known."""
        found = self.whole.judge(scale)
        if found.is_blind:
            return found
        return Finding(found.when, found.distances, (*found.not_known, self.missing), since=found.since)


@dataclass(frozen=True, slots=True)
class Both:
    """All of several conditions: true from the last one's moment on."""

    conditions: tuple[Condition, ...] = field(default=())

    def judge(self, scale: IncidentScale) -> Finding:
        """The latest moment, or never."""
        found = [condition.judge(scale) for condition in self.conditions]
        moments = [one.when for one in found if one.when is not None]
        at = int(scale.at.timestamp())
        is_false = any(not one.is_blind and (one.when is None or one.when > at) for one in found)
        return Finding(
            max(moments) if len(moments) == len(found) else None,
            tuple(distance for one in found for distance in one.distances),
            tuple(dict.fromkeys(missing for one in found for missing in one.not_known)),
            is_blind=not is_false and any(one.is_blind for one in found),
            since=next((one.since for one in found if one.since is not None), None),
        )


def _held(scale: IncidentScale, series: Steps, at_least: int, seconds: int, measure: str) -> Finding:
    when = steps.when_held(series, at_least, seconds)
    longest = steps.longest_held(series, at_least, int(scale.at.timestamp()))
    since = None if when is None else when - seconds
    return Finding(when, (Distance(measure, longest, seconds, "seconds"),), since=since)


def _kind(scale: IncidentScale, kind: str) -> NetworkScale | None:
    for found in (scale.cells, scale.sites, *scale.kinds):
        if found.kind == kind:
            return found
    return None
