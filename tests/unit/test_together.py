"""Work of several threads done together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from foundation.together import Together


class Recorder:
    """Takes items, the first round only once it is told to; refuses those below zero."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.has_begun = threading.Event()
        self.goes_on = threading.Event()

    def run(self, items: Sequence[int]) -> None:
        self.rounds.append(list(items))
        if len(self.rounds) == 1:
            self.has_begun.set()
            assert self.goes_on.wait(30)
        if any(item < 0 for item in items):
            raise ValueError(min(items))


def crowd(together: Together[int], recorder: Recorder, items: Sequence[int]) -> list[BaseException | None]:
    """The first item begins its round; the others come while it lasts. What each got."""
    with ThreadPoolExecutor(len(items)) as threads:
        first = threads.submit(together.do, items[0])
        assert recorder.has_begun.wait(30)
        others = [threads.submit(together.do, item) for item in items[1:]]
        while len(together._waiting) < len(others):
            threading.Event().wait(0.001)
        recorder.goes_on.set()
        return [one.exception(30) for one in (first, *others)]


def test_who_comes_during_a_round_shares_the_next():
    recorder = Recorder()
    assert crowd(Together(recorder.run), recorder, range(8)) == [None] * 8
    assert recorder.rounds[0] == [0]
    assert [sorted(one) for one in recorder.rounds[1:]] == [list(range(1, 8))]


def test_a_round_has_its_most():
    recorder = Recorder()
    crowd(Together(recorder.run, most=3), recorder, range(8))
    assert [len(one) for one in recorder.rounds] == [1, 3, 3, 1]


def test_one_bad_item_is_nobody_elses_error():
    recorder = Recorder()
    errors = crowd(Together(recorder.run), recorder, [0, 1, -2, 3])
    assert [type(error) for error in errors] == [type(None), type(None), ValueError, type(None)]
    assert sorted(recorder.rounds[2:]) == [[-2], [1], [3]]


def test_a_thread_alone_gets_its_own_error_once():
    recorder = Recorder()
    recorder.goes_on.set()
    with pytest.raises(ValueError, match="-1"):
        Together(recorder.run).do(-1)
    assert recorder.rounds == [[-1]]
