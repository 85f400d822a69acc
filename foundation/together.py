"""Work of several threads: done together, or one ahead of the other."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Item]):
    item: Item
    waits: bool = True
    is_done: bool = False


class Together(Generic[Item]):
    """Hands what several threads bring to one call of `run` after the other, so that they share its transaction.

    A round of several that fails is tried again by each thread alone: one's bad item is not another's error.
    """

    def __init__(self, run: Callable[[Sequence[Item]], object], *, most: int = 100) -> None:
        self._run = run
        self._most = most
        self._waiting: deque[_Ticket[Item]] = deque()
        self._is_running = False
        self._round_over = threading.Condition()

    def do(self, item: Item) -> None:
        """Return when `item` is done; raises what `run` raises for it."""
        mine = _Ticket(item)
        with self._round_over:
            self._waiting.append(mine)
        while round_ := self._next_round(mine):
            self._do_round(round_)
        if not mine.is_done:
            self._run([item])

    def _next_round(self, mine: _Ticket[Item]) -> list[_Ticket[Item]]:
        """Wait for the end of rounds: the tickets of the next one for this thread to do, none once its own is off."""
        with self._round_over:
            self._round_over.wait_for(lambda: not (mine.waits and self._is_running))
            if not mine.waits:
                return []
            self._is_running = True
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]

    def _do_round(self, tickets: Sequence[_Ticket[Item]]) -> None:
        is_done = False
        try:
            self._run([ticket.item for ticket in tickets])
            is_done = True
        except Exception:
            # A round of one is that thread's own.
            if len(tickets) == 1:
                raise
        finally:
            with self._round_over:
                for ticket in tickets:
                    ticket.waits, ticket.is_done = False, is_done
                self._is_running = False
                self._round_over.notify_all()


def made_ahead(items: Generator[Item]) -> Generator[Item]:
    """Give what a generator gives, whose next item a thread makes while the caller works with the last.

    The generator runs in that thread alone, and is closed with this one; what it raises is raised here.
    """
    nothing_left = object()
    with contextlib.closing(items), ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, items, nothing_left)
        while (item := coming.result()) is not nothing_left:
            coming = thread.submit(next, items, nothing_left)
            yield item  # type: ignore[misc]
