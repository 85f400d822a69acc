"""What an impact run is computed from, and how it is laid out as relations of one workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from foundation import clock
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage import evidence_sql
from outage.evidence import CLAIMED, PRECEDENCE, Evidence, alike
from outage.held_ranges import HeldRange, lay_out_base
from outage.intervals import IntervalSet, first, last, pattern_key
from outage.runs import impact_sql
from outage.runs.netting import Deduction
from outage.runs.shapes import Shapes

Footprint = Mapping[tuple[int, str], IntervalSet]

_INTEGER, _TEXT = pa.int64(), pa.string()
_SPAN = [("started_at", _INTEGER), ("ended_at", _INTEGER)]
_EXTENT = [("pattern", _TEXT), ("first_at", _INTEGER), ("last_at", _INTEGER)]
_LOST = pa.schema([("element_id", _INTEGER), ("bundle", _INTEGER), *_SPAN])
_IMPAIRED = pa.schema([("element_id", _INTEGER), ("service", _TEXT), *_SPAN])
_HELD = pa.schema([("element_id", _INTEGER), *_EXTENT])
_HOMES = pa.schema([("area", _TEXT), *_EXTENT])
_HOME_CELLS = pa.schema([("area", _TEXT), ("element_id", _INTEGER)])
CLAIM_SCHEMA = pa.schema([("line_id", _INTEGER), ("account_id", _INTEGER), ("services", _TEXT), *_SPAN])
"""What people say: of a line or of all lines of an account, services joined by |, no time for the incident's own."""
CLAIM_BY_SERVICE = pa.schema([("line_id", _INTEGER), ("service", _TEXT), *_SPAN])
"""The same as contradictions are asked about: of a line, one service at a time."""
_CLAIM_BUNDLES = pa.schema([("services", _TEXT), ("bundle", _INTEGER)])
_CONTRACT_DAYS = pa.schema([("zone", _TEXT), ("day", pa.date32()), ("starts_at", _INTEGER)])
_FEW_ELEMENTS = 32
_NO_SIGHTINGS = "SELECT NULL::BIGINT AS line_id, NULL::BIGINT AS element_id, NULL::BIGINT AS seen_at WHERE false"
_NO_VISITS = f"SELECT line_id, element_id, seen_at AS started_at, seen_at AS ended_at FROM ({_NO_SIGHTINGS})"  # noqa: S608


@dataclass(frozen=True)
class Claim:
    """What was said of one line: without these services from and to an instant in Unix seconds (None: all of it)."""

    line_id: int
    services: tuple[str, ...]
    started_at: int | None
    ended_at: int | None


@dataclass(frozen=True, kw_only=True)
class RunInputs:
    """All that a run is computed from; instants in Unix seconds, files by their snapshot ids.

    `base`: the mirror. `footprint`: per (element id, service) when it was lost. `extent`: the incident's start and end,
    to which claims are cut. `areas`: per home area and service when it was lost, `area_cells` its cells that lost any.
    `impaired`: when each element was without the service or had it only in part; read only if `declared`.
    `deductions`: the runs of others whose time is left out.
    """

    base: str
    footprint: Footprint
    hold_seconds: int
    extent: tuple[int, int]
    sightings: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()
    ranges: tuple[HeldRange, ...] = ()
    declared: tuple[Claim, ...] = ()
    listed: tuple[str, ...] = ()
    areas: Mapping[str, Mapping[str, IntervalSet]] = field(default_factory=dict)
    area_cells: tuple[tuple[str, int], ...] = ()
    impaired: Footprint = field(default_factory=dict)
    deductions: tuple[Deduction, ...] = ()

    def first_and_last(self) -> tuple[int, int]:
        """When the first service was lost and the last one came back, by all evidence; (0, 0) when none was."""
        whole = (self.extent,) if self.declared or self.listed else ()
        return extent_of([*self.footprint.values(), whole])


def extent_of(sets: Iterable[IntervalSet]) -> tuple[int, int]:
    """First lost and last restored over all the sets; (0, 0) for nothing at all."""
    filled = [out for out in sets if out]
    firsts = [instant for out in filled if (instant := first(out)) is not None]
    lasts = [instant for out in filled if (instant := last(out)) is not None]
    return min(firsts, default=0), max(lasts, default=0)


@dataclass(frozen=True)
class Layout:
    """What SQL has to know of the relations that were laid out.

    `lost` and `claimed`: services by the number of their bundle, of measured losses and of claims; `losses`: rows of
    element, bundle, start and end; `shared`: what whole groups of lines share, and `shapes` its patterns; `any_held`:
    whether a failed element holds lines.
    """

    lost: Mapping[int, Sequence[str]]
    claimed: Mapping[int, Sequence[str]]
    losses: Sequence[tuple[int, int, int, int]]
    shared: impact_sql.Shared
    shapes: Shapes
    any_held: bool


def lay_out(workspace: Workspace, store: SnapshotStore, inputs: RunInputs) -> Layout:
    """Give the workspace every relation that impact_sql and evidence_sql read, but those they make.

    Raises NotFoundError when a file is missing.
    """
    lay_out_presence(workspace, store, inputs.sightings, inputs.visits)
    claimed_services = _lay_out_claims(workspace, store, inputs)
    lost = dict(enumerate(_bundles(inputs.footprint)))
    # A line has measured losses or claims, never both, so that the two may bundle services each in their own way.
    claimed = dict(enumerate(alike(claimed_services), len(lost)))
    _lay_out_claim_bundles(workspace, claimed, claimed_services)
    losses = _lay_out_losses(workspace, lost, inputs.footprint)
    workspace.register_rows("impaired", _IMPAIRED, _spans(inputs.impaired))
    lay_out_base(workspace, store.source(inputs.base), inputs.ranges)
    held, shapes = _lay_out_shared(workspace, inputs)
    shared = _shared(held, _lay_out_contract_days(workspace, inputs), inputs)
    return Layout(lost, claimed, losses, shared, shapes, bool(held))


