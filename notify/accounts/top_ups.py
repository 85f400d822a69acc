"""Top-ups of prepaid accounts in the account book, and the bonus that the first one in a window earns."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, RefusedError
from foundation.money import half_up
from notify.accounts.book import NewEntry, add_entries, body_hash
from notify.book_models import BookEntry


def record_top_up(
    session: Session,
    account: str,
    amount_minor: int,
    currency: str,
    at: datetime,
    key: str,
    *,
    zone: str = "UTC",
    actor: str,
) -> int:
    """Add a top-up to the balance and, when it is the first in an unused bonus's window, its per cent of it.

    The window's dates count in `zone`. Returns the minor units of bonus granted by this call; the same key again adds
    nothing and returns 0. Raises InputError on an amount of nothing, RefusedError on the same key with another body.
    """
    if amount_minor <= 0:
        raise InputError("not a top-up", where="amount", value=amount_minor, accepted="minor units above zero")
    body = body_hash(account, "top_up", amount_minor, currency)
    detail = {"at": clock.to_unix(at)}
    top_up = NewEntry(key, account, "top_up", amount_minor, currency, body, detail)
    if not add_entries(session, [top_up]):
        _check_same(session, key, body)
        return 0
    buckets = _use_buckets(session, account, clock.local_date(at, zone), at)
    bonuses = [bonus for bucket in buckets if (bonus := _bonus(bucket, top_up)).amount_minor]
    add_entries(session, bonuses)
    granted = sum(bonus.amount_minor or 0 for bonus in bonuses)
    after = {"key": key, "amount_minor": amount_minor, "currency": currency, "bonus_minor": granted}
    write_audit(session, actor=actor, action="book.topped_up", subject=f"account:{account}", after=after)
    return granted


def _check_same(session: Session, key: str, body: str) -> None:
    booked = session.scalars(select(BookEntry.body_hash).where(BookEntry.key == key)).one()
    if booked != body:
        raise RefusedError("this key is in the book with another body", where="key", value=key)


def _use_buckets(session: Session, account: str, day: date, at: datetime) -> list[BookEntry]:
    # Every line of an account has a bucket of its own: one top-up uses one bucket of each incident, not all of them.
    unused = (
        select(BookEntry)
        .where(
            BookEntry.account == account,
            BookEntry.kind == "top_up_bonus",
            BookEntry.used_at.is_(None),
            BookEntry.valid_from <= day,
            BookEntry.valid_to > day,
        )
        .order_by(BookEntry.id)
        .with_for_update()
    )
    first_of: dict[object, BookEntry] = {}
    for bucket in session.scalars(unused):
        # A bonus that was raised later stands beside the first one, and tops it up.
        first_of.setdefault((bucket.detail.get("incident"), bucket.detail.get("revision")), bucket)
    for bucket in first_of.values():
        bucket.used_at = at
    session.flush()
    return list(first_of.values())


def _bonus(bucket: BookEntry, top_up: NewEntry) -> NewEntry:
    exact = Fraction(top_up.amount_minor or 0) * Fraction(str(bucket.detail["percent"])) / 100
    amount = half_up(exact)
    return NewEntry(
        key=f"bonus:{bucket.id}",
        account=top_up.account,
        kind="bonus",
        amount_minor=amount,
        currency=top_up.currency,
        body_hash=body_hash(top_up.account, "bonus", amount, top_up.currency),
        detail={"bucket": bucket.id, "top_up": top_up.key, "percent": bucket.detail["percent"]},
    )
