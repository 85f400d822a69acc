"""Where a policy can be tried, and what it can be compared with: the runs that hold, the versions that were saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.history_checks import find_in_force
from compensation.models import PolicyVersion
from compensation.policies import get_version
from foundation.errors import InputError, NotFoundError
from outage.lifecycle import IncidentStatus
from outage.models import ImpactRun, Incident
from outage.runs.holding import holding_runs

_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Place:
    """A run that a policy can be tried on: the latest of its incident; `is_open` while service is still lost."""

    run_id: int
    incident_ref: str
    title: str
    started_at: datetime
    number: int
    lines: int
    is_open: bool


def get_place(session: Session, run_id: int) -> tuple[ImpactRun, Incident]:
    """A run and its incident; raises NotFoundError."""
    run = session.get(ImpactRun, run_id)
    if run is None:
        raise NotFoundError("no such impact run", value=run_id)
    return run, session.get_one(Incident, run.incident_id)


def list_places(session: Session, *, limit: int = 200) -> list[Place]:
    """The run that holds of each incident that was measured, newest incident first; work that is ahead comes last."""
    stands = Incident.status.not_in((IncidentStatus.DISMISSED, IncidentStatus.MERGED))
    measured = select(ImpactRun.incident_id)
    wanted = select(Incident).where(stands, Incident.id.in_(measured))
    order = (Incident.status == IncidentStatus.ANNOUNCED, Incident.started_at.desc(), Incident.id.desc())
    incidents = session.scalars(wanted.order_by(*order).limit(limit)).all()
    runs = holding_runs(session, [incident.id for incident in incidents])
    return [
        Place(
            run_id=run.id,
            incident_ref=incident.ref,
            title=incident.title,
            started_at=incident.started_at,
            number=run.number,
            lines=int(run.counts.get("lines", 0)),
            is_open=incident.status == IncidentStatus.OPENED,
        )
        for incident in incidents
        if (run := runs.get(incident.id)) is not None
    ]


def find_rival(session: Session, name: str, against: str | None) -> PolicyVersion | None:
    """The version to compare a policy with: `NAME`, `NAME@NUMBER`, `NUMBER` (of the same policy), `none`.

    Without a word the version of the same policy that is in force, if one is. Raises InputError for a number that is
    none, NotFoundError for a version that is not there.
    """
    if against is None or not against.strip():
        return find_in_force(session, name)
    wanted = against.strip()
    if wanted == "none":
        return None
    other, _, number = (f"{name}@{wanted}" if wanted.isdecimal() else wanted).partition("@")
    if number and not (number.isascii() and number.isdecimal() and len(number) < _MOST_DIGITS):
        raise InputError("not a version", where="against", value=against, accepted="NAME, NAME@NUMBER, NUMBER or none")
    return get_version(session, other, int(number) if number else None)
