"""Half-open intervals over integer Unix seconds: set algebra, total and longest, and stretches of local time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foundation.errors import InputError

Interval = tuple[int, int]
IntervalSet = tuple[Interval, ...]

NEVER: IntervalSet = ()
_DAY_SECONDS = 86_400
_WORD = 2**64 - 1


class Stretch(NamedTuple):
    """Part of an interval during which one local date and one UTC offset hold.

    `day`: the local date; `[started_at, ended_at)`: Unix seconds; `second_of_day`: the local time at its start.
    """

    day: date
    started_at: int
    ended_at: int
    second_of_day: int


class Lane(NamedTuple):
    """One half of a pattern's name: its place, and the odd factors and the offset by which it differs."""

    place: int
    start: int
    end: int
    offset: int


LANES = (
    Lane(0, 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x2545F4914F6CDD1D),
    Lane(1, 0xC2B2AE3D27D4EB4F, 0x8CB92BA72F3D8DD7, 0x27220A95FE5D34B1),
)


class IntervalError(InputError, ValueError):
    """An interval that ends before it starts."""


def normalise(intervals: Iterable[Interval]) -> IntervalSet:
    """Sort, merge what overlaps or touches, drop what is empty: the one canonical form of a set of seconds.

    Every other function here takes sets in this form and returns them in it.
    Raises IntervalError, naming the pair, when an interval ends before it starts.
    """
    merged: list[Interval] = []
    for start, end in sorted(_checked(intervals)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def union(*sets: IntervalSet) -> IntervalSet:
    """Seconds in any of the sets."""
    filled = [one for one in sets if one]
    # The same object comes back, so that 50,000 cells behind one element share one tuple.
    if len(filled) == 1:
        return filled[0]
    return normalise(chain.from_iterable(filled))


def intersection(first_set: IntervalSet, /, *others: IntervalSet) -> IntervalSet:
    """Seconds in every one of the sets; at least one is needed, for the intersection of none is all of time."""
    common = first_set
    for other in others:
        if not common:
            break
        common = tuple(_overlaps(common, other))
    return common


def difference(a: IntervalSet, b: IntervalSet) -> IntervalSet:
    """Seconds in `a` that are not in `b`, in one pass over both."""
    left: list[Interval] = []
    position = 0
    for start, end in a:
        while position < len(b) and b[position][1] <= start:
            position += 1
        cursor, ahead = start, position
        while ahead < len(b) and b[ahead][0] < end:
            if cursor < b[ahead][0]:
                left.append((cursor, b[ahead][0]))
            cursor = b[ahead][1]
            ahead += 1
        if cursor < end:
            left.append((cursor, end))
        # The last cut may reach into the next interval of `a`, so the scan resumes at it, not after it.
        position = max(position, ahead - 1)
    return tuple(left)


def clip(s: IntervalSet, start: int, end: int) -> IntervalSet:
    """The part of the set inside `[start, end)`. Raises IntervalError when `end` is before `start`."""
    return intersection(s, normalise([(start, end)]))


def total_seconds(s: IntervalSet) -> int:
    """How many seconds the set holds."""
    return sum(end - start for start, end in s)


def longest_seconds(s: IntervalSet) -> int:
    """Seconds of the longest continuous interval; 0 for an empty set."""
    return max((end - start for start, end in s), default=0)


def first(s: IntervalSet) -> int | None:
    """The instant the set begins (Unix seconds): first lost. None for an empty set."""
    return s[0][0] if s else None


def last(s: IntervalSet) -> int | None:
    """The instant the set ends (Unix seconds, itself not in the set): last restored. None for an empty set."""
    return s[-1][1] if s else None


def local_stretches(s: IntervalSet, zone: str) -> Iterator[Stretch]:
    """The set, cut wherever the local date or the UTC offset of the IANA `zone` changes; what calendars count by.

    Raises InputError for an unknown zone.
    """
    place = _zone(zone)
    for start, end in s:
        cursor = start
        while cursor < end:
            day, second_of_day, stretch_end = _stretch(cursor, place)
            upto = min(stretch_end, end)
            yield Stretch(day, cursor, upto, second_of_day)
            cursor = upto


def local_date(instant: int, zone: str) -> date:
    """The date that a calendar in the IANA `zone` shows at an instant; raises InputError for an unknown zone."""
    return datetime.fromtimestamp(instant, _zone(zone)).date()


def seconds_per_day(s: IntervalSet, zone: str) -> dict[date, int]:
    """Seconds of the set on each local calendar day of the IANA `zone`; days without any are left out.

    Days have the length their zone gives them: 23, 24 or 25 hours, or none where a zone skipped a date.
    Raises InputError for an unknown zone.
    """
    per_day: dict[date, int] = {}
    for day, start, end, _ in local_stretches(s, zone):
        per_day[day] = per_day.get(day, 0) + end - start
    return per_day


def days_over(s: IntervalSet, zone: str, hours: int | Fraction | Decimal) -> int:
    """The number of local calendar days on which the set holds strictly more than `hours` hours.

    Raises InputError for an unknown zone.
    """
    return sum(seconds > hours * 3600 for seconds in seconds_per_day(s, zone).values())


def pattern_key(per_service: Mapping[str, IntervalSet]) -> str:
    """The name of a pattern: a UUID, equal exactly when each service has the same seconds.

    The order of services does not count, and a service without any seconds is the same as a service not named. Stored
    keys depend on this form, which `outage.runs.flat` computes for many patterns at once: per lane, a sum over services
    of what the service and a sum over its intervals give, so that no order has to be agreed on. Two different patterns
    get one name by chance only: among a hundred million of them with odds of one in 10^22.
    """
    sets = [(service, normalise(out)) for service, out in per_service.items()]
    words = [sum(_service_word(service, out, lane) for service, out in sets if out) & _WORD for lane in LANES]
    return str(UUID(int=words[0] << 64 | words[1]))


def service_code(service: str, lane: Lane) -> int:
    """What stands for a service in the names of patterns: 64 bits."""
    digest = hashlib.sha256(service.encode()).digest()
    return int.from_bytes(digest[8 * lane.place : 8 * lane.place + 8])


def mixed(word: int) -> int:
    """Another of the 2^64 words for each, in which every bit depends on every bit (the finalizer of SplitMix64)."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31


def _service_word(service: str, out: IntervalSet, lane: Lane) -> int:
    spans = (mixed((start * lane.start + lane.offset) & _WORD) + end * lane.end for start, end in out)
    return mixed((sum(mixed(word & _WORD) for word in spans) + service_code(service, lane)) & _WORD)


def _checked(intervals: Iterable[Interval]) -> Iterator[Interval]:
    for start, end in intervals:
        if end < start:
            raise IntervalError(
                "an interval ends before it starts",
                value=(start, end),
                accepted="start and end in Unix seconds, with the end at or after the start",
            )
        if start < end:
            yield start, end


def _overlaps(a: IntervalSet, b: IntervalSet) -> Iterator[Interval]:
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            yield start, end
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    # A malformed key is a ValueError, a folder of the zone database ("Europe") an OSError.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError("unknown time zone", value=name, accepted="an IANA name such as Europe/London") from error


def _stretch(instant: int, place: ZoneInfo) -> tuple[date, int, int]:
    """The local date and second of the day at `instant`, and up to when that date and its UTC offset last.

    Walking by stretches of one offset, rather than from midnight to midnight, stays right where clocks change
    at midnight or where going back returns to the day before (St John's until 2011).
    """
    local = datetime.fromtimestamp(instant, place)
    second_of_day = local.hour * 3600 + local.minute * 60 + local.second
    midnight = instant + _DAY_SECONDS - second_of_day
    if datetime.fromtimestamp(midnight, place).utcoffset() == local.utcoffset():
        return local.date(), second_of_day, midnight
    same, changed = instant, midnight
    while changed - same > 1:
        middle = (same + changed) // 2
        if datetime.fromtimestamp(middle, place).utcoffset() == local.utcoffset():
            same = middle
        else:
            changed = middle
    return local.date(), second_of_day, changed
