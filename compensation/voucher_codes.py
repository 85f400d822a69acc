"""Pools of voucher codes: imported one per line, given once each, and never more than there are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.orm import Session

from compensation.offer_models import VoucherCode
from foundation import clock
from foundation.audit import write_audit
from foundation.db import insert_ignoring
from foundation.errors import InputError, RefusedError
from foundation.money import Money, check_currency

_CODE = re.compile(r"\S{1,64}")
_AT_ONCE = 1_000


def import_codes(
    session: Session, pool: str, lines: Iterable[str], amount_minor: int, currency: str, *, actor: str
) -> int:
    """Add the codes of a text, one per line, to a pool; returns how many are new.

    Codes that the pool has already are passed over; empty lines too. Raises InputError on a line that is no code, on an
    amount of nothing and on an unknown currency.
    """
    check_currency(currency, where="currency")
    if not pool.strip() or amount_minor <= 0:
        raise InputError("a pool needs a name and an amount above zero", where=pool, value=amount_minor)
    added, batch = 0, dict[str, None]()
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code:
            continue
        if not _CODE.fullmatch(code):
            accepted = "one code per line: up to 64 characters, no spaces"
            raise InputError("not a voucher code", where=f"line {number}", value=code[:80], accepted=accepted)
        batch[code] = None
        if len(batch) == _AT_ONCE:
            added += _add(session, pool, batch, amount_minor, currency, actor)
            batch = {}
    added += _add(session, pool, batch, amount_minor, currency, actor)
    after = {"added": added, "amount_minor": amount_minor, "currency": currency}
    write_audit(session, actor=actor, action="voucher codes imported", subject=f"pool:{pool}", after=after)
    return added


def count_free(session: Session, pool: str, amount_minor: int, currency: str) -> int:
    """How many codes of an amount a pool still has."""
    free = select(func.count()).where(*_free(pool, amount_minor, currency))
    return session.scalar(free) or 0


def check_pools(session: Session, needed: Mapping[str, int], currency: str) -> None:
    """Raise RefusedError when a pool has fewer codes than `needed` (by case_sums.code_key)."""
    for key, count in needed.items():
        pool, _, amount = key.rpartition(" ")
        free = count_free(session, pool, int(amount), currency)
        if free < count:
            raise _exhausted(pool, int(amount), currency, count, free)


def take_codes(session: Session, wanted: Sequence[tuple[str, int, str, str]]) -> dict[str, str]:
    """A code for each (pool, amount, currency, credit key), by key; raises RefusedError when a pool is exhausted.

    They are taken for good when the caller's transaction commits, and free again when it does not.
    """
    groups: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for pool, amount_minor, currency, key in wanted:
        groups[pool, amount_minor, currency].append(key)
    taken: dict[str, str] = {}
    for (pool, amount_minor, currency), keys in sorted(groups.items()):
        taken |= _take(session, pool, amount_minor, currency, keys)
    return taken


def _take(session: Session, pool: str, amount_minor: int, currency: str, keys: Sequence[str]) -> dict[str, str]:
    free = select(VoucherCode.id, VoucherCode.code).where(*_free(pool, amount_minor, currency))
    # Another release at the same moment takes others, instead of waiting for these.
    found = session.execute(free.order_by(VoucherCode.id).limit(len(keys)).with_for_update(skip_locked=True)).all()
    if len(found) < len(keys):
        raise _exhausted(pool, amount_minor, currency, len(keys), len(found))
    table = VoucherCode.__table__
    mark = update(table).where(table.c.id == bindparam("code_id")).values(credit_key=bindparam("key"))  # type: ignore[arg-type]
    rows = [{"code_id": row.id, "key": key} for row, key in zip(found, keys, strict=True)]
    session.connection().execute(mark, rows)
    return {key: row.code for row, key in zip(found, keys, strict=True)}


def _free(pool: str, amount_minor: int, currency: str) -> tuple[ColumnElement[bool], ...]:
    return (
        VoucherCode.pool == pool,
        VoucherCode.amount_minor == amount_minor,
        VoucherCode.currency == currency,
        VoucherCode.credit_key.is_(None),
    )


def _exhausted(pool: str, amount_minor: int, currency: str, needed: int, free: int) -> RefusedError:
    return RefusedError(
        f"the pool {pool} has {free} free codes of {Money(amount_minor, currency)}",
        value=needed,
        accepted="import as many codes as there are vouchers to give",
    )


def _add(session: Session, pool: str, codes: Iterable[str], amount_minor: int, currency: str, actor: str) -> int:
    now = clock.now()
    rows = [
        {
            "pool": pool,
            "code": code,
            "amount_minor": amount_minor,
            "currency": currency,
            "imported_by": actor,
            "imported_at": now,
        }
        for code in codes
    ]
    if not rows:
        return 0
    insert = insert_ignoring(session, VoucherCode).returning(VoucherCode.id)
    return len(session.execute(insert, rows).all())
