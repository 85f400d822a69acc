"""The network of one moment in memory: elements, what depends on what; kept while the inventory stays as it is."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    not_,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from foundation import clock
from outage.models import Dependency, NetworkElement
from outage.network.inventory import inventory_stamp
from outage.network.kept import Kept
from outage.network.reach import ALL, Link, Network, bits

_MOST_ELEMENTS = 400_000
"""How many elements of networks a process keeps: a hundred thousand, and what they depend on, take some 60 MB."""

CELL = "cell"
SITE = "site"
_VALIDITY = ("valid_from", "valid_to")
_nodes, _links = NetworkElement.__table__.c, Dependency.__table__.c


class Node(NamedTuple):
    """What counts of an element: its kind, area, radio (empty where unknown), bits of its services, and a place."""

    kind: str
    area: str
    radio: str
    carried: int
    is_placed: bool


@dataclass(frozen=True)
class NetworkMap:
    """The elements by id with their refs, those not valid among them, and the dependencies, of `[since, until)`.

    `sites`: the sites of cells, as far as they are known. `retired`: elements that are not valid in that stretch; the
    network leaves out every dependency on or of them.
    """

    nodes: dict[int, Node]
    refs: dict[int, str]
    sites: dict[int, str]
    retired: frozenset[int]
    network: Network
    since: int | None
    until: int | None

    def holds_at(self, second: int) -> bool:
        """Whether the network is like this at an instant."""
        return (self.since is None or self.since <= second) and (self.until is None or second < self.until)

    def site_of(self, cell: int) -> str:
        """Where a cell stands; one whose site is not known is a site of its own."""
        return self.sites.get(cell) or self.refs[cell]

    @cached_property
    def alike(self) -> Counter[Node]:
        """How many valid elements there are of each kind of node."""
        return Counter(node for key, node in self.nodes.items() if key not in self.retired)

    @cached_property
    def cells_at(self) -> Counter[str]:
        """How many valid cells each site has."""
        return Counter(
            self.site_of(key) for key, node in self.nodes.items() if node.kind == CELL and key not in self.retired
        )

    @cached_property
    def bare_sites(self) -> frozenset[int]:
        """The valid sites at which no cell is known, so that only they themselves say when they are out."""
        sites = (key for key, node in self.nodes.items() if node.kind == SITE and key not in self.retired)
        return frozenset(key for key in sites if self.site_of(key) not in self.cells_at)


_kept: Kept[str, tuple[NetworkMap, ...]] = Kept(_MOST_ELEMENTS)


def network_at(session: Session, at: datetime) -> NetworkMap:
    """The network as it is valid at an instant; read once per state of the inventory, and never to be changed.

    A transaction that changes the inventory raises its version before it asks. What is kept goes by the inventory's
    stamp, which no other state of any database has, so that a rollback or another database cannot be mistaken for it.
    """
    stamp, second = inventory_stamp(session), clock.to_unix(at)
    if stamp is None:
        return _read(session, second)
    known = _kept.find(stamp) or ()
    found = next((one for one in known if one.holds_at(second)), None)
    if found is not None:
        return found
    made = _read(session, second)
    # Where reads are not of one moment, another transaction may have changed the inventory in between.
    if inventory_stamp(session) == stamp:
        # Two stretches of time, such as now and an incident's start before the last change that took effect.
        both = (made, *known[:1])
        _kept.keep(stamp, both, sum(len(one.nodes) for one in both))
    return made


def _read(session: Session, second: int) -> NetworkMap:
    session.flush()
    connection = session.connection()
    facts = (_nodes.kind, _nodes.area, _nodes.radio, cast(_nodes.services, Text), _nodes.latitude.is_not(None))
    rows = _fetch(connection, select(_nodes.id, _nodes.ref, _nodes.site, *facts))
    nodes = {row[0]: _node(*row[3:]) for row in rows}
    refs = {row[0]: row[1] for row in rows}
    sites = {row[0]: sys.intern(row[2]) for row in rows if row[2]}
    retired = {key for (key,) in _fetch(connection, select(_nodes.id).where(not_(_valid(_nodes, second))))}
    needs = select(_links.element_id, _links.group, _links.member_id, cast(_links.services, Text)).where(
        _valid(_links, second)
    )
    links: Iterable[Link] = (
        (element, group, member, _mask(services)) for element, group, member, services in _fetch(connection, needs)
    )
    if retired:
        links = (link for link in links if link[0] not in retired and link[2] not in retired)
    turns = [_turns(connection, table, second) for table in (_nodes, _links)]
    return NetworkMap(
        nodes,
        refs,
        sites,
        frozenset(retired),
        Network(links, {key: node.carried for key, node in nodes.items()}),
        since=max((since for since, _ in turns if since is not None), default=None),
        until=min((until for _, until in turns if until is not None), default=None),
    )


def _valid(table: Any, second: int) -> ColumnElement[bool]:
    start, end = (type_coerce(table[name], BigInteger) for name in _VALIDITY)
    return and_(or_(start.is_(None), start <= second), or_(end.is_(None), end > second))


def _turns(connection: Connection, table: Any, second: int) -> tuple[int | None, int | None]:
    """The last instant up to one, and the first after it, at which rows of a table begin or cease to be valid."""
    instants = (select(type_coerce(table[name], BigInteger).label("turn")) for name in _VALIDITY)
    turns = union_all(*instants).subquery().c.turn
    past = case((turns <= second, turns))
    ahead = case((turns > second, turns))
    ((since, until),) = _fetch(connection, select(func.max(past), func.min(ahead)))
    return since, until


def _fetch(connection: Connection, statement: Select[Any]) -> list[tuple[Any, ...]]:
    """Rows as they are stored, straight from the driver: SQLAlchemy's own take three times as long."""
    text = str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    with contextlib.closing(connection.exec_driver_sql(text)) as result:
        return list(result.cursor.fetchall())


@lru_cache(maxsize=50_000)
def _node(kind: str, area: str | None, radio: str | None, services: str, is_placed: int) -> Node:
    # Few are unlike, so that a hundred thousand cells share some hundred of these.
    return Node(kind, area or "", radio or "", _mask(services), bool(is_placed))


@lru_cache(maxsize=1_000)
def _mask(services: str | None) -> int:
    """The bits of services as they are stored: a JSON text; none named at all is every one for a dependency."""
    named = None if services is None else json.loads(services)
    return ALL if named is None else bits(named)
