"""The cases of an assessment on its page: one page of them, their sums and charts, a download, and one case alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from compensation.assessment import situation_of
from compensation.cases.kept import get_kept, list_kept, list_summaries
from compensation.cases.lists import (
    MOST_BARS,
    CaseSums,
    CaseWish,
    distribute_kept,
    get_case,
    iterate_cases,
    lines_by_amount,
    list_case_page,
    list_with_text,
    split_facts,
    sum_cases,
)
from compensation.cases.situation import Situation
from compensation.facts import CATALOGUE, Fact, Origin
from compensation.histogram import Bin, distribute
from compensation.models import Case, CaseSummary
from compensation.policies import load_document
from compensation.queries import AssessmentView, get_assessment
from compensation.web.case_rows import CaseChoice, CaseRow, columns_of, explain_case
from compensation.web.charts import bin_label, cases_figure, credits_figure
from compensation.web.text_samples import MOST_CASES, TextPreview, sample_texts
from compensation.web.words import FactColumn, common_facts, money_text
from foundation import clock
from foundation.errors import InputError
from foundation.web import Page, csv_response, figure, permission, read_page, reading, store
from outage.models import Incident
from outage.runs.lines import sample_lines

_AT_ONCE = 5_000
# Texts that kept cases are looked through for; most policies have a handful.
_TEXTS = 4
case_pages = Blueprint(
    "cases",
    __name__,
    url_prefix="/assessments",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)


@dataclass(frozen=True)
class ShownCases:
    """What the page says of the cases; `sums` are of those the filter finds, `summaries` of many that are kept."""

    choice: CaseChoice
    columns: Sequence[FactColumn]
    common: Sequence[tuple[str, str]]
    rows: Sequence[CaseRow]
    sums: CaseSums
    cost: str
    page: Page
    dearest: Sequence[CaseRow]
    bins: Sequence[tuple[str, Bin]]
    charts: Mapping[str, Markup]
    summaries: Sequence[CaseSummary]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return self.page.pages(self.sums.cases)


class _Rows:
    """Where the cases of an assessment stand: few are rows, many are kept in a snapshot."""

    def __init__(self, session: Session, view: AssessmentView) -> None:
        self.session, self.assessment = session, view.assessment
        self.catalogue = _catalogue(session, view)
        self.situation = _situation(session, view) if view.assessment.cases_snapshot is not None else None

    @functools.cached_property
    def _split(self) -> tuple[list[str], dict[str, Any]]:
        if self.situation is None:
            return split_facts(self.session, self.assessment.id)
        return [fact.name for fact in self.situation.facts if fact.origin is not Origin.INCIDENT], {}

    @functools.cached_property
    def columns(self) -> list[FactColumn]:
        """The facts by which the cases differ."""
        return columns_of(self._split[0], self.catalogue)

    @property
    def common(self) -> dict[str, Any]:
        """The facts that all cases share, with their values."""
        return self._split[1]

    def page(self, wish: CaseWish, size: int, offset: int = 0) -> tuple[list[CaseRow], CaseSums]:
        """Some of the cases that a wish finds, and the sums of all that it finds."""
        if self.situation is None:
            cases = list_case_page(self.session, self.assessment.id, wish, limit=size, offset=offset)
            return self._rows(cases), sum_cases(self.session, self.assessment.id, wish)
        kept = list_kept(
            store(),
            self.situation,
            self.assessment,
            by=wish.by,
            falling=wish.falling,
            outcome=wish.outcome,
            words=wish.words,
            limit=size,
            offset=offset,
        )
        return self._rows(kept.cases), CaseSums(kept.found, kept.lines, kept.cost_minor)

    def every(self, wish: CaseWish) -> Iterator[CaseRow]:
        """All cases that a wish finds, read as they are asked for."""
        if self.situation is None:
            for case in iterate_cases(self.session, self.assessment.id, wish):
                yield from self._rows([case])
            return
        offset = 0
        while rows := self.page(wish, _AT_ONCE, offset)[0]:
            yield from rows
            offset += _AT_ONCE

    def bins(self) -> Sequence[Bin]:
        """How many lines get how much."""
        if self.situation is not None:
            return distribute_kept(store(), self.assessment)
        return distribute(lines_by_amount(self.session, self.assessment.id))

    def with_text(self, name: str) -> Sequence[Case]:
        """The cases that are sent a text, those with most lines first."""
        if self.situation is None:
            return list_with_text(self.session, self.assessment.id, name, limit=MOST_CASES)
        kept = list_kept(store(), self.situation, self.assessment, by="lines", limit=MOST_CASES * _TEXTS)
        return [case for case in kept.cases if case.text_name == name]

    def _rows(self, cases: Sequence[Case]) -> list[CaseRow]:
        return [CaseRow(case, self.columns, self.assessment.currency, self.catalogue) for case in cases]


def _situation(session: Session, view: AssessmentView) -> Situation:
    assessment = view.assessment
    return situation_of(session, store(), assessment)


def show_cases(session: Session, view: AssessmentView) -> ShownCases:
    """The cases as the page's address asks for them."""
    assessment, page = view.assessment, read_page()
    stands = _Rows(session, view)
    choice = CaseChoice.read(request.args, stands.columns)
    rows, sums = stands.page(choice.wish, page.size, page.offset)
    dearest, _ = stands.page(CaseWish(), MOST_BARS)
    bins = stands.bins()
    return ShownCases(
        choice=choice,
        columns=stands.columns,
        common=common_facts(stands.common, assessment.currency, stands.catalogue),
        rows=rows,
        sums=sums,
        cost=money_text(sums.cost_minor, assessment.currency),
        page=page,
        dearest=dearest,
        bins=[(bin_label(each, assessment.currency), each) for each in bins],
        charts=_charts([row.case for row in dearest], bins, assessment.currency),
        summaries=list_summaries(session, assessment.id),
    )


