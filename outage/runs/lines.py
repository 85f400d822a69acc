"""Reads on an impact run's snapshots: its patterns, the impact of one line, a sample of lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from foundation.snapshots import SnapshotStore
from outage.intervals import IntervalSet
from outage.models import ImpactRun
from outage.runs.impact_sql import FACTS
from outage.runs.patterns import read_patterns


@dataclass(frozen=True)
class LineImpact:
    """One line's share of an incident, with its facts as they were when the run was measured.

    `services`: lost intervals in Unix seconds per service. `sighting_age`: how old, in seconds, the oldest sighting was
    that the evidence `present` rests on, when service was lost (0: seen during the loss); None for `served_by`.
    `gross`: all that it lost, where other incidents or planned work counted a part of it that `services` leaves out.
    `facts`: the columns of `impact_sql.FACTS`, fees in minor units, `attributes` as a mapping.
    """

    line_id: int
    account_id: int
    pattern: str
    evidence: str
    sighting_age: int | None
    services: Mapping[str, IntervalSet]
    facts: Mapping[str, Any]
    gross: Mapping[str, IntervalSet] | None = None


def patterns_of(store: SnapshotStore, run: ImpactRun) -> dict[str, dict[str, IntervalSet]]:
    """Every pattern of a run by its key: lost intervals in Unix seconds per service.

    Raises NotFoundError when the run's file is missing.
    """
    return read_patterns(store, run.patterns_snapshot)


def impact_of_line(store: SnapshotStore, run: ImpactRun, line_id: int) -> LineImpact | None:
    """What one line lost, by that run; None when the run does not hold the line. Raises as `patterns_of` does."""
    table = pq.read_table(store.path(run.lines_snapshot), filters=[("line_id", "=", line_id)], use_threads=False)
    rows = table.to_pylist()
    if not rows:
        return None
    return _line(rows[0], read_patterns(store, run.patterns_snapshot, _keys(rows)))


def sample_lines(store: SnapshotStore, run: ImpactRun, *, limit: int = 20) -> list[LineImpact]:
    """The first lines of a run, to be looked at. Raises as `patterns_of` does."""
    rows: list[dict[str, Any]] = []
    with pq.ParquetFile(store.path(run.lines_snapshot)) as file:
        for batch in file.iter_batches(batch_size=max(limit, 1), use_threads=False):
            rows = batch.slice(0, limit).to_pylist()
            break
    patterns = read_patterns(store, run.patterns_snapshot, _keys(rows)) if rows else {}
    return [_line(row, patterns) for row in rows]


def _keys(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    # Runs that were written before others' time was left out have no column for what a line lost with it.
    found = {row.get(name) for row in rows for name in ("pattern", "gross_pattern")}
    return {str(key) for key in found if key is not None}


def _line(row: dict[str, Any], patterns: Mapping[str, Mapping[str, IntervalSet]]) -> LineImpact:
    facts = {name: row[name] for name in FACTS}
    facts["attributes"] = json.loads(facts["attributes"])
    return LineImpact(
        line_id=row["line_id"],
        account_id=row["account_id"],
        pattern=str(row["pattern"]),
        evidence=row["evidence"],
        sighting_age=row["sighting_age"],
        services=patterns[str(row["pattern"])],
        facts=facts,
        gross=None if row.get("gross_pattern") is None else patterns[str(row["gross_pattern"])],
    )
