"""Impact: who lost which service, from when to when, on what evidence, as immutable runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.bulk import Progress
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.base.mirror import ensure_mirror
from outage.incidents.incidents import get_incident
from outage.incidents.timeline import check_aware, check_not_future, lock_incidents, record_change
from outage.lifecycle import VOID, IncidentStatus
from outage.models import ImpactRun, Incident
from outage.runs.deduction import planned_alongside
from outage.runs.gathering import Gathered, gather
from outage.runs.holding import holding_run, let_hold, next_turn
from outage.runs.measuring import write_run
from outage.runs.reports import write_reports
from outage.runs.writing import Written

_LONGEST_HOLD_HOURS = 24 * 14
_WHOLE = Fraction(1)


@dataclass(frozen=True)
class MeasuredImpact:
    """A run, and whether it was made now (False: the same inputs were measured before)."""

    run: ImpactRun
    is_new: bool


def measure_impact(
    database: Database,
    store: SnapshotStore,
    incident_ref: str,
    *,
    actor: str,
    as_of: datetime | None = None,
    hold_hours: int = 6,
    home_area_share: Fraction = _WHOLE,
    progress: Progress | None = None,
) -> MeasuredImpact:
    """Measure an incident: one row per line that lost a service, with the line's facts as they are now.

    Evidence, strongest first (docs/evidence.md): `served_by`, the element that holds the line by link or range;
    `present`, seen or staying on a cell, where a sighting up to `hold_hours` old holds until the next one or until the
    cell is back; a line with both gets the union. Only for lines with neither: `declared`, `listed`, and `home_area`,
    while at least `home_area_share` of its cells (1: all) are out. Only `lost` service counts, not `degraded`. Lines
    whose contract ended before or began after their loss are left out.

    `as_of` (aware) is where what is still open is measured to; with nothing open it does not matter. Unless given it is
    the present, and for announced work the end of its window, the only instant ahead that it may be: nobody knows what
    else lasts until then. The same inputs give the run that they gave before. `progress` is told the lines of the base
    while a mirror of it is made. Owns its transactions: reading, then files, then a short one that makes all of it
    visible.

    What incidents before this one, and planned work, have counted is left out (outage.runs.deduction); planned work
    in its time is measured first.

    Raises NotFoundError for an unknown incident or a missing snapshot file, RefusedError for one that was dismissed or
    merged; InputError for a naive `as_of` or one before the incident's start or in the future, for `hold_hours` that is
    negative or over two weeks, for a share that is not over 0 and up to 1, and for cyclic dependencies.
    """
    _check_hold(hold_hours)
    _check_share(home_area_share)
    with database.reading() as session:
        incident = get_incident(session, incident_ref)
        _check_stands(incident)
        instant = _instant_of(incident, as_of)
        alongside = [one.ref for one in planned_alongside(session, incident, until=instant)]
    base = ensure_mirror(database, store, progress=progress)
    # Work before the time of this incident takes from work within it, but not from the incident: it can wait.
    for ref in alongside:
        _measure(database, store, ref, base, actor, instant, hold_hours, home_area_share)
    return _measure(database, store, incident_ref, base, actor, instant, hold_hours, home_area_share)


def _measure(
    database: Database,
    store: SnapshotStore,
    ref: str,
    base: str,
    actor: str,
    as_of: datetime,
    hold_hours: int,
    share: Fraction,
) -> MeasuredImpact:
    """One incident as it stands: planned work takes its minutes as it is, not as it was announced first."""
    with database.reading() as session:
        incident = get_incident(session, ref)
        instant = max(as_of, incident.started_at)
        gathered = gather(session, incident, base, instant, hold_hours=hold_hours, home_area_share=share)
        known = _find_run(session, incident.id, gathered)
        holds = known is not None and holding_run(session, incident.id) is known
    if known is not None:
        return MeasuredImpact(known if holds else _let_hold_again(database, known, actor), is_new=False)
    written = write_run(store, gathered.inputs)
    reports = write_reports(store, gathered.reports, base)
    with database.transaction() as session:
        return _record(session, incident.id, gathered, written, reports, actor)


def _let_hold_again(database: Database, known: ImpactRun, actor: str) -> ImpactRun:
    with database.transaction() as session:
        return let_hold(session, known.id, actor=actor)


def _check_hold(hold_hours: int) -> None:
    if not 0 <= hold_hours <= _LONGEST_HOLD_HOURS:
        accepted = f"whole hours from 0 to {_LONGEST_HOLD_HOURS}"
        raise InputError("a sighting cannot hold that long", where="hold_hours", value=hold_hours, accepted=accepted)


def _check_share(share: Fraction) -> None:
    if not 0 < share <= 1:
        accepted = "a share over 0 and up to 1, such as 0.8"
        raise InputError("not a share of cells", where="home_area_share", value=str(share), accepted=accepted)


def _check_stands(incident: Incident) -> None:
    if incident.status in VOID:
        raise RefusedError(f"{incident.ref} was {incident.status}", where="incident", accepted="one that stands")


def _instant_of(incident: Incident, as_of: datetime | None) -> datetime:
    """Up to when an incident is measured."""
    ends_at = incident.announced_end_at
    usual = ends_at if ends_at is not None and incident.status == IncidentStatus.ANNOUNCED else clock.now()
    instant = usual if as_of is None else check_aware(as_of, "as_of")
    if instant < incident.started_at:
        raise InputError(
            "as_of is before the incident's start",
            where=incident.ref,
            value=instant.isoformat(),
            accepted=f"an instant from {incident.started_at.isoformat()} on",
        )
    return instant if ends_at is not None and instant <= ends_at else check_not_future(instant, "as_of")


def _find_run(session: Session, incident_id: int, gathered: Gathered) -> ImpactRun | None:
    return session.scalars(
        select(ImpactRun).where(ImpactRun.incident_id == incident_id, ImpactRun.fingerprint == gathered.fingerprint)
    ).one_or_none()


def _record(
    session: Session,
    incident_id: int,
    gathered: Gathered,
    written: Written,
    reports: WrittenFile | None,
    actor: str,
) -> MeasuredImpact:
    """Make the written run visible, unless another process measured the same meanwhile."""
    incident = session.get_one(Incident, incident_id)
    lock_incidents(session, incident)
    known = _find_run(session, incident.id, gathered)
    if known is not None:
        return MeasuredImpact(let_hold(session, known.id, actor=actor), is_new=False)
    counts = dict(written.counts)
    if gathered.presence_gone_before is not None:
        counts["presence_forgotten_before"] = gathered.presence_gone_before
    newest = session.scalar(select(func.max(ImpactRun.number)).where(ImpactRun.incident_id == incident.id))
    run = ImpactRun(
        incident_id=incident.id,
        number=(newest or 0) + 1,
        as_of=gathered.as_of,
        fingerprint=gathered.fingerprint,
        lines_snapshot=catalogue(session, written.lines),
        patterns_snapshot=catalogue(session, written.patterns),
        base_snapshot=gathered.inputs.base,
        reports_snapshot=None if reports is None else catalogue(session, reports),
        counts=counts,
        measured_by=actor,
        measured_at=clock.now(),
        turn=next_turn(session, incident.id),
        held_at=clock.now(),
    )
    session.add(run)
    record_change(
        session,
        incident,
        kind="impact measured",
        text=_told(run.number, counts),
        actor=actor,
        after={"run": run.number, "fingerprint": run.fingerprint, "counts": counts},
    )
    return MeasuredImpact(run, is_new=True)


def _told(number: int, counts: dict[str, Any]) -> str:
    return f"Impact run {number}: {counts['lines']:,} lines of {counts['accounts']:,} accounts lost service"
