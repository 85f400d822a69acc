"""Which open incident an alarm belongs to, if any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

DEFAULT_WINDOW = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What the decision needs to know of one incident that is still open.

    `elements`: names of its alarmed elements. `related`: names of elements that depend on those, or that those
    depend on. `since`: its start. `last_alarm_at`: when its latest alarm was raised; None when it has no
    alarm but the one it began with. Instants are aware UTC.
    """

    id: int
    elements: frozenset[str]
    since: datetime
    related: frozenset[str] = frozenset()
    last_alarm_at: datetime | None = None


def choose_incident(
    *,
    element: str,
    raised_at: datetime,
    open_incidents: Iterable[OpenIncident],
    window: timedelta = DEFAULT_WINDOW,
) -> int | None:
    """The id of the open incident that an alarm on `element` belongs to; None when it needs a new one.

    The rule, in this order:

    1. An incident that has the same element, whenever the alarm was raised: while it is open, it is what
       people work on for that element.
    2. An incident to which the element is related by topology, if the alarm was raised while the trouble was
       spreading: not earlier than `window` before its start, and not later than `window` after its start or
       its last alarm, whichever is later. Both ends count. Before, because alarms arrive out of order.
    3. Otherwise none.

    Where several fit, the oldest wins; of equally old ones, the one with the smallest id. Severity plays no part:
    the alarms of one fault differ in it from element to element.
    """
    oldest_first = sorted(open_incidents, key=lambda incident: (incident.since, incident.id))
    for incident in oldest_first:
        if element in incident.elements:
            return incident.id
    for incident in oldest_first:
        if element in incident.related and _is_spreading(incident, raised_at, window):
            return incident.id
    return None


def _is_spreading(incident: OpenIncident, raised_at: datetime, window: timedelta) -> bool:
    latest = max(incident.since, incident.last_alarm_at or incident.since)
    return incident.since - window <= raised_at <= latest + window
