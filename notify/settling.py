"""Settling: what carriers know about attempts of unknown outcome, and about receipts that did not come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from foundation.db import Database
from foundation.logging import get_logger
from notify.carriers import Carrier, CarrierError, Outcome, Outgoing, storable
from notify.composing import compose_messages
from notify.drained import DrainCounts, counts_of
from notify.models import DeliveryKind, DeliveryState
from notify.outcomes import find_begun, find_owners, list_unknown, put_off_asking, record_outcomes
from notify.receipts import apply_kept, list_overdue, settle_overdue
from notify.transitions import outgoing_of

_ASK_AGAIN_AFTER_SECONDS = 600
_TRY_AGAIN_AFTER_SECONDS = 1
_ASK_AT_ONCE = 500
log = get_logger()


def settle_unknown(database: Database, carriers: Mapping[str, Carrier]) -> DrainCounts:
    """Ask each carrier about its unknown attempts whose time to be asked has come, and write what it knows.

    Receipts that came before their delivery was known are applied, and overdue ones asked for.
    """
    counts = DrainCounts()
    for carrier in carriers.values():
        if carrier.promises.can_be_asked:
            counts += _settle(database, carrier)
        if carrier.promises.receipt_hours is not None:
            counts += _seek_receipts(database, carrier, carrier.promises.receipt_hours)
    return counts


def _settle(database: Database, carrier: Carrier) -> DrainCounts:
    counts = DrainCounts()
    while True:
        with database.reading() as session:
            rows = list_unknown(
                session, carrier.name, asked_after_seconds=carrier.promises.ask_after_seconds, limit=_ASK_AT_ONCE
            )
        if not rows:
            return counts
        # No transaction is open while the carrier is asked.
        counts += _settle_batch(database, carrier, _asked_about(database, rows))


def _asked_about(database: Database, rows: Sequence[Row[Any]]) -> list[Outgoing]:
    """The rows as they went out: a provider without keys of ours knows a text by its words and its time only."""
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    if not messages:
        return [outgoing_of(row, row.attempt) for row in rows]
    with database.reading() as session:
        bodies = compose_messages(session, messages).bodies
        begun = find_begun(session, messages)
    outgoing = [outgoing_of(row, row.attempt, bodies.get(row.id, "")) for row in rows]
    return [row._replace(begun_at=begun.get((row.delivery_id, row.attempt))) for row in outgoing]


def _settle_batch(database: Database, carrier: Carrier, outgoing: Sequence[Outgoing]) -> DrainCounts:
    known: dict[tuple[int, int], Outcome] = {}
    open_: dict[tuple[int, int], str] = {}
    for row, answer in zip(outgoing, _ask(carrier, outgoing), strict=True):
        if answer is None or answer.state == DeliveryState.UNKNOWN:
            open_[row.delivery_id, row.attempt] = (answer and answer.reason) or f"{carrier.name} cannot tell"
        elif answer.state == DeliveryState.PENDING and not carrier.promises.may_send_again:
            open_[row.delivery_id, row.attempt] = f"{carrier.name} has not got it but may yet: a person must decide"
        elif answer.state == DeliveryState.PENDING:
            # It is our side that died, not theirs: nothing to wait for, however often that happened to this row.
            known[row.delivery_id, row.attempt] = replace(answer, retry_after_seconds=_TRY_AGAIN_AFTER_SECONDS)
        else:
            known[row.delivery_id, row.attempt] = answer
    with database.transaction() as session:
        for attempt in _claimed_by_others(session, carrier.name, known):
            open_[attempt] = f"{carrier.name} has a text that may be this one or another of ours"
            del known[attempt]
        recorded = record_outcomes(session, known, receipt_hours=carrier.promises.receipt_hours)
        put_off_asking(session, open_, _ASK_AGAIN_AFTER_SECONDS)
    return counts_of(recorded) + DrainCounts(settled=sum(recorded.states.values()))


def _claimed_by_others(
    session: Session, channel: str, known: Mapping[tuple[int, int], Outcome]
) -> list[tuple[int, int]]:
    """The attempts whose answer names what another delivery has already, or what another was answered with too."""
    refs: dict[str, set[int]] = defaultdict(set)
    for (number, _), outcome in known.items():
        if outcome.provider_ref is not None:
            refs[outcome.provider_ref].add(number)
    for ref, owners in find_owners(session, channel, refs).items():
        refs[ref] |= owners
    return [attempt for attempt, outcome in known.items() if len(refs.get(outcome.provider_ref or "", ())) > 1]


def _ask(carrier: Carrier, outgoing: Sequence[Outgoing]) -> Sequence[Outcome | None]:
    try:
        return [answer and storable(answer) for answer in carrier.ask(outgoing)]
    except CarrierError as error:
        why = f"could not be asked: {error.reason}"
    except Exception as error:  # an adapter's mistake must not stop the others
        log.exception("carrier_broke", channel=carrier.name)
        why = f"the adapter broke: {type(error).__name__}"
    return [Outcome(DeliveryState.UNKNOWN, None, why)] * len(outgoing)


def _seek_receipts(database: Database, carrier: Carrier, hours: int) -> DrainCounts:
    with database.transaction() as session:
        settled = apply_kept(session, carrier.name)
    while True:
        with database.reading() as session:
            rows = list_overdue(session, carrier.name, _ASK_AT_ONCE)
        if not rows:
            return DrainCounts(settled=settled)
        asked = _asked_about(database, rows)
        outgoing = [one._replace(provider_ref=row.provider_ref) for one, row in zip(asked, rows, strict=True)]
        answers = _ask(carrier, outgoing) if carrier.promises.can_be_asked else [None] * len(outgoing)
        by_attempt = {(row.delivery_id, row.attempt): one for row, one in zip(outgoing, answers, strict=True)}
        with database.transaction() as session:
            settled += settle_overdue(session, by_attempt, hours)
