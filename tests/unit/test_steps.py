"""Step series against a model that counts second by second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outage import steps

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 15), st.integers(1, 5)), max_size=8)


def made(spans: list[tuple[int, int, int]]) -> steps.Steps:
    changes = [(start, count) for start, _, count in spans]
    changes += [(start + length, -count) for start, length, count in spans]
    return steps.from_changes(changes)


def level(spans: list[tuple[int, int, int]], instant: int) -> int:
    return sum(count for start, length, count in spans if start <= instant < start + length)


@given(SPANS, st.integers(0, 60))
def test_level_and_area_are_those_counted_second_by_second(spans, until):
    series = made(spans)
    levels = [level(spans, instant) for instant in range(61)]
    assert [steps.level_at(series, instant) for instant in range(61)] == levels
    assert steps.area(series, until) == sum(levels[:until])
    assert steps.worst(series)[0] == max(levels)


@given(SPANS, st.integers(1, 100))
def test_an_area_is_reached_at_the_first_second_by_which_it_is_full(spans, wanted):
    series = made(spans)
    reached = next((until for until in range(61) if steps.area(series, until) >= wanted), None)
    assert steps.when_area(series, wanted) == reached


@given(SPANS, st.integers(1, 6), st.integers(0, 20))
def test_a_level_was_held_at_the_first_second_by_which_it_held_so_long(spans, at_least, seconds):
    series = made(spans)

    def held(until: int) -> bool:
        if until < seconds or (seconds == 0 and level(spans, until) < at_least):
            return False
        return all(level(spans, instant) >= at_least for instant in range(until - seconds, until))

    assert steps.when_held(series, at_least, seconds) == next((until for until in range(61) if held(until)), None)


@given(SPANS, st.integers(1, 6), st.integers(0, 60))
def test_the_longest_hold_is_the_longest_run_of_seconds(spans, at_least, until):
    longest = run = 0
    for instant in range(until):
        run = run + 1 if level(spans, instant) >= at_least else 0
        longest = max(longest, run)
    assert steps.longest_held(made(spans), at_least, until) == longest


def test_the_last_level_goes_on_for_ever():
    assert steps.when_area(((0, 100),), 250) == 3
    assert steps.when_held(((10, 5),), 5, 1_000) == 1_010
    assert steps.going_on(((0, 3), (60, 1), (90, 0)), 90) == ((0, 3), (60, 1))
