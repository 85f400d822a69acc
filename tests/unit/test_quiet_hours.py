"""Quiet hours by the wall clock of the recipient, over midnight and over changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.quiet_hours import Window, allowed_from, parse_window

NIGHT = Window(time(21), time(8))
MINUTE = timedelta(minutes=1)
# Around both changes of the clock in zones that go by an hour and by half an hour, at different times of night.
CHANGES = {
    "Europe/London": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
}
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 29, 30, 31, 45, 59]))
windows = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Window(*pair))


def first_allowed_minute(instant: datetime, zone: str, window: Window) -> datetime:
    """What the rule says, minute by minute."""
    place = ZoneInfo(zone)
    if not window.covers(instant.astimezone(place).time()):
        return instant
    at = instant.replace(second=0, microsecond=0)
    while window.covers(at.astimezone(place).time()):
        at += MINUTE
    return at


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(CHANGES)), st.integers(0, 1), windows)
def test_the_first_allowed_minute_is_found_also_where_the_clock_is_changed(data, zone, which, window):
    offset = data.draw(st.integers(-2 * 86_400, 2 * 86_400))
    instant = CHANGES[zone][which] + timedelta(seconds=offset)
    assert allowed_from(instant, zone, window) == first_allowed_minute(instant, zone, window)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Europe/London", datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 7, 1, 20, 30, tzinfo=UTC), datetime(2026, 7, 2, 7, tzinfo=UTC)),
        # The night in which the clock goes forward is an hour shorter, the other one longer.
        ("Europe/London", datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),
        # At one moment one may be texted and the other not.
        ("America/New_York", datetime(2026, 7, 1, 3, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 7, 1, 3, tzinfo=UTC), datetime(2026, 7, 1, 3, tzinfo=UTC)),
    ],
)
def test_a_night_ends_at_the_same_time_of_day_in_every_season(zone, now, until):
    assert allowed_from(now, zone, NIGHT) == until


def test_an_end_that_the_clock_skips_comes_with_the_skip():
    # In London 01:30 does not exist on this day: 00:59 is followed by 02:00.
    now = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert allowed_from(now, "Europe/London", Window(time(22), time(1, 30))) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["21:00", "21-8", "25:00-08:00", "08:00-08:00", "", "21:00-08:00-09:00"])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_window(text)


def test_a_window_is_read_as_written():
    assert parse_window("21:00-08:00") == NIGHT
