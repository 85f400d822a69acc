"""The account book: the embedded billing side, which puts each posting on an account exactly once."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database, insert_ignoring
from notify.carriers import CarrierError, Outcome, Outgoing, Promises
from notify.models import BookAccount, BookEntry, DeliveryState

# Kinds that move the balance; the others are buckets with an id and a window of their own.
MONEY_KINDS = frozenset({"bill_credit", "balance_credit", "top_up", "bonus"})
BUCKET_KINDS = frozenset({"voucher", "top_up_bonus"})
_POSTED_KINDS = frozenset({"bill_credit", "balance_credit"}) | BUCKET_KINDS
# What makes two postings of one key the same posting.
_BODY = ("kind", "percent", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be booked: as `BookEntry`, its hash already made."""

    key: str
    account: str
    kind: str
    amount_minor: int | None
    currency: str | None
    body_hash: str
    detail: dict[str, Any]
    valid_from: date | None = None
    valid_to: date | None = None


class AccountBook:
    """A carrier of postings over its own transactions on the records' database.

    Idempotent for ever: a key takes effect once, by its unique entry; the same key with another body is a conflict.
    """

    name = "book"
    in_flight = 500
    promises = Promises(idempotent=True, can_be_asked=True, fences=False)

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Book a batch in one transaction: entries and balances together or not at all."""
        entries = [_entry_of(outgoing) for outgoing in batch]
        wanted = {entry.key: entry for entry in reversed(entries) if isinstance(entry, NewEntry)}
        try:
            with self._database.transaction() as session:
                added = add_entries(session, wanted.values())
                booked = _find_hashes(session, wanted.keys() - added.keys())
        except SQLAlchemyError as error:
            raise CarrierError(f"book: {type(error).__name__}") from error
        booked |= {key: (number, wanted[key].body_hash) for key, number in added.items()}
        return [entry if isinstance(entry, Outcome) else _outcome(entry, booked[entry.key]) for entry in entries]

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """`delivered` for a key that is booked, `pending` for one that is not, `failed` on a conflict."""
        entries = [_entry_of(outgoing) for outgoing in batch]
        keys = [entry.key for entry in entries if isinstance(entry, NewEntry)]
        try:
            with self._database.reading() as session:
                booked = _find_hashes(session, keys)
        except SQLAlchemyError as error:
            raise CarrierError(f"book: {type(error).__name__}") from error
        return [
            entry
            if isinstance(entry, Outcome)
            else _outcome(entry, booked[entry.key])
            if entry.key in booked
            else Outcome(DeliveryState.PENDING, None, "not in the book")
            for entry in entries
        ]


def add_entries(session: Session, entries: Iterable[NewEntry]) -> dict[str, int]:
    """Book entries whose keys are new and increment the balances by them; returns the new keys with their numbers."""
    now = clock.now()
    # One order for all writers, so that two of them cannot wait for each other.
    rows = [
        {**{field: getattr(entry, field) for field in NewEntry.__slots__}, "booked_at": now}
        for entry in sorted(entries, key=lambda entry: entry.key)
    ]
    if not rows:
        return {}
    insert = insert_ignoring(session, BookEntry).returning(BookEntry.key, BookEntry.id)
    added = {row.key: row.id for row in session.connection().execute(insert, rows)}
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row["key"] in added and row["kind"] in MONEY_KINDS:
            sums[row["account"], row["currency"]] += row["amount_minor"]
    _increment(session, sums)
    return added


def body_hash(account: str, kind: str, amount_minor: int | None, currency: str | None, *rest: object) -> str:
    """The hash by which a repeated key is known to mean the same: account, kind, amount, currency, and the rest."""
    content = [account, kind, amount_minor, currency, *rest]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _increment(session: Session, sums: Mapping[tuple[str, str], int]) -> None:
    if not sums:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(BookAccount)
    # Increments only: a balance that is set would lose what another writer added in between.
    upsert = insert.on_conflict_do_update(
        index_elements=["account", "currency"],
        set_={"balance_minor": BookAccount.balance_minor + insert.excluded.balance_minor},
    )
    rows = [
        {"account": account, "currency": currency, "balance_minor": amount}
        for (account, currency), amount in sorted(sums.items())
    ]
    session.connection().execute(upsert, rows)


def _find_hashes(session: Session, keys: Iterable[str]) -> dict[str, tuple[int, str]]:
    wanted = list(keys)
    if not wanted:
        return {}
    query = select(BookEntry.key, BookEntry.id, BookEntry.body_hash).where(BookEntry.key.in_(wanted))
    return {key: (number, body) for key, number, body in session.execute(query)}


def _outcome(entry: NewEntry, booked: tuple[int, str]) -> Outcome:
    number, body = booked
    if body != entry.body_hash:
        reason = "conflict: this key is in the book with another account, kind, amount, currency, per cent or window"
        return Outcome(DeliveryState.FAILED, f"book:{number}", reason)
    return Outcome(DeliveryState.DELIVERED, f"book:{number}")


def _entry_of(outgoing: Outgoing) -> NewEntry | Outcome:
    """The entry for a posting, or the outcome `failed` with what is wrong with it."""
    payload = outgoing.payload
    kind = str(payload.get("kind"))
    try:
        _check_posting(kind, outgoing)
        window = [date.fromisoformat(payload[name]) if payload.get(name) else None for name in _BODY[2:]]
    except ValueError as error:
        return Outcome(DeliveryState.FAILED, None, f"refused by the book: {error}")
    return NewEntry(
        key=outgoing.key,
        account=outgoing.address,
        kind=kind,
        amount_minor=outgoing.amount_minor,
        currency=outgoing.currency,
        body_hash=body_hash(
            outgoing.address, kind, outgoing.amount_minor, outgoing.currency, *(payload.get(name) for name in _BODY[1:])
        ),
        detail={name: value for name, value in payload.items() if name not in ("kind", "valid_from", "valid_to")},
        valid_from=window[0],
        valid_to=window[1],
    )


def _check_posting(kind: str, outgoing: Outgoing) -> None:
    if kind not in _POSTED_KINDS:
        raise ValueError(f"kind {kind!r} cannot be posted, only {', '.join(sorted(_POSTED_KINDS))}")
    if kind == "top_up_bonus":
        if not outgoing.payload.get("percent"):
            raise ValueError("a top-up bonus needs a per cent")
    elif outgoing.currency is None or outgoing.amount_minor is None or outgoing.amount_minor <= 0:
        raise ValueError(f"{kind} needs an amount above zero and a currency")
