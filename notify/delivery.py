"""Delivering: claim, commit, call out, record; and what becomes of attempts whose outcome nobody knows.

How "once" holds, whatever is killed in between:

* A row is `sending` in a committed transaction before its request leaves. So a row that is only `claimed` was
  certainly not sent and may go back to `pending`; a row found `sending` after its lease may have been sent and becomes
  `unknown`, never `pending`.
* An outcome is written only onto the attempt it belongs to, and only while that attempt is open. A worker that was
  taken for dead and comes back changes nothing that was settled meanwhile.
* `unknown` is settled by asking. "It is there" ends it. "It is not there" alone would not be enough: the request of a
  slow worker may still be on its way and arrive after the question. So only two promises let a row be sent again: the
  other side is idempotent (the account book: the same key takes effect once, even if both requests arrive), or it
  fences (the spool: whoever asks about an attempt it has not taken makes it refuse that attempt from then on, in one
  transaction with the answer; the late request then finds the fence). Without either the row stays `unknown` for a
  person to decide.
* What may go is decided in the transaction that claims it: the pace of its sender, the state and the open waves of
  its campaign, suppression and quiet hours. A campaign that is paused or aborted is asked about once more in the
  transaction that writes `sending`, so a pause holds from the next call on.
* A message waits until all postings of its group are confirmed, and is released in the transaction that confirms the
  last of them.
"""

from __future__ import annotations

import contextlib
import math
import queue
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database
from notify.carriers import Carrier, Outcome, Outgoing
from notify.drained import DrainCounts
from notify.models import DeliveryKind, DeliveryState
from notify.screening import Conduct, Counted
from notify.sending import Begun, Sender, begin, call, claim_due, record, word
from notify.transitions import end_unsent, outgoing_of
from notify.upkeep import open_waves, tend

_FREE_CONDUCT = Conduct()
# Of a carrier so many times what it has on its way is claimed ahead, so that it need not wait for a claim.
_AHEAD = 4
# A channel for which nothing was due is looked at again after so long while others are busy.
_LOOK_AGAIN_SECONDS = 0.2


def drain(
    database: Database,
    carriers: Mapping[str, Carrier],
    *,
    worker: str,
    lease_seconds: int,
    batch: int,
    limit: int | None = None,
    conduct: Conduct = _FREE_CONDUCT,
    tends: bool = True,
) -> DrainCounts:
    """Send what may go now, postings before messages, until nothing is left or `limit` rows were claimed.

    Owns its transactions. `worker` must be unique among living workers. Any number of workers may drain at once.
    With `tends` it first lets go what slept until now or was held in vain, and cancels what expired.
    """
    if tends:
        tend(database)
    flow = _Flow(
        database, carriers, Sender(worker, lease_seconds, conduct), batch, math.inf if limit is None else limit
    )
    with contextlib.closing(flow):
        while flow.is_going_on():
            flow.carry_on()
        return flow.counts


@dataclass(slots=True)
class _Flight:
    """One call of a carrier: what left, and what came back, or the error that ended the thread."""

    carrier: Carrier
    outgoing: Sequence[Outgoing]
    counted: Counted
    outcomes: Sequence[Outcome] = ()
    error: BaseException | None = None