def download_cases(session: Session, view: AssessmentView) -> Response:
    """The cases that the address asks for as CSV, read as they are written."""
    stands = _Rows(session, view)
    wish = CaseChoice.read(request.args, stands.columns).wish
    names = [column.name for column in stands.columns]
    header = ["case", *names, "lines", "outcome", "reason", "rule", "rewards", "one_minor", "all_minor", "currency"]
    return csv_response(f"{view.assessment.ref}-cases", header, _csv_rows(stands.every(wish)))


def show_texts(session: Session, view: AssessmentView) -> TextPreview:
    """The customer texts as they will read, and the parts they take."""
    incident = session.get_one(Incident, view.assessment.incident_id)
    document = load_document(session, view.version)
    # A policy that does not tell brands apart leaves the brand to the line: that of a real one.
    lines = sample_lines(store(), view.run, limit=1)
    brand = str(lines[0].facts["brand"]) if lines else ""
    stands = _Rows(session, view)
    cases = [case for name in sorted({text.name for text in view.bound.texts}) for case in stands.with_text(name)]
    outage_on = clock.local_date(incident.started_at, document.zone)
    return sample_texts(cases, view.bound.texts, outage_on, brand, view.assessment.totals["texts"])


@case_pages.get("/<ref>/cases/<int(max=1000000000):number>")
@permission("assessments.read")
def detail(ref: str, number: int) -> str:
    """One case: its facts, and the decision as sentences."""
    with reading() as session:
        view = get_assessment(session, ref)
        assessment = view.assessment
        if assessment.cases_snapshot is None:
            case = get_case(session, assessment.id, number)
        else:
            case = get_kept(store(), _situation(session, view), assessment, number)
    return render_template(
        "compensation/case.html",
        assessment=assessment,
        case=case,
        sentences=explain_case(case),
        cost=money_text(case.cost_minor * case.lines, assessment.currency),
    )


def _catalogue(session: Session, view: AssessmentView) -> Mapping[str, Fact]:
    try:
        return load_document(session, view.version).catalogue
    except InputError:
        # An attribute that the policy read was taken away since; what was decided is there all the same.
        return CATALOGUE


def _csv_rows(rows: Iterator[CaseRow]) -> Iterator[Sequence[object]]:
    for row in rows:
        yield [
            row.case.number,
            *row.facts,
            row.case.lines,
            row.case.outcome,
            row.case.reason or "",
            row.case.rules,
            "; ".join(reward.what for reward in row.rewards),
            row.case.cost_minor,
            row.cost_minor,
            row.currency,
        ]


def _charts(dearest: Sequence[Case], bins: Sequence[Bin], currency: str) -> dict[str, Markup]:
    return {
        "cases": figure(cases_figure(dearest, currency), "Cost and lines of each case, the dearest first"),
        "credits": figure(credits_figure(bins, currency), "How many lines get how much"),
    }
