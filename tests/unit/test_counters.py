"""Counters on exact thresholds, on days when clocks change, on worked cases, and against a model minute by minute."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InputError
from outage import counters as ct
from outage import intervals as iv

LONDON, NEW_YORK, KOLKATA = "Europe/London", "America/New_York", "Asia/Kolkata"
HOUR = 3600


def unix(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def lost(*spans: tuple[str, str], zone: str = LONDON) -> iv.IntervalSet:
    return iv.normalise((unix(start, zone), unix(end, zone)) for start, end in spans)


def hours(length: float, start: str = "2026-01-10 09:00", zone: str = LONDON) -> iv.IntervalSet:
    began = unix(start, zone)
    return iv.normalise([(began, began + round(length * HOUR))])


# Daily windows


@pytest.mark.parametrize(
    ("spans", "opens", "closes", "total", "longest"),
    [
        ([("2026-01-10 20:00", "2026-01-11 06:00")], 8, 22, 2, 2),  # R03-5: only 2 of 10 h are inside 08-22
        ([("2026-01-10 09:00", "2026-01-10 12:00"), ("2026-01-11 08:00", "2026-01-11 12:00")], 8, 22, 7, 4),  # R03-6
        ([("2026-01-10 10:00", "2026-01-10 16:00")], 8, 22, 6, 6),  # R03-7: exactly 6 h, which do not exceed 6 h
        ([("2026-01-10 22:00", "2026-01-11 08:00")], 8, 22, 0, 0),  # both edges are outside
        ([("2026-01-10 21:59:59", "2026-01-11 08:00:01")], 8, 22, Fraction(2, HOUR), Fraction(1, HOUR)),
        ([("2026-01-10 07:00", "2026-01-12 23:00")], 8, 22, 42, 14),  # a night ends what is continuous in the window
        ([("2026-01-10 20:00", "2026-01-11 07:00")], 22, 6, 8, 8),  # over midnight without a cut
        ([("2026-01-10 06:00", "2026-01-10 22:00")], 22, 6, 0, 0),
        ([("2026-01-10 18:00", "2026-01-11 02:00")], 20, 0, 4, 4),  # closes at midnight
        ([("2026-01-10 18:00", "2026-01-11 02:00")], 0, 1, 1, 1),
        ([], 8, 22, 0, 0),
    ],
)
def test_time_in_a_daily_window(spans, opens, closes, total, longest):
    window = (LONDON, time(opens), time(closes))
    assert ct.seconds_in_window(lost(*spans), *window) == total * HOUR
    assert ct.longest_in_window(lost(*spans), *window) == longest * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "night_hours", "early_hours"),
    [
        (LONDON, "2026-03-29", 7, 2),  # 01:00 to 02:00 is skipped
        (LONDON, "2026-10-25", 9, 4),  # 01:00 to 02:00 happens twice
        (LONDON, "2026-06-01", 8, 3),
        (NEW_YORK, "2026-03-08", 7, 2),
        (NEW_YORK, "2026-11-01", 9, 4),
        (KOLKATA, "2026-03-29", 8, 3),
        (KOLKATA, "2026-10-25", 8, 3),
    ],
)
def test_windows_have_the_hours_that_the_clock_shows_on_the_days_it_changes(zone, day, night_hours, early_hours):
    before = date.fromisoformat(day) - timedelta(1)
    around = lost((f"{before} 12:00", f"{day} 12:00"), zone=zone)
    assert ct.seconds_in_window(around, zone, time(22), time(6)) == night_hours * HOUR
    assert ct.seconds_in_window(around, zone, time(0), time(3)) == early_hours * HOUR
    assert ct.seconds_in_window(around, zone, time(8), time(22)) == (4 + 10) * HOUR


def test_a_window_of_no_length_is_refused():
    with pytest.raises(InputError, match="opens and closes at the same time"):
        ct.in_daily_window(hours(1), LONDON, time(8), time(8))


# Calendar days with more than h hours (R01)


def r01_days(s: iv.IntervalSet, zone: str = KOLKATA) -> int:
    """TRAI 2024: longer than 24 h, then each calendar day with more than 12 h."""
    return iv.days_over(s, zone, 12) if iv.longest_seconds(s) > 24 * HOUR else 0


@pytest.mark.parametrize(
    ("started", "ended", "days"),
    [
        ("2025-03-01 06:00", "2025-03-03 10:00", 2),  # R01-1
        ("2025-03-03 10:00", "2025-03-04 09:00", 0),  # R01-3: 14 h on one day, but not over 24 h
        ("2025-03-01 13:00", "2025-03-02 14:00", 1),  # R01-4
        ("2025-03-01 12:00:00", "2025-03-02 12:00:01", 1),  # R01-5: 12 h exactly does not count
        ("2025-03-01 12:00:00", "2025-03-02 12:00:00", 0),  # 24 h exactly is not over 24 h
    ],
)
def test_days_of_the_indian_standard(started, ended, days):
    assert r01_days(lost((started, ended), zone=KOLKATA)) == days


@pytest.mark.parametrize(("extra", "days"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, KOLKATA])
def test_twelve_hours_exactly_do_not_count_as_a_day_and_a_second_more_does(zone, extra, days):
    s = hours(12, "2026-01-10 06:00", zone)
    assert iv.days_over(((s[0][0], s[0][1] + extra),), zone, 12) == days


@given(st.integers(0, 4 * 365 * 24 * 60), st.integers(24 * HOUR + 1, 10 * 24 * HOUR))
def test_any_continuous_outage_over_24_hours_has_a_counted_day(minute, length):
    start = unix("2024-10-01", KOLKATA) + minute * 60
    assert r01_days(((start, start + length),)) >= 1


# Blocks from the first loss


@pytest.mark.parametrize(
    ("length", "started", "whole", "over_four"),
    [
        (0, 0, 0, 0),
        (12, 1, 0, 1),
        (13, 1, 0, 1),  # R14-2: one thirtieth
        (24, 1, 1, 1),
        (24 + Fraction(1, HOUR), 2, 1, 1),
        (26, 2, 1, 1),  # R14-1: two thirtieths
        (28, 2, 1, 1),  # exactly 4 h of the second block are not more than 4 h
        (28 + Fraction(1, HOUR), 2, 1, 2),
        (30, 2, 1, 2),  # R14-5: 2 x 0.50
        (50, 3, 2, 2),  # R14-4: 4.65 of 46.50
        (61 + Fraction(25, 60), 3, 2, 3),  # V09: two days were credited
        (24 - Fraction(1, HOUR), 1, 0, 1),  # V09-5
    ],
)
def test_blocks_of_one_interval_from_its_start(length, started, whole, over_four):
    s = hours(length)
    assert ct.started_blocks(s) == started
    assert ct.whole_blocks(s) == whole
    assert ct.blocks_over(s, 4) == over_four
    assert ct.blocks_over(s, 0) == started


def test_blocks_run_on_while_service_is_there_in_between():
    began = unix("2026-01-10 09:00")
    s = iv.normalise((began + a * HOUR, began + b * HOUR) for a, b in [(0, 2), (20, 29), (100, 101)])
    assert ct.block_seconds(s) == {0: 6 * HOUR, 1: 5 * HOUR, 4: HOUR}
    assert (ct.started_blocks(s), ct.whole_blocks(s), ct.blocks_over(s, 4), ct.blocks_over(s, 5)) == (3, 0, 2, 1)
    assert ct.block_seconds(s, 6) == {0: 2 * HOUR, 3: 4 * HOUR, 4: 5 * HOUR, 16: HOUR}


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, KOLKATA])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"])
def test_a_block_is_24_hours_of_elapsed_time_also_when_clocks_change(zone, day):
    s = hours(24, f"{day} 00:00", zone)
    assert (ct.started_blocks(s), ct.whole_blocks(s)) == (1, 1)


def test_a_block_of_no_length_is_refused():
    with pytest.raises(InputError, match="block of no length"):
        ct.started_blocks(hours(1), 0)


# Rounded time


@pytest.mark.parametrize(
    ("seconds", "started", "rounded"),
    [
        (0, 0, 0),
        (1, 1, 0),
        (1800, 1, 0),  # exactly half an hour is not over half an hour
        (1801, 1, 1),
        (3600, 1, 1),
        (3601, 2, 1),
        (14 * HOUR + 50 * 60, 15, 15),  # V10
        (2 * HOUR + 1800, 3, 2),
        (2 * HOUR + 1801, 3, 3),
    ],
)
def test_time_rounded_to_hours(seconds, started, rounded):
    assert ct.hours_started(seconds) == started
    assert ct.hours_rounded(seconds) == rounded


def test_another_fraction_than_half_an_hour_may_round_up():
    assert [ct.hours_rounded(HOUR + minutes * 60, over_minutes=15) for minutes in (15, 16)] == [1, 2]


# Longest and total


def test_two_losses_with_service_between_are_not_consecutive():
    """V07-4: down 40 minutes, up 5, down 45: 85 minutes in all, never 60 in a row."""
    s = lost(("2026-01-10 10:00", "2026-01-10 10:40"), ("2026-01-10 10:45", "2026-01-10 11:30"))
    assert (iv.longest_seconds(s), iv.total_seconds(s)) == (45 * 60, 85 * 60)


# Months, billing periods, dates


@pytest.mark.parametrize(
    ("day", "bill_day", "period"),
    [
        ("2026-01-15", 1, ("2026-01-01", "2026-02-01")),
        ("2026-01-15", 15, ("2026-01-15", "2026-02-15")),
        ("2026-01-14", 15, ("2025-12-15", "2026-01-15")),
        ("2026-12-31", 1, ("2026-12-01", "2027-01-01")),
        ("2026-04-29", 31, ("2026-03-31", "2026-04-30")),
        ("2026-04-30", 31, ("2026-04-30", "2026-05-31")),
        ("2026-02-28", 30, ("2026-02-28", "2026-03-30")),
        ("2024-02-28", 30, ("2024-01-30", "2024-02-29")),
    ],
)
def test_the_billing_period_of_a_day(day, bill_day, period):
    assert ct.period_of(date.fromisoformat(day), bill_day) == tuple(map(date.fromisoformat, period))


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(1, 31))
def test_billing_periods_follow_each_other_without_gap_and_hold_their_days(day, bill_day):
    begins_on, ends_on = ct.period_of(day, bill_day)
    assert begins_on <= day < ends_on
    assert ct.period_of(ends_on, bill_day)[0] == ends_on
    assert ct.period_of(begins_on - timedelta(1), bill_day)[1] == begins_on


@pytest.mark.parametrize("bill_day", [0, 32, -1])
def test_a_bill_day_that_no_month_has_is_refused(bill_day):
    with pytest.raises(InputError, match="bill_day"):
        ct.period_of(date(2026, 1, 1), bill_day)


def test_time_is_split_at_the_edges_of_months_and_billing_periods_in_the_zone():
    s = lost(("2026-03-31 20:00", "2026-04-01 05:00"))
    assert ct.seconds_per_month(s, LONDON) == {date(2026, 3, 1): 4 * HOUR, date(2026, 4, 1): 5 * HOUR}
    assert ct.seconds_per_month(s, KOLKATA) == {date(2026, 4, 1): 9 * HOUR}
    assert ct.seconds_per_period(s, 15, LONDON) == {date(2026, 3, 15): 9 * HOUR}
    assert ct.seconds_per_period(s, 1, LONDON) == ct.seconds_per_month(s, LONDON)


@pytest.mark.parametrize(
    ("zone", "from_on", "to_on", "expected"),
    [
        (LONDON, "2026-02-01", "2026-03-01", 28 * 24),  # R03-8: the hours of the real month
        (LONDON, "2026-03-01", "2026-04-01", 31 * 24 - 1),
        (LONDON, "2026-10-01", "2026-11-01", 31 * 24 + 1),
        (NEW_YORK, "2026-03-01", "2026-04-01", 31 * 24 - 1),
        (NEW_YORK, "2026-11-01", "2026-12-01", 30 * 24 + 1),
        (KOLKATA, "2026-03-01", "2026-04-01", 31 * 24),
        (LONDON, "2026-03-29", "2026-03-30", 23),
        (LONDON, "2026-03-29", "2026-03-29", 0),
        ("Pacific/Apia", "2011-12-30", "2011-12-31", 0),
    ],
)
def test_dates_are_as_long_as_their_zone_makes_them(zone, from_on, to_on, expected):
    dates = date.fromisoformat(from_on), date.fromisoformat(to_on)
    assert ct.seconds_of_dates(*dates, zone) == expected * HOUR


def test_time_within_dates_is_cut_at_their_local_midnights_and_stays_whole_inside():
    s = lost(("2026-03-28 12:00", "2026-03-31 12:00"))
    inside = ct.within_dates(s, date(2026, 3, 29), date(2026, 3, 31), LONDON)
    assert inside == lost(("2026-03-29 00:00", "2026-03-31 00:00"))
    assert iv.total_seconds(inside) == 47 * HOUR


def test_dates_that_end_before_they_begin_are_refused():
    with pytest.raises(InputError, match="to_on"):
        ct.within_dates(hours(1), date(2026, 2, 1), date(2026, 1, 1), LONDON)
    with pytest.raises(InputError, match="to_on"):
        ct.seconds_of_dates(date(2026, 2, 1), date(2026, 1, 1), LONDON)


# Services


def test_any_and_all_services_and_one():
    pattern = {"voice": ((0, 10), (20, 30)), "data": ((5, 25),)}
    assert ct.lost_of(pattern, "voice") == ((0, 10), (20, 30))
    assert ct.lost_of(pattern, "sms") == ()
    assert ct.lost_any(pattern) == ((0, 30),)
    assert ct.lost_any(pattern, ["sms", "data"]) == ((5, 25),)
    assert ct.lost_all(pattern, ["voice", "data"]) == ((5, 10), (20, 25))
    assert ct.lost_all(pattern, ["voice", "sms", "data"]) == ()
    with pytest.raises(InputError, match="no services named"):
        ct.lost_all(pattern, [])


# The model: each minute asked on its own

ZONES = [LONDON, NEW_YORK, KOLKATA, "America/Sao_Paulo", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]
CHANGES = [
    unix(day) // 60
    for day in ("2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2018-11-03", "2011-12-29", "2009-10-31")
]
MINUTES = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 2500)), min_size=1, max_size=4)
SETS = st.builds(
    lambda start, spans: iv.normalise(((start + a) * 60, (start + a + length) * 60) for a, length in spans),
    st.sampled_from(CHANGES) | st.integers(unix("2006-01-01") // 60, unix("2026-11-22") // 60),
    MINUTES,
)


def minutes_of(s: iv.IntervalSet) -> list[int]:
    return [minute for start, end in s for minute in range(start, end, 60)]


@settings(max_examples=60, deadline=None)
@given(SETS, st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 23))
def test_windows_agree_with_asking_each_minute_for_its_local_time(s, zone, opens, closes):
    if opens == closes:
        return
    place = ZoneInfo(zone)

    def inside(minute: int) -> bool:
        hour = datetime.fromtimestamp(minute, place).hour
        return bool(opens <= hour < closes if opens < closes else hour >= opens or hour < closes)

    kept = [minute for minute in minutes_of(s) if inside(minute)]
    wanted = iv.normalise((minute, minute + 60) for minute in kept)
    assert ct.in_daily_window(s, zone, time(opens), time(closes)) == wanted


@settings(max_examples=60, deadline=None)
@given(SETS, st.integers(1, 30), st.integers(0, 24))
def test_blocks_agree_with_asking_each_minute_for_its_block(s, block_hours, over):
    used = Counter((minute - s[0][0]) // (block_hours * HOUR) for minute in minutes_of(s))
    assert ct.block_seconds(s, block_hours) == {number: count * 60 for number, count in used.items()}
    assert ct.blocks_over(s, over, block_hours) == sum(count > over * 60 for count in used.values())
    assert ct.started_blocks(s, block_hours) == len(used)
    assert ct.whole_blocks(s, block_hours) == sum(count == block_hours * 60 for count in used.values())


@settings(max_examples=60, deadline=None)
@given(SETS, st.sampled_from(ZONES), st.integers(1, 31), st.integers(0, 5), st.integers(0, 5))
def test_dates_and_periods_agree_with_asking_each_minute_for_its_local_date(s, zone, bill_day, skip, length):
    place = ZoneInfo(zone)
    days = {minute: datetime.fromtimestamp(minute, place).date() for minute in minutes_of(s)}
    periods = Counter(ct.period_of(day, bill_day)[0] for day in days.values())
    assert ct.seconds_per_period(s, bill_day, zone) == {begins: count * 60 for begins, count in periods.items()}
    from_on = min(days.values()) + timedelta(skip)
    to_on = from_on + timedelta(length)
    wanted = iv.normalise((minute, minute + 60) for minute, day in days.items() if from_on <= day < to_on)
    assert ct.within_dates(s, from_on, to_on, zone) == wanted
