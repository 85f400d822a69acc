"""What lines lost in incidents before the one assessed, as a snapshot that its decisions can be replayed from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from compensation.cases import earlier_sql
from compensation.cases.earlier_sql import RunSource
from compensation.decision.earlier import NONE
from compensation.document.reading import PolicyDocument
from foundation import clock
from foundation.snapshots import SnapshotStore, WrittenFile
from foundation.workspaces import Workspace
from outage.lifecycle import VOID, IncidentKind
from outage.models import ImpactRun, Incident
from outage.runs.holding import with_holding_run
from outage.runs.patterns import spans_source

_KIND = "earlier losses"


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run of an incident before another, as it holds now: its name, its snapshots, and from when it counts.

    `cause` and `force_majeure` are the incident's.
    """

    name: str
    cause: str
    force_majeure: str | None
    lines: str
    patterns: str
    from_at: int | None


@dataclass(frozen=True, slots=True)
class EarlierLosses:
    """The runs whose time counts for one incident, from the instant `since` (Unix seconds) on.

    Equal ones give one and the same snapshot, for a run never changes.
    """

    runs: tuple[EarlierRun, ...]
    since: int

    def write(self, store: SnapshotStore) -> WrittenFile | None:
        """The snapshot's file, not catalogued: line_id and what it lost, as text; None when no line lost anything.

        Raises NotFoundError when a file of a run is missing.
        """
        if not self.runs:
            return None
        with store.connect() as workspace:
            self._gather(store, workspace)
            written = store.write_query(workspace, _KIND, earlier_sql.LOSSES)
        return written if written.rows else None

    def differ_from(self, store: SnapshotStore, snapshot: str | None) -> bool:
        """Whether other time counts now than when that snapshot (None: nothing) was taken."""
        if not self.runs:
            return snapshot is not None
        with store.connect() as workspace:
            self._gather(store, workspace)
            now = f"({earlier_sql.LOSSES})"
            changed = f"FROM {now}"
            if snapshot is not None:
                kept = f"FROM {store.source(snapshot)}"
                changed = f"FROM ((FROM {now} EXCEPT ALL {kept}) UNION ALL ({kept} EXCEPT ALL FROM {now}))"
            ((count,),) = workspace.fetch_rows(f"{changed} SELECT count(*)")
        return bool(count)

    def _gather(self, store: SnapshotStore, workspace: Workspace) -> None:
        sources = [
            RunSource(
                f"{run.name} {run.cause} {run.force_majeure or NONE}",
                store.source(run.lines),
                spans_source(store, run.patterns),
                run.from_at,
            )
            for run in self.runs
        ]
        for statement in earlier_sql.gather_sql(sources, self.since):
            workspace.execute(statement)


def find_losses(session: Session, document: PolicyDocument, incident: Incident, on: date) -> EarlierLosses | None:
    """What counts for an incident under a policy, as the records say now; None when the policy asks for nothing.

    The runs that hold of unplanned incidents that began before this one (by their start, then by their id) and touch
    the days that the policy looks back on. Planned work counts from its announced end on, as in
    outage.runs.deduction; dismissed, merged and billing incidents count for nothing. `on`: the date of the outage.
    """
    begins_on = document.looks_back(on)
    if begins_on is None:
        return None
    since = datetime.combine(begins_on, time(), ZoneInfo(document.zone))
    return losses_since(session, incident, since)


def losses_since(session: Session, incident: Incident, since: datetime) -> EarlierLosses:
    """What counts for an incident from an instant on; see `find_losses`."""
    before = or_(
        Incident.started_at < incident.started_at,
        (Incident.started_at == incident.started_at) & (Incident.id < incident.id),
    )
    statement = (
        with_holding_run(select(Incident, ImpactRun).select_from(Incident))
        .where(
            Incident.kind == IncidentKind.NETWORK,
            Incident.status.not_in(VOID),
            before,
            ImpactRun.as_of > since,
            or_(Incident.restored_at.is_(None), Incident.restored_at > since),
            or_(~Incident.planned, Incident.announced_end_at.is_not(None)),
        )
        .order_by(Incident.started_at, Incident.id)
    )
    runs = tuple(_earlier(other, run) for other, run in session.execute(statement))
    return EarlierLosses(runs, clock.to_unix(since))


def _earlier(other: Incident, run: ImpactRun) -> EarlierRun:
    end = other.announced_end_at if other.planned else None
    return EarlierRun(
        name=f"{other.ref} run {run.number}",
        cause=str(other.cause_class),
        force_majeure=other.force_majeure,
        lines=run.lines_snapshot,
        patterns=run.patterns_snapshot,
        from_at=None if end is None else clock.to_unix(end),
    )
