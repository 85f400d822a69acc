"""How big an incident is, as plain values: what pages draw, what a regulator's threshold is held against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outage.steps import Steps


@dataclass(frozen=True, slots=True)
class ServiceScale:
    """The lines that lost one service (`service` None: at least one of them), exactly and over time.

    `lines`: how many lost it at all; `seconds`: for how long together; `now` and `worst`: how many are without it at
    the instant asked about, and at the worst instant. `series`: lines without it, over time. `hit`: lines that have
    lost it so far, over time (it never falls).
    """

    service: str | None
    lines: int
    seconds: int
    now: int
    worst: int
    worst_at: datetime | None
    series: Steps
    hit: Steps

    @property
    def user_minutes(self) -> int:
        """Whole minutes of all lines together."""
        return self.seconds // 60

    @property
    def user_hours(self) -> int:
        """Whole hours of all lines together."""
        return self.seconds // 3600


@dataclass(frozen=True, slots=True)
class GroupScale:
    """The lines of one segment, brand or payment type (`name`; None: not known): how many were hit, for how long.

    `lines` and `seconds` are of at least one service, `services` of each: lines, seconds.
    """

    name: str | None
    lines: int
    seconds: int
    services: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class NetworkScale:
    """Elements of one kind (`cell`, `site`, `hlr` ...) without at least one service: so many are there, now, at worst.

    `ever`: how many were out at any time; `seconds`: element-seconds; `series`: how many are out, over time. A site is
    out while every cell at it is.
    """

    kind: str
    all: int
    ever: int
    now: int
    worst: int
    worst_at: datetime | None
    seconds: int
    series: Steps

    @property
    def minutes(self) -> int:
        """Whole element-minutes, such as cell-minutes."""
        return self.seconds // 60


@dataclass(frozen=True, slots=True)
class AreaScale:
    """One area: its cells, and its lines if the records know where lines live.

    `lines`: lines hit that live there; `lines_all`: lines that live there; both None when that is not known.
    `lines_series`: lines without at least one service, over time: exact at a few hundred instants, or
    throughout where all who live there were hit.
    """

    area: str
    cells: NetworkScale
    lines: int | None = None
    lines_all: int | None = None
    lines_seconds: int | None = None
    lines_series: Steps = ()


@dataclass(frozen=True, slots=True)
class IncidentScale:
    """An incident's size at an instant.

    `run`: the number of the impact run that the lines are from (None: not measured, then nothing is known of lines);
    `measured_to`: where that run stops. While outages are open, what was without service there is taken to be so until
    `at`. `lines_all`: all lines of the base. `not_known`: what these figures leave out, in words.
    """

    incident: str
    at: datetime
    started_at: datetime
    known_at: datetime
    restored_at: datetime | None
    planned: bool
    is_open: bool
    run: int | None
    measured_to: datetime | None
    lines_all: int | None
    any: ServiceScale
    services: tuple[ServiceScale, ...]
    segments: tuple[GroupScale, ...]
    brands: tuple[GroupScale, ...]
    payment_types: tuple[GroupScale, ...]
    cells: NetworkScale
    sites: NetworkScale
    kinds: tuple[NetworkScale, ...]
    areas: tuple[AreaScale, ...]
    not_known: tuple[str, ...]

    def service(self, name: str | None) -> ServiceScale:
        """One service's lines; None for those without any one of them; an empty scale for one that nobody lost."""
        if name is None:
            return self.any
        return next((one for one in self.services if one.service == name), nothing_of(name))


def nothing_of(service: str | None) -> ServiceScale:
    """The scale of a service that no line lost."""
    return ServiceScale(service, 0, 0, 0, 0, None, (), ())
