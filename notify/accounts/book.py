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
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database, dialect_of, insert_ignoring, insert_of
from notify.accounts.book_counts import count_booked
from notify.book_models import BookAccount, BookEntry
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises
from notify.models import DeliveryState

# Kinds that move the balance; the others are buckets with an id and a window of their own.
MONEY_KINDS = frozenset({"bill_credit", "balance_credit", "top_up", "bonus"})
# What each kind of bucket needs to be worth anything, as its posting carries it.
BUCKET_KINDS: Mapping[str, tuple[str, ...]] = {
    "voucher": ("amount",),
    "top_up_bonus": ("percent",),
    "discount": ("percent", "what"),
    "free_days": ("quantity",),
    "validity_days": ("quantity",),
    "data_grant": ("quantity", "unit", "valid_to"),
    "minutes_grant": ("quantity", "valid_to"),
    "texts_grant": ("quantity", "valid_to"),
    "day_pass": ("what", "valid_from", "valid_to"),
    "fee_waiver": ("what",),
}
POSTED_KINDS = {"bill_credit": ("amount",), "balance_credit": ("amount",), **BUCKET_KINDS}
# What makes two postings of one key the same posting; the rest only where it is said, so that hashes stay as they were.
_BODY = ("kind", "percent", "valid_from", "valid_to")
_NEEDED = {
    "percent": "a per cent",
    "quantity": "a quantity",
    "unit": "a unit",
    "what": "to say of what",
    "valid_from": "the first day on which it holds",
    "valid_to": "the first day on which it no longer holds",
}
_MORE = ("quantity", "unit", "what", "stacking", "code")


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
    manner = Manner()
    promises = Promises(idempotent=True, can_be_asked=True, fences=False)

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Book a batch in one transaction: entries and balances together or not at all."""
        entries = [_entry_of(outgoing) for outgoing in batch]
        wanted = {entry.key: entry for entry in reversed(entries) if isinstance(entry, NewEntry)}
        try:
            with self._database.transaction() as session:
                campaigns = {outgoing.key: outgoing.campaign for outgoing in batch}
                added = add_entries(session, wanted.values(), campaigns)
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


def add_entries(
    session: Session, entries: Iterable[NewEntry], campaigns: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Book entries whose keys are new and increment the balances by them; returns the new keys with their numbers.

    `campaigns` says by key which release posts them, so that the book can be counted by release.
    """
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
    count_booked(session, [row for row in rows if row["key"] in added], campaigns or {})
    return added


def body_hash(account: str, kind: str, amount_minor: int | None, currency: str | None, *rest: object) -> str:
    """The hash by which a repeated key is known to mean the same: account, kind, amount, currency, and the rest."""
    content = [account, kind, amount_minor, currency, *rest]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _increment(session: Session, sums: Mapping[tuple[str, str], int]) -> None:
    if not sums:
        return
    insert = insert_of(dialect_of(session), BookAccount)
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
            outgoing.address,
            kind,
            outgoing.amount_minor,
            outgoing.currency,
            *(payload.get(name) for name in _BODY[1:]),
            *([name, payload[name]] for name in _MORE if payload.get(name) is not None),
        ),
        detail={name: value for name, value in payload.items() if name not in ("kind", "valid_from", "valid_to")},
        valid_from=window[0],
        valid_to=window[1],
    )


def _check_posting(kind: str, outgoing: Outgoing) -> None:
    if kind not in POSTED_KINDS:
        raise ValueError(f"kind {kind!r} cannot be posted, only {', '.join(sorted(POSTED_KINDS))}")
    for needed in POSTED_KINDS[kind]:
        if needed == "amount":
            if outgoing.currency is None or outgoing.amount_minor is None or outgoing.amount_minor <= 0:
                raise ValueError(f"{kind} needs an amount above zero and a currency")
        elif not outgoing.payload.get(needed):
            raise ValueError(f"{kind.replace('_', ' ')} needs {_NEEDED[needed]}")
