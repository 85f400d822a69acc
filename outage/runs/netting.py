"""One minute is paid once: what other runs counted of a line is taken from what this run found, per pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from foundation.clock import from_unix
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.intervals import (
    Interval,
    IntervalSet,
    difference,
    first,
    intersection,
    last,
    normalise,
    pattern_key,
    total_seconds,
    union,
)
from outage.runs import deduction_sql
from outage.runs.patterns import SHAPES, shape_rows, spans_source, unnested_sql

PLANNED, INCIDENT = "planned", "incident"

_CHUNK = 20_000
_NET = pa.schema([("combo", pa.int64()), ("pattern", pa.string()), ("first_at", pa.int64()), ("last_at", pa.int64())])


@dataclass(frozen=True)
class Deduction:
    """A run whose time is taken away: which (its incident, number and fingerprint), its snapshots, and why.

    `cause`: planned or incident. Only what lies in `[from_at, to_at)` counts (Unix seconds, None: without end), for
    planned work counts as planned up to its announced end.
    """

    incident: str
    run: int
    fingerprint: str
    lines: str
    patterns: str
    cause: str
    from_at: int | None = None
    to_at: int | None = None

    def told(self) -> str:
        """Which run, why, and for what time, in words; a run never changes, so that equal words mean equal time."""
        times = [
            f"{name} {from_unix(at):%Y-%m-%dT%H:%M:%SZ}"
            for name, at in (("from", self.from_at), ("to", self.to_at))
            if at is not None
        ]
        return " ".join([self.incident, f"run {self.run}", self.cause, *times])


@dataclass(frozen=True)
class Net:
    """What is left of one line's loss, per service, and the seconds that were taken, by cause, over all services."""

    left: Mapping[str, IntervalSet]
    seconds: Mapping[str, int]


def net_of(
    own: Mapping[str, IntervalSet], planned: Mapping[str, IntervalSet], counted: Mapping[str, IntervalSet]
) -> Net:
    """Take `planned` and then what other incidents `counted` from `own`, service by service.

    A second of one service is not a second of another: voice that one incident took and data that another took at the
    same time are two losses. A second in both `planned` and `counted` is taken as planned.
    """
    left: dict[str, IntervalSet] = {}
    seconds = {PLANNED: 0, INCIDENT: 0}
    for service, lost in own.items():
        announced = intersection(lost, planned.get(service, ()))
        unplanned = difference(lost, announced)
        again = intersection(unplanned, counted.get(service, ()))
        seconds[PLANNED] += total_seconds(announced)
        seconds[INCIDENT] += total_seconds(again)
        if rest := difference(unplanned, again):
            left[service] = rest
    return Net(left, seconds)


class _Tally:
    """What all combinations add up to over their lines."""

    def __init__(self) -> None:
        self.lines = 0
        self.by_cause = {cause: {"lines": 0, "seconds": 0} for cause in (PLANNED, INCIDENT)}

    def add(self, lines: int, net: Net) -> None:
        """Take up one combination that so many lines have."""
        self.lines += lines
        for cause, seconds in net.seconds.items():
            self.by_cause[cause]["lines"] += lines if seconds else 0
            self.by_cause[cause]["seconds"] += lines * seconds

    def counts(self) -> dict[str, Any]:
        """Lines that lost time to others, the seconds over all lines and services, and both by cause."""
        seconds = sum(one["seconds"] for one in self.by_cause.values())
        return {"lines": self.lines, "seconds": seconds, **self.by_cause}


def deduct(workspace: Workspace, store: SnapshotStore, deductions: Sequence[Deduction]) -> dict[str, Any]:
    """Take the time of other runs from the lines of `gross` and make `net` of it, a relation with the same columns.

    The workspace holds `gross`, `shapes`, `contract_days` as deduction_sql says. `net`: the lines that have something
    left, with what is left as `pattern` and, where that differs, what it was as `gross_pattern`; the new patterns are
    added to `shapes`. Returns counts: lines that lost time, seconds (over all services), both by cause, and the runs.
    Each distinct combination of patterns is computed once, however many lines have it. Raises NotFoundError when a file
    of another run is missing.
    """
    tally = _Tally()
    combos = _find(workspace, store, deductions)
    workspace.execute(deduction_sql.NET_PATTERNS)
    # So many at a time, that memory does not grow with the combinations.
    for first_combo in range(1, combos + 1, _CHUNK):
        _compute(workspace, first_combo, tally)
    workspace.execute(deduction_sql.net_sql())
    return {**tally.counts(), "runs": [one.told() for one in deductions]}


def _compute(workspace: Workspace, first_combo: int, tally: _Tally) -> None:
    """Net of the combinations from `first_combo` on, into the tables `net_patterns` and `shapes`."""
    nets: list[tuple[int, str | None, int | None, int | None]] = []
    shapes: dict[str, Mapping[str, IntervalSet]] = {}
    for combo, lines, sides in _combinations(workspace, first_combo):
        net = net_of(sides["own"], sides[PLANNED], sides[INCIDENT])
        tally.add(lines, net)
        whole = union(*net.left.values())
        key = pattern_key(net.left) if net.left else None
        nets.append((combo, key, first(whole), last(whole)))
        if key is not None:
            shapes[key] = net.left
    workspace.register_rows("computed_nets", _NET, nets)
    rows = ((key, *row) for key, services in shapes.items() for row in shape_rows(services))
    workspace.register_rows("computed_shapes", SHAPES, rows)
    for statement in deduction_sql.KEEP_COMPUTED:
        workspace.execute(statement)


def _find(workspace: Workspace, store: SnapshotStore, deductions: Sequence[Deduction]) -> int:
    """Make `deducted` and `combos`; how many combinations there are, numbered from 1."""
    workspace.execute(f"CREATE VIEW lost_spans AS {unnested_sql('shapes')}")
    ((first_at, last_at),) = workspace.fetch_rows(deduction_sql.EXTENT)
    runs = list(dict.fromkeys(one.lines for one in deductions))
    shapes = [
        (runs.index(one.lines), spans_source(store, one.patterns), one.cause, one.from_at, one.to_at)
        for one in deductions
    ]
    lines_view, shapes_table = deduction_sql.taken_sql([store.source(run) for run in runs], shapes)
    workspace.execute(lines_view)
    workspace.execute(shapes_table, [first_at, last_at])
    for statement in deduction_sql.find_sql():
        workspace.execute(statement)
    ((found,),) = workspace.fetch_rows("SELECT count(*) FROM combos")
    return int(found)


def _combinations(
    workspace: Workspace, first_combo: int
) -> Iterator[tuple[int, int, dict[str, dict[str, IntervalSet]]]]:
    """Each combination of a chunk with its lines and, per side and service, its intervals."""
    batches = workspace.fetch_batches(deduction_sql.COMBINATIONS, [first_combo, first_combo + _CHUNK])
    rows = (row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
    for (combo, lines), group in groupby(rows, key=lambda row: row[:2]):
        found: dict[str, dict[str, list[Interval]]] = {"own": {}, PLANNED: {}, INCIDENT: {}}
        for _, _, side, service, start, end in group:
            found[side].setdefault(service, []).append((start, end))
        yield combo, lines, {side: {name: normalise(one) for name, one in sets.items()} for side, sets in found.items()}
