"""The text side of a storm, by channel: how workers reach it, how it fails, what it says later, what it took."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

from tests import loopback_smsc, loopback_twilio
from tests.loopback_smsc import Smsc
from tests.storm_sides import Callbacks, draw, text_fault

_SENDER = "+447700900000"
_LATE_SECONDS = (1.0, 4.0)


class Texts(Protocol):
    """A provider of texts in a storm."""

    @property
    def made(self) -> int:
        """How often it said later what became of a text."""
        ...

    @property
    def refused(self) -> int:
        """What of that nobody took."""
        ...

    def settings(self, console: str, threads: int, timeout_seconds: float) -> dict[str, str]:
        """How a worker reaches it."""
        ...

    def begin(self) -> None:
        """Begin to fail, and to say later what became of texts."""
        ...

    def finish(self) -> None:
        """Say what is still to be said."""
        ...

    def heal(self) -> None:
        """Fail no more."""
        ...

    def requests(self) -> int:
        """How many requests reached it."""
        ...

    def taken(self) -> dict[str, int]:
        """How often a text was taken, by recipient."""
        ...


class TwilioTexts:
    """A provider that speaks Twilio's form."""

    def __init__(self, stack: ExitStack, seed: int, quiet: float) -> None:
        self._seed = seed
        self._provider = stack.enter_context(loopback_twilio.loopback_twilio())
        self._callbacks = Callbacks(self._provider, seed, quiet)

    @property
    def made(self) -> int:
        """Callbacks made."""
        return self._callbacks.made

    @property
    def refused(self) -> int:
        """Callbacks that the console did not take."""
        return self._callbacks.refused

    def settings(self, console: str, threads: int, timeout_seconds: float) -> dict[str, str]:
        """An account of its own at the loopback address."""
        return {
            "OUTAGE_CHANNELS": "twilio",
            "OUTAGE_PUBLIC_URL": console,
            "OUTAGE_TWILIO_ACCOUNT": loopback_twilio.ACCOUNT,
            "OUTAGE_TWILIO_TOKEN": loopback_twilio.TOKEN,
            "OUTAGE_TWILIO_SENDERS": _SENDER,
            "OUTAGE_TWILIO_PER_SECOND": "10000",
            "OUTAGE_TWILIO_THREADS": str(threads),
            "OUTAGE_TWILIO_TIMEOUT": str(timeout_seconds),
            "OUTAGE_TWILIO_API": self._provider.url,
        }

    def begin(self) -> None:
        """Call back from threads of its own."""
        self._provider.callbacks = self._callbacks.plan
        self._provider.fault_of = lambda to, before: text_fault(self._seed, to, before)
        self._callbacks.start()

    def finish(self) -> None:
        """The last callbacks."""
        self._callbacks.finish()

    def heal(self) -> None:
        """Every request is answered."""
        self._provider.fault_of = lambda to, before: loopback_twilio.Fault()

    def requests(self) -> int:
        """Requests to send."""
        return self._provider.requests

    def taken(self) -> dict[str, int]:
        """By recipient."""
        with self._provider.lock:
            return {to: len(texts) for to, texts in self._provider.taken_by.items()}


def submit_fate(seed: int, to: str, before: int) -> int:
    """What an SMSC does with a submit_sm to `to` that came `before` times already: a status, or a fate of its own."""
    chance = draw(seed, "submit", to, before)
    fate = chance.random()
    if fate < 0.0005:
        return loopback_smsc.DROPS if chance.random() < 0.5 else loopback_smsc.TAKES_AND_DROPS
    if fate < 0.004:
        return loopback_smsc.LOSES if chance.random() < 0.5 else loopback_smsc.TAKES_IN_SILENCE
    if fate < 0.008:
        return chance.choice((loopback_smsc.THROTTLED, 0x14))
    # Whom the SMSC will not text at all, it will not text the second time either.
    refusal = draw(seed, "refusal", to)
    return refusal.choice((0x0B, 0x45, 0x66)) if refusal.random() < 0.03 else 0


