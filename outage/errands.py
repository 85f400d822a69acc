"""Errands of this package: measuring an incident's impact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation import clock
from foundation.errand_board import Watch
from foundation.errand_runner import Done, ErrandKind, Surroundings
from outage.models import ImpactRun
from outage.runs.comparison import describe_change
from outage.runs.impact import measure_impact

_CHANGES = ("added", "removed", "longer", "shorter", "moved")


def _measure(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    measured = measure_impact(
        surroundings.database,
        surroundings.store,
        arguments["incident"],
        actor=actor,
        as_of=None if arguments["as_of"] is None else clock.from_unix(arguments["as_of"]),
        progress=lambda done, total: watch("reading the customer base", done, total),
    )
    number = measured.run.number
    said = f"Nothing new: run {number} was measured from the same inputs."
    if measured.is_new:
        lines = _lines(measured.run.counts["lines"])
        said = f"Run {number} is measured: {lines}.{_change(surroundings, measured.run)}"
    return Done(said, arguments["incident"], {"run": number})


def _change(surroundings: Surroundings, run: ImpactRun) -> str:
    with surroundings.database.reading() as session:
        found = describe_change(surroundings.store, session, run, sample=1)
    if found is None:
        return ""
    counts = {kind: getattr(found.changes, kind).lines for kind in _CHANGES}
    told = [f"{_lines(count)} {kind}" for kind, count in counts.items() if count]
    return f" Against run {found.before}: {', '.join(told) or 'no line lost more or less'}."


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


MEASURE = ErrandKind("measure", "Measure", "impact.run", _measure)
