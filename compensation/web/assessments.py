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
from compensation.assessment_lists import (
    SORTS,
    AssessmentFilter,
    AssessmentRow,
    count_assessments,
    list_assessments,
)
from compensation.errands import RELEASE
from compensation.models import AssessmentState
from compensation.queries import (
    AssessmentView,
    books_of,
    get_assessment,
)
from compensation.web.books import show_books
from compensation.web.case_page import download_cases, show_cases, show_texts
from foundation.errors import InputError
from foundation.web import (
    actor,
    csv_response,
    has_permission,
    permission,
    read_page,
    reading,
    start_errand,
    transaction,
    wants_csv,
)
from foundation.web.access import foundations
from notify.text_price import read_price

assessments = Blueprint("assessments", __name__, url_prefix="/assessments", template_folder="templates")
# Of more credits the books are proved when somebody asks: all rows of credits and ledger are read for it.
_PROVED_AT_ONCE = 20_000
_ONE = "/<ref>"
_CSV = (
    *("assessment", "state", "incident", "title", "policy", "cases", "lines", "entitled", "cost_minor", "currency"),
    *("assessed_by", "assessed_at", "submitted_by", "submitted_at", "released_by", "released_at"),
)


@assessments.get("/")
@permission("assessments.read")
def index() -> str | Response:
    """All assessments, newest first; `?format=csv` for all that fit the filter."""
    wanted, page = _filter(), read_page()
    with reading() as session:
        if wants_csv():
            return csv_response("assessments", _CSV, map(_csv_row, list_assessments(session, wanted, limit=None)))
        rows = list_assessments(session, wanted, limit=page.size, offset=page.offset)
        count = count_assessments(session, wanted)
    return render_template(
        "compensation/assessments.html",
        rows=rows,
        count=count,
        page=page,
        pages=page.pages(count),
        wanted={"search": wanted.search or None, "state": wanted.state, "sort": wanted.sort},
        states=list(AssessmentState),
        sorts=list(SORTS),
    )


def _filter() -> AssessmentFilter:
    state, sort = request.args.get("state", ""), request.args.get("sort", "")
    return AssessmentFilter(
        search=request.args.get("search", "").strip()[:128],
        state=AssessmentState(state) if state in list(AssessmentState) else None,
        sort=sort if sort in SORTS else "newest",
    )


def _csv_row(row: AssessmentRow) -> list[object]:
    one, totals = row.assessment, row.assessment.totals
    counts = [totals[name] for name in ("cases", "lines", "entitled", "cost_minor")]
    who = [one.assessed_by, one.assessed_at, one.submitted_by, one.submitted_at, one.released_by, one.released_at]
    return [one.ref, one.state, row.incident_ref, row.incident_title, row.policy, *counts, one.currency, *who]


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
        proves = released and ("books" in request.args or assessment.totals["credits"] <= _PROVED_AT_ONCE)
        return render_template(
            "compensation/assessment.html",
            view=view,
            assessment=assessment,
            totals=assessment.totals,
            cases=show_cases(session, view),
            steps=_steps(session, view),
            preview=show_texts(session, view),
            part_price=read_price(foundations().settings.adapters["OUTAGE_TEXT_PRICE"]),
            books=show_books(books_of(session, ref)) if proves else None,
            books_wait=released and not proves,
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
