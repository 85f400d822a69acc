"""What rules read of an incident itself: its cause, when the operator knew, and how big it is."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from sqlalchemy.orm import Session

from compensation.cases.facts import IncidentFacts
from compensation.document.model import PolicyDocument
from compensation.facts import SCALE, Fact, Origin
from foundation import clock
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun, Incident
from outage.scale.facts import IncidentScale
from outage.scale.measure import scale_of
from outage.scale.network import network_out

_SECONDS_OF_MINUTE, _SECONDS_OF_HOUR = 60, 3600


def incident_facts_of(
    session: Session, store: SnapshotStore, incident: Incident, run: ImpactRun, document: PolicyDocument
) -> IncidentFacts:
    """The incident as the policy may read it, with how big it is only when the policy asks for that.

    Sizes are those at the instant that the run is measured to. Raises NotFoundError when a file is missing.
    """
    read = [document.catalogue[name] for name in document.facts_read()]
    counted = [fact for fact in read if fact.origin is Origin.MEASURE and fact.column is None]
    return IncidentFacts(
        cause_class=incident.cause_class,
        planned=incident.planned,
        outage_date=clock.local_date(incident.started_at, document.zone),
        known_at=clock.to_unix(max(incident.opened_at, incident.started_at)),
        force_majeure=incident.force_majeure,
        scale=_scale(session, store, incident, run, read),
        network=network_out(session, incident, run.as_of) if counted else {},
    )


def _scale(
    session: Session, store: SnapshotStore, incident: Incident, run: ImpactRun, read: Collection[Fact]
) -> dict[str, Fraction | None]:
    wanted = {fact.name for fact in read if fact.origin is Origin.INCIDENT and fact.name in SCALE}
    if not wanted:
        return {}
    found = _values(scale_of(session, store, incident.ref, run, run.as_of))
    return {name: found[name] for name in wanted}


def _values(scale: IncidentScale) -> dict[str, Fraction | None]:
    shares = [Fraction(area.cells.ever, area.cells.all) for area in scale.areas if area.cells.all]
    return {
        "lines hit": Fraction(scale.any.lines),
        "user minutes": Fraction(scale.any.seconds, _SECONDS_OF_MINUTE),
        "user hours": Fraction(scale.any.seconds, _SECONDS_OF_HOUR),
        "sites out": Fraction(scale.sites.ever),
        "cells out": Fraction(scale.cells.ever),
        "areas out": Fraction(sum(area.cells.ever > 0 for area in scale.areas)),
        "greatest area share": 100 * max(shares, default=Fraction(0)),
    }
