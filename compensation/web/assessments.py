"""Pages of assessments: list, one with all its cases, and the steps from proposal to release."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from compensation.approval import (
    approve_assessment,
    check_releasable,
    reject_assessment,
    submit_assessment,
)
from compensation.credits import release_credits
from compensation.models import AssessmentState, Case
from compensation.policies import load_document
from compensation.queries import (
    AssessmentView,
    books_of,
    count_assessments,
    get_assessment,
    list_assessments,
    list_cases,
)
from compensation.web.books import show_books
from compensation.web.case_rows import CaseFilter, CaseOrder, CaseRow, case_rows, columns_of, sort_rows
from compensation.web.charts import bin_label, cases_figure, credits_figure, dearest, distribute
from compensation.web.text_samples import TextSample, sample_texts
from compensation.web.words import common_facts, money_text
from foundation import clock
from foundation.errors import InputError
from foundation.web import (
    actor,
    csv_response,
    figure,
    has_permission,
    permission,
    read_page,
    reading,
    store,
    transaction,
    wants_csv,
)
from foundation.web.access import foundations
from outage.lines import sample_lines
from outage.models import Incident

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
        assessment = view.assessment
        cases = list_cases(session, assessment.id, sort="number")
        columns = columns_of(cases)
        order = CaseOrder.read(request.args.get("sort", ""), columns)
        wanted = CaseFilter(request.args.get("outcome", ""), request.args.get("q", "").strip()[:100])
        rows = [row for row in case_rows(cases, columns, assessment.currency) if wanted.fits(row)]
        rows = sort_rows(rows, order)
        if wants_csv():
            return _csv(view, rows, [column.name for column in columns])
        steps = _steps(session, view)
        samples = _samples(session, view, cases)
        released = assessment.state is AssessmentState.RELEASED
        books = show_books(books_of(session, ref)) if released else None
    bins = distribute(cases)
    page = read_page()
    return render_template(
        "compensation/assessment.html",
        view=view,
        assessment=assessment,
        totals=assessment.totals,
        common=common_facts([case.facts for case in cases], assessment.currency),
        columns=columns,
        rows=rows[page.offset : page.offset + page.size],
        found=len(rows),
        found_lines=sum(row.case.lines for row in rows),
        found_cost=money_text(sum(row.cost_minor for row in rows), assessment.currency),
        page=page,
        pages=page.pages(len(rows)),
        order=order,
        wanted=wanted,
        steps=steps,
        samples=samples,
        books=books,
        charts=_charts(cases, assessment.currency),
        dearest=case_rows(dearest(cases), columns, assessment.currency),
        bins=[(bin_label(each, assessment.currency), each) for each in bins],
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
    released = release_credits(foundations().database, store(), ref, actor=actor())
    amount = money_text(released.amount_minor, released.assessment.currency)
    if released.is_new:
        flash(
            f"Released: {released.credits:,} credits of {amount} and {released.texts:,} texts are on their way.",
            "success",
        )
    else:
        flash(f"{ref} was released before: nothing was written again.", "info")
    return _back(ref)


def _back(ref: str) -> BaseResponse:
    return redirect(url_for("assessments.detail", ref=ref), 303)


def _csv(view: AssessmentView, rows: Sequence[CaseRow], names: list[str]) -> Response:
    header = ["case", *names, "lines", "outcome", "reason", "rule", "rewards", "one_minor", "all_minor", "currency"]
    content = [
        [
            row.case.number,
            *row.facts,
            row.case.lines,
            row.case.outcome,
            row.case.reason or "",
            "; ".join(row.rules),
            "; ".join(reward.what for reward in row.rewards),
            row.case.cost_minor,
            row.cost_minor,
            view.assessment.currency,
        ]
        for row in rows
    ]
    return csv_response(f"{view.assessment.ref}-cases", header, content)


def _charts(cases: Sequence[Case], currency: str) -> dict[str, str]:
    return {
        "cases": figure(cases_figure(cases, currency), "Cost and lines of each case, the dearest first"),
        "credits": figure(credits_figure(distribute(cases), currency), "How many lines get how much"),
    }


def _samples(session: Session, view: AssessmentView, cases: Sequence[Case]) -> list[TextSample]:
    incident = session.get_one(Incident, view.assessment.incident_id)
    document = load_document(session, view.version)
    # A policy that does not tell brands apart leaves the brand to the line: that of a real one.
    lines = sample_lines(store(), view.run, limit=1)
    brand = str(lines[0].facts["brand"]) if lines else ""
    return sample_texts(cases, view.bound.texts, clock.local_date(incident.started_at, document.zone), brand)


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
