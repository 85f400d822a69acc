"""Step series: a level that holds from one instant to the next, such as how many lines are without service."""

from __future__ import annotations

from collections.abc import Iterable

# (instant in Unix seconds, level from then on), by instant, each level other than the one before; 0 before the first.
Steps = tuple[tuple[int, int], ...]


def from_changes(changes: Iterable[tuple[int, int]]) -> Steps:
    """The series that starts at 0 and changes by so much at each instant; instants may repeat, in any order."""
    per_instant: dict[int, int] = {}
    for instant, change in changes:
        per_instant[instant] = per_instant.get(instant, 0) + change
    steps: list[tuple[int, int]] = []
    level = 0
    for instant, change in sorted(per_instant.items()):
        if change:
            level += change
            steps.append((instant, level))
    return tuple(steps)


def level_at(steps: Steps, instant: int) -> int:
    """The level at an instant."""
    level = 0
    for start, now in steps:
        if start > instant:
            break
        level = now
    return level


def worst(steps: Steps) -> tuple[int, int | None]:
    """The highest level, and when it was first reached (None: it never rose)."""
    highest, when = 0, None
    for start, level in steps:
        if level > highest:
            highest, when = level, start
    return highest, when


def area(steps: Steps, until: int) -> int:
    """Level times seconds up to an instant: line-seconds of a series of lines."""
    held = zip(steps, [*(start for start, _ in steps[1:]), until], strict=False)
    return sum(level * (min(end, until) - start) for (start, level), end in held if start < until)


def when_area(steps: Steps, wanted: int) -> int | None:
    """The first whole second by which level times seconds has come to `wanted`; None when it never does.

    The last level goes on for ever: a series that ends at 0 grows no more.
    """
    grown = 0
    for position, (start, level) in enumerate(steps):
        needed = -(-(wanted - grown) // level) if level else None
        end = steps[position + 1][0] if position + 1 < len(steps) else None
        if needed is not None and (end is None or start + needed <= end):
            return start + needed
        if end is not None:
            grown += level * (end - start)
    return None


def when_level(steps: Steps, at_least: int) -> int | None:
    """The first instant at which the level is at least so high; None when it never is."""
    return next((start for start, level in steps if level >= at_least), None)


def when_held(steps: Steps, at_least: int, seconds: int) -> int | None:
    """The first instant by which the level was at least so high for `seconds` without a break; None when it never was.

    The last level goes on for ever.
    """
    since: int | None = None
    for start, level in steps:
        if since is not None and start - since >= seconds:
            return since + seconds
        if level < at_least:
            since = None
        elif since is None:
            since = start
    return None if since is None else since + seconds


def longest_held(steps: Steps, at_least: int, until: int) -> int:
    """The longest time in seconds, up to an instant, that the level was at least so high without a break."""
    longest, since = 0, None
    for start, level in steps:
        if start >= until:
            break
        if level < at_least:
            longest, since = max(longest, start - since if since is not None else 0), None
        elif since is None:
            since = start
    return longest if since is None else max(longest, until - since)


def cut(steps: Steps, until: int) -> Steps:
    """The series with nothing after an instant, its last level going on."""
    return tuple(step for step in steps if step[0] <= until)


def going_on(steps: Steps, measured_to: int) -> Steps:
    """The series as if what ended exactly at `measured_to` had not ended: that is where measuring stopped."""
    return tuple(step for step in steps if step[0] < measured_to)
