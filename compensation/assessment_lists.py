"""Assessments as a list: found, put in order and counted by the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from compensation.models import Assessment, AssessmentState, PolicyVersion
from foundation.errors import InputError
from outage.models import Incident

# What waits for somebody stands first: to be approved, to be released, to be submitted.
_WAITING = {AssessmentState.SUBMITTED: 0, AssessmentState.APPROVED: 1, AssessmentState.PROPOSED: 2}
SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "newest": (Assessment.id.desc(),),
    "what waits": (
        case(*((Assessment.state == state, turn) for state, turn in _WAITING.items()), else_=len(_WAITING)),
        Assessment.id.desc(),
    ),
    "incident": (Incident.ref.desc(), Assessment.id.desc()),
    "policy": (PolicyVersion.name.asc(), PolicyVersion.number.desc(), Assessment.id.desc()),
}


@dataclass(frozen=True)
class AssessmentFilter:
    """What a list shows: words in reference, incident, policy or a person's name; one state; one incident; order."""

    search: str = ""
    state: AssessmentState | None = None
    incident_ref: str | None = None
    sort: str = "newest"


EVERYTHING = AssessmentFilter()


@dataclass(frozen=True)
class AssessmentRow:
    """An assessment in a list."""

    assessment: Assessment
    incident_ref: str
    incident_title: str
    policy: str


def list_assessments(
    session: Session, wanted: AssessmentFilter = EVERYTHING, *, limit: int | None = 50, offset: int = 0
) -> Sequence[AssessmentRow]:
    """Assessments that fit, in order; all of them with `limit` None. Raises InputError for an unknown order."""
    if wanted.sort not in SORTS:
        raise InputError("cannot sort by this", where="sort", value=wanted.sort, accepted=", ".join(SORTS))
    columns = select(Assessment, Incident.ref, Incident.title, PolicyVersion.name, PolicyVersion.number)
    statement = _fitting(columns, wanted).order_by(*SORTS[wanted.sort]).limit(limit).offset(offset)
    return [
        AssessmentRow(assessment, ref, title, f"{name} v{number}")
        for assessment, ref, title, name, number in session.execute(statement)
    ]


def count_assessments(session: Session, wanted: AssessmentFilter = EVERYTHING) -> int:
    """How many assessments fit."""
    return session.scalar(_fitting(select(func.count(Assessment.id)), wanted)) or 0


def _fitting(statement: Select, wanted: AssessmentFilter) -> Select:  # type: ignore[type-arg]  # any columns
    columns = (
        *(Assessment.ref, Assessment.assessed_by, Assessment.submitted_by),
        *(Incident.ref, Incident.title, PolicyVersion.name, PolicyVersion.title),
    )
    conditions: list[ColumnElement[bool]] = [
        or_(*(func.lower(column).contains(word, autoescape=True) for column in columns))
        for word in wanted.search.lower().split()
    ]
    if wanted.state is not None:
        conditions.append(Assessment.state == wanted.state)
    if wanted.incident_ref is not None:
        conditions.append(Incident.ref == wanted.incident_ref)
    joined = statement.join(Incident, Incident.id == Assessment.incident_id)
    return joined.join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id).where(*conditions)
