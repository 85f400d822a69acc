"""Intervals against brute force over single seconds, and calendar days where clocks change."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InputError
from outage import intervals as iv

PAIRS = st.lists(
    st.tuples(st.integers(-20, 60), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=12
)
SETS = PAIRS.map(iv.normalise)


def seconds_of(pairs) -> set[int]:
    return {second for start, end in pairs for second in range(start, end)}


def unix(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


@given(PAIRS)
def test_normalising_keeps_the_seconds_and_leaves_disjoint_sorted_gaps(pairs):
    result = iv.normalise(pairs)
    assert seconds_of(result) == seconds_of(pairs)
    assert all(start < end for start, end in result)
    assert all(before[1] < after[0] for before, after in pairwise(result))
    assert iv.normalise(result) == result


@given(st.lists(SETS, max_size=4))
def test_a_union_holds_the_seconds_of_any_of_its_sets(sets):
    assert iv.union(*sets) == iv.normalise(pair for one in sets for pair in one)


@given(st.lists(SETS, min_size=1, max_size=4))
def test_an_intersection_holds_the_seconds_of_all_its_sets(sets):
    result = iv.intersection(*sets)
    assert seconds_of(result) == set.intersection(*map(seconds_of, sets))
    assert iv.normalise(result) == result


@given(SETS, SETS)
def test_a_difference_holds_the_seconds_of_the_first_set_that_the_second_lacks(a, b):
    result = iv.difference(a, b)
    assert seconds_of(result) == seconds_of(a) - seconds_of(b)
    assert iv.normalise(result) == result


@given(SETS, SETS)
def test_a_second_of_two_sets_is_counted_once_when_one_is_taken_off_the_other(a, b):
    apart = iv.total_seconds(iv.difference(a, b)) + iv.total_seconds(b)
    assert apart == iv.total_seconds(iv.union(a, b))


@given(SETS)
def test_counts_agree_with_counting_seconds_one_by_one(s):
    seconds = seconds_of(s)
    run = longest = 0
    for second in range(-21, 80):
        run = run + 1 if second in seconds else 0
        longest = max(longest, run)
    assert iv.total_seconds(s) == len(seconds)
    assert iv.longest_seconds(s) == longest
    assert iv.first(s) == min(seconds, default=None)
    assert iv.last(s) == (max(seconds) + 1 if seconds else None)


@given(SETS, st.integers(-30, 70), st.integers(0, 40))
def test_clipping_keeps_the_seconds_inside_the_window(s, start, length):
    assert seconds_of(iv.clip(s, start, start + length)) == seconds_of(s) & set(range(start, start + length))


def test_a_union_with_one_filled_set_returns_that_very_set_so_that_it_is_stored_once():
    shared = iv.normalise([(0, 10), (20, 30)])
    assert iv.union((), shared, ()) is shared


@pytest.mark.parametrize("refuse", [lambda: iv.normalise([(1, 2), (9, 4)]), lambda: iv.clip((), 9, 4)])
def test_an_interval_that_ends_before_it_starts_is_refused_by_its_pair(refuse):
    with pytest.raises(iv.IntervalError, match=r"\(9, 4\)") as caught:
        refuse()
    assert isinstance(caught.value, InputError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", "2026-03-28", 24),
        ("Europe/London", "2026-03-29", 23),
        ("Europe/London", "2026-10-25", 25),
        ("Europe/London", "2012-07-11", 24),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("America/New_York", "2026-07-04", 24),
        ("Asia/Kolkata", "2026-03-29", 24),
        ("Asia/Kolkata", "2026-10-25", 24),
        # Clocks change at midnight itself: the day begins at 01:00, or its evening happens twice.
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Sao_Paulo", "2019-02-16", 25),
        ("Australia/Lord_Howe", "2026-04-05", Fraction(49, 2)),
        # Samoa crossed the date line: 30 December 2011 never was.
        ("Pacific/Apia", "2011-12-29", 24),
        ("Pacific/Apia", "2011-12-30", None),
        ("Pacific/Apia", "2011-12-31", 24),
    ],
)
def test_a_local_day_has_the_hours_that_its_zone_gives_it(zone, day, hours):
    wide = iv.normalise([(unix(day) - 3 * 86_400, unix(day) + 4 * 86_400)])
    found = iv.seconds_per_day(wide, zone).get(date.fromisoformat(day))
    assert found == (None if hours is None else hours * 3600)


def test_an_outage_is_cut_at_local_midnights_not_at_utc_ones():
    overnight = iv.normalise([(unix("2012-07-11 13:30", "Europe/London"), unix("2012-07-12 09:00", "Europe/London"))])
    assert iv.seconds_per_day(overnight, "Europe/London") == {
        date(2012, 7, 11): 10 * 3600 + 1800,
        date(2012, 7, 12): 9 * 3600,
    }
    assert iv.seconds_per_day(overnight, "Asia/Kolkata") == {
        date(2012, 7, 11): 6 * 3600,
        date(2012, 7, 12): 13 * 3600 + 1800,
    }


def test_a_stretch_ends_where_the_date_or_the_offset_changes_and_knows_the_local_time_it_starts_at():
    evening = unix("2026-10-24 22:00", "Europe/London")
    stretches = list(iv.local_stretches(((evening, evening + 8 * 3600),), "Europe/London"))
    assert [(one.day.day, one.second_of_day // 3600, one.ended_at - one.started_at) for one in stretches] == [
        (24, 22, 2 * 3600),
        (25, 0, 2 * 3600),
        (25, 1, 4 * 3600),
    ]
    assert stretches[0].started_at == evening
    assert all(before.ended_at == after.started_at for before, after in pairwise(stretches))


def test_the_local_date_of_an_instant():
    assert iv.local_date(unix("2026-06-01 23:30"), "Europe/London") == date(2026, 6, 2)
    with pytest.raises(InputError, match="unknown time zone"):
        iv.local_date(0, "Europe/Atlantis")


ZONES = [
    "Europe/London",
    "America/New_York",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(unix("2006-01-01") // 60, unix("2026-11-22") // 60),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 4000)), min_size=1, max_size=4),
)
def test_seconds_per_day_agree_with_asking_each_minute_for_its_local_date(zone, start, minutes):
    s = iv.normalise(((start + a) * 60, (start + a + length) * 60) for a, length in minutes)
    place = ZoneInfo(zone)
    wanted = Counter(
        datetime.fromtimestamp(minute, place).date() for start, end in s for minute in range(start, end, 60)
    )
    assert iv.seconds_per_day(s, zone) == {day: count * 60 for day, count in wanted.items()}


@pytest.mark.parametrize("year", range(2007, 2011))
def test_the_hour_that_st_johns_turned_back_past_midnight_belongs_to_the_day_before(year):
    saturday = next(date(year, 11, day) for day in range(1, 8) if date(year, 11, day).weekday() == 6) - timedelta(1)
    days = iv.seconds_per_day(iv.normalise([(unix(f"{year}-10-20"), unix(f"{year}-11-20"))]), "America/St_Johns")
    assert days[saturday] == 86_400 + 59 * 60
    assert days[saturday + timedelta(1)] == 86_400 + 60


@pytest.mark.parametrize(
    ("hours", "days"), [(0, 2), (9, 1), (Fraction(21, 2), 0), (Decimal("10.49"), 1), (10, 1), (24, 0)]
)
def test_days_over_counts_days_with_strictly_more_hours(hours, days):
    overnight = iv.normalise([(unix("2012-07-11 13:30", "Europe/London"), unix("2012-07-12 09:00", "Europe/London"))])
    assert iv.days_over(overnight, "Europe/London", hours) == days


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Europe", "../etc/passwd", "", "BST-1"])
def test_an_unknown_zone_is_refused_by_name(zone):
    with pytest.raises(InputError, match="unknown time zone") as caught:
        iv.seconds_per_day(((0, 10),), zone)
    assert caught.value.value == zone


@given(st.dictionaries(st.sampled_from(["voice", "sms", "data"]), SETS), st.randoms())
def test_a_pattern_key_ignores_order_and_services_without_a_second(per_service, random):
    shuffled = list(per_service.items())
    random.shuffle(shuffled)
    filled = {service: s for service, s in shuffled if s}
    assert iv.pattern_key(per_service) == iv.pattern_key(dict(shuffled)) == iv.pattern_key(filled)


@given(*[st.dictionaries(st.sampled_from(["voice", "sms"]), SETS.filter(bool))] * 2)
def test_pattern_keys_are_equal_only_for_equal_seconds_per_service(a, b):
    assert (iv.pattern_key(a) == iv.pattern_key(b)) == (a == b)


def test_the_pattern_key_is_the_one_that_stored_runs_are_written_with():
    # Were it another one day, runs of before would hold equal patterns by another name, and so would two of one run.
    lost = {"voice": ((0, 60), (90, 120)), "sms": ((0, 60),), "data": ((0, 60),)}
    assert iv.pattern_key(lost) == "d77b0b76-4ef9-c1f7-14c6-fe566222b16a"
