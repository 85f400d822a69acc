"""Whether the counts kept beside a stored run are those of its files, and putting them right where they are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from foundation.snapshots import SnapshotStore
from outage.incidents.timeline import lock_incidents, record_change
from outage.models import ImpactRun, Incident
from outage.runs.interval_sql import merged_sql
from outage.runs.patterns import spans_source

_USERS = "SELECT pattern, count(*) AS lines FROM {lines} GROUP BY pattern"
_SERVICES = """
WITH users AS ({users}), lost AS (
    SELECT pattern, service, sum(ended_at - started_at) AS seconds FROM {spans} GROUP BY pattern, service
)
SELECT service, sum(lines)::BIGINT, sum(lines * seconds)::HUGEINT
FROM lost JOIN users USING (pattern) GROUP BY service ORDER BY service
"""
_USER_SECONDS = """
WITH users AS ({users})
SELECT coalesce(sum(lines * (ended_at - started_at)), 0)::HUGEINT FROM ({merged}) JOIN users USING (pattern)
"""
_LINES = "SELECT count(*), count(DISTINCT account_id), count(DISTINCT pattern) FROM {lines}"


@dataclass(frozen=True, slots=True)
class CountFault:
    """A count that is not what a run's files say: its name, what is stored, what was counted."""

    name: str
    stored: Any
    counted: Any


def check_counts(store: SnapshotStore, run: ImpactRun) -> list[CountFault]:
    """Count a run's files anew, lines once and patterns once; what differs from its record. None: nothing.

    Raises NotFoundError when a file is missing.
    """
    kept = run.counts
    counted = _count(store, run).items()
    return [CountFault(name, kept.get(name), value) for name, value in counted if kept.get(name) != value]


def mend_counts(session: Session, store: SnapshotStore, run: ImpactRun, *, actor: str) -> list[CountFault]:
    """Write beside a run what its files say; returns what differed. The run itself, its files, never changes.

    The incident's timeline and the audit keep both. Raises as `check_counts` does.
    """
    faults = check_counts(store, run)
    if not faults:
        return faults
    incident = session.get_one(Incident, run.incident_id)
    lock_incidents(session, incident)
    run.counts = {**run.counts, **{fault.name: fault.counted for fault in faults}}
    record_change(
        session,
        incident,
        kind="run recounted",
        text=f"Impact run {run.number} recounted: {', '.join(fault.name for fault in faults)}",
        actor=actor,
        before={"run": run.number, **{fault.name: fault.stored for fault in faults}},
        after={"run": run.number, **{fault.name: fault.counted for fault in faults}},
    )
    return faults


def _count(store: SnapshotStore, run: ImpactRun) -> dict[str, Any]:
    lines, spans = store.source(run.lines_snapshot), spans_source(store, run.patterns_snapshot)
    users = _USERS.format(lines=lines)
    with store.connect() as workspace:
        ((count, accounts, patterns),) = workspace.fetch_rows(_LINES.format(lines=lines))
        services = workspace.fetch_rows(_SERVICES.format(users=users, spans=spans))
        merged = merged_sql(spans, "pattern")
        ((seconds,),) = workspace.fetch_rows(_USER_SECONDS.format(users=users, merged=merged))
    return {
        "lines": int(count),
        "accounts": int(accounts),
        "patterns": int(patterns),
        "user_minutes": int(seconds) // 60,
        "services": {name: {"lines": int(hit), "seconds": int(lost)} for name, hit, lost in services},
    }
