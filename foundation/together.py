"""Work of several threads done together: who comes while others are at it goes with the next round."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
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
        self._turn = threading.Lock()

    def do(self, item: Item) -> None:
        """Return when `item` is done; raises what `run` raises for it."""
        mine = _Ticket(item)
        self._waiting.append(mine)
        with self._turn:
            # Another thread's round may have taken it while this one waited for its turn.
            while mine.waits:
                self._round()
        if not mine.is_done:
            self._run([item])

    def _round(self) -> None:
        tickets = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
        for ticket in tickets:
            ticket.waits = False
        try:
            self._run([ticket.item for ticket in tickets])
        except Exception:
            # A round of one is that thread's own.
            if len(tickets) == 1:
                raise
        else:
            for ticket in tickets:
                ticket.is_done = True
