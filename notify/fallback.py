"""Fallback: a text that failed for certain goes on by the next way of its recipient, as the same delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, null, select, update
from sqlalchemy.orm import Session

from foundation.db import database_now
from notify.carriers import Outcome
from notify.counters import COUNTED, STANDS, Changes
from notify.models import DELIVERIES, DeliveryKind, DeliveryState
from notify.transitions import note_attempts

_PLACED = (DELIVERIES.c.id, *COUNTED, *STANDS)


def take_next_way(
    session: Session, rows: Sequence[Row[Any]], said: Mapping[int, tuple[int, Outcome]], changes: Changes
) -> set[int]:
    """Of locked rows that are to fail, send on those that have another way left (`ways` of the payload); their ids.

    The key stays, attempts go on counting, and what the former channel still says about it moves it no longer
    (`notify.receipts`). Only texts: where a credit goes is no matter of what answers.
    """
    failing = {
        row.id: row
        for row in rows
        if row.kind == DeliveryKind.MESSAGE and said[row.id][1].state == DeliveryState.FAILED
    }
    if not failing:
        return set()
    ways = DELIVERIES.c.payload["ways"]
    query = select(DELIVERIES.c.id, DELIVERIES.c.payload).where(DELIVERIES.c.id.in_(list(failing)))
    found = session.execute(query.where(ways[0][0].as_string().is_not(None))).all()
    for number, payload in found:
        attempt, outcome = said[number]
        note_attempts(session, [number], attempt, str(DeliveryState.FAILED), outcome.reason)
        after = _send_on(session, number, payload, failing[number].channel, outcome)
        changes.move_place(failing[number], after)
    return {row.id for row in found}


def _send_on(session: Session, number: int, payload: dict[str, Any], failed: str, outcome: Outcome) -> Row[Any]:
    (channel, address), *rest = payload["ways"]
    left = {name: value for name, value in payload.items() if name != "ways"}
    values: dict[str, Any] = {
        "state": DeliveryState.PENDING,
        "channel": channel,
        "address": address,
        "payload": {**left, "ways": rest} if rest else left,
        "reason": f"{failed} failed: {outcome.reason or 'no reason given'}",
        "provider_ref": null(),
        "receipt_ref": null(),
        "lease_until": null(),
        "worker": null(),
        "changed_at": database_now(session),
    }
    change = update(DELIVERIES).where(DELIVERIES.c.id == number).values(values)
    return session.execute(change.returning(*_PLACED)).one()
