"""The arithmetic of a sender's bucket: never above its pace, slower after throttling, back by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notify.pacing import MILLION, Bucket

HUNDRED = 100_000  # rows per thousand seconds
START = 1_700_000_000 * MILLION


def bucket(rate: int | None = HUNDRED, burst: int = 1, **changes: int) -> Bucket:
    return Bucket(rate, burst, burst * MILLION, START, **changes)


@given(
    st.integers(100, 10_000_000), st.integers(1, 500), st.lists(st.integers(0, 3 * MILLION), min_size=1, max_size=60)
)
def test_whenever_it_is_emptied_it_gives_no_more_than_its_pace_and_its_room(rate: int, burst: int, pauses: list[int]):
    now, taken, one = START, 0, bucket(rate, burst)
    for pause in pauses:
        now += pause
        one = one.refilled(now)
        rows = max(0, one.tokens // MILLION)
        taken += rows
        one = Bucket(one.rate, one.burst, one.tokens - rows * MILLION, one.refilled_at)
    assert taken <= max(burst, rate // 10_000) + (now - START) * rate / 1000 / MILLION


def test_a_clock_that_goes_back_fills_nothing():
    assert bucket().refilled(START - 5 * MILLION).tokens == MILLION


def test_throttling_halves_the_pace_at_once_and_it_recovers_by_itself():
    slow = bucket().slowed(START + MILLION, None)
    assert slow.pace_at(START + MILLION) == HUNDRED // 2
    assert slow.pace_at(START + 11 * MILLION) == HUNDRED // 2 + HUNDRED // 5
    assert slow.pace_at(START + 30 * MILLION) == HUNDRED


def test_many_who_hear_of_the_same_throttling_slow_it_down_once():
    slow = bucket().slowed(START + MILLION, None)
    assert slow.slowed(START + MILLION + MILLION // 2, None) == slow
    assert slow.slowed(START + 3 * MILLION, None).slow_rate == (HUNDRED // 2 + HUNDRED // 25) // 2


def test_it_never_comes_to_a_stop_however_often_it_is_throttled():
    one = bucket()
    for second in range(2, 200, 2):
        one = one.slowed(START + second * MILLION, None)
    assert (one.slow_rate or 0) >= 100


def test_a_sender_without_a_pace_gets_one_by_throttling_and_loses_it_again():
    one = bucket(rate=None)
    assert one.pace_at(START) is None
    slow = one.slowed(START, 7)
    assert slow.pace_at(START) == HUNDRED
    assert slow.blocked_until == START + 7 * MILLION
    assert slow.pace_at(START + 60 * MILLION) is None
