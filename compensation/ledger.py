"""The ledger: double entry, append-only; accrued at release, posted when the account side confirmed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnCollection,
    ColumnElement,
    Connection,
    Insert,
    Select,
    SQLColumnExpression,
    String,
    and_,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session, aliased

from compensation.models import Assessment, Credit, LedgerEntry
from foundation import clock
from foundation.db import Instant

_COLUMNS = ["credit_id", "kind", "number", "debit", "credit", "amount_minor", "currency", "at"]
_ONCE = 1
_TOLD = ("id", "basis", "account_id", "amount_minor", "currency")


def write_accrued(connection: Connection, credits: Insert) -> None:
    """Insert credits, and enter what is owed for each one of money: expense of its basis against the account.

    The basis is that of the credit's layer, which need not be the policy's.
    """
    if connection.dialect.name == "postgresql":
        # Entered while their credits are at hand: at the end they would have to be read again.
        written = credits.returning(*(Credit.__table__.c[name] for name in _TOLD)).cte("written")
        connection.execute(_enter_owed(written.c).add_cte(written))
        return
    # SQLite writes nothing out of a WITH; but nobody else writes now, so whatever is behind is new.
    newest = connection.scalar(select(func.coalesce(func.max(Credit.id), 0)))
    connection.execute(credits)
    connection.execute(_enter_owed(Credit.__table__.c, Credit.id > newest))


def accrue_credit(session: Session, key: str) -> None:
    """Enter what is owed for one credit that came after its release, if it is money."""
    session.execute(_enter_owed(Credit.__table__.c, Credit.key == key))


def _enter_owed(credits: ColumnCollection[str, Any], *which: ColumnElement[bool]) -> Insert:
    rows = select(
        credits.id,
        literal("accrued"),
        literal(_ONCE),
        literal("expense:") + credits.basis,
        _owed(credits.account_id),
        credits.amount_minor,
        credits.currency,
        literal(clock.now(), Instant),
    ).where(credits.amount_minor.is_not(None), *which)
    return insert(LedgerEntry).from_select(_COLUMNS, rows)


def enter_confirmed(session: Session, postings: Select[str, int | None, str | None]) -> int:
    """Enter as posted what is confirmed of accrued credits and not entered yet; returns how many.

    `postings`: keys, amounts and currencies of confirmed postings, as by `notify.totals.select_confirmed_postings`.
    """
    confirmed = postings.subquery()
    accrued, posted = aliased(LedgerEntry), aliased(LedgerEntry)
    rows = (
        select(
            Credit.id,
            literal("posted"),
            literal(_ONCE),
            _owed(Credit.account_id),
            literal("customer:") + cast(Credit.account_id, String),
            confirmed.c.amount_minor,
            confirmed.c.currency,
            literal(clock.now(), Instant),
        )
        .join(confirmed, confirmed.c.key == Credit.key)
        .join(accrued, _first(accrued, "accrued"))
        .outerjoin(posted, _first(posted, "posted"))
        .where(posted.credit_id.is_(None))
    )
    entries = insert(LedgerEntry).from_select(_COLUMNS, rows).execution_options(preserve_rowcount=True)
    result = session.execute(entries)
    return int(result.rowcount)  # type: ignore[attr-defined]


def count_posted(session: Session, ref: str) -> int:
    """How many credits of an assessment are entered as posted; looks at all of them."""
    return int(
        session.scalar(
            select(func.count())
            .select_from(LedgerEntry)
            .join(Credit, Credit.id == LedgerEntry.credit_id)
            .join(Assessment, Assessment.id == Credit.assessment_id)
            .where(Assessment.ref == ref, LedgerEntry.kind == "posted", LedgerEntry.number == _ONCE)
        )
        or 0
    )


def balance_of(session: Session, assessment_id: int, kind: str) -> int:
    """Minor units entered under a kind for an assessment's credits."""
    statement = (
        select(func.coalesce(func.sum(LedgerEntry.amount_minor), 0))
        .join(Credit, Credit.id == LedgerEntry.credit_id)
        .where(Credit.assessment_id == assessment_id, LedgerEntry.kind == kind)
    )
    return int(session.scalar(statement) or 0)


def _first(entry: type[LedgerEntry], kind: str) -> ColumnElement[bool]:
    return and_(entry.credit_id == Credit.id, entry.kind == kind, entry.number == _ONCE)


def _owed(account_id: SQLColumnExpression[int]) -> ColumnElement[str]:
    return literal("owed:") + cast(account_id, String)
