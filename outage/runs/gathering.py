"""Reads from the records, at one moment, all that an impact run is computed from, and the fingerprint of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.evidence import area_losses, joined
from outage.held_ranges import HeldRange
from outage.lifecycle import Degree
from outage.models import Declaration, Incident, Listing, NetworkElement, NumberRange, Outage
from outage.network.footprint import footprint, turns_under
from outage.network.inventory import current_version
from outage.presence.presence import FORGOTTEN, parts_between
from outage.runs.deduction import deductions_of
from outage.runs.inputs import Claim, Footprint, RunInputs, extent_of
from outage.runs.reports import Reports, gather_reports

# Raised when the same inputs come to mean another run, so that old runs are not taken for new ones.
_METHOD = 2
_CHUNK = 5_000
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Gathered:
    """A run's inputs, the instant they are measured to, what was said of single lines, and their fingerprint.

    `presence_gone_before`: the first day of which presence is still kept, if days that would matter are forgotten.
    """

    inputs: RunInputs
    as_of: datetime
    fingerprint: str
    presence_gone_before: str | None
    reports: Reports = field(default_factory=Reports)


@dataclass(frozen=True)
class _Said:
    """What people said of an incident: declarations in force and the lists' snapshots."""

    declared: tuple[Claim, ...]
    listed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.declared or self.listed)


def gather(
    session: Session, incident: Incident, base: str, as_of: datetime, *, hold_hours: int, home_area_share: Fraction
) -> Gathered:
    """Everything that a run of this incident depends on; `base`: the mirror's id. Raises as `footprint` does."""
    outages = _outages(session, incident)
    said = _Said(_declared(session, incident), _listed(session, incident))
    any_open = any(ended_at is None for *_, ended_at in outages) or (bool(said) and incident.restored_at is None)
    ends = [ended_at for *_, ended_at in outages if ended_at is not None]
    if said and incident.restored_at is not None:
        ends.append(incident.restored_at)
    measured_to = as_of if any_open else max(ends, default=incident.started_at)
    losses = footprint(session, incident.id, measured_to)
    turns = turns_under(session, incident.id, measured_to)
    extent = (clock.to_unix(incident.started_at), clock.to_unix(incident.restored_at or measured_to))
    window = _window(losses, extent if said.declared else None, hold_hours * 3600)
    cells = _area_cells(session, incident, losses)
    inputs = RunInputs(
        base=base,
        footprint=losses,
        hold_seconds=hold_hours * 3600,
        extent=extent,
        sightings=parts_between(session, "sighting", *window) if window else (),
        visits=parts_between(session, "interval", *window) if window else (),
        ranges=_ranges(session, incident, losses),
        declared=said.declared,
        listed=said.listed,
        areas=area_losses(losses, cells, home_area_share),
        area_cells=_lost_cells(losses, cells),
        impaired=impaired_of(session, incident, losses, measured_to) if said.declared else {},
        deductions=deductions_of(session, incident, until=measured_to),
    )
    content: dict[str, Any] = {
        "outages": [[element, service, *map(_unix, span)] for element, service, *span in outages],
        "dependencies_at": [extent[0], *turns] if turns else extent[0],
        "inventory": current_version(session, "inventory"),
        "hold_hours": hold_hours,
        "home_area_share": str(home_area_share) if inputs.areas else None,
        "as_of": clock.to_unix(as_of) if any_open else None,
        "extent": extent if said else None,
    }
    reports = gather_reports(session, incident)
    if reports:
        content["reports"] = reports.told()
    fingerprint = _fingerprint(inputs, content)
    return Gathered(inputs, measured_to, fingerprint, _gone_before(session, window), reports)


def impaired_of(session: Session, incident: Incident, losses: Footprint, as_of: datetime) -> Footprint:
    """When each element was without a service or had it only in part: no contradiction to someone who had none."""
    return joined(losses, footprint(session, incident.id, as_of, degree=Degree.DEGRADED))


def _outages(session: Session, incident: Incident) -> Sequence[Any]:
    return session.execute(
        select(Outage.element_id, Outage.service, Outage.started_at, Outage.ended_at)
        .where(Outage.incident_id == incident.id, Outage.degree == Degree.LOST)
        .order_by(Outage.element_id, Outage.service, Outage.started_at)
    ).all()


