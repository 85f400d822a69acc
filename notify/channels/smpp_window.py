"""A window of requests under way: what leaves at once, what stands in line, and which answer belongs to which.

Whoever reads an answer sends the next request himself, in the order in which they were given: were he to wake a waiting
thread for it, the window would stand open until that thread has its turn.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from foundation import clock

LOST = "the bind was lost"
"""Why nothing leaves and nothing comes any more."""


class Answer:
    """What will come back for one request: a status and a message id; nothing when none will come any more.

    Without `left_at` (monotonic) the request has certainly not left, and `reason` says why it will not.
    """

    def __init__(self, sequence: int, octets: bytes) -> None:
        self.sequence = sequence
        self.octets = octets
        self.given_at = clock.monotonic()
        self.left_at: float | None = None
        self.status: int | None = None
        self.message_id: str | None = None
        self.reason = ""
        self._come = threading.Event()

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will come."""
        return self._come.is_set()

    def settle(self, status: int | None = None, message_id: str | None = None, reason: str = "") -> None:
        """Write what came, or that nothing will, and wake whoever waits."""
        self.status, self.message_id, self.reason = status, message_id, reason
        self._come.set()

    def wait(self, seconds: float) -> None:
        """Wait until it is settled, but no longer than this."""
        self._come.wait(seconds)


class Window:
    """At most `size` requests under way at once. Any number of threads give requests; one gives the answers.

    `transmit` gets the octets of requests that may leave; OSError from it ends the window, as `shut` does.
    """

    def __init__(self, size: int, transmit: Callable[[bytes], None]) -> None:
        self._size = size
        self._transmit = transmit
        self._lock = threading.Lock()
        self._open: dict[int, Answer] = {}
        self._line: deque[Answer] = deque()
        self._moved_at = clock.monotonic()
        self._shut_for: str | None = None

    def give(self, answer: Answer) -> None:
        """Let a request leave as soon as there is room."""
        with self._lock:
            if self._shut_for is not None:
                answer.settle(reason=self._shut_for)
                return
            self._line.append(answer)
            self._fill()

    def answered(self, answers: Iterable[tuple[int, int, str | None]]) -> None:
        """(sequence, status, message id) of answers that came; those to what nobody waits for are passed over."""
        settled = []
        with self._lock:
            for sequence, status, message_id in answers:
                answer = self._open.pop(sequence, None)
                if answer is not None:
                    settled.append((answer, status, message_id))
            self._moved_at = clock.monotonic()
            self._fill()
        for answer, status, message_id in settled:
            answer.settle(status, message_id)

    def wait(self, answer: Answer, seconds: float) -> None:
        """Wait until a request is answered: `seconds` from its leaving, or while the window stands still before it.

        After that nobody waits for it: its place is free again, or it does not leave at all.
        """
        while not answer.is_settled:
            left = self._until(answer, seconds) - clock.monotonic()
            if left > 0:
                answer.wait(left)
            else:
                self._give_up(answer, seconds)

    def shut(self, reason: str) -> None:
        """Let nothing leave any more; what is under way gets no answer, what stands in line has not left."""
        with self._lock:
            self._end(reason)

    def _until(self, answer: Answer, seconds: float) -> float:
        since = max(answer.given_at, self._moved_at) if answer.left_at is None else answer.left_at
        return since + seconds

    def _give_up(self, answer: Answer, seconds: float) -> None:
        with self._lock:
            # It may have been settled or have left since its time was looked at.
            if answer.is_settled or self._until(answer, seconds) > clock.monotonic():
                return
            if answer.left_at is None:
                self._line.remove(answer)
                answer.settle(reason="the SMSC answers too slowly: the window stayed full")
                return
            del self._open[answer.sequence]
            answer.settle()
            self._moved_at = clock.monotonic()
            self._fill()

    def _fill(self) -> None:
        """Send what there is room for, in one piece; under the lock."""
        leaving = []
        while self._line and len(self._open) < self._size:
            answer = self._line.popleft()
            # Before it leaves: part of it may be there though sending fails.
            answer.left_at = clock.monotonic()
            self._open[answer.sequence] = answer
            leaving.append(answer.octets)
        if leaving:
            try:
                self._transmit(b"".join(leaving))
            except OSError:
                self._end(LOST)

    def _end(self, reason: str) -> None:
        self._shut_for = self._shut_for or reason
        for answer in (*self._open.values(), *self._line):
            answer.settle(reason=reason)
        self._open.clear()
        self._line.clear()
