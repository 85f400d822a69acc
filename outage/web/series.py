"""Step series as charts and tables want them: instants instead of seconds, and no more points than a screen has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from foundation import clock
from outage.steps import Steps

MOST_POINTS = 1_500
Points = list[tuple[datetime, int]]


def points_of(steps: Steps) -> Points:
    """A series from 0 on, with its instants; of a long one the highest and the last level of each stretch of time."""
    if not steps:
        return []
    return [(clock.from_unix(steps[0][0]), 0), *((clock.from_unix(at), level) for at, level in thinned(steps))]


def held_until(points: Points, until: datetime) -> Points:
    """The points of a chart: a level above 0 that goes on is drawn up to `until`."""
    goes_on = bool(points) and points[-1][1] > 0 and points[-1][0] < until
    return [*points, (until, points[-1][1])] if goes_on else points


def thinned(steps: Steps, most: int = MOST_POINTS) -> Steps:
    """At most about `most` of the steps: per stretch of time the highest level and the last one, each when it began."""
    if len(steps) <= most:
        return steps
    first, last = steps[0][0], steps[-1][0]
    width = max((last - first) * 2 // most, 1)
    kept: list[tuple[int, int]] = []
    stretch: list[tuple[int, int]] = []
    for step in steps:
        if stretch and (step[0] - first) // width != (stretch[0][0] - first) // width:
            kept += _ends(stretch)
            stretch = []
        stretch.append(step)
    return (*kept, *_ends(stretch))


def _ends(stretch: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    highest = max(stretch, key=lambda step: step[1])
    return [highest] if highest == stretch[-1] else [highest, stretch[-1]]


def rows_of(series: Mapping[str, Points], most: int | None) -> list[dict[str, object]]:
    """Series as a table: one row per instant at which any count changed, the first `most` of them."""
    instants = sorted({at for points in series.values() for at, _ in points})
    current = dict.fromkeys(series, 0)
    changes = {name: dict(points) for name, points in series.items()}
    rows: list[dict[str, object]] = []
    for at in instants[:most]:
        current.update({name: changes[name][at] for name in series if at in changes[name]})
        rows.append({"at": at, "counts": list(current.values())})
    return rows
