"""The lines behind failed elements, counted from the mirror of the base and from presence, not listed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.evidence import Evidence
from outage.held_ranges import HeldRange, lay_out_base
from outage.models import BulkState, NumberRange, PresencePart
from outage.network import failure_sql
from outage.network.inventory import valid_at
from outage.network.reach import names

_MASKS = pa.schema([("element_id", pa.int64()), ("mask", pa.int64())])
_IDS = pa.schema([("element_id", pa.int64())])
_DAYS = pa.schema([("zone", pa.string()), ("day", pa.date32())])
_RELATIONS = {"sighting": ("sightings", ("seen_at",)), "interval": ("visits", ("started_at", "ended_at"))}


@dataclass(frozen=True, slots=True)
class LineReach:
    """Lines without any service, per service, and per evidence; `is_current`: the mirror is of the base as it is."""

    lines: int
    services: Mapping[str, int]
    evidence: Mapping[str, int]
    is_current: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many lines held by one element (or none) and last seen on these cells."""

    holder: int | None
    cells: tuple[int, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the lines are now: the mirror, the presence that can matter, and the ranges of numbers."""

    at: datetime
    hold_seconds: int
    base: str
    is_current: bool
    parts: Mapping[str, tuple[str, ...]]
    ranges: tuple[HeldRange, ...]


def read_moment(session: Session, at: datetime, hold_hours: int) -> Moment | None:
    """What the records say of the lines at an instant; None while there is no mirror of the base."""
    state = session.get(BulkState, "base")
    if state is None or state.snapshot_id is None:
        return None
    parts = select(PresencePart.kind, PresencePart.snapshot_id).where(
        PresencePart.seen_to >= at - timedelta(hours=hold_hours), PresencePart.seen_from <= at
    )
    found: dict[str, list[str]] = {kind: [] for kind in _RELATIONS}
    for kind, snapshot_id in session.execute(parts.order_by(PresencePart.snapshot_id)):
        found[kind].append(snapshot_id)
    ranges = select(NumberRange.kind, NumberRange.first, NumberRange.last, NumberRange.element_id)
    return Moment(
        at=at,
        hold_seconds=hold_hours * 3600,
        base=state.snapshot_id,
        is_current=state.snapshot_version == state.version,
        parts={kind: tuple(ids) for kind, ids in found.items()},
        ranges=tuple(HeldRange(*row) for row in session.execute(ranges.where(valid_at(NumberRange, at)))),
    )


def count_lines(store: SnapshotStore, moment: Moment, fallen: Mapping[int, int]) -> LineReach:
    """The lines that are without service when these elements are; bits of services by element id.

    A line counts if an element that holds it is fallen, or the cell of its last sighting, at most the hold old, is, and
    its contract runs today. Raises NotFoundError when a snapshot file is missing.
    """
    with _laid_out(store, moment, fallen) as workspace:
        rows = workspace.fetch_rows(failure_sql.lines_sql())
    services: dict[str, int] = {}
    evidence: dict[str, int] = {}
    for mask, is_held, lines in rows:
        kind = Evidence.SERVED_BY if is_held else Evidence.PRESENT
        evidence[kind.value] = evidence.get(kind.value, 0) + lines
        for service in names(mask):
            services[service] = services.get(service, 0) + lines
    return LineReach(sum(evidence.values()), services, evidence, moment.is_current)


def list_crowds(store: SnapshotStore, moment: Moment, elements: Collection[int]) -> list[Crowd]:
    """The lines by where they are, those on or behind any of these elements among them."""
    with _laid_out(store, moment, dict.fromkeys(elements, 0)) as workspace:
        rows = workspace.fetch_rows(failure_sql.crowds_sql())
    return [Crowd(holder, tuple(cells or ()), lines) for holder, cells, lines in rows]


@contextlib.contextmanager
def _laid_out(store: SnapshotStore, moment: Moment, fallen: Mapping[int, int]) -> Iterator[Workspace]:
    with store.connect() as workspace:
        workspace.register_rows("fallen", _MASKS, fallen.items())
        workspace.register_rows("lost", _IDS, ((element,) for element in {one.element_id for one in moment.ranges}))
        lay_out_base(workspace, store.source(moment.base), moment.ranges)
        for kind, (relation, instants) in _RELATIONS.items():
            columns = ", ".join(f"NULL::BIGINT AS {name}" for name in ("line_id", "element_id", *instants))
            source = store.source(*moment.parts[kind]) if moment.parts[kind] else f"(SELECT {columns} WHERE false)"
            workspace.execute(f"CREATE VIEW {relation} AS FROM {source}")
        zones = [zone for (zone,) in workspace.fetch_rows(failure_sql.ZONES)]
        days = [clock.local_date(moment.at, zone) for zone in zones]
        workspace.register_rows("today", _DAYS, zip(zones, days, strict=True))
        now = clock.to_unix(moment.at)
        workspace.execute(failure_sql.places_sql(), [now - moment.hold_seconds, now])
        yield workspace
