"""Quiet hours: may a text go now where its recipient is, and if not, from when on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Times of day, by the clock on the recipient's wall, in which no text goes: from `start` up to, without, `end`.

    Over midnight when `end` is not after `start` (21:00 to 08:00). Whole minutes.
    """

    start: time
    end: time

    def covers(self, local: time) -> bool:
        """Whether a time of day lies in the window."""
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def parse_window(text: str) -> Window:
    """A window from `21:00-08:00`; raises ValueError on anything else, an empty window among it."""
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"not a window of the day: {text!r}")
    window = Window(*(datetime.strptime(part.strip(), "%H:%M").time() for part in (start, end)))  # noqa: DTZ007
    if window.start == window.end:
        raise ValueError(f"a window of no length or of a whole day: {text!r}")
    return window


@lru_cache(maxsize=4096)
def allowed_from(instant: datetime, zone: str, window: Window) -> datetime:
    """The first whole minute, not before `instant` (itself if allowed), at which a text may go in that zone.

    The wall clock decides, also where it is put forward or back: an hour that comes twice is quiet twice, and where
    the end of the window is skipped, quiet ends with the skip. Raises ZoneInfoNotFoundError for an unknown zone.
    """
    place = ZoneInfo(zone)
    if not window.covers(_wall(instant, place)):
        return instant
    # Every change from quiet to not quiet is the end of the window or a jump of the clock, so hop from one to the next.
    at = instant.replace(second=0, microsecond=0) + _MINUTE
    while window.covers(_wall(at, place)):
        at = _next_stop(at, place, window)
    return at


def _wall(instant: datetime, place: ZoneInfo) -> time:
    return instant.astimezone(place).time()


def _next_stop(at: datetime, place: ZoneInfo, window: Window) -> datetime:
    """The window's end as the clock would reach it without a jump, or the jump if one comes first."""
    local = at.astimezone(place)
    end = datetime.combine(local.date(), window.end)
    if end <= local.replace(tzinfo=None):
        end += timedelta(days=1)
    straight = at + (end - local.replace(tzinfo=None))
    offset = local.utcoffset()
    if straight.astimezone(place).utcoffset() == offset:
        return straight.astimezone(UTC)
    low, high = at, straight
    while high - low > _MINUTE:
        middle = low + ((high - low) // 2 // _MINUTE) * _MINUTE
        if middle.astimezone(place).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.astimezone(UTC)
