"""Assess: run a policy version over an impact run; the result is its cases, never a row per line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from compensation.cases.credit_history import History
from compensation.cases.earlier_losses import EarlierLosses, find_losses
from compensation.cases.facts import facts_to_json
from compensation.cases.incident_facts import incident_facts_of
from compensation.cases.making import MANY_CASES, MadeCases, make_cases
from compensation.cases.situation import DecidedCase, Situation, stored_value
from compensation.cases.sums import Summary, amount_of
from compensation.cases.words import rules_of, searched_text
from compensation.models import Assessment, AssessmentState, Case, CaseSummary, PolicyState, PolicyVersion
from compensation.policies import label, load_document
from compensation.reward_json import is_posted, reward_to_json
from foundation import clock
from foundation.audit import write_audit
from foundation.db import Database, next_reference
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.lifecycle import IncidentStatus
from outage.models import ImpactRun, Incident
from outage.runs.deduction import deductions_changed

NO_INCIDENT = (IncidentStatus.DISMISSED, IncidentStatus.MERGED)


@dataclass(frozen=True)
class Before:
    """What was credited before, and what was lost before, as files that are not catalogued yet; None for nothing."""

    history: WrittenFile | None = None
    earlier: WrittenFile | None = None

    @property
    def history_id(self) -> str | None:
        """The snapshot of what was credited."""
        return None if self.history is None else self.history.id

    @property
    def earlier_id(self) -> str | None:
        """The snapshot of what was lost."""
        return None if self.earlier is None else self.earlier.id


NOTHING_BEFORE = Before()


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
    many: int = MANY_CASES,
) -> AssessedRun:
    """Decide every case of a run under a policy version and keep the result as a proposal.

    The same run and version again give the assessment that is there, unless something was credited since that it did
    not know of. More than `many` cases are kept in a snapshot. Raises RefusedError when the policy was not in force on
    the day of the outage, NotFoundError for an unknown run or version. Owns its transactions: the deciding happens
    between them.
    """
    with database.reading() as session:
        situation = make_situation(session, store, run_id, version_id)
        existing = _find_standing(session, store, situation, version_id)
        if existing is not None:
            return AssessedRun(existing, is_new=False)
        check_stands(session, situation.run)
        version = session.get_one(PolicyVersion, version_id)
        if version.state is PolicyState.RETIRED:
            raise RefusedError(f"{label(version)} is retired", accepted="a version that is not retired")
        losses = losses_of(session, situation)
        before = Before(history_of(session, store, situation).write(), None if losses is None else losses.write(store))
        if before != NOTHING_BEFORE:
            situation = make_situation(
                session, store, run_id, version_id, history=before.history_id, earlier=before.earlier_id
            )
    made = make_cases(situation, store, many=many, progress=progress)
    with database.transaction() as session:
        # Somebody may have done the same meanwhile; the run's row lock puts the two in line.
        run = session.get_one(ImpactRun, run_id, with_for_update=True)
        existing = _find_standing(session, store, situation, version_id)
        if existing is not None:
            return AssessedRun(existing, is_new=False)
        return AssessedRun(_keep(session, run, version_id, situation, made, before, actor), is_new=True)


def history_of(session: Session, store: SnapshotStore, situation: Situation) -> History:
    """What was before the incident for the policy, as the records say now."""
    return History(session, store, situation.document, session.get_one(Incident, situation.run.incident_id))


def losses_of(session: Session, situation: Situation) -> EarlierLosses | None:
    """What counts of incidents before this one for the policy, as the records say now; None: it asks for nothing."""
    incident = session.get_one(Incident, situation.run.incident_id)
    return find_losses(session, situation.document, incident, situation.incident.outage_date)


def count_releases(session: Session, incident_id: int, policy: str) -> int:
    """How often a policy was released for an incident."""
    released = (
        select(func.count())
        .select_from(Assessment)
        .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
        .where(
            Assessment.incident_id == incident_id,
            Assessment.state == AssessmentState.RELEASED,
            PolicyVersion.name == policy,
        )
    )
    return session.scalar(released) or 0


def situation_of(session: Session, store: SnapshotStore, assessment: Assessment) -> Situation:
    """What an assessment was made of, to explain or release it; raises as `make_situation` does."""
    return make_situation(
        session,
        store,
        assessment.impact_run_id,
        assessment.policy_version_id,
        history=assessment.history_snapshot,
        earlier=assessment.earlier_snapshot,
    )


def make_situation(
    session: Session,
    store: SnapshotStore,
    run_id: int,
    version_id: int,
    *,
    history: str | None = None,
    earlier: str | None = None,
) -> Situation:
    """A version's document over a run, to decide or explain; raises NotFoundError, or RefusedError for another day.

    `history`: the snapshot of what was credited before, `earlier` of what was lost before, None for nothing.
    """
    run = session.get(ImpactRun, run_id)
    version = session.get(PolicyVersion, version_id)
    if run is None or version is None:
        what = "impact run" if run is None else "policy version"
        raise NotFoundError(f"no such {what}", value=run_id if run is None else version_id)
    incident = session.get_one(Incident, run.incident_id)
    document = load_document(session, version)
    facts = incident_facts_of(session, store, incident, run, document)
    situation = Situation(document, run, incident, store, incident_facts=facts, history=history, earlier=earlier)
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


def _find_standing(session: Session, store: SnapshotStore, situation: Situation, version_id: int) -> Assessment | None:
    """The latest assessment of a run and version that still stands, None when there is none."""
    statement = (
        select(Assessment)
        .where(Assessment.impact_run_id == situation.run.id, Assessment.policy_version_id == version_id)
        .order_by(Assessment.round.desc())
        .limit(1)
    )
    found = session.scalars(statement).one_or_none()
    if found is None or found.state in (AssessmentState.RELEASED, AssessmentState.REJECTED):
        return found
    return found if knows_all(session, store, situation, found) else None


def knows_all(session: Session, store: SnapshotStore, situation: Situation, assessment: Assessment) -> bool:
    """Whether an assessment knew of everything that was credited and lost before, up to now."""
    releases = count_releases(session, assessment.incident_id, situation.document.name)
    if assessment.revision != releases + 1:
        return False
    losses = losses_of(session, situation)
    if losses is not None and losses.differ_from(store, assessment.earlier_snapshot):
        return False
    return not history_of(session, store, situation).differs_from(assessment.history_snapshot)


def _keep(
    session: Session,
    run: ImpactRun,
    version_id: int,
    situation: Situation,
    made: MadeCases,
    before: Before,
    actor: str,
) -> Assessment:
    at = clock.now()
    written = (before.history, before.earlier, made.file, made.lines_file)
    files = [None if file is None else catalogue(session, file) for file in written]
    rounds = select(func.max(Assessment.round)).where(
        Assessment.impact_run_id == run.id, Assessment.policy_version_id == version_id
    )
    assessment = Assessment(
        ref=next_reference(session, "AS", at),
        impact_run_id=run.id,
        incident_id=run.incident_id,
        policy_version_id=version_id,
        state=AssessmentState.PROPOSED,
        currency=situation.document.currency,
        totals=made.sums.totals(),
        revision=count_releases(session, run.incident_id, situation.document.name) + 1,
        round=(session.scalar(rounds) or 0) + 1,
        history_snapshot=files[0],
        earlier_snapshot=files[1],
        cases_snapshot=files[2],
        lines_snapshot=files[3],
        assessed_by=actor,
        assessed_at=at,
    )
    session.add(assessment)
    session.flush()
    # There may be thousands: as plain rows they take half the time that objects take.
    if made.rows:
        session.execute(insert(Case), [_case_values(assessment.id, case) for case in made.rows])
    session.add_all(_summary_row(assessment.id, number, summary) for number, summary in enumerate(made.summaries, 1))
    session.flush()
    write_audit(session, actor=actor, action="assessed", subject=assessment.ref, after=assessment.totals)
    return assessment


def _summary_row(assessment_id: int, number: int, summary: Summary) -> CaseSummary:
    return CaseSummary(
        assessment_id=assessment_id,
        number=number,
        rules=summary.rules,
        outcome=summary.outcome,
        reason=summary.reason,
        rewards=list(summary.rewards),
        text_name=summary.text,
        cases=summary.cases,
        lines=summary.lines,
        cost_minor=summary.cost_minor,
        amount_minor=summary.amount_minor,
        least_minor=summary.least_minor,
        most_minor=summary.most_minor,
        example_number=summary.example_number,
        example_facts=dict(summary.example_facts),
    )


def _case_values(assessment_id: int, case: DecidedCase) -> dict[str, Any]:
    decision = case.decision
    rewards = [reward_to_json(line) for line in decision.rewards]
    trace = decision.trace.to_json()
    return {
        "assessment_id": assessment_id,
        "number": case.number,
        "facts": facts_to_json(case.facts),
        "group_values": [stored_value(value) for value in case.group],
        "lines": case.lines,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "rewards": rewards,
        "text_name": decision.text,
        "cost_minor": decision.cost_minor,
        "amount_minor": amount_of(decision.rewards),
        "over_minor": decision.over_minor,
        "trace": trace,
        "rules": "; ".join(rules_of(trace)),
        "searched": searched_text(decision.outcome, decision.reason, rewards, trace),
    }


def postable(case: Case) -> list[dict[str, Any]]:
    """The rewards of a case that are put on an account at release: no apology, no offer."""
    return [reward for reward in case.rewards if is_posted(reward)]