def lay_out_presence(
    workspace: Workspace, store: SnapshotStore, sightings: tuple[str, ...], visits: tuple[str, ...]
) -> None:
    """Make the views `sightings` and `visits` over these parts of presence."""
    workspace.execute(f"CREATE VIEW sightings AS {f'FROM {store.source(*sightings)}' if sightings else _NO_SIGHTINGS}")
    workspace.execute(f"CREATE VIEW visits AS {f'FROM {store.source(*visits)}' if visits else _NO_VISITS}")


def lay_out_impaired(workspace: Workspace, impaired: Footprint) -> None:
    """Register `impaired`, by which claims are contradicted."""
    workspace.register_rows("impaired", _IMPAIRED, _spans(impaired))


def _lay_out_claims(workspace: Workspace, store: SnapshotStore, inputs: RunInputs) -> list[list[str]]:
    """Make the view `claimed`; returns the sets of services that claims name."""
    said = [
        (claim.line_id, None, "|".join(claim.services), claim.started_at, claim.ended_at) for claim in inputs.declared
    ]
    workspace.register_rows("declared", CLAIM_SCHEMA, said)
    sources = {Evidence.DECLARED: "declared"}
    if inputs.listed:
        sources[Evidence.LISTED] = store.source(*inputs.listed)
    parts = [
        f"SELECT {PRECEDENCE.index(one)} AS rank, '{one}' AS evidence, * FROM {sources[one]}"  # noqa: S608 - our own
        for one in CLAIMED
        if one in sources
    ]
    workspace.execute(f"CREATE VIEW claimed AS {' UNION ALL '.join(parts)}")
    return [services.split("|") for (services,) in workspace.fetch_rows(evidence_sql.CLAIMED_SERVICES)]


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


def _lay_out_claim_bundles(
    workspace: Workspace, claimed: Mapping[int, Sequence[str]], services: list[list[str]]
) -> None:
    parts = [("|".join(one), number) for one in services for number, bundle in claimed.items() if bundle[0] in one]
    workspace.register_rows("claim_bundles", _CLAIM_BUNDLES, parts)


def _lay_out_losses(
    workspace: Workspace, bundles: Mapping[int, Sequence[str]], footprint: Footprint
) -> list[tuple[int, int, int, int]]:
    numbers = {bundle[0]: number for number, bundle in bundles.items()}
    lost = [
        (element, numbers[service], start, end)
        for element, service, start, end in _spans(footprint)
        if service in numbers
    ]
    workspace.register_rows("lost", _LOST, lost)
    return lost


def _spans(footprint: Footprint) -> list[tuple[int, str, int, int]]:
    return [(element, service, *span) for (element, service), out in footprint.items() for span in out]


def _lay_out_shared(workspace: Workspace, inputs: RunInputs) -> tuple[dict[int, tuple[str, int, int]], Shapes]:
    """Register what lines share without being looked at one by one: `held`, by holding elements, and `homes`, by areas.

    Returns, per element that holds lines, its pattern, when it first lost a service and when it had all of them back;
    and the patterns of both.
    """
    users = {element for (element,) in workspace.fetch_rows(impact_sql.USERS_OF)}
    held: dict[int, dict[str, IntervalSet]] = {}
    for (element, service), out in inputs.footprint.items():
        if element in users:
            held.setdefault(element, {})[service] = out
    extents = {holder: _extent(services) for holder, services in held.items()}
    workspace.register_rows("held", _HELD, ((holder, *extent) for holder, extent in extents.items()))
    workspace.register_rows("homes", _HOMES, ((area, *_extent(services)) for area, services in inputs.areas.items()))
    workspace.register_rows("home_cells", _HOME_CELLS, inputs.area_cells)
    return extents, Shapes.of_patterns([*held.values(), *inputs.areas.values()])


def _extent(services: Mapping[str, IntervalSet]) -> tuple[str, int, int]:
    return pattern_key(services), *extent_of(services.values())


def _shared(
    held: Mapping[int, tuple[str, int, int]], midnights: Mapping[str, Sequence[int]], inputs: RunInputs
) -> impact_sql.Shared:
    first_day, last_day = contract_days_of(inputs)
    return impact_sql.Shared(held if len(held) <= _FEW_ELEMENTS else None, first_day, last_day, midnights)


def contract_days_of(inputs: RunInputs) -> tuple[date, date]:
    """The first and the last day that a contract is looked at by the second; before and after them, days decide."""
    first_at, last_at = inputs.first_and_last()
    # Two days more on either side: no zone's calendar is further from UTC's.
    start = clock.from_unix(first_at).date() - timedelta(days=2)
    return start, start + timedelta(days=(last_at - first_at) // 86_400 + 5)


def _lay_out_contract_days(workspace: Workspace, inputs: RunInputs) -> dict[str, list[int]]:
    """Register when each local day of `contract_days_of` starts in each zone; returns the same per zone."""
    first_day, last_day = contract_days_of(inputs)
    days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
    zones = [zone for (zone,) in workspace.fetch_rows(impact_sql.ZONES)]
    places = {zone: clock.parse_zone(zone, where="subscriber's zone") for zone in zones}
    midnights = {
        zone: [clock.to_unix(datetime.combine(day, time(), place).astimezone(UTC)) for day in days]
        for zone, place in places.items()
    }
    rows = [(zone, *one) for zone, starts in midnights.items() for one in zip(days, starts, strict=True)]
    workspace.register_rows("contract_days", _CONTRACT_DAYS, rows)
    return midnights