def _declared(session: Session, incident: Incident) -> tuple[Claim, ...]:
    statement = select(Declaration).where(Declaration.incident_id == incident.id, Declaration.withdrawn_at.is_(None))
    return tuple(
        Claim(row.subscriber_id, tuple(row.services), _unix(row.started_at), _unix(row.ended_at))
        for row in session.scalars(statement.order_by(Declaration.id))
    )


def _listed(session: Session, incident: Incident) -> tuple[str, ...]:
    statement = select(Listing.snapshot_id).where(Listing.incident_id == incident.id, Listing.withdrawn_at.is_(None))
    return tuple(sorted(set(session.scalars(statement))))


def _window(losses: Footprint, claimed: tuple[int, int] | None, hold_seconds: int) -> tuple[int, int] | None:
    """The first and the last instant at which presence can matter; None when it cannot."""
    if not losses:
        return claimed
    first, last = extent_of(losses.values())
    if claimed is None:
        return first - hold_seconds, last
    return min(first - hold_seconds, claimed[0]), max(last, claimed[1])


def _ranges(session: Session, incident: Incident, losses: Footprint) -> tuple[HeldRange, ...]:
    """The ranges valid at the incident's start, all of them if one is of an element without service, else none."""
    at = incident.started_at
    statement = select(NumberRange.kind, NumberRange.first, NumberRange.last, NumberRange.element_id).where(
        or_(NumberRange.valid_from.is_(None), NumberRange.valid_from <= at),
        or_(NumberRange.valid_to.is_(None), NumberRange.valid_to > at),
    )
    found = tuple(HeldRange(*row) for row in session.execute(statement.order_by(NumberRange.id)))
    lost = {element for element, _ in losses}
    return found if any(one.element_id in lost for one in found) else ()


def _area_cells(session: Session, incident: Incident, losses: Footprint) -> dict[int, tuple[str, Sequence[str]]]:
    """All cells, valid at the incident's start, of the areas in which one lost service: area and services by id."""
    at, element = incident.started_at, NetworkElement
    cells = select(element.id, element.area, element.services).where(
        element.kind == "cell",
        element.area.is_not(None),
        or_(element.valid_from.is_(None), element.valid_from <= at),
        or_(element.valid_to.is_(None), element.valid_to > at),
    )
    lost = sorted({key for key, _ in losses})
    areas: set[str] = set()
    for part in _chunks(lost):
        areas.update(area for _, area, _ in session.execute(cells.where(element.id.in_(part))) if area)
    found: dict[int, tuple[str, Sequence[str]]] = {}
    for names in _chunks(sorted(areas)):
        rows = session.execute(cells.where(element.area.in_(names)).order_by(element.id))
        found.update((key, (area, services)) for key, area, services in rows if area)
    return found


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _lost_cells(losses: Footprint, cells: dict[int, tuple[str, Sequence[str]]]) -> tuple[tuple[str, int], ...]:
    lost = {element for element, _ in losses}
    return tuple((area, element) for element, (area, _) in cells.items() if element in lost)


def _fingerprint(inputs: RunInputs, content: dict[str, Any]) -> str:
    everything = {
        **content,
        "method": _METHOD,
        "base": inputs.base,
        "presence": [inputs.sightings, inputs.visits],
        "ranges": [[one.kind, one.first, one.last, one.element_id] for one in inputs.ranges],
        "declared": [[one.line_id, one.services, one.started_at, one.ended_at] for one in inputs.declared],
        "listed": inputs.listed,
        "deducted": [[one.fingerprint, one.told()] for one in inputs.deductions],
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _gone_before(session: Session, window: tuple[int, int] | None) -> str | None:
    kept_from = current_version(session, FORGOTTEN)
    if window is None or window[0] // _DAY_SECONDS >= kept_from:
        return None
    return clock.from_unix(kept_from * _DAY_SECONDS).date().isoformat()


def _unix(instant: datetime | None) -> int | None:
    return None if instant is None else clock.to_unix(instant)
