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

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from foundation.db import Database
from foundation.logging import get_logger
from notify.carriers import Carrier, CarrierError, Outcome, Outgoing, Trouble, outcome_of_error
from notify.composing import compose_messages
from notify.drained import DrainCounts, counts_of
from notify.models import DeliveryKind, DeliveryState
from notify.outcomes import Recorded, record_outcomes
from notify.pacing import allow, charge, halt, sender_of, slow_down
from notify.receipts import apply_kept
from notify.screening import Conduct, Counted, count_texts, screen, uncount_texts
from notify.segments import count_parts
from notify.suppression import suppress_opted_out
from notify.transitions import begin_attempts, claim, end_unsent, outgoing_of, release_claims
from notify.upkeep import open_waves, tend

_FREE_CONDUCT = Conduct()
log = get_logger()


@dataclass(frozen=True)
class _Worker:
    """Who drains, by which rules; one for all lanes of a drain."""

    database: Database
    name: str
    lease_seconds: int
    conduct: Conduct


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
    me = _Worker(database, worker, lease_seconds, conduct)
    counts = DrainCounts()
    if tends:
        tend(database)
    while limit is None or counts.claimed < limit:
        size = batch if limit is None else min(batch, limit - counts.claimed)
        claimed = _claim_next(me, carriers, size)
        counts += claimed.counts
        for carrier, part in _by_carrier(claimed.rows, carriers):
            counts += _send_all(me, carrier, part)
        if not claimed.counts.claimed and not open_waves(database, carriers):
            break
    return counts


@dataclass(frozen=True)
class _Claimed:
    rows: Sequence[Row[Any]]
    counts: DrainCounts


def _claim_next(me: _Worker, carriers: Mapping[str, Carrier], limit: int) -> _Claimed:
    waits = DrainCounts()
    for kind in (DeliveryKind.POSTING, DeliveryKind.MESSAGE):
        with me.database.transaction() as session:
            claimed = _claim(session, me, kind, carriers, limit)
        if claimed.counts.claimed:
            return claimed
        waits += claimed.counts
    return _Claimed([], waits)


def _claim(session: Session, me: _Worker, kind: DeliveryKind, carriers: Mapping[str, Carrier], limit: int) -> _Claimed:
    senders = {name: sender_of(carrier) for name, carrier in carriers.items()}
    allowance = allow(session, {senders[name]: carrier.manner for name, carrier in carriers.items()})
    open_channels = [name for name, sender in senders.items() if sender in allowance.rows]
    most = {name: room for name in open_channels if (room := allowance.rows[senders[name]]) is not None}
    rest = DrainCounts(rest_seconds=allowance.wait_seconds if allowance.wait_seconds is not None else math.inf)
    rows = claim(session, kind, open_channels, worker=me.name, lease_seconds=me.lease_seconds, limit=limit, most=most)
    if not rows:
        return _Claimed([], rest)
    screened = screen(session, rows, me.conduct, worker=me.name)
    for channel, number in Counter(row.channel for row in screened.rows).items():
        if channel in most:
            charge(session, senders[channel], number)
    counts = DrainCounts(claimed=len(rows), put_off=screened.put_off, suppressed=screened.suppressed)
    return _Claimed(screened.rows, counts)


def _by_carrier(rows: Iterable[Row[Any]], carriers: Mapping[str, Carrier]) -> Iterator[tuple[Carrier, list[Row[Any]]]]:
    by_channel: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_channel[row.channel].append(row)
    for channel, part in by_channel.items():
        yield carriers[channel], part


