"""Assess: run a policy version over an impact run; the result is its cases, never a row per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.case_facts import facts_to_json
from compensation.cases import DecidedCase, Situation, stored_value
from compensation.models import Assessment, AssessmentState, Case, PolicyState, PolicyVersion
from compensation.policies import label, load_document
from compensation.rewards import RewardLine
from foundation import clock
from foundation.audit import write_audit
from foundation.db import Database, next_reference
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.deduction import deductions_changed
from outage.lifecycle import IncidentStatus
from outage.models import ImpactRun, Incident

NO_INCIDENT = (IncidentStatus.DISMISSED, IncidentStatus.MERGED)


@dataclass(frozen=True)
class AssessedRun:
    """The assessment, and whether this call made it."""

    assessment: Assessment
    is_new: bool


def assess(
    database: Database,
    store: SnapshotStore,
    run_id: int,
    version_id: int,
    *,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> AssessedRun:
    """Decide every case of a run under a policy version and keep the result as a proposal.

    The same run and version again give the assessment that is there. Raises RefusedError when the policy was not in
    force on the day of the outage, NotFoundError for an unknown run or version. Owns its transactions: the deciding
    happens between them.
    """
    with database.reading() as session:
        existing = _find(session, run_id, version_id)
        if existing is not None:
            return AssessedRun(existing, is_new=False)
        situation = make_situation(session, store, run_id, version_id)
        check_stands(session, situation.run)
        version = session.get_one(PolicyVersion, version_id)
        if version.state is PolicyState.RETIRED:
            raise RefusedError(f"{label(version)} is retired", accepted="a version that is not retired")
    cases = situation.decide_cases()
    if progress is not None:
        progress(len(cases), len(cases))
    with database.transaction() as session:
        # Somebody may have done the same meanwhile; the run's row lock puts the two in line.
        run = session.get_one(ImpactRun, run_id, with_for_update=True)
        existing = _find(session, run_id, version_id)
        if existing is not None:
            return AssessedRun(existing, is_new=False)
        return AssessedRun(_keep(session, run, version_id, situation, cases, actor), is_new=True)


def make_situation(session: Session, store: SnapshotStore, run_id: int, version_id: int) -> Situation:
    """A version's document over a run, to decide or explain; raises NotFoundError, or RefusedError for another day."""
    run = session.get(ImpactRun, run_id)
    version = session.get(PolicyVersion, version_id)
    if run is None or version is None:
        what = "impact run" if run is None else "policy version"
        raise NotFoundError(f"no such {what}", value=run_id if run is None else version_id)
    incident = session.get_one(Incident, run.incident_id)
    situation = Situation(load_document(session, version), run, incident, store)
    on = situation.incident.outage_date
    if on < version.in_force_from or (version.in_force_to is not None and on >= version.in_force_to):
        raise RefusedError(
            f"{label(version)} was not in force on the day of the outage, {on}",
            accepted=f"an outage from {version.in_force_from} to before {version.in_force_to or 'further notice'}",
        )
    return situation


def check_stands(session: Session, run: ImpactRun) -> None:
    """Raise RefusedError for an incident that was none, or a run with minutes that another incident pays by now."""
    incident = session.get_one(Incident, run.incident_id)
    if incident.status in NO_INCIDENT:
        raise RefusedError(f"{incident.ref} is {incident.status}", accepted="an incident that stands")
    if deductions_changed(session, run):
        raise RefusedError(
            f"what other incidents take from run {run.number} of {incident.ref} changed since it was measured",
            accepted="measure the impact again, then assess the new run",
        )


def _find(session: Session, run_id: int, version_id: int) -> Assessment | None:
    statement = select(Assessment).where(Assessment.impact_run_id == run_id, Assessment.policy_version_id == version_id)
    return session.scalars(statement).one_or_none()


def _keep(
    session: Session, run: ImpactRun, version_id: int, situation: Situation, cases: Sequence[DecidedCase], actor: str
) -> Assessment:
    at = clock.now()
    rows = [_case_row(case) for case in cases]
    assessment = Assessment(
        ref=next_reference(session, "AS", at),
        impact_run_id=run.id,
        incident_id=run.incident_id,
        policy_version_id=version_id,
        state=AssessmentState.PROPOSED,
        currency=situation.document.currency,
        totals=_totals(rows),
        assessed_by=actor,
        assessed_at=at,
    )
    session.add(assessment)
    session.flush()
    for row in rows:
        row.assessment_id = assessment.id
    session.add_all(rows)
    session.flush()
    write_audit(session, actor=actor, action="assessed", subject=assessment.ref, after=assessment.totals)
    return assessment


def _case_row(case: DecidedCase) -> Case:
    decision = case.decision
    rewards = [reward_to_json(line) for line in decision.rewards]
    return Case(
        number=case.number,
        facts=facts_to_json(case.facts),
        group_values=[stored_value(value) for value in case.group],
        lines=case.lines,
        outcome=decision.outcome,
        reason=decision.reason,
        rewards=rewards,
        text_name=decision.text,
        cost_minor=decision.cost_minor,
        trace=decision.trace.to_json(),
    )


def reward_to_json(line: RewardLine) -> dict[str, Any]:
    """A reward line as it is kept with its case and sent with its posting."""
    return {
        "name": line.name,
        "kind": line.kind,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "percent": None if line.percent is None else str(line.percent),
        "valid_from": None if line.valid_from is None else line.valid_from.isoformat(),
        "valid_to": None if line.valid_to is None else line.valid_to.isoformat(),
        "pays_on": line.pays_on,
    }


def _totals(cases: Sequence[Case]) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    for case in cases:
        outcomes[case.outcome] += case.lines
    return {
        "cases": len(cases),
        "lines": sum(case.lines for case in cases),
        "entitled": outcomes["entitled"],
        "nothing": outcomes["nothing"],
        "undetermined": outcomes["undetermined"],
        "credits": sum(case.lines * len(postable(case)) for case in cases),
        "texts": sum(case.lines for case in cases if case.text_name is not None),
        "cost_minor": sum(case.lines * case.cost_minor for case in cases),
        "most_per_line_minor": max((case.cost_minor for case in cases), default=0),
    }


def postable(case: Case) -> list[dict[str, Any]]:
    """The rewards of a case that are put on an account: all but an apology, which is words alone."""
    return [reward for reward in case.rewards if reward["kind"] != "apology"]
