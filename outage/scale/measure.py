"""How big an incident is: lines, user-minutes, sites, cells, shares of areas, by group and over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.incidents.incidents import get_incident
from outage.incidents.outages import count_open
from outage.incidents.timeline import check_aware, shown
from outage.models import ImpactRun, Incident
from outage.runs.patterns import spans_source
from outage.scale import sql as scale_sql
from outage.scale.facts import AreaScale, GroupScale, IncidentScale, ServiceScale, nothing_of
from outage.scale.network import NetworkShare, network_share
from outage.steps import Steps, area, from_changes, going_on, level_at, worst

_AREA_POINTS = 500
_HOME = "home_area"
_GROSS = "gross_pattern"


@dataclass
class _Counted:
    """What one reading of a run gave: per service (None: any), per fact, per area."""

    totals: dict[str | None, tuple[int, int]] = field(default_factory=dict)
    groups: dict[tuple[str, str | None], dict[str | None, tuple[int, int]]] = field(default_factory=dict)
    changes: dict[str | None, list[tuple[int, int]]] = field(default_factory=dict)
    firsts: dict[str | None, list[tuple[int, int]]] = field(default_factory=dict)
    areas: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    residents: dict[str, int] = field(default_factory=dict)


def scale_of(
    session: Session, store: SnapshotStore, incident_ref: str, run: ImpactRun | None, at: datetime
) -> IncidentScale:
    """The size of an incident at `at`; lines as `run` has them, elements by its outages as they stand.

    Lines are read once, into counts per pattern, each with all that it lost, paid in another incident or not. While
    outages are open, lines without service where the run stops are taken to be so until `at`; their seconds grow to
    there. Groups and areas are counted to where the run stops. Raises NotFoundError for an unknown incident or a
    missing file, InputError for a naive `at` or one before the incident's start.
    """
    incident = get_incident(session, incident_ref)
    instant = check_aware(at, "at")
    if instant < incident.started_at:
        accepted = f"an instant from {shown(incident.started_at)} on"
        raise InputError("before the incident's start", where="at", value=shown(instant), accepted=accepted)
    is_open = _is_open(session, incident)
    network = network_share(session, incident, instant)
    counted = _Counted() if run is None else _count(store, run)
    lines = _Lines(counted, run, instant, goes_on=is_open)
    services = tuple(lines.scale(service) for service in sorted(name for name in counted.totals if name))
    return IncidentScale(
        incident=incident.ref,
        at=instant,
        started_at=incident.started_at,
        known_at=incident.known_at,
        restored_at=incident.restored_at,
        planned=incident.planned,
        is_open=is_open,
        run=None if run is None else run.number,
        measured_to=None if run is None else run.as_of,
        lines_all=None if run is None else store.count_rows(run.base_snapshot),
        any=lines.scale(None),
        services=services,
        segments=_groups(counted, "segment"),
        brands=_groups(counted, "brand"),
        payment_types=_groups(counted, "payment_type"),
        cells=network.cells,
        sites=network.sites,
        kinds=network.kinds,
        areas=_areas(counted, network, lines),
        not_known=tuple(_not_known(incident, run, counted, is_open, instant)),
    )


def _is_open(session: Session, incident: Incident) -> bool:
    open_ones, all_of_them, _ = count_open(session, incident.id)
    # A billing incident has no outages and lasts until it is put right.
    return open_ones > 0 or (not all_of_them and incident.restored_at is None)


class _Lines:
    """Series of lines at an instant; with `goes_on`, what is out where the run stops stays out."""

    def __init__(self, counted: _Counted, run: ImpactRun | None, at: datetime, *, goes_on: bool) -> None:
        self._counted = counted
        self._at = clock.to_unix(at)
        self._stops = clock.to_unix(run.as_of) if run is not None and goes_on else None

    def series(self, changes: Iterable[tuple[int, int]]) -> Steps:
        """Lines without service over time, up to the instant."""
        steps = from_changes(changes)
        if self._stops is not None:
            steps = going_on(steps, self._stops)
        return tuple(step for step in steps if step[0] <= self._at)

    def seconds(self, series: Steps) -> int:
        """Line-seconds up to the instant."""
        return area(series, self._at)

    def scale(self, service: str | None) -> ServiceScale:
        """One service's lines (None: any service)."""
        if service not in self._counted.totals:
            return nothing_of(service)
        series = self.series(self._counted.changes[service])
        hit = tuple(step for step in accumulate(self._counted.firsts[service], _added) if step[0] <= self._at)
        most, when = worst(series)
        return ServiceScale(
            service=service,
            lines=hit[-1][1] if hit else 0,
            seconds=self.seconds(series),
            now=level_at(series, self._at),
            worst=most,
            worst_at=None if when is None else clock.from_unix(when),
            series=series,
            hit=hit,
        )


