"""Reads of the network inventory, and the versions that every change of bulk data raises."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, union
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import insert_ignoring
from foundation.errors import NotFoundError
from outage.models import BulkState, Dependency, NetworkElement
from outage.network import topology

_CHUNK = 5_000


def find_element(session: Session, ref: str) -> NetworkElement | None:
    """The element of that reference, valid today or not, else None."""
    return session.scalars(select(NetworkElement).where(NetworkElement.ref == ref)).one_or_none()


def get_element(session: Session, ref: str, *, where: str = "element") -> NetworkElement:
    """The element of that reference; raises NotFoundError that names it."""
    element = find_element(session, ref)
    if element is None:
        raise NotFoundError("unknown network element", where=where, value=ref, accepted="a ref from the inventory")
    return element


@dataclass(frozen=True, slots=True)
class ElementFacts:
    """What outages need of an element: its id and the services it carries."""

    id: int
    services: tuple[str, ...]


def find_elements(session: Session, refs: Iterable[str]) -> dict[str, ElementFacts]:
    """Those of the references that the inventory knows, with their facts."""
    wanted = list(dict.fromkeys(refs))
    found: dict[str, ElementFacts] = {}
    for start in range(0, len(wanted), _CHUNK):
        statement = select(NetworkElement.ref, NetworkElement.id, NetworkElement.services).where(
            NetworkElement.ref.in_(wanted[start : start + _CHUNK])
        )
        found.update((ref, ElementFacts(key, tuple(services))) for ref, key, services in session.execute(statement))
    return found


def get_elements(session: Session, refs: Sequence[str]) -> dict[str, ElementFacts]:
    """The facts of each reference; raises NotFoundError that names those the inventory does not know."""
    found = find_elements(session, refs)
    unknown = [ref for ref in dict.fromkeys(refs) if ref not in found]
    if unknown:
        raise NotFoundError(
            "unknown network element",
            where="element",
            value=", ".join(unknown[:5]),
            accepted="a ref from the inventory",
        )
    return found


def list_dependencies(session: Session) -> list[topology.Dependency]:
    """All dependencies, with the stretches in which they are valid."""
    columns = (Dependency.element_id, Dependency.group, Dependency.member_id, Dependency.services)
    statement = select(*columns, Dependency.valid_from, Dependency.valid_to)
    return [
        topology.Dependency(
            element, group, member, None if services is None else frozenset(services), *map(_unix, validity)
        )
        for element, group, member, services, *validity in session.execute(statement)
    ]


def find_cycle(session: Session) -> list[str] | None:
    """The refs of elements that depend on each other in a circle at some one instant; None when none ever do."""
    stretches = {
        key: (_unix(start), _unix(end))
        for key, start, end in session.execute(
            select(NetworkElement.id, NetworkElement.valid_from, NetworkElement.valid_to).where(
                or_(NetworkElement.valid_from.is_not(None), NetworkElement.valid_to.is_not(None))
            )
        )
    }
    cycle = topology.find_lasting_cycle(_narrowed(one, stretches) for one in list_dependencies(session))
    if cycle is None:
        return None
    statement = select(NetworkElement.id, NetworkElement.ref).where(NetworkElement.id.in_(cycle))
    refs = {row.id: row.ref for row in session.execute(statement)}
    return [refs[key] for key in cycle]


def _narrowed(
    dependency: topology.Dependency, stretches: Mapping[int, tuple[int | None, int | None]]
) -> topology.Dependency:
    """The dependency, valid only while both its ends are."""
    ends = [stretches[key] for key in (dependency.element, dependency.member) if key in stretches]
    if not ends:
        return dependency
    starts = [start for start, _ in [*ends, (dependency.valid_from, None)] if start is not None]
    stops = [stop for _, stop in [*ends, (None, dependency.valid_to)] if stop is not None]
    return replace(dependency, valid_from=max(starts, default=None), valid_to=min(stops, default=None))


def valid_at(row: Any, at: datetime) -> ColumnElement[bool]:
    """Whether an element or dependency is valid at an instant."""
    return and_(or_(row.valid_from.is_(None), row.valid_from <= at), or_(row.valid_to.is_(None), row.valid_to > at))


def _unix(instant: datetime | None) -> int | None:
    return None if instant is None else clock.to_unix(instant)


def related_ids(element_id: int) -> Select[tuple[int]]:
    """A query for the ids of all elements above and below one, at any distance, itself included.

    By the dependencies that are valid now: those that were retired tie nothing together any more.
    """
    valid = valid_at(Dependency, clock.now())
    directions = []
    for name, here, there in (
        ("above", Dependency.member_id, Dependency.element_id),
        ("below", Dependency.element_id, Dependency.member_id),
    ):
        walk = select(NetworkElement.id).where(NetworkElement.id == element_id).cte(name, recursive=True)
        directions.append(select(walk.union(select(there).join(walk, here == walk.c.id).where(valid)).c.id))
    both = union(*directions).subquery()
    return select(both.c.id)


def lock_version(session: Session, name: str) -> int:
    """The version of the bulk data `name`, locked to the end of the transaction: who changes the data takes turns."""
    session.execute(insert_ignoring(session, BulkState), {"name": name, "version": 0})
    return session.get_one(BulkState, name, with_for_update=True, populate_existing=True).version


def raise_version(session: Session, name: str, *, logged: bool = False) -> int:
    """Count one change of the bulk data `name` (`base`, `inventory`, `presence`); returns the new version.

    `logged`: the caller writes every line that the change touched to `base_changes`. Without that, nothing can be
    brought up to date from the log, and what mirrors the data is made anew.
    """
    lock_version(session, name)
    state = session.get_one(BulkState, name)
    state.version += 1
    state.stamp = secrets.token_hex(16)
    if not logged:
        state.logged_from = state.version
    session.flush()
    return state.version


def current_version(session: Session, name: str) -> int:
    """How often the bulk data `name` has changed; 0 when never."""
    return session.scalar(select(BulkState.version).where(BulkState.name == name)) or 0


def inventory_stamp(session: Session) -> str | None:
    """What no other state of the inventory has, of this database or any; None while it was never imported."""
    return session.scalar(select(BulkState.stamp).where(BulkState.name == "inventory"))
