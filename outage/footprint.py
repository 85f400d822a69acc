"""Which network elements an incident leaves without which service, and when."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from foundation import clock
from outage import topology
from outage.intervals import Interval, IntervalSet, normalise
from outage.inventory import ids_above, list_dependencies
from outage.lifecycle import Degree
from outage.models import Incident, NetworkElement, Outage


def footprint(
    session: Session, incident_id: int, as_of: datetime, *, degree: Degree = Degree.LOST
) -> dict[tuple[int, str], IntervalSet]:
    """Per (element id, service) of one incident: the Unix seconds without it, own outages and all that follow.

    Outages still open are measured up to `as_of`, later ones are cut there. Dependencies count as valid at the
    incident's start. Only outages of `degree` count: what is merely degraded takes nothing from its dependents.
    An element that names its services is never without one that it does not carry, except by its own outage.
    Raises InputError when the dependencies of the affected elements form a cycle.
    """
    own = _own_outages(session, incident_id, as_of, degree)
    if not own:
        return {}
    started_at = session.scalar(select(Incident.started_at).where(Incident.id == incident_id))
    services = {service for _, service in own}
    failed = select(Outage.element_id).where(Outage.incident_id == incident_id, Outage.degree == degree)
    affected = ids_above(failed)
    closed = topology.closure(own, list_dependencies(session, at=started_at, of=affected), services)
    carried = _carried(session, affected)
    return {
        (element, service): out
        for (element, service), out in closed.items()
        if (element, service) in own or not carried[element] or service in carried[element]
    }


def _own_outages(
    session: Session, incident_id: int, as_of: datetime, degree: Degree
) -> dict[tuple[int, str], IntervalSet]:
    measured_to = clock.to_unix(as_of)
    statement = select(Outage.element_id, Outage.service, Outage.started_at, Outage.ended_at).where(
        Outage.incident_id == incident_id, Outage.degree == degree, Outage.started_at < as_of
    )
    own: defaultdict[tuple[int, str], list[Interval]] = defaultdict(list)
    for element, service, started_at, ended_at in session.execute(statement):
        end = measured_to if ended_at is None else min(clock.to_unix(ended_at), measured_to)
        own[(element, service)].append((clock.to_unix(started_at), end))
    sets = {key: normalise(intervals) for key, intervals in own.items()}
    return {key: out for key, out in sets.items() if out}


def _carried(session: Session, affected: Select[Any]) -> dict[int, frozenset[str]]:
    rows = session.execute(select(NetworkElement.id, NetworkElement.services).where(NetworkElement.id.in_(affected)))
    return {element: frozenset(services) for element, services in rows}
