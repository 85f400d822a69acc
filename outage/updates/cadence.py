"""How often those who want to know are told while service is out: cadences as dated data, and what is due by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from foundation.errors import InputError

_HOUR, _DAY = 3600, 86_400
_SHORTEST_SECONDS, _LONGEST_SECONDS = 15 * 60, 7 * _DAY


class UpdateKind(StrEnum):
    """What an update says: that service is out, how it goes, that it is back, or why it failed."""

    FIRST = "first"
    UPDATE = "update"
    RESTORED = "restored"
    CAUSE = "cause"


class Audience(StrEnum):
    """Whom an update is for."""

    PUBLIC = "public"
    AFFECTED = "affected"
    RESELLERS = "resellers"
    REGULATOR = "regulator"


@dataclass(frozen=True, slots=True)
class Cadence:
    """When updates are due; lengths in seconds.

    `every`: how long after one update the next is due, as pairs of an age since the first update up to which a length
    holds (None: from then on); empty: none is due by time alone. `on_change`: at once on material change. `grace`: how
    long what is due at once may take before it counts as overdue; no law names a number, so it is the operator's.
    """

    name: str
    says: str
    every: tuple[tuple[int | None, int], ...]
    on_first: bool
    on_change: bool
    on_restoration: bool
    grace: int
    source: str
    in_force_from: date | None = None


NONE = Cadence("none", "nobody is told by plan", (), False, False, False, 0, "the operator's own choice")
PRESETS: tuple[Cadence, ...] = (
    Cadence(
        "au_2024",
        "as soon as practicable; every 6 hours in the first 24, then every 24; at once on material change and when "
        "service is back",
        ((_DAY, 6 * _HOUR), (None, _DAY)),
        on_first=True,
        on_change=True,
        on_restoration=True,
        grace=30 * 60,
        source="Telecommunications (Customer Communications for Outages) Industry Standard 2024, F2024L01447; "
        "acma.gov.au/telco-industry-rules-major-outages",
        in_force_from=date(2024, 12, 31),
    ),
    NONE,
)
"""A cadence that changes is a new row with its first day; the operator's own is made with `own_cadence`."""

OWN = "own"


def own_cadence(every_hours: int, *, later_every_hours: int | None = None, grace_minutes: int = 30) -> Cadence:
    """The operator's own: every so many hours in the first 24, and every so many after that (None: the same).

    Raises InputError for hours out of 1 to 168, or a grace out of 0 to 1440 minutes.
    """
    later = every_hours if later_every_hours is None else later_every_hours
    for where, hours in (("every_hours", every_hours), ("later_every_hours", later)):
        if not _SHORTEST_SECONDS <= hours * _HOUR <= _LONGEST_SECONDS:
            raise InputError("not a pace", where=where, value=hours, accepted="whole hours from 1 to 168")
    if not 0 <= grace_minutes <= 1440:
        raise InputError("not a grace", where="grace_minutes", value=grace_minutes, accepted="0 to 1440 minutes")
    said = f"every {every_hours} h" if later == every_hours else f"every {every_hours} h for 24 h, then every {later} h"
    every = ((_DAY, every_hours * _HOUR), (None, later * _HOUR))
    says = f"as soon as practicable; {said}; at once on material change and when service is back"
    return Cadence(OWN, says, every, True, True, True, grace_minutes * 60, "the operator's own")


def find_preset(name: str) -> Cadence:
    """The preset of that name; raises InputError that names those there are."""
    found = next((one for one in PRESETS if one.name == name), None)
    if found is None:
        accepted = ", ".join([*(one.name for one in PRESETS), OWN])
        raise InputError("no such cadence", where="cadence", value=name, accepted=accepted)
    return found


@dataclass(frozen=True, slots=True)
class Posted:
    """An update that was given out."""

    at: datetime
    kind: UpdateKind


@dataclass(frozen=True, slots=True)
class Situation:
    """What is told of an incident so far, and what there is to tell.

    `known_at`: when the operator knew. `changes`: what changed since the last update, in words; `changed_at`: when the
    first of that did. `is_void`: it was none, or another incident counts in its place.
    """

    known_at: datetime
    restored_at: datetime | None
    posted: Sequence[Posted]
    changed_at: datetime | None = None
    changes: Sequence[str] = ()
    is_void: bool = False


@dataclass(frozen=True, slots=True)
class DueUpdate:
    """The next update: due when, and why; `overdue_at`: from when on it is overdue."""

    kind: UpdateKind
    due_at: datetime
    overdue_at: datetime
    reason: str

    def is_due(self, now: datetime) -> bool:
        """Whether it should be given out by now."""
        return self.due_at <= now

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been given out already."""
        return self.overdue_at < now


def next_update(cadence: Cadence, situation: Situation) -> DueUpdate | None:
    """What is due next, None when nothing ever will be. Instants only: no zone and no clock change moves a deadline.

    Once service is back, only the update that says so is due. An update by time is due so long after the last one, by
    the age that one had since the first.
    """
    posted = sorted(situation.posted, key=lambda one: one.at)
    if situation.is_void:
        return None
    if situation.restored_at is not None:
        told = any(one.kind is UpdateKind.RESTORED and one.at >= situation.restored_at for one in posted)
        wanted = cadence.on_restoration and not told
        return _at_once(cadence, UpdateKind.RESTORED, situation.restored_at, "service is back") if wanted else None
    if not posted:
        first = "nobody was told yet"
        return _at_once(cadence, UpdateKind.FIRST, situation.known_at, first) if cadence.on_first else None
    by_time = _by_time(cadence, posted)
    if cadence.on_change and situation.changed_at is not None:
        changed = _at_once(cadence, UpdateKind.UPDATE, situation.changed_at, "; ".join(situation.changes))
        return changed if by_time is None else min(changed, by_time, key=lambda one: one.due_at)
    return by_time


def _by_time(cadence: Cadence, posted: Sequence[Posted]) -> DueUpdate | None:
    first, last = posted[0].at, posted[-1].at
    age = (last - first).total_seconds()
    for until, seconds in cadence.every:
        if until is None or age < until:
            due_at = last + timedelta(seconds=seconds)
            return DueUpdate(UpdateKind.UPDATE, due_at, due_at, f"{seconds // _HOUR} h after the last one")
    return None


def _at_once(cadence: Cadence, kind: UpdateKind, since: datetime, reason: str) -> DueUpdate:
    return DueUpdate(kind, since, since + timedelta(seconds=cadence.grace), reason)
