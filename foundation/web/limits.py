"""How often somebody who is not signed in may ask: so many times in so many seconds, counted in this process."""

from __future__ import annotations

import threading
from collections import deque

from foundation import clock

_MOST_KEYS = 10_000


class Limit:
    """At most `times` in any `seconds` for one key (an address); of too many keys the oldest are forgotten."""

    def __init__(self, times: int, seconds: float) -> None:
        self._times, self._seconds = times, seconds
        self._asked: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Whether this one may ask now; if so, it counts."""
        now = clock.monotonic()
        with self._lock:
            asked = self._asked.pop(key, None) or deque()
            while asked and asked[0] <= now - self._seconds:
                asked.popleft()
            # Put back at the end: the first key is the one that was silent longest.
            self._asked[key] = asked
            if len(self._asked) > _MOST_KEYS:
                del self._asked[next(iter(self._asked))]
            if len(asked) >= self._times:
                return False
            asked.append(now)
            return True
