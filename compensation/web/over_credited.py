"""The page of lines that keep more than an assessment owes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, render_template
from sqlalchemy.orm import Session

from compensation.models import Assessment
from compensation.over_credits import WHAT_STAFF_MAY_DO, OverLine, count_over_lines, iterate_over_lines, list_over_lines
from compensation.queries import get_assessment
from compensation.web.words import money_text
from foundation.audit import write_audit
from foundation.logging import mask_msisdn
from foundation.web import (
    actor,
    csv_response,
    has_permission,
    permission,
    read_page,
    reading,
    store,
    transaction,
    wants_csv,
)

over_pages = Blueprint("over_credited", __name__, url_prefix="/assessments", template_folder="templates")
_HEADER = ("msisdn", "account", "case", "why", "credited_before_minor", "over_minor", "currency")


@over_pages.get("/<ref>/over-credited")
@permission("assessments.read")
def show(ref: str) -> str | Response:
    """Lines that were credited more before than they are owed now; numbers in clear for those who may see people."""
    in_clear = has_permission("people.read")
    if in_clear:
        with transaction() as session:
            get_assessment(session, ref)
            write_audit(session, actor=actor(), action="people listed", subject=f"{ref} over-credited")
    page = read_page()
    with reading() as session:
        view = get_assessment(session, ref)
        assessment = view.assessment
        if wants_csv():
            return csv_response(f"{ref}-over-credited", _HEADER, _rows(session, assessment, in_clear=in_clear))
        lines = list_over_lines(session, store(), assessment, limit=page.size, offset=page.offset)
    count, minor = count_over_lines(assessment)
    return render_template(
        "compensation/over_credited.html",
        view=view,
        assessment=assessment,
        rows=[(line, _number(line, in_clear=in_clear)) for line in lines],
        count=count,
        together=money_text(minor, assessment.currency),
        page=page,
        pages=page.pages(count),
        may_do=WHAT_STAFF_MAY_DO,
    )


def _rows(session: Session, assessment: Assessment, *, in_clear: bool) -> Iterator[Sequence[object]]:
    for line in iterate_over_lines(session, store(), assessment):
        number = _number(line, in_clear=in_clear)
        amounts = (line.credited_minor, line.over_minor, assessment.currency)
        yield (number, line.account_ref, line.number, line.why, *amounts)


def _number(line: OverLine, *, in_clear: bool) -> str:
    return line.msisdn if in_clear else mask_msisdn(line.msisdn)
