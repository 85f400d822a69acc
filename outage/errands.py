"""Errands of this package: measuring an incident's impact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation import clock
from foundation.errand_board import Watch
from foundation.errand_runner import Done, ErrandKind, Surroundings
from outage.runs.impact import measure_impact


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
    said = f"Run {number} is measured."
    if not measured.is_new:
        said = f"Nothing new: run {number} was measured from the same inputs."
    return Done(said, arguments["incident"], {"run": number})


MEASURE = ErrandKind("measure", "Measure", "impact.run", _measure)
