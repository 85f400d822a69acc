"""What incidents were told of so far and what there is to tell: their plans, updates, and what changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outage.incidents.timeline import shown
from outage.lifecycle import VOID, IncidentKind, IncidentStatus, Severity
from outage.models import ImpactRun, Incident, TimelineEntry
from outage.runs.holding import holding_runs
from outage.updates.cadence import NONE, OWN, Cadence, Posted, Situation, find_preset, own_cadence
from outage.updates.models import IncidentUpdate, UpdatePlan

_BAD = (Severity.CRITICAL, Severity.MAJOR)
_WITHOUT_PLAN = (IncidentStatus.ANNOUNCED, IncidentStatus.CLOSED)


class Told:
    """All that is known of what these incidents were told and what there is to tell, read in a few queries."""

    def __init__(self, session: Session, incidents: Sequence[Incident]) -> None:
        ids = [incident.id for incident in incidents]
        plans = session.scalars(select(UpdatePlan).where(UpdatePlan.incident_id.in_(ids)))
        self.plans = {plan.incident_id: plan for plan in plans}
        self.updates = updates_of(session, ids)
        self.runs: Mapping[int, ImpactRun] = holding_runs(session, ids)
        causes = session.execute(
            select(TimelineEntry.incident_id, func.max(TimelineEntry.written_at))
            .where(TimelineEntry.incident_id.in_(ids), TimelineEntry.kind == "cause changed")
            .group_by(TimelineEntry.incident_id)
        )
        self._causes: Mapping[int, datetime] = {key: written_at for key, written_at in causes}  # noqa: C416 - rows

    def cadence(self, incident: Incident) -> Cadence:
        """The cadence that was chosen; else the first preset for what is bad, unplanned and open, and none else."""
        plan = self.plans.get(incident.id)
        if plan is not None and plan.cadence is not None:
            return cadence_of(plan.cadence, plan.every_hours, plan.later_every_hours, plan.grace_minutes)
        bad = incident.severity in _BAD and incident.kind == IncidentKind.NETWORK and not incident.planned
        return find_preset("au_2024") if bad and incident.status not in _WITHOUT_PLAN else NONE

    def facts(self, incident: Incident) -> dict[str, Any]:
        """What a later state is compared with to tell material change."""
        run, plan = self.runs.get(incident.id), self.plans.get(incident.id)
        return {
            "lines": None if run is None else run.counts["lines"],
            "cause": str(incident.cause_class),
            "estimated_at": None if plan is None else shown(plan.estimated_at),
        }

    def situation(self, incident: Incident) -> Situation:
        """What the cadence is held against."""
        updates = self.updates[incident.id]
        changes = sorted(self._changes(incident, updates[-1])) if updates else []
        return Situation(
            known_at=incident.known_at,
            restored_at=incident.restored_at,
            posted=[Posted(one.posted_at, one.kind) for one in updates],
            changed_at=changes[0][0] if changes else None,
            changes=[what for _, what in changes],
            is_void=incident.status in VOID,
        )

    def _changes(self, incident: Incident, last: IncidentUpdate) -> Iterator[tuple[datetime, str]]:
        before, now = last.facts, self.facts(incident)
        run, plan = self.runs.get(incident.id), self.plans.get(incident.id)
        # A change that was written before the update, with facts of after it, was not told with it all the same.
        since = last.recorded_at
        if run is not None and now["lines"] > (before["lines"] or 0):
            more = now["lines"] - (before["lines"] or 0)
            yield max(run.held_at, since), f"{more:,} more lines by run {run.number}"
        if now["cause"] != before["cause"]:
            yield max(self._causes.get(incident.id, since), since), f"the cause is {now['cause'].replace('_', ' ')} now"
        if plan is not None and now["estimated_at"] != before["estimated_at"]:
            expected = "unknown" if plan.estimated_at is None else f"{plan.estimated_at:%Y-%m-%d %H:%M} UTC"
            yield max(plan.estimate_set_at or since, since), f"service expected back: {expected}"


def updates_of(session: Session, ids: Iterable[int]) -> defaultdict[int, list[IncidentUpdate]]:
    """The updates of incidents by their ids, in the order of their numbers."""
    statement = select(IncidentUpdate).where(IncidentUpdate.incident_id.in_(list(ids)))
    found: defaultdict[int, list[IncidentUpdate]] = defaultdict(list)
    for update in session.scalars(statement.order_by(IncidentUpdate.number)):
        found[update.incident_id].append(update)
    return found


def cadence_of(name: str, every_hours: int | None, later_every_hours: int | None, grace_minutes: int | None) -> Cadence:
    """The cadence of that name; the lengths are of an own one. Raises InputError for an unknown one or bad lengths."""
    if name != OWN:
        return find_preset(name)
    grace = {} if grace_minutes is None else {"grace_minutes": grace_minutes}
    return own_cadence(every_hours or 0, later_every_hours=later_every_hours, **grace)
