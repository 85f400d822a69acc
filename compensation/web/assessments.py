"""Pages of assessments: list, one with all its cases, and the steps from proposal to release."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from compensation.approval import (
    approve_assessment,
    check_releasable,
    reject_assessment,
    submit_assessment,
)
from compensation.errands import RELEASE
from compensation.models import AssessmentState
from compensation.queries import (
    AssessmentView,
    books_of,
    count_assessments,
    get_assessment,
    list_assessments,
)
from compensation.web.books import show_books
from compensation.web.case_page import download_cases, show_cases, show_texts
from foundation.errors import InputError
from foundation.web import (
    actor,
    has_permission,
    permission,
    read_page,
    reading,
    start_errand,
    transaction,
    wants_csv,
)

assessments = Blueprint("assessments", __name__, url_prefix="/assessments", template_folder="templates")
_ONE = "/<ref>"


@assessments.get("/")
@permission("assessments.read")
def index() -> str:
    """All assessments, newest first."""
    page = read_page()
    with reading() as session:
        rows = list_assessments(session, limit=page.size, offset=page.offset)
        count = count_assessments(session)
    return render_template("compensation/assessments.html", rows=rows, count=count, page=page, pages=page.pages(count))


@assessments.get(_ONE)
@permission("assessments.read")
def detail(ref: str) -> str | Response:
    """One assessment: every case, what it costs, the texts, who decided, and the next step."""
    with reading() as session:
        view = get_assessment(session, ref)
        if wants_csv():
            return download_cases(session, view)
        assessment = view.assessment
        released = assessment.state is AssessmentState.RELEASED
        return render_template(
            "compensation/assessment.html",
            view=view,
            assessment=assessment,
            totals=assessment.totals,
            cases=show_cases(session, view),
            steps=_steps(session, view),
            samples=show_texts(session, view),
            books=show_books(books_of(session, ref)) if released else None,
        )


@assessments.post(_ONE + "/submit")
@permission("assessments.write")
def submit(ref: str) -> BaseResponse:
    """Ask a second person to approve."""
    with transaction() as session:
        submit_assessment(session, ref, actor=actor())
    flash(f"{ref} is submitted: another person approves or rejects it.", "success")
    return _back(ref)


@assessments.post(_ONE + "/approve")
@permission("assessments.approve")
def approve(ref: str) -> BaseResponse:
    """The second person's yes."""
    with transaction() as session:
        approve_assessment(session, ref, actor=actor(), reason=request.form.get("reason", ""))
    flash(f"{ref} is approved; it can be released.", "success")
    return _back(ref)


@assessments.post(_ONE + "/reject")
@permission("assessments.approve")
def reject(ref: str) -> BaseResponse:
    """The second person's no."""
    with transaction() as session:
        reject_assessment(session, ref, actor=actor(), reason=request.form.get("reason", ""))
    flash(f"{ref} is rejected. Nothing is paid.", "info")
    return _back(ref)


@assessments.post(_ONE + "/release")
@permission("assessments.release")
def release(ref: str) -> BaseResponse:
    """Write the credits and send postings and texts on their way."""
    return start_errand(RELEASE.name, ref, {"assessment": ref})


def _back(ref: str) -> BaseResponse:
    return redirect(url_for("assessments.detail", ref=ref), 303)


def _steps(session: Session, view: AssessmentView) -> dict[str, str]:
    """The steps that the state offers, each with why this staff user cannot take it (empty: may)."""
    assessment = view.assessment
    void = assessment.state is AssessmentState.APPROVED and not view.approval_holds
    if assessment.state is AssessmentState.PROPOSED or void:
        return {"submit": _may_not("assessments.write") or _hindrance(session, view)}
    if assessment.state is AssessmentState.SUBMITTED:
        own = assessment.submitted_by == actor()
        second = "You submitted it; another person decides." if own else _may_not("assessments.approve")
        return {"approve": second or _hindrance(session, view), "reject": second}
    if assessment.state is AssessmentState.APPROVED:
        return {"release": _may_not("assessments.release") or _hindrance(session, view)}
    return {}


def _may_not(needed: str) -> str:
    return "" if has_permission(needed) else "Your role does not allow this step."


def _hindrance(session: Session, view: AssessmentView) -> str:
    try:
        check_releasable(session, view.assessment, view.bound)
    except InputError as error:
        return error.message
    return ""
