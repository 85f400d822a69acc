"""The liability clock: what an incident that goes on costs now and at each later instant, and the next cliffs."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import Session

from compensation.cases.incident_facts import incident_facts_of
from compensation.models import PolicyVersion
from compensation.policies import list_for_incident, load_document
from compensation.simulation.credited_before import find_credited_before
from compensation.simulation.liability_clock import CHUNK, Clock
from compensation.simulation.liability_curve import Cliff, Curve, Point, merged
from compensation.simulation.lost_before import find_lost_before
from foundation import clock
from foundation.errors import NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import get_incident
from outage.models import ImpactRun, Incident, Outage, TimelineEntry
from outage.runs.holding import holding_run

Record = TypeVar("Record", ImpactRun, Incident)
LONGEST_HOURS = 24 * 14
_CLOCKS_KEPT = 12
# The clock of so many lines is made in a few tenths of a second, for which a page may wait.
_WAITED_FOR = 100_000
# What changes how an incident is measured; a note or a new owner does not.
_CHANGES = (
    *("outages added", "outages ended", "start moved", "merged with", "declared", "list uploaded", "rescheduled"),
    *("overrun split", "outage corrected", "outage reopened", "outage split", "outage removed"),
)


@dataclass(frozen=True)
class PolicyClock:
    """One policy's part: the cost now, the curve from now on, the next cliffs.

    All say what an assessment would release; `owed_minor` is the cost now by the rules alone, as if nobody were held
    out and nothing had been given before.
    """

    version: PolicyVersion
    currency: str
    now_minor: int
    owed_minor: int
    curve: Curve
    points: Sequence[Point]
    cliffs: Sequence[Cliff]


@dataclass(frozen=True)
class Liability:
    """What restoration costs from `at` up to `until` and not beyond; `asked_until` is how far was asked.

    `total` is of all policies together when they pay one currency, None when there is none or they differ. `warnings`
    say why the run is not what is going on any more.
    """

    incident: Incident
    run: ImpactRun
    at: datetime
    until: datetime
    asked_until: datetime
    open_lines: int
    policies: Sequence[PolicyClock]
    total: PolicyClock | None
    warnings: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for was looked at in the time allowed."""
        return self.until >= self.asked_until


class StillMakingError(RefusedError):
    """The clock is being made by a thread; who asks again in a few seconds gets it."""


