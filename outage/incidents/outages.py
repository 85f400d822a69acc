"""Outage rows of one incident: adding them without overlap, ending them, and what they say about its status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from foundation.errors import InputError, RefusedError
from outage.incidents.timeline import check_aware, check_not_future, shown
from outage.lifecycle import SERVICES, Degree
from outage.models import Incident, NetworkElement, Outage
from outage.network.inventory import ElementFacts, find_elements, get_elements

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class OutageStart:
    """An outage to be added: which element (its ref), which services, since when, how much of them.

    `services` None: those the element carries, or every service for one that carries none of its own (power, a
    site), because it takes them all from what depends on it. `started_at` None: the incident's start.
    `ended_at` None: still open.
    """

    element: str
    services: tuple[str, ...] | None = None
    started_at: datetime | None = None
    degree: Degree = Degree.LOST
    ended_at: datetime | None = None


def add_rows(session: Session, incident: Incident, starts: Sequence[OutageStart]) -> list[Outage]:
    """Write the outages of `starts`; raises InputError for an unknown element or service, or an end before the start.

    Raises RefusedError when two outages of this incident would overlap on one element and service.
    """
    elements = get_elements(session, [start.element for start in starts])
    rows = [row for start in starts for row in _rows(incident, start, elements[start.element])]
    names = {facts.id: ref for ref, facts in elements.items()}
    _check_overlaps(session, incident, rows, names)
    session.add_all(rows)
    session.flush()
    return rows


def end_rows(
    session: Session, incident: Incident, refs: Sequence[str] | None, services: Collection[str] | None, at: datetime
) -> int:
    """End the open outages of these elements (None: all) and services (None: all) at `at`; returns how many.

    Raises InputError when an element is unknown or has no outage in this incident, when a service is unknown, or
    when one of the outages started after `at`.
    """
    _check_services(services or (), "services")
    scope = [Outage.incident_id == incident.id, Outage.ended_at.is_(None)]
    if services is not None:
        scope.append(Outage.service.in_(services))
    ended = 0
    for part in _element_parts(session, incident, refs):
        _check_not_before_start(session, [*scope, *part], at)
        result = session.execute(
            update(Outage).where(*scope, *part).values(ended_at=at), execution_options={"synchronize_session": False}
        )
        ended += int(result.rowcount)  # type: ignore[attr-defined]
    _forget(session)
    return ended


def count_open(session: Session, incident_id: int) -> tuple[int, int, datetime | None]:
    """How many outages of an incident are open, how many there are, and the latest end."""
    statement = select(func.count().filter(Outage.ended_at.is_(None)), func.count(), func.max(Outage.ended_at)).where(
        Outage.incident_id == incident_id
    )
    open_ones, all_of_them, latest = session.execute(statement).one()
    return open_ones, all_of_them, latest


def check_begun(incident: Incident, outages: Sequence[OutageStart]) -> None:
    """Refuse what people say of times that have not come, as by a slip in the year; planned work may lie ahead."""
    if incident.planned:
        return
    for start in outages:
        check_not_future(check_aware(start.started_at or incident.started_at, "started_at"), "started_at")
        if start.ended_at is not None:
            check_not_future(check_aware(start.ended_at, "ended_at"), "ended_at")


def _rows(incident: Incident, start: OutageStart, element: ElementFacts) -> Iterator[Outage]:
    started_at = check_aware(start.started_at or incident.started_at, "started_at")
    ended_at = None if start.ended_at is None else check_aware(start.ended_at, "ended_at")
    if ended_at is not None and ended_at < started_at:
        raise _ends_before_start(start.element, ended_at, started_at)
    services = start.services or element.services or SERVICES
    _check_services(services, start.element)
    foreign = [service for service in services if element.services and service not in element.services]
    if foreign:
        raise InputError(
            "the element does not carry this service",
            where=start.element,
            value=", ".join(foreign),
            accepted=", ".join(element.services),
        )
    for service in dict.fromkeys(services):
        yield Outage(
            incident_id=incident.id,
            element_id=element.id,
            service=service,
            degree=start.degree,
            started_at=started_at,
            ended_at=ended_at,
        )


def _check_services(services: Iterable[str], where: str) -> None:
    unknown = [service for service in services if service not in SERVICES]
    if unknown:
        raise InputError("unknown service", where=where, value=", ".join(unknown), accepted=", ".join(SERVICES))


def _check_overlaps(session: Session, incident: Incident, rows: Iterable[Outage], names: dict[int, str]) -> None:
    taken: defaultdict[tuple[int, str], list[tuple[datetime, datetime | None]]] = defaultdict(list)
    statement = select(Outage.element_id, Outage.service, Outage.started_at, Outage.ended_at)
    for element, service, started_at, ended_at in session.execute(statement.where(Outage.incident_id == incident.id)):
        taken[(element, service)].append((started_at, ended_at))
    for row in rows:
        others = taken[(row.element_id, row.service)]
        for started_at, ended_at in others:
            if _overlap((row.started_at, row.ended_at), (started_at, ended_at)):
                raise RefusedError(
                    f"an outage of {row.service} from {shown(row.started_at)} overlaps the one "
                    f"from {shown(started_at)} to {shown(ended_at) or 'now, still open'}",
                    where=names[row.element_id],
                    accepted="one outage at a time per element and service within an incident",
                )
        others.append((row.started_at, row.ended_at))


def _overlap(one: tuple[datetime, datetime | None], other: tuple[datetime, datetime | None]) -> bool:
    # Two that start together clash even when one is empty: the start is part of their key.
    if one[0] == other[0]:
        return True
    first, second = sorted((one, other), key=lambda pair: pair[0])
    return first[1] is None or second[0] < first[1]


def _element_parts(
    session: Session, incident: Incident, refs: Sequence[str] | None
) -> Iterator[list[ColumnElement[bool]]]:
    if refs is None:
        yield []
        return
    found = find_elements(session, refs)
    with_outage = set(session.scalars(select(Outage.element_id).where(Outage.incident_id == incident.id).distinct()))
    missing = [ref for ref in dict.fromkeys(refs) if ref not in found or found[ref].id not in with_outage]
    if missing:
        known = found.keys() & set(missing)
        raise InputError(
            f"no outage of {incident.ref} on this element" if known else "unknown network element",
            where="elements",
            value=", ".join(sorted(known)[:5] or missing[:5]),
            accepted=f"elements that have an outage in {incident.ref}",
        )
    ids = [found[ref].id for ref in dict.fromkeys(refs)]
    for start in range(0, len(ids), _CHUNK):
        yield [Outage.element_id.in_(ids[start : start + _CHUNK])]


def _check_not_before_start(session: Session, scope: Sequence[Any], at: datetime) -> None:
    statement = (
        select(NetworkElement.ref, Outage.started_at)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(*scope, Outage.started_at > at)
        .order_by(Outage.started_at)
        .limit(1)
    )
    early = session.execute(statement).one_or_none()
    if early is not None:
        raise _ends_before_start(early.ref, at, early.started_at)


def _ends_before_start(element: str, ended_at: datetime, started_at: datetime) -> InputError:
    return InputError(
        "ended_at is before started_at",
        where=element,
        value=shown(ended_at),
        accepted=f"a time at or after {shown(started_at)}",
    )


def _forget(session: Session) -> None:
    # The bulk update went past the session's own copies.
    for row in list(session.identity_map.values()):
        if isinstance(row, Outage):
            session.expire(row)
