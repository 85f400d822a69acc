"""Work of several threads, done together or one ahead of the other."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from foundation.together import Together, made_ahead


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


def counted(made: list[int], *, end: threading.Event, bad: int | None = None) -> Generator[int]:
    try:
        for number in range(3):
            if number == bad:
                raise ValueError(number)
            made.append(number)
            yield number
    finally:
        end.set()


def test_the_next_is_made_by_a_thread_of_its_own_and_all_come_in_their_order() -> None:
    threads: list[threading.Thread] = []

    def make() -> Generator[int]:
        for number in range(3):
            threads.append(threading.current_thread())
            yield number

    assert list(made_ahead(make())) == [0, 1, 2]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()


def test_what_is_made_ahead_raises_where_it_is_taken_and_ends_with_who_takes_it() -> None:
    made: list[int] = []
    end = threading.Event()
    ahead = made_ahead(counted(made, end=end, bad=1))
    assert next(ahead) == 0
    with pytest.raises(ValueError, match="1"):
        next(ahead)
    end = threading.Event()
    ahead = made_ahead(counted(made, end=end))
    assert next(ahead) == 0
    ahead.close()
    assert end.is_set()
    assert made == [0, 0, 1]
