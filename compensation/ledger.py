"""The ledger: double entry, append-only; accrued at release, posted when the account side confirmed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, SQLColumnExpression, String, and_, cast, func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from compensation.models import Assessment, AssessmentState, Credit, LedgerEntry
from foundation import clock
from foundation.db import Instant
from notify.totals import select_confirmed_postings

_COLUMNS = ["credit_id", "kind", "number", "debit", "credit", "amount_minor", "currency", "at"]
_ONCE = 1


def accrue(session: Session, assessment: Assessment) -> None:
    """Enter what is owed for each credit of money: expense of its basis against what the account is owed.

    The basis is that of the credit's layer, which need not be the policy's.
    """
    _enter_owed(session, Credit.assessment_id == assessment.id)


def accrue_credit(session: Session, key: str) -> None:
    """Enter what is owed for one credit that came after its release, if it is money."""
    _enter_owed(session, Credit.key == key)


def _enter_owed(session: Session, which: ColumnElement[bool]) -> None:
    at = literal(clock.now(), Instant)
    rows = select(
        Credit.id,
        literal("accrued"),
        literal(_ONCE),
        literal("expense:") + Credit.basis,
        _owed(Credit.account_id),
        Credit.amount_minor,
        Credit.currency,
        at,
    ).where(which, Credit.amount_minor.is_not(None))
    session.execute(insert(LedgerEntry).from_select(_COLUMNS, rows))


def record_confirmations(session: Session) -> int:
    """Enter as posted every accrued credit whose posting the account side has confirmed; returns how many.

    A job runs it again and again; what is entered already is passed over.
    """
    released = select(Assessment.ref).where(Assessment.state == AssessmentState.RELEASED)
    confirmed = select_confirmed_postings(released).subquery()
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
    result = session.execute(insert(LedgerEntry).from_select(_COLUMNS, rows))
    return int(result.rowcount)  # type: ignore[attr-defined]


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
