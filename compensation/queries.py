"""Reads offered to pages and commands: assessments, their cases, their books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import UnaryExpression, func, select
from sqlalchemy.orm import Session

from compensation.approval import Binding, binding, bound_hash
from compensation.ledger import balance_of
from compensation.models import Approval, Assessment, AssessmentState, Case, CaseSummary, Credit, PolicyVersion
from compensation.offer_models import Offer
from foundation.errors import NotFoundError, RefusedError
from notify.totals import posting_totals
from outage.models import ImpactRun, Incident

CASE_ORDERS: dict[str, UnaryExpression[Any]] = {
    "number": Case.number.asc(),
    "lines": Case.lines.desc(),
    "cost": (Case.lines * Case.cost_minor).desc(),
    "outcome": Case.outcome.asc(),
}


@dataclass(frozen=True)
class AssessmentView:
    """An assessment with all that a page shows of it; `approval_holds` tells whether its approval still binds."""

    assessment: Assessment
    incident_ref: str
    incident_title: str
    bound: Binding
    approvals: Sequence[Approval]
    approval_holds: bool

    @property
    def run(self) -> ImpactRun:
        """The impact run it was made on."""
        return self.bound.run

    @property
    def version(self) -> PolicyVersion:
        """The policy version it applies."""
        return self.bound.version

    @property
    def binding_hash(self) -> str:
        """The hash of all that is decided now."""
        return self.bound.hash


@dataclass(frozen=True)
class Books:
    """The same money counted at every station of the chain, in minor units; `differences` is empty when they agree."""

    currency: str
    cases_minor: int
    credits_minor: int
    accrued_minor: int
    postings_minor: int
    confirmed_minor: int
    posted_minor: int
    book_minor: int
    credits: int
    postings: int
    confirmed: int
    differences: list[str] = field(default_factory=list)


def get_assessment(session: Session, ref: str) -> AssessmentView:
    """One assessment by its reference; raises NotFoundError."""
    assessment = find_assessment(session, ref)
    incident = session.get_one(Incident, assessment.incident_id)
    bound = binding(session, assessment)
    approvals = select(Approval).where(Approval.assessment_id == assessment.id).order_by(Approval.id)
    return AssessmentView(
        assessment=assessment,
        incident_ref=incident.ref,
        incident_title=incident.title,
        bound=bound,
        approvals=session.scalars(approvals).all(),
        approval_holds=bound_hash(session, assessment) == bound.hash,
    )


def find_assessment(session: Session, ref: str) -> Assessment:
    """The assessment of that reference; raises NotFoundError."""
    assessment = session.scalars(select(Assessment).where(Assessment.ref == ref)).one_or_none()
    if assessment is None:
        raise NotFoundError("no such assessment", value=ref, accepted="a reference such as AS-2026-00001")
    return assessment


def check_not_released(session: Session, incident: Incident) -> None:
    """Raise RefusedError when credits were released for an incident: merged into another, they would be paid again."""
    statement = select(Assessment.ref).where(
        Assessment.incident_id == incident.id, Assessment.state == AssessmentState.RELEASED
    )
    released = session.scalars(statement).first()
    if released is not None:
        raise RefusedError(
            f"credits of {incident.ref} were released as {released}",
            where="absorbed",
            accepted="an incident without released credits; merge the other way round",
        )


def list_cases(
    session: Session, assessment_id: int, *, sort: str = "cost", limit: int | None = None, offset: int = 0
) -> Sequence[Case]:
    """Cases of an assessment by `number`, `lines`, `cost` or `outcome`; none where they are kept (kept_cases)."""
    order = CASE_ORDERS.get(sort, CASE_ORDERS["number"])
    statement = select(Case).where(Case.assessment_id == assessment_id).order_by(order, Case.number).offset(offset)
    return session.scalars(statement.limit(limit) if limit is not None else statement).all()


def books_of(session: Session, ref: str) -> Books:
    """Prove the books of a released assessment: decided = credited = accrued = posted = confirmed = in the book.

    Offers that were taken since the release count as decided. Before release only the cases have an amount. Vouchers
    count at their face value.
    """
    assessment = find_assessment(session, ref)
    credits_of = select(func.count(), func.coalesce(func.sum(Credit.amount_minor), 0)).where(
        Credit.assessment_id == assessment.id
    )
    count, amount = session.execute(credits_of).one()
    totals = posting_totals(session, assessment.ref)
    books = Books(
        currency=assessment.currency,
        cases_minor=_decided_minor(session, assessment),
        credits_minor=int(amount or 0),
        accrued_minor=balance_of(session, assessment.id, "accrued"),
        postings_minor=totals.amount_minor,
        confirmed_minor=totals.confirmed_minor,
        posted_minor=balance_of(session, assessment.id, "posted"),
        book_minor=totals.book_minor,
        credits=count,
        postings=totals.count,
        confirmed=totals.confirmed,
    )
    if assessment.state is AssessmentState.RELEASED:
        books.differences.extend(_differences(books))
    return books


def _decided_minor(session: Session, assessment: Assessment) -> int:
    """What the cases credit at release, as rows or as summaries, and what offers that were taken since came to."""
    sums = (
        select(func.sum(Case.lines * Case.amount_minor)).where(Case.assessment_id == assessment.id),
        select(func.sum(CaseSummary.amount_minor)).where(CaseSummary.assessment_id == assessment.id),
    )
    decided = sum(int(session.scalar(statement) or 0) for statement in sums)
    taken = select(func.sum(Credit.amount_minor)).join(Offer, Offer.key == Credit.key)
    return decided + int(session.scalar(taken.where(Credit.assessment_id == assessment.id)) or 0)


def _differences(books: Books) -> list[str]:
    stations = [
        ("decided in the cases", books.cases_minor),
        ("credited", books.credits_minor),
        ("accrued in the ledger", books.accrued_minor),
        ("enqueued as postings", books.postings_minor),
        ("confirmed by the account side", books.confirmed_minor),
        ("posted in the ledger", books.posted_minor),
        ("in the account book", books.book_minor),
    ]
    first, amount = stations[0]
    differences = [f"{name}: {value}, {first}: {amount}" for name, value in stations[1:] if value != amount]
    if not books.credits == books.postings == books.confirmed:
        differences.append(f"credits {books.credits}, postings {books.postings}, confirmed {books.confirmed}")
    return differences
