"""The other sides of a storm: a text provider and a balance system that fail in every way they can, and keep count."""

from __future__ import annotations

import random
import threading
import time
import zlib
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from notify.channels import twilio_codes
from tests import loopback_balances, loopback_twilio
from tests.loopback_balances import Balances
from tests.loopback_twilio import Provider, Taken

# Longer than the adapters wait for an answer in a storm (`delivery_storm.TIMEOUT_SECONDS`).
_TOO_LONG_SECONDS = 1.5
_CODES = (*twilio_codes.FAILED, *twilio_codes.OPTED_OUT)
_THROTTLING = tuple(twilio_codes.THROTTLED)


def draw(seed: int, *what: object) -> random.Random:
    """The same for the same request, whichever process makes it and when."""
    return random.Random(zlib.crc32(repr((seed, *what)).encode()))


def text_fault(seed: int, to: str, before: int) -> loopback_twilio.Fault:
    """What happens to a request to text `to` that came `before` times already."""
    chance = draw(seed, "text", to, before)
    fate = chance.random()
    if fate < 0.005:
        return loopback_twilio.Fault(take=chance.random() < 0.5, wait_seconds=_TOO_LONG_SECONDS)
    if fate < 0.015:
        return loopback_twilio.Fault(take=chance.random() < 0.5, answer=0)
    if fate < 0.020:
        return loopback_twilio.Fault(take=chance.random() < 0.5, answer=chance.choice((500, 502, 503)), code=20500)
    if fate < 0.022:
        return loopback_twilio.Fault(take=False, answer=429, code=chance.choice(_THROTTLING))
    # Whom the provider will not text at all, it will not text the second time either.
    refusal = draw(seed, "refusal", to)
    if refusal.random() < 0.03:
        return loopback_twilio.Fault(take=False, answer=400, code=refusal.choice(_CODES))
    return loopback_twilio.Fault(wait_seconds=0.2 if fate > 0.98 else 0.0)


def posting_fault(seed: int, key: str, before: int) -> loopback_balances.Fault:
    """What happens to an adjustment with `key` that was posted `before` times already."""
    chance = draw(seed, "posting", key, before)
    fate = chance.random()
    if fate < 0.005:
        return loopback_balances.Fault(keep=chance.random() < 0.5, wait_seconds=_TOO_LONG_SECONDS)
    if fate < 0.015:
        return loopback_balances.Fault(keep=chance.random() < 0.5, answer=0)
    if fate < 0.020:
        return loopback_balances.Fault(keep=chance.random() < 0.5, answer=chance.choice((500, 502, 503)))
    if fate < 0.022:
        return loopback_balances.Fault(keep=False, answer=429)
    if draw(seed, "refusal", key).random() < 0.005:
        return loopback_balances.Fault(keep=False, answer=422)
    return loopback_balances.Fault(wait_seconds=0.2 if fate > 0.98 else 0.0)


@dataclass
class Callbacks:
    """What the provider says later, from threads of its own: at once, late, twice, and to some never.

    `quiet` is the part that never hears back; a callback that the console does not take is not made again.
    """

    provider: Provider
    seed: int
    quiet: float
    made: int = 0
    refused: int = 0
    _due: SimpleQueue[tuple[float, Taken, str, int | None]] = field(default_factory=SimpleQueue)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, taken: Taken) -> list[tuple[str, int | None]]:
        """Decide a text's fate when it is taken; nothing is said within its own request."""
        chance = draw(self.seed, "callback", taken.to)
        code = 30003 if chance.random() < 0.02 else None
        final = "undelivered" if code else "delivered"
        taken.status, taken.error_code = final, code
        if chance.random() < self.quiet:
            return []
        at = time.monotonic() + (chance.uniform(1, 4) if chance.random() < 0.1 else 0.0)
        if chance.random() < 0.3:
            self._due.put((at, taken, "sent", None))
        for _ in range(2 if chance.random() < 0.1 else 1):
            self._due.put((at, taken, final, code))
        return []

    def start(self, threads: int = 4) -> None:
        """Begin to call back."""
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Say what is still to be said, and end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                at, taken, status, code = self._due.get(timeout=0.2)
            except Empty:
                if self._over.is_set():
                    return
                continue
            if at > time.monotonic() and not self._over.is_set():
                self._due.put((at, taken, status, code))
                time.sleep(0.002)
                continue
            self._call(taken, status, code)

    def _call(self, taken: Taken, status: str, code: int | None) -> None:
        try:
            answered = self.provider.call_back(taken, status, code)
        except OSError:
            answered = 0
        with self._lock:
            self.made += 1
            self.refused += answered != 204


@dataclass(frozen=True)
class Truth:
    """What the other sides took, counted where they took it."""

    texts: dict[str, int]
    postings: dict[str, int]

    @property
    def doubles(self) -> int:
        """How much was taken twice."""
        return sum(number - 1 for taken in (self.texts, self.postings) for number in taken.values())


def truth_of(texts: dict[str, int], balances: Balances) -> Truth:
    """What was taken: texts by recipient, adjustments by our key."""
    with balances.lock:
        return Truth(texts, {key: len(kept) for key, kept in balances.kept_by.items()})
