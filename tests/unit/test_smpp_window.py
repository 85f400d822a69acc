"""The window of SMPP requests: what leaves, in which order, and what becomes of each."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.channels.smpp_window import Answer, Window

LONG, NOW = 60.0, 0.0


class Wire:
    """What left, request by request; fails from a given number of requests on."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.left: list[int] = []
        self._breaks_at = breaks_at

    def __call__(self, octets: bytes) -> None:
        self.left += octets
        if self._breaks_at is not None and len(self.left) >= self._breaks_at:
            raise ConnectionError


def request(number: int) -> Answer:
    return Answer(number, bytes([number]))


def given_to(window: Window, count: int) -> list[Answer]:
    answers = [request(number) for number in range(count)]
    for answer in answers:
        window.give(answer)
    return answers


def test_no_more_leave_than_the_window_holds_and_the_next_leaves_with_an_answer():
    wire = Wire()
    window = Window(2, wire)
    answers = given_to(window, 5)
    assert wire.left == [0, 1]
    window.answered([(1, 0, "m1")])
    assert wire.left == [0, 1, 2]
    window.answered([(0, 0x58, None), (2, 0, "m2"), (77, 0, "nobody's")])
    assert wire.left == [0, 1, 2, 3, 4]
    assert [answer.status for answer in answers] == [0x58, 0, 0, None, None]
    assert [answer.message_id for answer in answers] == [None, "m1", "m2", None, None]
    assert [answer.is_settled for answer in answers] == [True, True, True, False, False]


def test_what_left_and_is_not_answered_in_time_gives_its_place_to_the_next():
    wire = Wire()
    window = Window(1, wire)
    first, second = given_to(window, 2)
    window.wait(first, NOW)
    assert first.is_settled
    assert first.status is None
    assert first.left_at is not None
    assert wire.left == [0, 1]
    # Its answer comes after all: nobody waits for it, and the second's place is not given away.
    window.answered([(0, 0, "late")])
    assert first.status is None
    assert not second.is_settled


def test_what_the_window_never_had_room_for_has_not_left_and_never_will():
    wire = Wire()
    window = Window(1, wire)
    first, second, third = given_to(window, 3)
    window.wait(second, NOW)
    assert (second.left_at, second.reason) == (None, "the SMSC answers too slowly: the window stayed full")
    window.answered([(0, 0, "m0")])
    assert wire.left == [0, 2]
    window.wait(first, LONG)
    assert first.status == 0
    assert not third.is_settled


@pytest.mark.parametrize("ends", ["shut", "broken"])
def test_when_the_bind_is_lost_what_left_is_told_from_what_did_not(ends: str):
    wire = Wire(breaks_at=3 if ends == "broken" else None)
    window = Window(2, wire)
    answers = given_to(window, 4)
    if ends == "broken":
        window.answered([(0, 0, "m0")])
    else:
        window.shut("the bind was lost")
    left = 3 if ends == "broken" else 2
    assert [answer.left_at is not None for answer in answers] == [number < left for number in range(4)]
    assert all(answer.is_settled for answer in answers)
    assert {answer.status for answer in answers[1:]} == {None}
    late = request(9)
    window.give(late)
    assert (late.is_settled, late.left_at, late.reason) == (True, None, "the bind was lost")
    assert 9 not in wire.left


@given(st.integers(1, 6), st.integers(0, 40), st.randoms(use_true_random=False))
def test_every_request_leaves_once_in_order_and_never_too_many_at_once(size: int, count: int, chance: random.Random):
    wire = Wire()
    window = Window(size, wire)
    answers = given_to(window, count)
    open_now: set[int] = set()
    seen = 0
    while len(wire.left) > seen or open_now:
        open_now |= set(wire.left[seen:])
        seen = len(wire.left)
        assert len(open_now) <= size
        done = chance.sample(sorted(open_now), chance.randint(1, len(open_now)))
        open_now -= set(done)
        window.answered([(number, 0, str(number)) for number in done])
    assert wire.left == list(range(count))
    assert [answer.message_id for answer in answers] == [str(number) for number in range(count)]


def test_whoever_waits_in_a_thread_of_its_own_is_woken():
    wire = Wire()
    window = Window(3, wire)
    answers = [request(number) for number in range(30)]

    def carry(some: list[Answer]) -> None:
        for answer in some:
            window.give(answer)
        for answer in some:
            window.wait(answer, LONG)

    threads = [threading.Thread(target=carry, args=(answers[start::5],)) for start in range(5)]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        leaving, seen = wire.left[seen:], len(wire.left)
        window.answered([(number, 0, "m") for number in leaving])
    assert sorted(wire.left) == list(range(30))
    assert all(answer.status == 0 for answer in answers)
