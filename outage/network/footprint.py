"""Which network elements an incident leaves without which service, and when."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

from sqlalchemy import BigInteger, select, type_coerce
from sqlalchemy.orm import Session

from foundation import clock
from outage.intervals import Interval, IntervalSet, clip, normalise
from outage.lifecycle import Degree
from outage.models import Outage
from outage.network.closure import NOTHING, Spread, spread_of, together
from outage.network.inventory import inventory_stamp
from outage.network.kept import Kept
from outage.network.map import network_at
from outage.network.turns import turns_between

_NEVER_ENDED = 1 << 40
"""Where an open outage is taken to end before anybody asks as of when: far beyond any instant."""
_MOST_ELEMENTS = 500_000
_kept: Kept[tuple[str, ...], Spread] = Kept(_MOST_ELEMENTS)
_Row = tuple[int, str, int, int | None]
_Losses = Mapping[tuple[int, str], IntervalSet]


def footprint(
    session: Session, incident_id: int, as_of: datetime, *, degree: Degree = Degree.LOST
) -> dict[tuple[int, str], IntervalSet]:
    """Per (element id, service) of one incident: the Unix seconds without it, own outages and all that follow.

    Outages still open are measured up to `as_of`, later ones are cut there. Elements and dependencies count while they
    are valid: a cell that is moved to another controller in the middle of an outage is without service until then. Only
    outages of `degree` count: what is merely degraded takes nothing from its dependents.
    An element that names its services is never without one that it does not carry, except by its own outage.
    Raises InputError when the dependencies of the affected elements form a cycle.
    """
    return incident_spread(session, incident_id, degree=degree).cut(clock.to_unix(as_of)).pairs()


def incident_spread(session: Session, incident_id: int, *, degree: Degree = Degree.LOST) -> Spread:
    """The same for all of time, by state, to be cut at an instant; what is still open ends beyond any instant.

    Worked out once per state of the incident's outages and of the inventory. Raises what `footprint` raises.
    """
    rows = _outages(session, incident_id, degree)
    if not rows:
        return NOTHING
    stamp = inventory_stamp(session)
    if stamp is None:
        return _spread(session, _own(rows))
    key = (stamp, hashlib.sha256(repr(rows).encode()).hexdigest())
    found = _kept.find(key)
    if found is not None:
        return found
    made = _spread(session, _own(rows))
    # Where reads are not of one moment, another transaction may have changed the inventory in between.
    if inventory_stamp(session) == stamp:
        _kept.keep(key, made, len(made.of))
    return made


def turns_under(session: Session, incident_id: int, as_of: datetime) -> list[int]:
    """The instants, in Unix seconds, at which the network changed under an incident's lost elements before `as_of`."""
    own = _own(_outages(session, incident_id, Degree.LOST))
    until = clock.to_unix(as_of)
    return [turn for turn in _turns(session, own) if turn < until] if own else []


def _spread(session: Session, own: _Losses) -> Spread:
    """What lost elements take along, in each stretch by the network that is valid in it."""
    first, last = _extent(own)
    if first == last:
        return NOTHING
    ends = [first, *_turns(session, own), last]
    if len(ends) == 2:
        return spread_of(network_at(session, clock.from_unix(first)).network, own)
    return together(
        [
            spread_of(
                network_at(session, clock.from_unix(start)).network,
                {key: clip(out, start, end) for key, out in own.items()},
            )
            for start, end in pairwise(ends)
        ]
    )


def _turns(session: Session, own: _Losses) -> list[int]:
    first, last = _extent(own)
    return turns_between(session, {element for element, _ in own}, first, last)


def _extent(own: _Losses) -> Interval:
    """When the first of these is lost and the last one comes back; (0, 0) when none lasts a second."""
    filled = [out for out in own.values() if out]
    return min((out[0][0] for out in filled), default=0), max((out[-1][1] for out in filled), default=0)


def _outages(session: Session, incident_id: int, degree: Degree) -> list[_Row]:
    """The outages of one degree as they are stored: element, service, start and end in Unix seconds."""
    started_at, ended_at = (type_coerce(column, BigInteger) for column in (Outage.started_at, Outage.ended_at))
    statement = select(Outage.element_id, Outage.service, started_at, ended_at)
    of_it = statement.where(Outage.incident_id == incident_id, Outage.degree == degree)
    session.flush()
    found = session.connection().execute(of_it.order_by(Outage.element_id, Outage.service, started_at, Outage.id))
    return [tuple(row) for row in found]  # type: ignore[misc]


def _own(rows: list[_Row]) -> dict[tuple[int, str], IntervalSet]:
    own: defaultdict[tuple[int, str], list[Interval]] = defaultdict(list)
    for element, service, started_at, ended_at in rows:
        own[(element, service)].append((started_at, _NEVER_ENDED if ended_at is None else ended_at))
    return {key: normalise(intervals) for key, intervals in own.items()}
