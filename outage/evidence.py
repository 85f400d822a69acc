"""How it is known that a line was touched: the kinds of evidence, which of them counts, and for what time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from outage.intervals import Interval, IntervalSet, union


class Evidence(StrEnum):
    """A kind of evidence, strongest first; `everyone` is the policy's own and never stands in a run."""

    SERVED_BY = "served_by"
    PRESENT = "present"
    DECLARED = "declared"
    LISTED = "listed"
    HOME_AREA = "home_area"
    EVERYONE = "everyone"


MEASURED = (Evidence.SERVED_BY, Evidence.PRESENT)
"""What the network itself shows. A line with both has the union of their times and counts as `served_by`."""

CLAIMED = (Evidence.DECLARED, Evidence.LISTED)
"""What people say. It counts only for a line without anything measured, and a declaration goes before a list."""

PRECEDENCE = (*MEASURED, *CLAIMED, Evidence.HOME_AREA)
"""The evidence of a run, strongest first. A line keeps the first it has, and that one's time alone, but for the
union of the measured two."""

WORDS: Mapping[Evidence, str] = MappingProxyType(
    {
        Evidence.SERVED_BY: "A network element that holds this line was without service.",
        Evidence.PRESENT: "The line was on a cell that lost service, by its last sighting or by a ready interval.",
        Evidence.DECLARED: "The customer said so within the allowed days, and nothing contradicts it.",
        Evidence.LISTED: "The line, or its account, is on a list that staff uploaded for this incident.",
        Evidence.HOME_AREA: "The cells of the line's home area lost service, and it was not seen elsewhere.",
        Evidence.EVERYONE: "The policy counts all customers, affected or not.",
    }
)


def lost_by_share(losses: Iterable[IntervalSet], cells: int, share: Fraction) -> IntervalSet:
    """When at least `share` of an area's `cells` are without a service.

    `losses`: of each of its cells that lost the service, when; Unix seconds. `share` is over 0 and up to 1: with 1 the
    answer is the intersection over all cells. At least one cell must be out, however small the share.
    """
    needed = max(1, -(-share.numerator * cells // share.denominator))
    changes: dict[int, int] = {}
    for loss in losses:
        for start, end in loss:
            changes[start] = changes.get(start, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    found: list[Interval] = []
    out, since = 0, None
    for instant in sorted(changes):
        out += changes[instant]
        if out >= needed and since is None:
            since = instant
        elif out < needed and since is not None:
            found.append((since, instant))
            since = None
    return tuple(found)


def area_losses(
    footprint: Mapping[tuple[int, str], IntervalSet],
    cells: Mapping[int, tuple[str, Collection[str]]],
    share: Fraction,
) -> dict[str, dict[str, IntervalSet]]:
    """Per area and service: when at least `share` of the area's cells that carry the service are without it.

    `cells`: all cells of the areas asked about, by element id: their area and the services they carry (none named: all
    of them). Areas and services that lost nothing are left out.
    """
    services = sorted({service for _, service in footprint})
    count: dict[tuple[str, str], int] = {}
    lost: dict[tuple[str, str], list[IntervalSet]] = {}
    for element, (area, carried) in cells.items():
        for service in services:
            out = footprint.get((element, service), ())
            if out or not carried or service in carried:
                count[area, service] = count.get((area, service), 0) + 1
            if out:
                lost.setdefault((area, service), []).append(out)
    result: dict[str, dict[str, IntervalSet]] = {}
    for (area, service), losses in lost.items():
        if together := lost_by_share(losses, count[area, service], share):
            result.setdefault(area, {})[service] = together
    return result


def joined(
    one: Mapping[tuple[int, str], IntervalSet], other: Mapping[tuple[int, str], IntervalSet]
) -> dict[tuple[int, str], IntervalSet]:
    """Both footprints as one: per element and service the union of its times."""
    return {key: union(one.get(key, ()), other.get(key, ())) for key in one.keys() | other.keys()}


def alike(sets: Iterable[Sequence[str]]) -> list[list[str]]:
    """Services in groups, those together that stand in just the same of the sets, so that they share their times."""
    where: dict[str, set[int]] = {}
    for number, names in enumerate(sets):
        for name in names:
            where.setdefault(name, set()).add(number)
    groups: dict[frozenset[int], list[str]] = {}
    for name in sorted(where):
        groups.setdefault(frozenset(where[name]), []).append(name)
    return list(groups.values())
