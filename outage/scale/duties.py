"""What an incident obliges the operator to tell which regulator, until when, and what was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import check_text, get_incident
from outage.incidents.timeline import check_aware, lock_incidents, record_change, shown
from outage.models import DutyFiling, Incident
from outage.runs.holding import holding_run
from outage.scale.facts import IncidentScale
from outage.scale.measure import scale_of
from outage.scale.regulators import RULES
from outage.scale.thresholds import ThresholdStatus, choose, evaluate, find_duty

_LONGEST_REFERENCE = 128


@dataclass(frozen=True, slots=True)
class IncidentDuties:
    """An incident's size at an instant, and every threshold held against it."""

    scale: IncidentScale
    thresholds: Sequence[ThresholdStatus]


def duties_of(
    session: Session,
    store: SnapshotStore,
    incident_ref: str,
    *,
    at: datetime | None = None,
    regulator: str | None = None,
) -> IncidentDuties:
    """The thresholds of all regulators (or one) for an incident by the run that holds, at `at` (None: now).

    Raises what `scale.scale_of` raises, and InputError for an unknown regulator.
    """
    rules = choose(RULES, regulator)
    incident = get_incident(session, incident_ref)
    scale = scale_of(session, store, incident_ref, holding_run(session, incident.id), at or clock.now())
    filed = {(filing.regulator, filing.what): filing.filed_at for filing in list_filings(session, incident)}
    return IncidentDuties(scale, evaluate(scale, rules, filed))


def record_filing(
    session: Session,
    incident: Incident,
    *,
    regulator: str,
    what: str,
    filed_at: datetime,
    reference: str | None = None,
    actor: str,
) -> bool:
    """Note that a regulator was given a notice or report; False when that is noted already.

    Closed incidents take it too: final reports are due weeks after service is back, and change nothing about the
    incident. Raises InputError for a regulator or duty that no rule names, or a time before the incident's start.
    """
    lock_incidents(session, incident)
    regulator, what = find_duty(RULES, regulator, what)
    at = check_aware(filed_at, "filed_at")
    if at < incident.started_at:
        accepted = f"a time from {shown(incident.started_at)} on"
        raise InputError("filed before the incident's start", where="filed_at", value=shown(at), accepted=accepted)
    given = check_text(reference, "reference", _LONGEST_REFERENCE) if reference else None
    filing = {"incident_id": incident.id, "regulator": regulator, "what": what, "filed_at": at, "reference": given}
    if session.scalars(select(DutyFiling.id).filter_by(**filing).limit(1)).first() is not None:
        return False
    session.add(DutyFiling(**filing, recorded_by=actor, recorded_at=clock.now()))
    record_change(
        session,
        incident,
        kind="regulator told",
        text=f"{regulator} was given: {what}{f' ({given})' if given else ''}",
        actor=actor,
        at=at,
        after={"regulator": regulator, "what": what, "filed_at": shown(at), "reference": given},
    )
    return True


def list_filings(session: Session, incident: Incident) -> list[DutyFiling]:
    """What regulators were given on an incident, in order."""
    statement = select(DutyFiling).where(DutyFiling.incident_id == incident.id)
    return list(session.scalars(statement.order_by(DutyFiling.filed_at, DutyFiling.id)))