def _added(before: tuple[int, int], step: tuple[int, int]) -> tuple[int, int]:
    return step[0], before[1] + step[1]


def _count(store: SnapshotStore, run: ImpactRun) -> _Counted:
    counted = _Counted()
    with store.connect() as workspace:
        counted.residents = _lay_out(workspace, store, run)
        for service, told, value, lines, seconds in workspace.fetch_rows(scale_sql.TOTALS):
            if told is None:
                counted.totals[service] = (int(lines), int(seconds))
            else:
                counted.groups.setdefault((told, value), {})[service] = (int(lines), int(seconds))
        counted.changes = _per_key(workspace.fetch_rows(scale_sql.CHANGES))
        counted.firsts = _per_key(workspace.fetch_rows(scale_sql.FIRST_LOST))
        if counted.residents:
            counted.areas = _count_areas(workspace, counted)
    return counted


def _count_areas(workspace: Workspace, counted: _Counted) -> dict[str, list[tuple[int, int]]]:
    """The changes of each area: to the second where all who live there were hit, else at a few hundred instants."""
    hit = {value: both[None][0] for (told, value), both in counted.groups.items() if told == "area" and value}
    whole = [area for area, lines in hit.items() if lines >= counted.residents.get(area, 0)]
    ((first, last),) = workspace.fetch_rows(scale_sql.EXTENT)
    width = max(1, ((last or 0) - (first or 0)) // _AREA_POINTS)
    rows = workspace.fetch_rows(scale_sql.AREA_CHANGES, [1, whole]) if whole else []
    rows += workspace.fetch_rows(scale_sql.AREA_CHANGES, [width, sorted(hit.keys() - set(whole)) or [""]])
    return _per_key(rows)


def _lay_out(workspace: Workspace, store: SnapshotStore, run: ImpactRun) -> dict[str, int]:
    """Make `crowds` and `spans`; returns how many lines live in each area, as far as the base says where they live."""
    lines, base = store.source(run.lines_snapshot), store.source(run.base_snapshot)
    in_run, in_base = ({row[0] for row in workspace.fetch_rows(f"DESCRIBE FROM {source}")} for source in (lines, base))
    residents = dict(workspace.fetch_rows(scale_sql.residents_sql(base, _HOME))) if _HOME in in_base else {}
    if residents and _HOME not in in_run:
        lines = scale_sql.with_homes(lines, base, _HOME)
    area = _HOME if residents else None
    workspace.execute(scale_sql.crowds_sql(lines, has_gross=_GROSS in in_run, area=area))
    workspace.execute(scale_sql.spans_sql(spans_source(store, run.patterns_snapshot)))
    return residents


def _per_key(rows: Sequence[tuple[Any, ...]]) -> dict[Any, list[tuple[int, int]]]:
    found: defaultdict[Any, list[tuple[int, int]]] = defaultdict(list)
    for key, instant, change in rows:
        found[key].append((int(instant), int(change)))
    return dict(found)


def _groups(counted: _Counted, told: str) -> tuple[GroupScale, ...]:
    return tuple(
        GroupScale(value, *per_service[None], {name: both for name, both in per_service.items() if name is not None})
        for (fact, value), per_service in counted.groups.items()
        if fact == told
    )


def _areas(counted: _Counted, network: NetworkShare, lines: _Lines) -> tuple[AreaScale, ...]:
    homes = {value: both[None] for (told, value), both in counted.groups.items() if told == "area" and value}
    found = []
    for name in sorted(network.areas.keys() | homes.keys()):
        cells = network.areas.get(name) or network.none_of(name)
        if not counted.residents:
            found.append(AreaScale(name, cells))
            continue
        hit, seconds = homes.get(name, (0, 0))
        series = lines.series(counted.areas.get(name, ()))
        found.append(AreaScale(name, cells, hit, counted.residents.get(name, 0), seconds, series))
    return tuple(found)


def _not_known(
    incident: Incident, run: ImpactRun | None, counted: _Counted, is_open: bool, at: datetime
) -> Iterable[str]:
    if run is None:
        yield "lines: the incident has no impact run yet"
        return
    if is_open and run.as_of < at:
        yield f"lines after {shown(run.as_of)}, where the run stops: taken to be as they were then"
    if not is_open and incident.restored_at is not None and run.as_of < incident.restored_at:
        yield f"lines after {shown(run.as_of)}: the run is older than the restoration; measure again"
    gone = run.counts.get("deducted", {}).get("lines_gone", 0)
    if gone:
        yield f"{gone:,} lines more that lost service only while planned work or an earlier incident counted it"
    if not counted.residents:
        yield "lines by area: the customer base has no home areas"
