"""Impact: who lost which service, from when to when, on what evidence, as immutable runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.bulk import Progress
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore, catalogue
from outage.footprint import footprint
from outage.incidents import get_incident
from outage.inventory import current_version
from outage.lifecycle import Degree
from outage.measuring import Footprint, Written, write_run
from outage.mirror import ensure_mirror
from outage.models import ImpactRun, Incident, Outage, PresencePart
from outage.timeline import check_aware, lock_incidents, record_change

# Raised when the same inputs come to mean another run, so that old runs are not taken for new ones.
_METHOD = 1
_LONGEST_HOLD_HOURS = 24 * 14


@dataclass(frozen=True)
class MeasuredImpact:
    """A run, and whether it was made now (False: the same inputs were measured before)."""

    run: ImpactRun
    is_new: bool


@dataclass(frozen=True)
class _Inputs:
    """All that a run depends on, read at one moment."""

    incident_id: int
    as_of: datetime
    base: str
    footprint: Footprint
    parts: tuple[str, ...]
    fingerprint: str


def measure_impact(
    database: Database,
    store: SnapshotStore,
    incident_ref: str,
    *,
    actor: str,
    as_of: datetime | None = None,
    hold_hours: int = 6,
    progress: Progress | None = None,
) -> MeasuredImpact:
    """Measure an incident: one row per line that lost a service, with the line's facts as they are now.

    Evidence `served_by`: the element that holds the line is without service; it counts whole. Evidence `present`: the
    line was last seen, at most `hold_hours` before, on a cell that then lost service, or is seen there during the loss;
    it is taken to be there until its next sighting anywhere or until the cell is restored. A line with both gets the
    union and counts as `served_by`. Each lost interval of a cell is judged on its own. Only `lost` service counts, not
    `degraded`. Lines whose contract ended before or began after their loss are left out.

    `as_of` (aware; the present unless given) is where outages that are still open are measured to; with none open it
    does not matter. The same inputs give the run that they gave before. `progress` is told the lines of the base while
    a mirror of it is made. Owns its transactions: reading, then files, then a short one that makes all of it visible.

    Raises NotFoundError for an unknown incident or a missing snapshot file, InputError for a naive `as_of` or one
    before the incident's start, for `hold_hours` that is negative or over two weeks, and for cyclic dependencies.
    """
    _check_hold(hold_hours)
    instant = clock.now() if as_of is None else check_aware(as_of, "as_of")
    with database.reading() as session:
        _check_as_of(get_incident(session, incident_ref), instant)
    base = ensure_mirror(database, store, progress=progress)
    with database.reading() as session:
        inputs = _read_inputs(session, incident_ref, base, instant, hold_hours)
        known = _find_run(session, inputs)
    if known is not None:
        return MeasuredImpact(known, is_new=False)
    written = write_run(store, base, inputs.parts, inputs.footprint, hold_seconds=hold_hours * 3600)
    with database.transaction() as session:
        return _record(session, inputs, written, actor)


def _check_hold(hold_hours: int) -> None:
    if not 0 <= hold_hours <= _LONGEST_HOLD_HOURS:
        accepted = f"whole hours from 0 to {_LONGEST_HOLD_HOURS}"
        raise InputError("a sighting cannot hold that long", where="hold_hours", value=hold_hours, accepted=accepted)


def _check_as_of(incident: Incident, as_of: datetime) -> None:
    if as_of < incident.started_at:
        raise InputError(
            "as_of is before the incident's start",
            where=incident.ref,
            value=as_of.isoformat(),
            accepted=f"an instant from {incident.started_at.isoformat()} on",
        )


def _read_inputs(session: Session, incident_ref: str, base: str, as_of: datetime, hold_hours: int) -> _Inputs:
    incident = get_incident(session, incident_ref)
    outages = session.execute(
        select(Outage.element_id, Outage.service, Outage.started_at, Outage.ended_at)
        .where(Outage.incident_id == incident.id, Outage.degree == Degree.LOST)
        .order_by(Outage.element_id, Outage.service, Outage.started_at)
    ).all()
    ends = [ended_at for *_, ended_at in outages if ended_at is not None]
    any_open = len(ends) < len(outages)
    measured_to = as_of if any_open else max(ends, default=incident.started_at)
    losses = footprint(session, incident.id, measured_to)
    content = {
        "method": _METHOD,
        "outages": [[element, service, *map(_unix, span)] for element, service, *span in outages],
        "dependencies_at": _unix(incident.started_at),
        "inventory": current_version(session, "inventory"),
        "base": base,
        "presence": current_version(session, "presence"),
        "hold_hours": hold_hours,
        "as_of": _unix(as_of) if any_open else None,
    }
    return _Inputs(
        incident_id=incident.id,
        as_of=measured_to,
        base=base,
        footprint=losses,
        parts=_parts(session, losses, hold_hours),
        fingerprint=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
    )


def _unix(instant: datetime | None) -> int | None:
    return None if instant is None else clock.to_unix(instant)


def _parts(session: Session, losses: Footprint, hold_hours: int) -> tuple[str, ...]:
    spans = [span for out in losses.values() for span in out]
    if not spans:
        return ()
    first = min(start for start, _ in spans) - hold_hours * 3600
    last = max(end for _, end in spans)
    overlapping = select(PresencePart.snapshot_id).where(
        PresencePart.seen_to >= clock.from_unix(first), PresencePart.seen_from <= clock.from_unix(last)
    )
    return tuple(session.scalars(overlapping.order_by(PresencePart.snapshot_id)))


def _find_run(session: Session, inputs: _Inputs) -> ImpactRun | None:
    return session.scalars(
        select(ImpactRun).where(
            ImpactRun.incident_id == inputs.incident_id, ImpactRun.fingerprint == inputs.fingerprint
        )
    ).one_or_none()


def _record(session: Session, inputs: _Inputs, written: Written, actor: str) -> MeasuredImpact:
    """Make the written run visible, unless another process measured the same meanwhile."""
    incident = session.get_one(Incident, inputs.incident_id)
    lock_incidents(session, incident)
    known = _find_run(session, inputs)
    if known is not None:
        return MeasuredImpact(known, is_new=False)
    newest = session.scalar(select(func.max(ImpactRun.number)).where(ImpactRun.incident_id == incident.id))
    run = ImpactRun(
        incident_id=incident.id,
        number=(newest or 0) + 1,
        as_of=inputs.as_of,
        fingerprint=inputs.fingerprint,
        lines_snapshot=catalogue(session, written.lines),
        patterns_snapshot=catalogue(session, written.patterns),
        base_snapshot=inputs.base,
        counts=written.counts,
        measured_by=actor,
        measured_at=clock.now(),
    )
    session.add(run)
    record_change(
        session,
        incident,
        kind="impact measured",
        text=_told(run.number, written.counts),
        actor=actor,
        after={"run": run.number, "fingerprint": run.fingerprint, "counts": written.counts},
    )
    return MeasuredImpact(run, is_new=True)


def _told(number: int, counts: dict[str, Any]) -> str:
    return f"Impact run {number}: {counts['lines']:,} lines of {counts['accounts']:,} accounts lost service"
