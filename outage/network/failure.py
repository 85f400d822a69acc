"""What breaks if an element fails, asked before anything has failed; and which elements fail alone with others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage.lifecycle import SERVICES
from outage.network.failure_lines import Crowd, LineReach, count_lines, list_crowds, read_moment
from outage.network.inventory import get_elements
from outage.network.map import network_at
from outage.network.reach import ALL, Shield, bits, names

_CELL = "cell"
_LONGEST_HOLD_HOURS = 24 * 14
_TOLD = tuple(names(mask) for mask in range(ALL + 1))


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
    known = network_at(session, at)
    network, nodes = known.network, known.nodes
    without = network.spread(own)
    fallen = network.told(without, own)
    moment = read_moment(session, at, hold_hours)
    # A hundred thousand cells are of some hundred kinds of node: these are counted, not the cells.
    alike = Counter((nodes[key], mask) for key, mask in fallen.items())
    cells = [(node, mask, count) for (node, mask), count in alike.items() if node.kind == _CELL]
    return FailureReach(
        at=at,
        failed={ref: names(own[one.id]) for ref, one in facts.items()},
        without={key: _TOLD[mask] for key, mask in fallen.items()},
        others=len(fallen.keys() - own.keys()),
        by_kind=_counts((node.kind, mask, count) for (node, mask), count in alike.items()),
        cells=sum(count for *_, count in cells),
        by_area=_counts((node.area, mask, count) for node, mask, count in cells),
        by_radio=_counts((node.radio, mask, count) for node, mask, count in cells),
        protections=[_protection(shield, known.refs) for shield in network.shields(without)],
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
    known = network_at(session, at)
    network, nodes = known.network, known.nodes
    moment = read_moment(session, at, hold_hours)
    counted = _Counted([] if moment is None else list_crowds(store, moment, nodes))
    found = []
    for key in (network.members | counted.holders) - known.retired:
        fallen = network.fall({key: nodes[key].carried or ALL})
        lines = counted.lines(fallen) if moment is not None else None
        if len(fallen) > 1 or key in counted.holders:
            found.append((key, fallen.keys() - {key}, names(_together(fallen.values())), lines))
    found.sort(key=lambda one: (-(one[3] or 0), -len(one[1]), known.refs[one[0]]))
    return [
        SinglePoint(
            ref=known.refs[key],
            kind=nodes[key].kind,
            others=len(others),
            cells=sum(nodes[other].kind == _CELL for other in others),
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


def _protection(shield: Shield, refs: Mapping[int, str]) -> Protection:
    lost, left = (tuple(sorted(refs[key] for key in keys)) for keys in (shield.lost, shield.left))
    return Protection(shield.group, lost, left, names(shield.mask), shield.elements)


def _counts(marks: Iterable[tuple[str, int, int]]) -> list[ElementCount]:
    found: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for name, mask, count in marks:
        found[name][mask] += count
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
