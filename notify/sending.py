"""The steps of one attempt, each in the caller's session: claim, word, begin, call out, record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from foundation.logging import get_logger
from notify.carriers import Carrier, CarrierError, Outcome, Outgoing, Trouble, outcome_of_error, storable
from notify.composing import Composed, compose_messages
from notify.drained import DrainCounts, counts_of
from notify.models import DeliveryKind, DeliveryState
from notify.outcomes import record_outcomes
from notify.pacing import allow, charge, halt, sender_of, slow_down
from notify.receipts import apply_kept
from notify.screening import Conduct, Counted, count_texts, screen, uncount_texts
from notify.segments import count_parts
from notify.suppression import suppress_opted_out
from notify.transitions import begin_attempts, claim, outgoing_of, release_claims

log = get_logger()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, by which rules; one for a whole drain."""

    worker: str
    lease_seconds: int
    conduct: Conduct


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows that may go, and what became of the others."""

    rows: Sequence[Row[Any]]
    counts: DrainCounts


@dataclass(frozen=True, slots=True)
class Begun:
    """Attempts that may leave as soon as the transaction is committed, and for which of them a text was counted."""

    outgoing: Sequence[Outgoing]
    counted: Counted
    counts: DrainCounts


def claim_due(
    session: Session,
    me: Sender,
    kind: DeliveryKind,
    carriers: Mapping[str, Carrier],
    wanted: Mapping[str, int],
    limit: int,
    *,
    begins: bool = False,
) -> Claimed:
    """Claim what may go now by these channels, of each no more than `wanted` and what its sender's pace allows.

    With `begins` the rows are `sending` already when this is committed, see `notify.transitions.claim`.
    """
    senders = {name: sender_of(carrier) for name, carrier in carriers.items() if name in wanted}
    allowance = allow(session, {senders[name]: carriers[name].manner for name in senders})
    most: dict[str, int] = {}
    for name, sender in senders.items():
        if sender in allowance.rows:
            room = allowance.rows[sender]
            most[name] = wanted[name] if room is None else min(room, wanted[name])
    rest = DrainCounts(rest_seconds=allowance.wait_seconds if allowance.wait_seconds is not None else math.inf)
    rows = claim(
        session, kind, most, worker=me.worker, lease_seconds=me.lease_seconds, limit=limit, most=most, begins=begins
    )
    if not rows:
        return Claimed([], rest)
    screened = screen(session, rows, me.conduct, worker=me.worker)
    for channel, number in Counter(row.channel for row in screened.rows).items():
        if allowance.rows[senders[channel]] is not None:
            charge(session, senders[channel], number)
    counts = DrainCounts(claimed=len(rows), put_off=screened.put_off, suppressed=screened.suppressed)
    return Claimed(screened.rows, counts)


def word(session: Session, rows: Sequence[Row[Any]]) -> Composed:
    """The words of the messages among these rows."""
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    return compose_messages(session, messages) if messages else Composed({}, {})


def begin(session: Session, me: Sender, carrier: Carrier, rows: Sequence[Row[Any]], bodies: Mapping[int, str]) -> Begun:
    """Begin an attempt at each of these claimed rows that may still go."""
    counted, over = count_texts(session, rows, me.conduct, worker=me.worker)
    ids = [row.id for row in rows]
    begun = begin_attempts(session, ids, worker=me.worker, lease_seconds=me.lease_seconds)
    # Not begun: put off just now, taken by others, or of a campaign that was paused meanwhile.
    kept_back = release_claims(session, [number for number in ids if number not in begun], worker=me.worker)
    uncount_texts(session, [day for number, day in counted.items() if number not in begun])
    outgoing = [outgoing_of(row, begun[row.id], bodies.get(row.id, "")) for row in rows if row.id in begun]
    _charge_parts(session, carrier, outgoing)
    lost = len(rows) - len(begun) - over - kept_back
    return Begun(outgoing, counted, DrainCounts(put_off=over, put_back=kept_back, lost=lost))


def call(carrier: Carrier, outgoing: Sequence[Outgoing]) -> Sequence[Outcome]:
    """Carry attempts out, with no transaction open; one outcome each, whatever the carrier does."""
    try:
        outcomes = carrier.send(outgoing)
    except CarrierError as error:
        return [storable(outcome_of_error(error))] * len(outgoing)
    except Exception as error:  # an adapter's mistake must not look like rows that were never sent
        log.exception("carrier_broke", channel=carrier.name)
        return [Outcome(DeliveryState.UNKNOWN, None, f"the adapter broke: {type(error).__name__}")] * len(outgoing)
    if len(outcomes) != len(outgoing):
        log.error("carrier_miscounted", channel=carrier.name)
        return [Outcome(DeliveryState.UNKNOWN, None, "the adapter gave another number of outcomes")] * len(outgoing)
    return [storable(outcome) for outcome in outcomes]


def record(
    session: Session, carrier: Carrier, outgoing: Sequence[Outgoing], outcomes: Sequence[Outcome], counted: Counted
) -> DrainCounts:
    """Write what became of attempts, and heed what it says beyond them."""
    known = {(row.delivery_id, row.attempt): outcome for row, outcome in zip(outgoing, outcomes, strict=True)}
    recorded = record_outcomes(session, known, receipt_hours=carrier.promises.receipt_hours)
    if carrier.promises.receipt_hours is not None:
        apply_kept(session, carrier.name, {one.provider_ref for one in outcomes if one.provider_ref})
    not_sent = [number for (number, _), one in known.items() if one.state == DeliveryState.PENDING]
    uncount_texts(session, [counted[number] for number in not_sent if number in counted])
    _heed(session, carrier, outgoing, outcomes)
    return counts_of(recorded) + DrainCounts(lost=len(outgoing) - sum(recorded.states.values()))


def _charge_parts(session: Session, carrier: Carrier, outgoing: Collection[Outgoing]) -> None:
    """A text in three parts takes three tokens; one was taken when it was claimed, before its words were known."""
    if carrier.manner.rows_per_second is not None:
        charge(session, sender_of(carrier), sum(count_parts(row.body).parts - 1 for row in outgoing if row.body))


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
