"""What happened to one line, incident by incident: lost time, evidence, decision, credits, message, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.assessment import situation_of
from compensation.cases.kept import account_values
from compensation.keys import group_ends
from compensation.models import Assessment, AssessmentState, PolicyVersion
from compensation.policies import label
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from notify.models import Delivery, DeliveryKind
from notify.queries import deliveries_of_group
from outage.intervals import IntervalSet
from outage.models import ImpactRun, Incident, Subscriber
from outage.queries import get_run
from outage.runs.lines import LineImpact, impact_of_line

MOST_INCIDENTS = 50


@dataclass(frozen=True)
class DecisionStory:
    """One assessment's word on the line: outcome, the sentences that explain it, and what was carried outside."""

    assessment: Assessment
    policy: str
    outcome: str
    explanation: Sequence[str]
    postings: Sequence[Delivery]
    messages: Sequence[Delivery]


@dataclass(frozen=True)
class IncidentStory:
    """One incident's part in a line's life; `impact` is None when the latest run does not hold the line."""

    incident: Incident
    run: ImpactRun
    impact: LineImpact | None
    decisions: Sequence[DecisionStory]

    @property
    def lost(self) -> Mapping[str, IntervalSet]:
        """Lost intervals per service, Unix seconds; empty when nothing was lost."""
        return self.impact.services if self.impact is not None else {}


def line_story(session: Session, store: SnapshotStore, subscriber: Subscriber) -> list[IncidentStory]:
    """Every recent incident that touched the line or was decided on for it, newest first: why nothing is a story too.

    The decision is made again from the line's facts as they were, by the policy version that was used. Raises
    NotFoundError when a snapshot file is missing.
    """
    recent = (
        select(Incident)
        .join(ImpactRun, ImpactRun.incident_id == Incident.id)
        .distinct()
        .order_by(Incident.started_at.desc(), Incident.id.desc())
        .limit(MOST_INCIDENTS)
    )
    stories = [_story(session, store, subscriber, incident) for incident in session.scalars(recent)]
    return [story for story in stories if story is not None]


def _story(session: Session, store: SnapshotStore, subscriber: Subscriber, incident: Incident) -> IncidentStory | None:
    run = get_run(session, incident.id)
    impact = impact_of_line(store, run, subscriber.id)
    decisions = [
        decision
        for assessment in _assessments(session, incident)
        if (decision := _decision(session, store, subscriber, incident, assessment)) is not None
    ]
    if impact is None and not decisions:
        return None
    return IncidentStory(incident, run, impact, decisions)


def _assessments(session: Session, incident: Incident) -> Sequence[Assessment]:
    statement = (
        select(Assessment)
        .where(Assessment.incident_id == incident.id, Assessment.state != AssessmentState.REJECTED)
        .order_by(Assessment.id.desc())
    )
    return session.scalars(statement).all()


def _replay(
    session: Session, store: SnapshotStore, subscriber: Subscriber, assessment: Assessment
) -> tuple[str, Sequence[str]] | None:
    try:
        situation = situation_of(session, store, assessment)
    except RefusedError as error:
        # The incident's start was corrected to a day of another policy since; what was carried outside still shows.
        return "undetermined", [f"The decision can no longer be replayed: {error}."]
    account = account_values(session, store, assessment, subscriber.id)
    case = None if account is None else situation.decide_line(subscriber.id, account)
    return None if case is None else (case.decision.outcome, case.decision.trace.explain())


def _decision(
    session: Session, store: SnapshotStore, subscriber: Subscriber, incident: Incident, assessment: Assessment
) -> DecisionStory | None:
    version = session.get_one(PolicyVersion, assessment.policy_version_id)
    told = _replay(session, store, subscriber, assessment)
    if told is None:
        return None
    outcome, explanation = told
    group = group_ends(incident.ref, version.name, assessment.revision).key(subscriber.id)
    # Before release nothing was carried outside for this assessment, even where an earlier one was released.
    carried = [delivery for delivery in deliveries_of_group(session, group) if delivery.campaign == assessment.ref]
    return DecisionStory(
        assessment=assessment,
        policy=label(version),
        outcome=outcome,
        explanation=explanation,
        postings=[delivery for delivery in carried if delivery.kind is DeliveryKind.POSTING],
        messages=[delivery for delivery in carried if delivery.kind is DeliveryKind.MESSAGE],
    )