@dataclass
class _Receipts:
    """Receipts of an SMSC: at once, late, twice, and to some never; what is not answered is delivered again."""

    smsc: Smsc
    seed: int
    quiet: float
    made: int = 0
    refused: int = 0
    due: SimpleQueue[tuple[float, int, bytes]] = field(default_factory=SimpleQueue)
    over: threading.Event = field(default_factory=threading.Event)
    planned: int = 0
    _open: dict[int, tuple[float, int, bytes]] = field(default_factory=dict)

    def plan(self) -> None:
        """Decide what is said of the texts taken since the last call."""
        taken = self.smsc.taken
        while self.planned < len(taken):
            part, self.planned = taken[self.planned], self.planned + 1
            chance = draw(self.seed, "receipt", part.to)
            if chance.random() < self.quiet:
                continue
            word = b"UNDELIV err:001" if chance.random() < 0.02 else b"DELIVRD err:000"
            at = time.monotonic() + (chance.uniform(*_LATE_SECONDS) if chance.random() < 0.1 else 0.0)
            text = b"id:%s sub:001 dlvrd:001 stat:%s" % (part.message_id.encode(), word)
            for _ in range(2 if chance.random() < 0.1 else 1):
                self.due.put((at, 0, text))

    def run(self) -> None:
        """Until it is over and nothing is left to be said."""
        while True:
            self.plan()
            self._look()
            try:
                at, tries, text = self.due.get(timeout=0.1)
            except Empty:
                if self.over.is_set() and not self._open:
                    return
                continue
            if at > time.monotonic() and not self.over.is_set():
                self.due.put((at, tries, text))
                time.sleep(0.001)
                continue
            self.made += 1
            number = self.smsc.deliver(text)
            self._open[number] = (time.monotonic() + 2.0, tries + 1, text)

    def _look(self) -> None:
        now = time.monotonic()
        for number, (until, tries, text) in list(self._open.items()):
            if number in self.smsc.answered_well:
                del self._open[number]
            elif now > until:
                del self._open[number]
                # Nobody is bound any more when the storm is over.
                if tries < 5 and not self.over.is_set():
                    self.due.put((now, tries, text))
                else:
                    self.refused += 1


class SmppTexts:
    """An SMSC that throttles, drops binds, takes in silence, and sends receipts late, twice or never."""

    def __init__(self, stack: ExitStack, seed: int, quiet: float) -> None:
        self._seed = seed
        self._smsc = stack.enter_context(loopback_smsc.loopback_smsc())
        self._receipts = _Receipts(self._smsc, seed, quiet)
        self._thread = threading.Thread(target=self._receipts.run, daemon=True)
        self._before: Counter[str] = Counter()

    @property
    def made(self) -> int:
        """Receipts sent, again ones among them."""
        return self._receipts.made

    @property
    def refused(self) -> int:
        """Receipts that nobody took, however often."""
        return self._receipts.refused

    def settings(self, console: str, threads: int, timeout_seconds: float) -> dict[str, str]:
        """A bind whose window is a third of `threads`, for three times the window may be in flight."""
        del console
        return {
            "OUTAGE_CHANNELS": "smpp",
            "OUTAGE_SMPP_HOST": f"127.0.0.1:{self._smsc.port}",
            "OUTAGE_SMPP_SYSTEM_ID": "outage",
            "OUTAGE_SMPP_PASSWORD": self._smsc.password,
            "OUTAGE_SMPP_SENDER": _SENDER,
            "OUTAGE_SMPP_WINDOW": str(max(1, threads // 3)),
            "OUTAGE_SMPP_PER_SECOND": "10000",
            "OUTAGE_SMPP_TIMEOUT": str(timeout_seconds),
        }

    def begin(self) -> None:
        """Receipts come from a thread of its own."""
        self._smsc.status_of = self._fate
        self._thread.start()

    def finish(self) -> None:
        """The last receipts."""
        self._receipts.over.set()
        self._thread.join()

    def heal(self) -> None:
        """Every request is taken."""
        self._smsc.status_of = lambda to, number: 0

    def requests(self) -> int:
        """Requests to submit."""
        return self._smsc.submitted

    def taken(self) -> dict[str, int]:
        """By recipient; each text is one part."""
        return Counter(f"+{part.to}" for part in self._smsc.taken)

    def _fate(self, to: str, number: int) -> int:
        del number
        before = self._before[to]
        self._before[to] += 1
        return submit_fate(self._seed, to, before)


SIDES: dict[str, Callable[[ExitStack, int, float], Texts]] = {"twilio": TwilioTexts, "smpp": SmppTexts}
