"""The words an incident's state is told in, and which changes of status are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from foundation.errors import RefusedError

SERVICES: tuple[str, ...] = ("voice", "sms", "data")


class IncidentStatus(StrEnum):
    """Where an incident stands; only planned work is announced before it is opened."""

    ANNOUNCED = "announced"
    OPENED = "opened"
    RESTORED = "restored"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    MERGED = "merged"


FROZEN: tuple[IncidentStatus, ...] = (IncidentStatus.CLOSED, IncidentStatus.DISMISSED, IncidentStatus.MERGED)
"""What is final: the record of such an incident does not change any more."""

VOID: tuple[IncidentStatus, ...] = (IncidentStatus.DISMISSED, IncidentStatus.MERGED)
"""What counts for nothing: it was none, or another incident counts in its place."""


class IncidentKind(StrEnum):
    """What an incident is about: elements of the network, or a list of accounts whose bills are wrong."""

    NETWORK = "network"
    BILLING = "billing"


class Severity(StrEnum):
    """Perceived severity as TMF642 has it, worst first; clearing is a time on the alarm, not a severity."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


class CauseClass(StrEnum):
    """What kind of cause an incident is put down to; policies may treat some as force majeure."""

    HARDWARE = "hardware"
    SOFTWARE = "software"
    POWER = "power"
    TRANSMISSION = "transmission"
    CONFIGURATION = "configuration"
    THIRD_PARTY = "third_party"
    NATURAL_DISASTER = "natural_disaster"
    SABOTAGE = "sabotage"
    UNKNOWN = "unknown"


class ForceMajeure(StrEnum):
    """What was beyond anybody's control: laws name different ones, so the kind is kept and not whether it was."""

    STORM = "storm"
    FLOOD = "flood"
    EARTHQUAKE = "earthquake"
    FIRE = "fire"
    HEAT = "heat"
    LANDSLIDE = "landslide"
    TSUNAMI = "tsunami"
    VOLCANO = "volcano"
    EPIDEMIC = "epidemic"
    WAR = "war"
    TERRORISM = "terrorism"
    RIOT = "riot"
    STRIKE = "strike"
    AUTHORITY_ORDER = "authority_order"
    OTHER = "other"


class Degree(StrEnum):
    """How much of a service an outage takes from its element: all of it, or a part."""

    LOST = "lost"
    DEGRADED = "degraded"


_ALLOWED: Mapping[IncidentStatus, tuple[IncidentStatus, ...]] = MappingProxyType(
    {
        IncidentStatus.ANNOUNCED: (IncidentStatus.OPENED, IncidentStatus.DISMISSED),
        IncidentStatus.OPENED: (IncidentStatus.RESTORED, IncidentStatus.DISMISSED, IncidentStatus.MERGED),
        IncidentStatus.RESTORED: (IncidentStatus.OPENED, IncidentStatus.CLOSED, IncidentStatus.MERGED),
        IncidentStatus.CLOSED: (),
        IncidentStatus.DISMISSED: (),
        IncidentStatus.MERGED: (),
    }
)


def allowed_from(current: IncidentStatus) -> tuple[IncidentStatus, ...]:
    """The statuses an incident may take next; none from those that are final (`FROZEN`)."""
    return _ALLOWED[current]


def check_transition(current: IncidentStatus, wanted: IncidentStatus) -> None:
    """Refuse a change of status that is not allowed.

    Raises RefusedError (an InputError) that names both statuses and what is allowed from the current one.
    """
    allowed = allowed_from(current)
    if wanted in allowed:
        return
    raise RefusedError(
        f"an incident that is {current} cannot become {wanted}",
        where="status",
        value=str(wanted),
        accepted=" or ".join(allowed) if allowed else f"no further change, for {current} is final",
    )
