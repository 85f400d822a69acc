"""When the network changes under a loss: the instants at which what depends on failed elements begins or ceases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Select, and_, or_, select, type_coerce
from sqlalchemy.orm import Session

from outage.models import Dependency, NetworkElement

_elements, _links = NetworkElement.__table__.c, Dependency.__table__.c
_Validity = tuple[int | None, int | None]


def turns_between(session: Session, failed: Collection[int], first: int, last: int) -> list[int]:
    """The instants over `first` and before `last` (Unix seconds) at which that changes which `failed` may take along.

    A dependency or an element that begins or ceases to be valid counts if it is, at any time in between, above one of
    the failed elements, or stands in for a member of a redundancy group above them. Nothing else of the inventory
    matters to them, however often it is imported meanwhile.
    """
    if not _changes(session, first, last):
        return []
    links = [(row[0], row[1], (row[2], row[3])) for row in session.execute(_links_between(first, last))]
    above: defaultdict[int, list[int]] = defaultdict(list)
    for element, member, _ in links:
        above[member].append(element)
    reached = _reached(failed, above)
    instants = {turn for element, _, validity in links if element in reached for turn in validity}
    for key, *validity in session.execute(_elements_between(first, last)):
        if key in reached or not reached.isdisjoint(above.get(key, ())):
            instants.update(validity)
    return sorted(turn for turn in instants if turn is not None and first < turn < last)


def _changes(session: Session, first: int, last: int) -> bool:
    """Whether anything at all begins or ceases to be valid in between, which most losses never see."""
    return any(
        session.execute(select(table.id).where(_turns(table, first, last)).limit(1)).first() is not None
        for table in (_elements, _links)
    )


def _links_between(first: int, last: int) -> Select[Any]:
    start, end = _validity(_links)
    return select(_links.element_id, _links.member_id, start, end).where(
        or_(start.is_(None), start < last), or_(end.is_(None), end > first)
    )


def _elements_between(first: int, last: int) -> Select[Any]:
    return select(_elements.id, *_validity(_elements)).where(_turns(_elements, first, last))


def _turns(table: Any, first: int, last: int) -> Any:
    return or_(*(and_(instant > first, instant < last) for instant in _validity(table)))


def _validity(table: Any) -> tuple[Any, Any]:
    # As they are stored, so that no instant of a hundred thousand is made for nothing.
    return type_coerce(table.valid_from, BigInteger), type_coerce(table.valid_to, BigInteger)


def _reached(failed: Iterable[int], above: Mapping[int, Iterable[int]]) -> set[int]:
    reached = set(failed)
    waiting = list(reached)
    while waiting:
        for element in above.get(waiting.pop(), ()):
            if element not in reached:
                reached.add(element)
                waiting.append(element)
    return reached