class _Flow:
    """Rows on their way through all carriers at once: claimed ahead, called out in threads, recorded in this one.

    Each carrier has so many lanes, and a lane one call at a time. What came back is recorded, and what goes next is
    begun, in one transaction for as many lanes as have ended meanwhile: so a lane waits for one commit, not for its
    neighbours, and never are more rows on their way than the carrier says.
    """

    def __init__(
        self, database: Database, carriers: Mapping[str, Carrier], me: Sender, batch: int, limit: float
    ) -> None:
        self.counts = DrainCounts()
        self._database, self._carriers, self._me = database, carriers, me
        self._batch, self._limit = batch, limit
        self._queued: dict[str, deque[Row[Any]]] = {name: deque() for name in carriers}
        self._bodies: dict[int, str] = {}
        self._calls: Counter[str] = Counter()
        # What this worker's death leaves unknown is no more than what its widest carrier has on its way.
        self._free_rows = max((carrier.in_flight for carrier in carriers.values()), default=0)
        self._landed: queue.SimpleQueue[_Flight] = queue.SimpleQueue()
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._look_at: dict[tuple[DeliveryKind, str], float] = {}

    def close(self) -> None:
        """Wait for what is on its way."""
        for threads in self._threads.values():
            threads.shutdown()

    def is_going_on(self) -> bool:
        """Claim what there is room for; False when nothing is on its way and nothing may go."""
        if self._claim() or self._is_busy():
            return True
        return self.counts.claimed < self._limit and bool(open_waves(self._database, self._carriers))

    def carry_on(self) -> None:
        """Record what has come back, waiting for it if nothing else can be done, and begin what there is room for."""
        landed = self._wait() if self._calls.total() else {}
        for name, carrier in self._carriers.items():
            if landed.get(name) or self._room(carrier):
                self._turn(carrier, landed.get(name, []))

    def _is_busy(self) -> bool:
        return bool(self._calls.total()) or any(self._queued.values())

    def _claim(self) -> int:
        """Claim for each channel that will soon have nothing to send; returns how many rows."""
        limit = int(min(self._limit - self.counts.claimed, self._batch))
        idle, rest = not self._is_busy(), DrainCounts()
        for kind in (DeliveryKind.POSTING, DeliveryKind.MESSAGE) if limit > 0 else ():
            low = self._low(kind, idle=idle)
            whole = [name for name in low if kind == DeliveryKind.POSTING and self._takes_whole(name, limit)]
            # What takes a whole claim in one call is not claimed for while it is in that call.
            free = [
                name for name in whole if not self._calls[name] and not self._queued[name] and limit <= self._free_rows
            ]
            for names, begins in ((free, True), ([name for name in low if name not in whole], False)):
                counts = self._claim_for(kind, names, limit, begins=begins) if names else DrainCounts()
                rest += counts
                if counts.claimed:
                    self.counts += counts
                    return counts.claimed
        if idle:
            self.counts += rest
        return 0

    def _low(self, kind: DeliveryKind, *, idle: bool) -> list[str]:
        """The channels that will soon have nothing to send, but for those that had nothing due a moment ago."""
        now = clock.monotonic()
        return [
            name
            for name, carrier in self._carriers.items()
            if len(self._queued[name]) < carrier.in_flight and (idle or now >= self._look_at.get((kind, name), 0.0))
        ]

    def _takes_whole(self, name: str, rows: int) -> bool:
        return _lanes(self._carriers[name]) == 1 and self._carriers[name].in_flight >= rows

    def _claim_for(self, kind: DeliveryKind, names: Sequence[str], limit: int, *, begins: bool) -> DrainCounts:
        wanted = {name: max(_AHEAD * self._carriers[name].in_flight, self._batch // 8) for name in names}
        with self._database.transaction() as session:
            claimed = claim_due(session, self._me, kind, self._carriers, wanted, limit, begins=begins)
        rows = _by_channel(claimed.rows)
        again = clock.monotonic() + _LOOK_AGAIN_SECONDS
        self._look_at.update({(kind, name): again for name in names if name not in rows})
        if begins:
            # Postings have no words to be found and no days to be counted: they are on their way already.
            for name, part in rows.items():
                self._send(self._carriers[name], [outgoing_of(row, row.attempt) for row in part], {})
        elif claimed.rows:
            self._queue(claimed.rows)
        return claimed.counts

    def _queue(self, rows: Sequence[Row[Any]]) -> None:
        with self._database.reading() as session:
            words = word(session, rows)
        if words.reasons:
            with self._database.transaction() as session:
                failed = end_unsent(session, words.reasons, DeliveryState.FAILED, worker=self._me.worker)
            self.counts += DrainCounts(failed=failed)
        self._bodies.update(words.bodies)
        for name, part in _by_channel(rows).items():
            self._queued[name].extend(row for row in part if row.id not in words.reasons)

    def _wait(self) -> dict[str, list[_Flight]]:
        """What has come back by now, at least one call unless a channel may be looked at again, by channel."""
        landed: dict[str, list[_Flight]] = defaultdict(list)
        has_room = any(self._room(carrier) for carrier in self._carriers.values())
        with contextlib.suppress(queue.Empty):
            flight = self._landed.get(block=not has_room, timeout=_LOOK_AGAIN_SECONDS)
            while True:
                if flight.error is not None:
                    raise flight.error
                self._calls[flight.carrier.name] -= 1
                landed[flight.carrier.name].append(flight)
                flight = self._landed.get_nowait()
        return landed

    def _room(self, carrier: Carrier) -> int:
        """How many of the carrier's queued rows may begin now."""
        size = max(1, carrier.in_flight // _lanes(carrier))
        lanes = _lanes(carrier) - self._calls[carrier.name]
        return min(len(self._queued[carrier.name]), lanes * size, self._free_rows)

    def _turn(self, carrier: Carrier, landed: Sequence[_Flight]) -> None:
        """Record calls that came back, and begin the next ones."""
        # Days are counted down by one and up by the other: in one transaction two workers could wait for each other.
        begins_apart = self._me.conduct.texts_per_day is not None and bool(landed)
        begun = None
        self._free_rows += sum(len(flight.outgoing) for flight in landed)
        with self._database.transaction() as session:
            counts = self._record(session, carrier, landed)
            if not begins_apart:
                begun = self._begin(session, carrier)
        if begins_apart:
            with self._database.transaction() as session:
                begun = self._begin(session, carrier)
        # From here to `_record` no transaction is open for these rows: the call may take long, and the commit above is
        # what tells whoever finds them after our death that they may have been sent.
        self.counts += counts
        if begun is not None:
            self.counts += begun.counts
            self._send(carrier, begun.outgoing, begun.counted)

    def _record(self, session: Session, carrier: Carrier, landed: Sequence[_Flight]) -> DrainCounts:
        if not landed:
            return DrainCounts()
        outgoing = [row for flight in landed for row in flight.outgoing]
        outcomes = [outcome for flight in landed for outcome in flight.outcomes]
        counted = {number: day for flight in landed for number, day in flight.counted.items()}
        return record(session, carrier, outgoing, outcomes, counted)

    def _begin(self, session: Session, carrier: Carrier) -> Begun | None:
        rows = [self._queued[carrier.name].popleft() for _ in range(self._room(carrier))]
        if not rows:
            return None
        bodies = {row.id: self._bodies.pop(row.id, "") for row in rows}
        return begin(session, self._me, carrier, rows, bodies)

    def _send(self, carrier: Carrier, outgoing: Sequence[Outgoing], counted: Counted) -> None:
        """Hand begun attempts to the carrier's lanes."""
        lanes = _lanes(carrier)
        size = max(1, carrier.in_flight // lanes)
        if carrier.name not in self._threads:
            self._threads[carrier.name] = ThreadPoolExecutor(lanes, thread_name_prefix=carrier.name)
        for start in range(0, len(outgoing), size):
            flight = _Flight(carrier, outgoing[start : start + size], counted)
            self._calls[carrier.name] += 1
            self._free_rows -= len(flight.outgoing)
            self._threads[carrier.name].submit(self._fly, flight)

    def _fly(self, flight: _Flight) -> None:
        try:
            flight.outcomes = call(flight.carrier, flight.outgoing)
        except BaseException as error:  # whoever waits for this call must not wait for ever
            flight.error = error
        self._landed.put(flight)


def _lanes(carrier: Carrier) -> int:
    return max(1, min(carrier.manner.lanes, carrier.in_flight))


def _by_channel(rows: Sequence[Row[Any]]) -> Mapping[str, list[Row[Any]]]:
    by_channel: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_channel[row.channel].append(row)
    return by_channel