def _send_all(me: _Worker, carrier: Carrier, rows: Sequence[Row[Any]]) -> DrainCounts:
    lanes = max(1, min(carrier.manner.lanes, carrier.in_flight))
    size = max(1, carrier.in_flight // lanes)
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    if lanes == 1 or len(parts) == 1:
        return sum((_send(me, carrier, part) for part in parts), DrainCounts())
    with ThreadPoolExecutor(lanes, thread_name_prefix=carrier.name) as threads:
        return sum(threads.map(lambda part: _send(me, carrier, part), parts), DrainCounts())


def _send(me: _Worker, carrier: Carrier, rows: Sequence[Row[Any]]) -> DrainCounts:
    bodies, reasons = _compose(me.database, rows)
    sendable = [row for row in rows if row.id not in reasons]
    with me.database.transaction() as session:
        failed = end_unsent(session, reasons, DeliveryState.FAILED, worker=me.name)
        counted, over = count_texts(session, sendable, me.conduct, worker=me.name)
        ids = [row.id for row in sendable]
        begun = begin_attempts(session, ids, worker=me.name, lease_seconds=me.lease_seconds)
        # Not begun: put off just now, taken by others, or of a campaign that was paused meanwhile.
        kept_back = release_claims(session, [number for number in ids if number not in begun], worker=me.name)
        uncount_texts(session, [day for number, day in counted.items() if number not in begun])
        _charge_parts(session, carrier, [bodies.get(number, "") for number in begun])
    # From here to `_record` no transaction is open: the call may take long, and the commit above is what tells
    # whoever finds these rows after our death that they may have been sent.
    outgoing = [outgoing_of(row, begun[row.id], bodies.get(row.id, "")) for row in sendable if row.id in begun]
    outcomes = _call(carrier, outgoing)
    recorded = _record(me.database, carrier, outgoing, outcomes, counted)
    lost = len(sendable) - over - kept_back - sum(recorded.states.values())
    return counts_of(recorded) + DrainCounts(failed=failed, put_off=over, put_back=kept_back, lost=lost)


def _compose(database: Database, rows: Sequence[Row[Any]]) -> tuple[Mapping[int, str], Mapping[int, str]]:
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    if not messages:
        return {}, {}
    with database.reading() as session:
        composed = compose_messages(session, messages)
    return composed.bodies, composed.reasons


def _charge_parts(session: Session, carrier: Carrier, bodies: Sequence[str]) -> None:
    """A text in three parts takes three tokens; one was taken when it was claimed, before its words were known."""
    if carrier.manner.rows_per_second is not None:
        charge(session, sender_of(carrier), sum(count_parts(body).parts - 1 for body in bodies if body))


def _call(carrier: Carrier, outgoing: Sequence[Outgoing]) -> Sequence[Outcome]:
    if not outgoing:
        return []
    try:
        outcomes = carrier.send(outgoing)
    except CarrierError as error:
        return [outcome_of_error(error)] * len(outgoing)
    except Exception as error:  # an adapter's mistake must not look like rows that were never sent
        log.exception("carrier_broke", channel=carrier.name)
        return [Outcome(DeliveryState.UNKNOWN, None, f"the adapter broke: {type(error).__name__}")] * len(outgoing)
    if len(outcomes) != len(outgoing):
        log.error("carrier_miscounted", channel=carrier.name)
        return [Outcome(DeliveryState.UNKNOWN, None, "the adapter gave another number of outcomes")] * len(outgoing)
    return outcomes


def _record(
    database: Database,
    carrier: Carrier,
    outgoing: Sequence[Outgoing],
    outcomes: Sequence[Outcome],
    counted: Counted,
) -> Recorded:
    if not outgoing:
        return Recorded({}, 0)
    known = {(row.delivery_id, row.attempt): outcome for row, outcome in zip(outgoing, outcomes, strict=True)}
    with database.transaction() as session:
        recorded = record_outcomes(session, known, receipt_hours=carrier.promises.receipt_hours)
        if carrier.promises.receipt_hours is not None:
            apply_kept(session, carrier.name, {one.provider_ref for one in outcomes if one.provider_ref})
        not_sent = [number for (number, _), one in known.items() if one.state == DeliveryState.PENDING]
        uncount_texts(session, [counted[number] for number in not_sent if number in counted])
        _heed(session, carrier, outgoing, outcomes)
    return recorded


def _heed(session: Session, carrier: Carrier, outgoing: Sequence[Outgoing], outcomes: Sequence[Outcome]) -> None:
    """What outcomes say beyond their rows: slow down, stop, text these no longer."""
    troubles = {outcome.trouble: outcome for outcome in outcomes if outcome.trouble is not None}
    if Trouble.THROTTLED in troubles:
        waits = [outcome.retry_after_seconds for outcome in outcomes if outcome.retry_after_seconds is not None]
        slow_down(session, sender_of(carrier), max(waits, default=None))
    if Trouble.REFUSED_ALL in troubles:
        halt(session, sender_of(carrier), troubles[Trouble.REFUSED_ALL].reason or "refused")
    opted_out = [row.address for row, one in zip(outgoing, outcomes, strict=True) if one.trouble is Trouble.OPTED_OUT]
    if opted_out:
        suppress_opted_out(session, opted_out, channel=carrier.name)
