"""What breaks if an element fails, asked before anything has failed; and which elements fail alone with others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import Select, Text, cast, not_, select, tuple_
from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage.failure_lines import Crowd, LineReach, count_lines, list_crowds, read_moment
from outage.inventory import get_elements, ids_above, valid_at
from outage.lifecycle import SERVICES
from outage.models import Dependency, NetworkElement
from outage.reach import ALL, Network, Shield, bits, names
from outage.staging import table_of

_nodes, _links = table_of(NetworkElement), table_of(Dependency)
_CELL = "cell"
_CHUNK = 5_000
_LONGEST_HOLD_HOURS = 24 * 14


@dataclass(frozen=True, slots=True)
class ElementCount:
    """How many elements of one kind, or cells of one area or radio, are without service, and per service."""

    name: str
    elements: int
    services: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Protection:
    """Redundancy that holds: `elements` keep `services` because of `group` the members `left` still stand."""

    group: str
    lost: tuple[str, ...]
    left: tuple[str, ...]
    services: tuple[str, ...]
    elements: int


@dataclass(frozen=True, slots=True)
class FailureReach:
    """What breaks when the elements `failed` lose these services at `at`.

    `without`: per element id the services it is without, the failed ones among them; `others`: how many of these are
    not the failed ones. Counts come most elements first; `by_area` and `by_radio` are of cells, a name is empty where
    the inventory has none. `lines` is None while the base has no mirror.
    """

    at: datetime
    failed: Mapping[str, tuple[str, ...]]
    without: Mapping[int, tuple[str, ...]]
    others: int
    by_kind: Sequence[ElementCount]
    cells: int
    by_area: Sequence[ElementCount]
    by_radio: Sequence[ElementCount]
    protections: Sequence[Protection]
    lines: LineReach | None

    @property
    def breaks_nothing(self) -> bool:
        """Whether nothing but the failed elements themselves is without service."""
        return not self.others and (self.lines is None or not self.lines.lines)


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """An element whose failure alone takes service from `others` elements, `cells` among them, or from lines."""

    ref: str
    kind: str
    others: int
    cells: int
    services: tuple[str, ...]
    lines: int | None


class _Element(NamedTuple):
    kind: str
    area: str
    radio: str
    carried: int


def reach_of_failure(
    session: Session,
    store: SnapshotStore,
    refs: Sequence[str],
    services: Collection[str] | None = None,
    hold_hours: int = 6,
) -> FailureReach:
    """What breaks if these elements fail right now, together, all else in order; nothing is written.

    `services` None: those each element carries, or all for one that carries none of its own. Elements and dependencies
    count as valid now, as in the footprint of an incident that starts now. Lines are counted, not listed: those held by
    an element without service, and those last seen, at most `hold_hours` ago, on a cell without.
    Raises NotFoundError for an unknown ref or a missing snapshot file, InputError for no ref at all, an unknown
    service, one that an element does not carry, or a hold that is negative or over two weeks.
    """
    _check(refs, services, hold_hours)
    at = clock.now()
    facts = get_elements(session, refs)
    own = {one.id: _own(ref, one.services, services) for ref, one in facts.items()}
    affected = ids_above(select(NetworkElement.id).where(NetworkElement.id.in_(own)))
    elements = _elements(session, affected)
    network = _network(session, at, elements, affected)
    fallen = network.fall(own)
    moment = read_moment(session, at, hold_hours)
    shields = network.shields(own)
    shown = _refs(session, (member for shield in shields for member in shield.lost | shield.left))
    cells = {key: mask for key, mask in fallen.items() if elements[key].kind == _CELL}
    return FailureReach(
        at=at,
        failed={ref: names(own[one.id]) for ref, one in facts.items()},
        without={key: _told(mask) for key, mask in fallen.items()},
        others=len(fallen.keys() - own.keys()),
        by_kind=_counts((elements[key].kind, mask) for key, mask in fallen.items()),
        cells=len(cells),
        by_area=_counts((elements[key].area, mask) for key, mask in cells.items()),
        by_radio=_counts((elements[key].radio, mask) for key, mask in cells.items()),
        protections=[_protection(shield, shown) for shield in shields],
        lines=None if moment is None else count_lines(store, moment, fallen),
    )


def list_single_points(
    session: Session, store: SnapshotStore, *, limit: int = 20, hold_hours: int = 6
) -> list[SinglePoint]:
    """The elements whose failure alone takes service from other elements or from the lines they hold.

    Most lines first, then most elements; all services of an element fail. `lines` is None while the base has no mirror.
    Raises InputError for a hold out of range, NotFoundError when a snapshot file is missing.
    """
    _check_hold(hold_hours)
    at = clock.now()
    elements = _elements(session, None)
    network = _network(session, at, elements, None)
    moment = read_moment(session, at, hold_hours)
    crowds = [] if moment is None else list_crowds(store, moment, elements)
    counted = _Counted(crowds)
    found = []
    for key in _valid_ids(session, at):
        if key not in network.members and key not in counted.holders:
            continue
        fallen = network.fall({key: elements[key].carried or ALL})
        lines = counted.lines(fallen) if moment is not None else None
        if len(fallen) > 1 or key in counted.holders:
            found.append((key, fallen.keys() - {key}, names(_together(fallen.values())), lines))
    refs = _refs(session, (key for key, *_ in found))
    found.sort(key=lambda one: (-(one[3] or 0), -len(one[1]), refs[one[0]]))
    return [
        SinglePoint(
            ref=refs[key],
            kind=elements[key].kind,
            others=len(others),
            cells=sum(elements[other].kind == _CELL for other in others),
            services=services,
            lines=lines,
        )
        for key, others, services, lines in found[:limit]
    ]


class _Counted:
    """Crowds, to be asked how many lines any set of elements reaches."""

    def __init__(self, crowds: Sequence[Crowd]) -> None:
        self._crowds = crowds
        self._at: defaultdict[int, list[int]] = defaultdict(list)
        for number, crowd in enumerate(crowds):
            for element in {crowd.holder, *crowd.cells} - {None}:
                self._at[element].append(number)  # type: ignore[index]
        self.holders = {crowd.holder for crowd in crowds if crowd.holder is not None}

    def lines(self, elements: Iterable[int]) -> int:
        reached = {number for element in elements for number in self._at.get(element, ())}
        return sum(self._crowds[number].lines for number in reached)


def _check(refs: Sequence[str], services: Collection[str] | None, hold_hours: int) -> None:
    if not refs:
        raise InputError("no element named", where="element", accepted="one or more refs from the inventory")
    for service in services or ():
        if service not in SERVICES:
            raise InputError("unknown service", where="services", value=service, accepted=", ".join(SERVICES))
    _check_hold(hold_hours)


def _check_hold(hold_hours: int) -> None:
    if not 0 <= hold_hours <= _LONGEST_HOLD_HOURS:
        accepted = f"whole hours from 0 to {_LONGEST_HOLD_HOURS}"
        raise InputError("a sighting cannot hold that long", where="hold_hours", value=hold_hours, accepted=accepted)


def _own(ref: str, carried: Sequence[str], services: Collection[str] | None) -> int:
    """The bits of the services that an element loses when it fails."""
    own = bits(carried) or ALL
    mask = own & (ALL if services is None else bits(services))
    if not mask:
        raise InputError(
            "services that this element does not carry",
            where=ref,
            value=", ".join(services or ()),
            accepted=", ".join(names(own)),
        )
    return mask


def _elements(session: Session, of: Select[tuple[int]] | None) -> dict[int, _Element]:
    known = _nodes.c
    statement = select(known.id, known.kind, known.area, known.radio, cast(known.services, Text))
    if of is not None:
        statement = statement.where(known.id.in_(of))
    # The connection's own rows: the session's take twice as long, and there may be a hundred thousand.
    return {key: _element(*facts) for key, *facts in session.connection().execute(statement).all()}


@cache
def _element(kind: str, area: str | None, radio: str | None, services: str) -> _Element:
    return _Element(kind, area or "", radio or "", _mask(services))


def _network(
    session: Session, at: datetime, elements: Mapping[int, _Element], of: Select[tuple[int]] | None
) -> Network:
    """The dependencies valid at an instant; with `of`, those of groups that have a member among these elements."""
    retired = set(session.scalars(select(NetworkElement.id).where(not_(valid_at(NetworkElement, at)))))
    known, other = _links.c, _links.alias("other")
    statement = select(known.element_id, known.group, known.member_id, cast(known.services, Text))
    statement = statement.where(valid_at(known, at))
    if of is not None:
        touched = select(other.c.element_id, other.c.group).where(other.c.member_id.in_(of))
        statement = statement.where(tuple_(known.element_id, known.group).in_(touched))
    links = (
        (element, group, member, _mask(services))
        for element, group, member, services in session.connection().execute(statement).all()
        if element not in retired and member not in retired
    )
    return Network(links, {key: one.carried for key, one in elements.items()})


def _valid_ids(session: Session, at: datetime) -> Sequence[int]:
    return session.scalars(select(NetworkElement.id).where(valid_at(NetworkElement, at))).all()


@cache
def _mask(services: str | None) -> int:
    """The bits of services as they are stored: a JSON text; none named at all is every one for a dependency."""
    named = None if services is None else json.loads(services)
    return ALL if named is None else bits(named)


@cache
def _told(mask: int) -> tuple[str, ...]:
    return names(mask)


def _refs(session: Session, wanted: Iterable[int]) -> dict[int, str]:
    keys = sorted(set(wanted))
    found: dict[int, str] = {}
    for start in range(0, len(keys), _CHUNK):
        statement = select(_nodes.c.id, _nodes.c.ref).where(_nodes.c.id.in_(keys[start : start + _CHUNK]))
        found.update((row.id, row.ref) for row in session.connection().execute(statement))
    return found


def _protection(shield: Shield, refs: Mapping[int, str]) -> Protection:
    lost, left = (tuple(sorted(refs[key] for key in keys)) for keys in (shield.lost, shield.left))
    return Protection(shield.group, lost, left, names(shield.mask), shield.elements)


def _counts(marks: Iterable[tuple[str, int]]) -> list[ElementCount]:
    found: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for name, mask in marks:
        found[name][mask] += 1
    counts = [
        ElementCount(
            name,
            sum(masks.values()),
            {
                service: sum(count for mask, count in masks.items() if service in names(mask))
                for service in names(_together(masks))
            },
        )
        for name, masks in found.items()
    ]
    return sorted(counts, key=lambda one: (-one.elements, one.name))


def _together(masks: Iterable[int]) -> int:
    together = 0
    for mask in masks:
        together |= mask
    return together
