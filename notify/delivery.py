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
* A message waits until all postings of its group are confirmed, and is released in the transaction that confirms the
  last of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from foundation import clock
from foundation.db import Database
from notify.carriers import Carrier, CarrierError, Outcome, Outgoing
from notify.composing import compose_messages
from notify.models import DeliveryKind, DeliveryState
from notify.transitions import (
    Recorded,
    begin_attempts,
    claim,
    fail_unsent,
    list_unknown,
    outgoing_of,
    put_off_asking,
    record_outcomes,
    requeue_claimed,
    suspect_sending,
)

_ASK_AGAIN_AFTER = timedelta(minutes=10)
_ASK_AT_ONCE = 500


@dataclass(frozen=True)
class DrainCounts:
    """What a drain did, in rows.

    `put_back` will be tried again; `lost` rows were taken from this worker before or while it sent them;
    `released` are messages whose postings were confirmed; `settled` are former `unknown`s.
    """

    claimed: int = 0
    delivered: int = 0
    accepted: int = 0
    failed: int = 0
    unknown: int = 0
    put_back: int = 0
    lost: int = 0
    released: int = 0
    settled: int = 0

    def __add__(self, other: DrainCounts) -> DrainCounts:
        return DrainCounts(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))  # one int each
        )


def drain(
    database: Database,
    carriers: Mapping[str, Carrier],
    *,
    worker: str,
    lease_seconds: int,
    batch: int,
    limit: int | None = None,
) -> DrainCounts:
    """Send what may go now, postings before messages, until nothing is left or `limit` rows were claimed.

    Owns its transactions. `worker` must be unique among living workers. Any number of workers may drain at once.
    """
    counts = DrainCounts()
    while limit is None or counts.claimed < limit:
        size = batch if limit is None else min(batch, limit - counts.claimed)
        rows = _claim_next(database, carriers, worker=worker, lease_seconds=lease_seconds, limit=size)
        if not rows:
            break
        counts += DrainCounts(claimed=len(rows))
        for carrier, part in _by_carrier(rows, carriers):
            counts += _send(database, carrier, part, worker=worker, lease_seconds=lease_seconds)
    return counts


def recover(database: Database) -> tuple[int, int]:
    """Take up what dead workers left: (claims put back to `pending`, attempts turned `unknown`)."""
    with database.transaction() as session:
        return requeue_claimed(session), suspect_sending(session)


def settle_unknown(database: Database, carriers: Mapping[str, Carrier]) -> DrainCounts:
    """Ask each carrier about its unknown attempts whose time to be asked has come, and write what it knows."""
    counts = DrainCounts()
    for carrier in carriers.values():
        if carrier.promises.can_be_asked:
            counts += _settle(database, carrier)
    return counts


def _claim_next(
    database: Database, carriers: Mapping[str, Carrier], *, worker: str, lease_seconds: int, limit: int
) -> Sequence[Row[Any]]:
    for kind in (DeliveryKind.POSTING, DeliveryKind.MESSAGE):
        with database.transaction() as session:
            rows = claim(session, kind, carriers.keys(), worker=worker, lease_seconds=lease_seconds, limit=limit)
        if rows:
            return rows
    return []


def _by_carrier(
    rows: Iterable[Row[Any]], carriers: Mapping[str, Carrier]
) -> Iterator[tuple[Carrier, Sequence[Row[Any]]]]:
    by_channel: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_channel[row.channel].append(row)
    for channel, mine in by_channel.items():
        size = carriers[channel].in_flight
        for start in range(0, len(mine), size):
            yield carriers[channel], mine[start : start + size]


def _send(
    database: Database, carrier: Carrier, rows: Sequence[Row[Any]], *, worker: str, lease_seconds: int
) -> DrainCounts:
    bodies, unsendable = _compose(database, rows)
    sendable = [row.id for row in rows if row.id not in unsendable]
    with database.transaction() as session:
        failed = fail_unsent(session, unsendable, worker=worker)
        begun = begin_attempts(session, sendable, worker=worker, lease_seconds=lease_seconds)
    # From here to `_record` no transaction is open: the call may take long, and the commit above is what tells
    # whoever finds these rows after our death that they may have been sent.
    outgoing = [outgoing_of(row, begun[row.id], bodies.get(row.id, "")) for row in rows if row.id in begun]
    outcomes = _call(carrier, outgoing)
    recorded = _record(database, outgoing, outcomes)
    lost = len(sendable) - sum(recorded.states.values())
    return _counts(recorded) + DrainCounts(failed=failed, lost=lost)


def _compose(database: Database, rows: Sequence[Row[Any]]) -> tuple[Mapping[int, str], Mapping[int, str]]:
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    if not messages:
        return {}, {}
    with database.reading() as session:
        composed = compose_messages(session, messages)
    return composed.bodies, composed.reasons


def _call(carrier: Carrier, outgoing: Sequence[Outgoing]) -> Sequence[Outcome]:
    if not outgoing:
        return []
    try:
        return carrier.send(outgoing)
    except CarrierError as error:
        state = DeliveryState.PENDING if error.nothing_sent else DeliveryState.UNKNOWN
        return [Outcome(state, None, error.reason)] * len(outgoing)


def _record(database: Database, outgoing: Sequence[Outgoing], outcomes: Sequence[Outcome]) -> Recorded:
    known = {(row.delivery_id, row.attempt): outcome for row, outcome in zip(outgoing, outcomes, strict=True)}
    with database.transaction() as session:
        return record_outcomes(session, known)


def _settle(database: Database, carrier: Carrier) -> DrainCounts:
    counts = DrainCounts()
    asked_before = clock.now() - timedelta(seconds=carrier.promises.ask_after_seconds)
    while True:
        with database.reading() as session:
            rows = list_unknown(session, carrier.name, asked_before=asked_before, limit=_ASK_AT_ONCE)
        if not rows:
            return counts
        # No transaction is open while the carrier is asked.
        counts += _settle_batch(database, carrier, [outgoing_of(row, row.attempt) for row in rows])


def _settle_batch(database: Database, carrier: Carrier, outgoing: Sequence[Outgoing]) -> DrainCounts:
    try:
        answers: Sequence[Outcome | None] = carrier.ask(outgoing)
    except CarrierError as error:
        answers = [Outcome(DeliveryState.UNKNOWN, None, f"could not be asked: {error.reason}")] * len(outgoing)
    known: dict[tuple[int, int], Outcome] = {}
    open_: dict[tuple[int, int], str] = {}
    for row, answer in zip(outgoing, answers, strict=True):
        if answer is None or answer.state == DeliveryState.UNKNOWN:
            open_[row.delivery_id, row.attempt] = (answer and answer.reason) or f"{carrier.name} cannot tell"
        elif answer.state == DeliveryState.PENDING and not carrier.promises.may_send_again:
            open_[row.delivery_id, row.attempt] = f"{carrier.name} has not got it but may yet: a person must decide"
        else:
            known[row.delivery_id, row.attempt] = answer
    with database.transaction() as session:
        recorded = record_outcomes(session, known)
        put_off_asking(session, open_, clock.now() + _ASK_AGAIN_AFTER)
    return _counts(recorded) + DrainCounts(settled=sum(recorded.states.values()))


def _counts(recorded: Recorded) -> DrainCounts:
    states = Counter(recorded.states)
    return DrainCounts(
        delivered=states[DeliveryState.DELIVERED],
        accepted=states[DeliveryState.ACCEPTED],
        failed=states[DeliveryState.FAILED],
        unknown=states[DeliveryState.UNKNOWN],
        put_back=states[DeliveryState.PENDING],
        released=recorded.released,
    )
