"""Dependencies as tests write them, closed over by the product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from outage.intervals import IntervalSet
from outage.network.closure import spread_of
from outage.network.reach import ALL, Network, bits
from outage.network.topology import Dependency


def network_of(dependencies: Iterable[Dependency], carried: Mapping[int, int] | None = None) -> Network:
    """The network of these dependencies, whose elements carry every service unless `carried` says otherwise."""
    links = [(d.element, d.group, d.member, ALL if d.services is None else bits(d.services)) for d in dependencies]
    return Network(links, carried or {})


def closed(
    own: Mapping[tuple[int, str], IntervalSet], dependencies: Iterable[Dependency]
) -> dict[tuple[int, str], IntervalSet]:
    """When each element is without each service."""
    return spread_of(network_of(dependencies), own).pairs()
