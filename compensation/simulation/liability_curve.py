"""Pure: from what happens to lines while an outage goes on to the cost at each instant and the next cliffs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from compensation.decision.function import FastDecision

MOST_CLIFFS = 12
# Money that turns in every twelfth of a stretch is paid by the minute or the second: it climbs rather than steps.
MOST_TURNS = 24
_PARTS_OF_CLIMB = 12
_MINUTE = 60
_PALE = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """At an instant (Unix seconds), lines come to be owed more (or less): how many, by how much together, and why."""

    at: int
    why: str
    lines: int
    delta_minor: int


@dataclass(frozen=True, slots=True)
class Climb:
    """Cost that grows all the time between two instants, from one amount to another; `lines` share it."""

    start: int
    end: int
    from_minor: int
    to_minor: int
    lines: int


@dataclass(frozen=True, slots=True)
class Point:
    """What restoration at an instant costs."""

    at: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Cliff:
    """Lines that pass something within one minute: the first instant, why, and what they are owed more together."""

    at: int
    why: str
    lines: int
    delta_minor: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The cost from `start` up to and with `until`, exact at every instant where nothing climbs.

    `base_minor` is the cost at `start`; `turns` are in order, each after `start`.
    """

    start: int
    until: int
    base_minor: int
    turns: tuple[Turn, ...]
    climbs: tuple[Climb, ...]

    def points(self, since: int) -> list[Point]:
        """The curve from an instant on as the corners of a line: two at each step, one where only slopes change."""
        steps = {turn.at for turn in self.turns if turn.at > since}
        ends = {end for climb in self.climbs for end in (climb.start, climb.end) if end > since}
        instants = sorted({since, self.until, *steps, *ends, *(at - 1 for at in steps)})
        return [Point(at, cost) for at, cost in zip(instants, self._costs(instants), strict=True)]

    def cost_at(self, at: int) -> int:
        """What restoration at an instant costs; between the ends of a climb by a straight line, to the minor unit."""
        return self._costs([at])[0]

    def _costs(self, instants: Sequence[int]) -> list[int]:
        sums = [0, *accumulate(turn.delta_minor for turn in self.turns)]
        turned = [turn.at for turn in self.turns]
        return [
            self.base_minor
            + sums[bisect_right(turned, at)]
            + sum(_climbed(climb, at) for climb in self.climbs if climb.start <= at)
            for at in instants
        ]

    def cliffs(self, after: int, most: int = MOST_CLIFFS) -> list[Cliff]:
        """The greatest turns after an instant, those of one reason and one minute together, in order of time.

        What comes to less than a hundredth of the greatest is left out.
        """
        together: dict[tuple[int, str], list[Turn]] = {}
        for turn in self.turns:
            if turn.at > after:
                together.setdefault((turn.at // _MINUTE, turn.why), []).append(turn)
        cliffs = [
            Cliff(
                at=min(turn.at for turn in turns),
                why=why,
                lines=sum(turn.lines for turn in turns),
                delta_minor=sum(turn.delta_minor for turn in turns),
            )
            for (_, why), turns in together.items()
        ]
        greatest = sorted(cliffs, key=lambda cliff: (-abs(cliff.delta_minor), -cliff.lines, cliff.at))[:most]
        # Beside a cliff of a million, one of a few pounds is none.
        least = abs(greatest[0].delta_minor) / _PALE if greatest else 0
        greatest = [cliff for cliff in greatest if abs(cliff.delta_minor) >= least]
        return sorted(greatest, key=lambda cliff: (cliff.at, -abs(cliff.delta_minor)))


@dataclass
class Found:
    """What turns and climbs, as it is found; climbs of one stretch are added up: from, to, lines."""

    turns: list[Turn] = field(default_factory=list)
    climbs: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def climb(self, start: int, end: int, from_minor: int, to_minor: int, lines: int) -> None:
        """Notes that the cost of some lines grows all the time between two instants."""
        total = self.climbs.setdefault((start, end), [0, 0, 0])
        for index, value in enumerate((from_minor, to_minor, lines)):
            total[index] += value


def given_by(decision: FastDecision) -> tuple[object, ...]:
    """All that a line notices of a decision; which rule gave it may change without that."""
    return (decision.outcome, decision.rewards, decision.text)


def parts_of(start: int, end: int) -> list[int]:
    """The ends of equal parts of a stretch, by which a climb is drawn."""
    return sorted({start + (end - start) * part // _PARTS_OF_CLIMB for part in range(_PARTS_OF_CLIMB + 1)})


def _climbed(climb: Climb, at: int) -> int:
    rise = climb.to_minor - climb.from_minor
    if at >= climb.end:
        return rise
    return rise * (at - climb.start) // (climb.end - climb.start)


def gathered(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Turns in order, those of one instant and one reason as one, those that change nothing left out."""
    sums: dict[tuple[int, str], list[int]] = {}
    for turn in turns:
        total = sums.setdefault((turn.at, turn.why), [0, 0])
        total[0] += turn.lines
        total[1] += turn.delta_minor
    return tuple(Turn(at, why, *total) for (at, why), total in sorted(sums.items()))


def merged(curves: Sequence[Curve]) -> Curve:
    """Several policies' curves as one, as far as all of them go; there is at least one."""
    until = min(curve.until for curve in curves)
    return Curve(
        start=max(curve.start for curve in curves),
        until=until,
        base_minor=sum(curve.base_minor for curve in curves),
        turns=gathered(turn for curve in curves for turn in curve.turns if turn.at <= until),
        climbs=tuple(climb for curve in curves for climb in curve.climbs if climb.end <= until),
    )
