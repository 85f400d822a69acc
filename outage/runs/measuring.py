"""From a run's inputs to its two written snapshots and its counts, in one workspace."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.runs import impact_sql
from outage.runs.finding import Finding
from outage.runs.inputs import RunInputs, lay_out
from outage.runs.netting import deduct
from outage.runs.writing import LinesMovedError, Written, writing_run


def write_run(store: SnapshotStore, inputs: RunInputs) -> Written:
    """Write the lines that lost a service, and their patterns, as snapshots that no record names yet.

    Memory is the store's bound and does not grow with the lines. Raises NotFoundError when a file is missing.
    """
    try:
        return _write_run(store, inputs, sorts=False)
    except LinesMovedError:
        # A mirror that was made whole is in the order of line_id; another one has to be sorted.
        return _write_run(store, inputs, sorts=True)


def _write_run(store: SnapshotStore, inputs: RunInputs, *, sorts: bool) -> Written:
    """`sorts`: whether the base may be in any order."""
    with store.connect() as workspace:
        finding = Finding(workspace, store, inputs, lay_out(workspace, store, inputs))
        if inputs.deductions:
            return _write_net(workspace, store, inputs, finding)
        with (
            writing_run(workspace, store, own_patterns=finding.own_patterns) as run,
            contextlib.closing(finding.in_turn()) as ranges,
        ):
            for one in ranges:
                run.write(one.relation, one.ids, in_order=sorts or one.moves, shapes=one.shapes)
            return run.finish()


def _write_net(workspace: Workspace, store: SnapshotStore, inputs: RunInputs, finding: Finding) -> Written:
    """Find all lines first: what other runs counted is taken from them together."""
    finding.find_all()
    deducted = deduct(workspace, store, inputs.deductions)
    with writing_run(workspace, store, own_patterns=finding.own_patterns, with_gross=True) as run:
        for ids in finding.ranges:
            run.write("net", ids, in_order=True)
        return _with_deducted(workspace, store, run.finish(), deducted)


def _with_deducted(workspace: Workspace, store: SnapshotStore, written: Written, deducted: dict[str, Any]) -> Written:
    """Add to the counts what was left out, and how many lines left the run by it."""
    ((shortened,),) = workspace.fetch_rows(impact_sql.shortened_sql(store.source(written.lines.id)))
    told = {"lines": deducted["lines"], "lines_gone": deducted["lines"] - shortened, **deducted}
    return replace(written, counts={**written.counts, "deducted": told})
