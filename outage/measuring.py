"""From outages, sightings and the mirror to a run's two written snapshots and its counts, in one workspace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foundation import clock
from foundation.snapshots import SnapshotStore, Workspace, WrittenFile
from outage import impact_sql
from outage.intervals import IntervalSet, first, last, pattern_key

Footprint = Mapping[tuple[int, str], IntervalSet]

_LOST = pa.schema(
    [("element_id", pa.int64()), ("bundle", pa.int64()), ("started_at", pa.int64()), ("ended_at", pa.int64())]
)
_HELD = pa.schema(
    [("element_id", pa.int64()), ("pattern", pa.string()), ("first_at", pa.int64()), ("last_at", pa.int64())]
)
_HELD_PATTERNS = pa.schema(
    [("pattern", pa.string()), ("service", pa.string()), ("started_at", pa.int64()), ("ended_at", pa.int64())]
)
_BUNDLES = pa.schema([("bundle", pa.int64()), ("service", pa.string()), ("quoted", pa.string())])
_CONTRACT_DAYS = pa.schema([("zone", pa.string()), ("day", pa.date32()), ("starts_at", pa.int64())])
_ROW_GROUP = 20_480
"""A sixth of the usual, for a page that looks one line up and has to decode a whole group."""
_NO_SIGHTINGS = "SELECT NULL::BIGINT AS line_id, NULL::BIGINT AS element_id, NULL::BIGINT AS seen_at WHERE false"


@dataclass(frozen=True)
class Written:
    """A run that is on disk and not yet in the records: its snapshots and its counts (JSON)."""

    lines: WrittenFile
    patterns: WrittenFile
    counts: dict[str, Any]


def write_run(
    store: SnapshotStore, base: str, parts: Iterable[str], footprint: Footprint, *, hold_seconds: int
) -> Written:
    """Write the lines that lost a service, and their patterns, as snapshots that no record names yet.

    `base`: the mirror's id; `parts`: ids of the presence that can matter; `footprint`: Unix seconds per (element id,
    service). Memory is the store's bound and does not grow with the lines. Raises NotFoundError when a file is missing.
    """
    with store.connect() as workspace:
        _lay_out(workspace, store, base, tuple(parts), footprint)
        _find_present(workspace, footprint, hold_seconds)
        lines = store.write_query(workspace, "impact_lines", impact_sql.lines_sql(), row_group=_ROW_GROUP)
        _check_lines(store, lines)
        shapes = impact_sql.patterns_sql(store.source(lines.id))
        patterns = store.write_query(workspace, "impact_patterns", shapes, row_group=_ROW_GROUP)
        return Written(lines, patterns, _count(workspace, store.source(lines.id), store.source(patterns.id)))


def _lay_out(
    workspace: Workspace, store: SnapshotStore, base: str, parts: tuple[str, ...], footprint: Footprint
) -> None:
    """Give the workspace every relation that impact_sql reads."""
    workspace.execute(f"CREATE VIEW base AS FROM {store.source(base)}")
    sightings = f"FROM {store.source(*parts)}" if parts else _NO_SIGHTINGS
    workspace.execute(f"CREATE VIEW sightings AS {sightings}")
    bundles = _bundles(footprint)
    names = [(number, name, json.dumps(name)) for number, bundle in enumerate(bundles) for name in bundle]
    _register(workspace, "bundles", _BUNDLES, names)
    numbers = {bundle[0]: number for number, bundle in enumerate(bundles)}
    lost = [
        (element, numbers[service], *span)
        for (element, service), out in footprint.items()
        if service in numbers
        for span in out
    ]
    _register(workspace, "lost", _LOST, lost)
    users = {element for (element,) in workspace.fetch_rows(impact_sql.USERS_OF)}
    _register_held(workspace, {key: out for key, out in footprint.items() if key[0] in users})
    zones = [zone for (zone,) in workspace.fetch_rows(impact_sql.ZONES)]
    _register(workspace, "contract_days", _CONTRACT_DAYS, _contract_days(zones, *_extent(footprint.values())))


def _bundles(footprint: Footprint) -> list[list[str]]:
    """The services, those together that every element loses at the same times."""
    per_service: dict[str, dict[int, IntervalSet]] = {}
    for (element, service), out in sorted(footprint.items()):
        per_service.setdefault(service, {})[element] = out
    bundles: list[list[str]] = []
    for service, losses in sorted(per_service.items()):
        for bundle in bundles:
            if per_service[bundle[0]] == losses:
                bundle.append(service)
                break
        else:
            bundles.append([service])
    return bundles


def _register_held(workspace: Workspace, held: Footprint) -> None:
    per_element: dict[int, dict[str, IntervalSet]] = {}
    for (element, service), out in held.items():
        per_element.setdefault(element, {})[service] = out
    keys = {element: pattern_key(services) for element, services in per_element.items()}
    extents = [(element, keys[element], *_extent(services.values())) for element, services in per_element.items()]
    _register(workspace, "held", _HELD, extents)
    shapes = {keys[element]: services for element, services in per_element.items()}
    spans = [(key, service, *span) for key, shape in shapes.items() for service, out in shape.items() for span in out]
    _register(workspace, "held_patterns", _HELD_PATTERNS, spans)


def _find_present(workspace: Workspace, footprint: Footprint, hold_seconds: int) -> None:
    """Make `present` and `shapes`: who was where service was lost, line by line."""
    first_at, last_at = _extent(footprint.values())
    workspace.execute(impact_sql.stays_sql(), [first_at - hold_seconds, last_at])
    for statement, wants_hold in impact_sql.present_sql():
        workspace.execute(statement, [hold_seconds] if wants_hold else [])


def _register(workspace: Workspace, name: str, schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    workspace.register_arrow(name, pa.Table.from_arrays(arrays, schema=schema))


def _extent(sets: Iterable[IntervalSet]) -> tuple[int, int]:
    """First lost and last restored over all the sets; (0, 0) for nothing at all."""
    filled = [out for out in sets if out]
    firsts = [instant for out in filled if (instant := first(out)) is not None]
    lasts = [instant for out in filled if (instant := last(out)) is not None]
    return min(firsts, default=0), max(lasts, default=0)


def _contract_days(zones: Iterable[str], first_at: int, last_at: int) -> list[tuple[str, date, int]]:
    """When each local day around `[first_at, last_at)` starts in each zone."""
    # Two days more on either side: no zone's calendar is further from UTC's.
    start = clock.from_unix(first_at).date() - timedelta(days=2)
    days = [start + timedelta(days=number) for number in range((last_at - first_at) // 86_400 + 6)]
    places = [(zone, clock.parse_zone(zone, where="subscriber's zone")) for zone in zones]
    return [
        (zone, day, clock.to_unix(datetime.combine(day, time(), place).astimezone(UTC)))
        for zone, place in places
        for day in days
    ]


def _check_lines(store: SnapshotStore, lines: WrittenFile) -> None:
    """Each line stands in the run once, and in order, by which a single line is found quickly."""
    before = pa.array([], pa.int64())
    with pq.ParquetFile(store.path(lines.id)) as file:
        for batch in file.iter_batches(columns=["line_id"]):
            ids = pa.concat_arrays([before, batch.column(0)])
            if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
                raise AssertionError(f"impact run {lines.id} has a line twice or out of order")
            before = ids[-1:]


def _count(workspace: Workspace, lines: str, patterns: str) -> dict[str, Any]:
    ((line_count, accounts, pattern_count),) = workspace.fetch_rows(impact_sql.totals_sql(lines))
    ((user_seconds,),) = workspace.fetch_rows(impact_sql.user_seconds_sql(lines, patterns))
    return {
        "lines": line_count,
        "accounts": accounts,
        "patterns": pattern_count,
        "user_minutes": int(user_seconds) // 60,
        "services": {
            service: {"lines": int(count), "seconds": int(seconds)}
            for service, count, seconds in workspace.fetch_rows(impact_sql.services_sql(lines, patterns))
        },
        "evidence": dict(workspace.fetch_rows(impact_sql.evidence_sql(lines))),
    }
