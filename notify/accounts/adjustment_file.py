"""Postings for a bill run: kept as lines, once per key, until a file is closed over them.

A bill run has no call that posts a credit (TMF678 has none); it reads files. Taking a line is `accepted`; what becomes
of it the billing side says in its acknowledgement file (`notify.adjustments`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from foundation.db import Database, insert_ignoring
from notify.adjustment_models import AdjustmentLine
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises
from notify.models import DeliveryState

# A bill run may be a month away, and its acknowledgement later still.
_RECEIPT_HOURS = 24 * 45
# What of a posting's payload the billing side is told.
DETAIL = ("percent", "quantity", "unit", "what", "valid_from", "valid_to", "pays_on", "statement", "code")
_LONGEST_QUERY = 500
# What a bill run can put on a bill: money, a part of it, or what is not charged.
KINDS = frozenset({"bill_credit", "discount", "fee_waiver", "free_days"})


class AdjustmentFileSide:
    """A carrier of postings into lines of the records' database; idempotent for ever by their unique key."""

    name = "adjustment_file"
    in_flight = 500
    manner = Manner()
    promises = Promises(idempotent=True, can_be_asked=True, fences=False, receipt_hours=_RECEIPT_HOURS)

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Take a batch as lines, in one transaction; what was rejected and is tried again awaits the next file."""
        if not batch:
            return []
        rows = [_row_of(outgoing) for outgoing in batch]
        try:
            with self._database.transaction() as session:
                insert = insert_ignoring(session, AdjustmentLine)
                session.connection().execute(insert, sorted(rows, key=lambda row: str(row["key"])))
                known = _find(session, [row.key for row in batch])
                _open_again(session, [(known[row.key], row) for row in batch if _was_rejected(known[row.key], row)])
        except SQLAlchemyError as error:
            raise CarrierError(f"adjustment lines: {type(error).__name__}") from error
        return [_outcome(str(row["body_hash"]), known[str(row["key"])]) for row in rows]

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """`accepted` or what the billing side answered for a key that is here, `pending` for one that is not."""
        try:
            with self._database.reading() as session:
                known = _find(session, [row.key for row in batch])
        except SQLAlchemyError as error:
            raise CarrierError(f"adjustment lines: {type(error).__name__}") from error
        return [
            _outcome(hash_of(row), known[row.key])
            if row.key in known and not _was_rejected(known[row.key], row)
            else Outcome(DeliveryState.PENDING, None, "not among the adjustment lines")
            for row in batch
        ]


def hash_of(row: Outgoing) -> str:
    """The hash by which a repeated key is known to mean the same."""
    detail = {name: row.payload.get(name) for name in DETAIL}
    content = [row.address, row.payload.get("kind"), row.amount_minor, row.currency, detail]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _row_of(row: Outgoing) -> dict[str, object]:
    return {
        "key": row.key,
        "body_hash": hash_of(row),
        "delivery_id": row.delivery_id,
        "attempt": row.attempt,
        "account": row.address,
        "kind": str(row.payload.get("kind")),
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "detail": {name: row.payload[name] for name in DETAIL if row.payload.get(name) is not None},
    }


def _find(session: Session, keys: Sequence[str]) -> dict[str, AdjustmentLine]:
    found: dict[str, AdjustmentLine] = {}
    for part in _parts(keys):
        rows = session.scalars(select(AdjustmentLine).where(AdjustmentLine.key.in_(part)))
        found |= {row.key: row for row in rows}
    return found


def _was_rejected(line: AdjustmentLine, row: Outgoing) -> bool:
    """Whether the billing side refused the line before this attempt, which a person asked for."""
    return line.answer == "rejected" and line.attempt < row.attempt and line.body_hash == hash_of(row)


def _open_again(session: Session, lines: Sequence[tuple[AdjustmentLine, Outgoing]]) -> None:
    """Let rejected lines await the next file, under the same key: the former one stays as it was answered."""
    for line, row in lines:
        line.file_id, line.answer, line.attempt = None, None, row.attempt
    session.flush()


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _LONGEST_QUERY] for start in range(0, len(keys), _LONGEST_QUERY))


def _outcome(body_hash: str, line: AdjustmentLine) -> Outcome:
    ref = f"line:{line.id}"
    if line.body_hash != body_hash:
        return Outcome(DeliveryState.FAILED, ref, "conflict: this key is among the lines with another content")
    if line.answer is None:
        return Outcome(DeliveryState.ACCEPTED, ref)
    if line.answer == "rejected":
        return Outcome(DeliveryState.FAILED, ref, "rejected by billing")
    return Outcome(DeliveryState.DELIVERED, ref)
