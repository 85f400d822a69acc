"""The only wall clock: aware UTC, whole seconds, movable for replays and tests."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foundation.errors import InputError

_offset = timedelta(0)
_stopped: datetime | None = None
_moving = threading.Lock()


def now() -> datetime:
    """The present instant, aware UTC, whole seconds."""
    return _present().replace(microsecond=0)


def now_microseconds() -> int:
    """The present in microseconds since 1970, for paces; `now()` for everything else."""
    return int(_present().timestamp() * 1_000_000)


def shift_seconds() -> float:
    """By how many seconds this process's time was moved from the true one; 0 outside replays and tests."""
    return (_present() - datetime.now(UTC)).total_seconds()


def monotonic() -> float:
    """Seconds of a clock that never goes back, for measuring durations only."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait; here so that nothing else needs the time module."""
    time.sleep(seconds)


@contextlib.contextmanager
def moved_to(instant: datetime, *, stopped: bool = False) -> Iterator[None]:
    """Let this process live at another time: `now()` starts at `instant` and goes on from there, or stays there."""
    global _offset, _stopped
    with _moving:
        before = _offset, _stopped
        _offset, _stopped = instant - datetime.now(UTC), instant if stopped else None
    try:
        yield
    finally:
        with _moving:
            _offset, _stopped = before


def _present() -> datetime:
    stopped = _stopped
    return datetime.now(UTC) + _offset if stopped is None else stopped


def from_unix(seconds: int) -> datetime:
    """An instant from integer Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def to_unix(instant: datetime) -> int:
    """Integer Unix seconds of an aware instant, fractions cut off; a naive one is refused with ValueError."""
    if instant.tzinfo is None:
        raise ValueError(f"naive timestamp {instant.isoformat()}: an instant needs its offset from UTC")
    return int(instant.timestamp() // 1)


def parse_instant(text: str, *, where: str = "") -> datetime:
    """An aware instant from ISO 8601 with an offset or Z, fractions of a second cut off.

    Raises InputError on anything else, naive timestamps among it.
    """
    accepted = "ISO 8601 with offset, such as 2012-07-11T13:30:00+01:00 or 2012-07-11T12:30:00Z"
    # fromisoformat of 3.11 stops at microseconds; Go programs write nanoseconds.
    trimmed = re.sub(r"(\.\d{1,6})\d*", r"\1", text.strip())
    try:
        instant = datetime.fromisoformat(trimmed)
    except ValueError:
        raise InputError("not a timestamp", where=where, value=text, accepted=accepted) from None
    if instant.tzinfo is None:
        raise InputError("naive timestamp (no offset)", where=where, value=text, accepted=accepted)
    try:
        return instant.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise InputError("timestamp out of range", where=where, value=text, accepted=accepted) from None


def parse_zone(name: str, *, where: str = "") -> ZoneInfo:
    """An IANA time zone by its name; raises InputError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            "unknown time zone", where=where, value=name, accepted="an IANA zone such as Europe/London"
        ) from None


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date of an instant in a named zone."""
    return instant.astimezone(ZoneInfo(zone)).date()