class _Kept:
    """The clocks that were carried on last: they remember how far they got. They are made by a thread of their own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clocks: OrderedDict[tuple[object, ...], Clock] = OrderedDict()
        self.making: dict[tuple[object, ...], Future[Clock]] = {}
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="liability")

    def find(self, key: tuple[object, ...]) -> Clock | None:
        """The clock of that key, as the last that was used."""
        with self.lock:
            found = self.clocks.get(key)
            if found is not None:
                self.clocks.move_to_end(key)
            return found

    def make(self, key: tuple[object, ...], make: Callable[[], Clock], seconds: float | None) -> Clock:
        """The clock of that key, made now unless it is being made; raises StillMakingError when that takes longer."""
        with self.lock:
            coming = self.making.get(key)
            if coming is None:
                coming = self.making[key] = self.thread.submit(make)
        try:
            made = coming.result(seconds)
        except TimeoutError:
            raise StillMakingError("the cost is being worked out", accepted="asking again in a few seconds") from None
        except BaseException:
            with self.lock:
                self.making.pop(key, None)
            raise
        with self.lock:
            self.making.pop(key, None)
            self.clocks[key] = made
            while len(self.clocks) > _CLOCKS_KEPT:
                self.clocks.popitem(last=False)
        return made


_KEPT = _Kept()


def find_liability(
    session: Session,
    store: SnapshotStore,
    incident_ref: str,
    *,
    at: datetime | None = None,
    hours: int = 24,
    seconds: float = 5.0,
    waits: bool = True,
) -> Liability:
    """The clock of an open incident by the run that holds, under the approved policies that answer for it.

    `at` (the present unless given) is where the curve begins, `hours` how far it goes on, `seconds` how long may be
    computed: what does not fit is not shown, and the next call goes on from there. Raises NotFoundError for an unknown
    incident or one without a run, RefusedError when service is back, or for hours out of bounds; StillMakingError to
    those who do not wait, while the lines of a large run are grouped for the first time.
    """
    if not 0 < hours <= LONGEST_HOURS:
        raise RefusedError("not that far ahead", where="hours", value=hours, accepted=f"1 to {LONGEST_HOURS}")
    incident = get_incident(session, incident_ref)
    if incident.restored_at is not None or incident.closed_at is not None:
        raise RefusedError(f"{incident.ref} is {incident.status}", accepted="an incident that goes on; assess this one")
    run = holding_run(session, incident.id)
    if run is None:
        raise NotFoundError("the incident was not measured", value=incident.ref, accepted="measure its impact first")
    instant = max(at or clock.now(), run.as_of)
    asked = instant + timedelta(hours=hours)
    stop = clock.monotonic() + seconds
    kept = [
        (_clock(session, store, incident, run, version, None if waits else stop), version)
        for version in list_for_incident(session, incident.started_at)
    ]
    _carry_on([one for one, _ in kept], clock.to_unix(asked), stop)
    parts = [_part(one, version, clock.to_unix(instant)) for one, version in kept]
    until = min((part.curve.until for part in parts), default=clock.to_unix(asked))
    return Liability(
        incident=incident,
        run=run,
        at=instant,
        until=clock.from_unix(until),
        asked_until=asked,
        open_lines=max((one.open_lines for one, _ in kept), default=0),
        policies=parts,
        total=_total(parts, clock.to_unix(instant)),
        warnings=[*_warnings(session, incident, run), *dict.fromkeys(note for one, _ in kept for note in one.notes)],
    )


def _clock(
    session: Session,
    store: SnapshotStore,
    incident: Incident,
    run: ImpactRun,
    version: PolicyVersion,
    stop: float | None,
) -> Clock:
    document = load_document(session, version)
    said = (incident.cause_class, incident.force_majeure, incident.planned)
    earlier = find_lost_before(session, store, [document], incident)
    history = find_credited_before(session, store, document, incident)
    key = (str(store.directory), run.lines_snapshot, run.id, document.content_hash, history, earlier, *said)
    found = _KEPT.find(key)
    if found is not None:
        return found
    facts = incident_facts_of(session, store, incident, run, document)
    # The session ends before the thread does.
    copies = _copy(run), _copy(incident)
    make = functools.partial(Clock, document, *copies, store, facts, history=history, earlier=earlier)
    waits = stop is None or run.counts.get("lines", 0) <= _WAITED_FOR
    return _KEPT.make(key, make, None if waits or stop is None else max(stop - clock.monotonic(), 0))


def _copy(record: Record) -> Record:
    values = {column.key: getattr(record, column.key) for column in inspect(record).mapper.column_attrs}
    return type(record)(**values)


def _carry_on(clocks: Sequence[Clock], until: int, stop: float) -> None:
    """All of them hour by hour, so that none is far ahead when the time is over."""

    def may_go_on() -> bool:
        return clock.monotonic() < stop

    while clocks and (behind := min(one.until for one in clocks)) < until:
        for one in clocks:
            with one.carrying:
                # Whole hours: a page that asks again a little later has nothing more to look at.
                if not one.carry_on(behind + CHUNK, may_go_on):
                    return


def _part(one: Clock, version: PolicyVersion, at: int) -> PolicyClock:
    curve = one.curve()
    since = min(at, curve.until)
    now = one.cost_at(at)
    return PolicyClock(
        version=version,
        currency=one.document.currency,
        now_minor=now,
        owed_minor=one.owed_at(at) if one.is_settled else now,
        curve=curve,
        points=curve.points(since),
        cliffs=curve.cliffs(since),
    )


def _total(parts: Sequence[PolicyClock], at: int) -> PolicyClock | None:
    if not parts or len({part.currency for part in parts}) > 1:
        return None
    if len(parts) == 1:
        return parts[0]
    curve = merged([part.curve for part in parts])
    since = min(at, curve.until)
    now, owed = (sum(minor) for minor in zip(*((part.now_minor, part.owed_minor) for part in parts), strict=True))
    points, cliffs = curve.points(since), curve.cliffs(since)
    return PolicyClock(parts[0].version, parts[0].currency, now, owed, curve, points, cliffs)


def _warnings(session: Session, incident: Incident, run: ImpactRun) -> list[str]:
    found = []
    later = select(TimelineEntry.id).where(
        TimelineEntry.incident_id == incident.id,
        TimelineEntry.written_at > max(run.measured_at, run.held_at),
        TimelineEntry.kind.in_(_CHANGES),
    )
    ended = select(Outage.id).where(
        Outage.incident_id == incident.id,
        or_(Outage.ended_at >= run.as_of, Outage.started_at >= run.as_of),
    )
    if session.scalar(later.limit(1)) is not None or session.scalar(ended.limit(1)) is not None:
        found.append("What is out changed since the impact was measured: measure it again to have the clock right.")
    if run.counts.get("deducted"):
        found.append("Minutes that other incidents count are left out as far as they were known at the measurement.")
    return found
