"""What changed between two impact runs of an incident: which lines, by how many seconds, of which service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.models import ImpactRun
from outage.runs import comparison_sql
from outage.runs.impact_sql import FACTS
from outage.runs.patterns import spans_source

_KINDS = ("added", "removed", "longer", "shorter", "moved")
_WINDOW_LINES = 2_000_000
_NOWHERE = -(2**62)
_EVERYWHERE = 2**62


@dataclass(frozen=True, slots=True)
class Change:
    """How many lines changed in one way, by how many seconds together (after less before), and some of their ids."""

    lines: int = 0
    seconds: int = 0
    sample: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines told apart by what happened to their lost time.

    `added`: only in the run after; `removed`: only in the one before; `longer` and `shorter`: more or fewer seconds;
    `moved`: as many seconds, at other times. The others are `unchanged`.
    """

    added: Change
    removed: Change
    longer: Change
    shorter: Change
    moved: Change
    unchanged: int

    @property
    def lines(self) -> int:
        """How many lines changed at all."""
        return sum(getattr(self, kind).lines for kind in _KINDS)

    @property
    def seconds(self) -> int:
        """Seconds after less seconds before."""
        return sum(getattr(self, kind).seconds for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs by their numbers, their lines, and what became of those.

    `changes` judges a line by the sum of the seconds of all its services, `services` each service by itself.
    `evidence` and `facts` count lines that stand in both runs with another evidence or another fact (plan, fee,
    account ...), whether their time changed or not.
    """

    before: int
    after: int
    lines_before: int
    lines_after: int
    changes: Changes
    services: dict[str, Changes]
    evidence: Change
    facts: Change

    @property
    def is_same(self) -> bool:
        """Whether nothing about any line changed."""
        return not (self.changes.lines or self.evidence.lines or self.facts.lines)

    @property
    def sampled(self) -> set[int]:
        """The ids of all lines that some change names."""
        told = [getattr(one, kind) for one in (self.changes, *self.services.values()) for kind in _KINDS]
        return {line for change in (*told, self.evidence, self.facts) for line in change.sample}

    def told(self, numbers: Mapping[int, str]) -> dict[str, Any]:
        """All of it for a JSON document, lines by these numbers; those without one by their id."""
        return {
            **{name: getattr(self, name) for name in ("before", "after", "lines_before", "lines_after")},
            "changes": _told_changes(self.changes, numbers),
            "services": {name: _told_changes(one, numbers) for name, one in self.services.items()},
            "evidence": _told(self.evidence, numbers),
            "facts": _told(self.facts, numbers),
        }


def name_of(line_id: int, numbers: Mapping[int, str]) -> str:
    """How a line of a run is called: by its number, or by its id once it has left the base."""
    return numbers.get(line_id, f"line {line_id}")


def _told(change: Change, numbers: Mapping[int, str]) -> dict[str, Any]:
    return {**asdict(change), "sample": [name_of(line, numbers) for line in change.sample]}


def _told_changes(changes: Changes, numbers: Mapping[int, str]) -> dict[str, Any]:
    kinds = {kind: _told(getattr(changes, kind), numbers) for kind in _KINDS}
    return {**kinds, "unchanged": changes.unchanged}


def compare_runs(store: SnapshotStore, before: ImpactRun, after: ImpactRun, *, sample: int = 20) -> RunComparison:
    """Compare two runs, line by line in windows of ids, so that memory stays at the store's bound.

    `sample`: how many line ids each change names, the lowest ones. Raises NotFoundError when a file is missing.
    """
    with store.connect() as workspace:
        _pair(workspace, store, before, after, sample)
        found = workspace.fetch_rows(comparison_sql.changes_sql(sample))
        evidence, facts = (
            workspace.fetch_rows(comparison_sql.differing_sql(column, sample))[0]
            for column in ("other_evidence", "other_facts")
        )
    services = sorted({service for service, *_ in found if service is not None})
    return RunComparison(
        before=before.number,
        after=after.number,
        lines_before=before.counts["lines"],
        lines_after=after.counts["lines"],
        changes=_changes(found, None),
        services={service: _changes(found, service) for service in services},
        evidence=Change(int(evidence[0]), 0, tuple(evidence[1] or ())),
        facts=Change(int(facts[0]), 0, tuple(facts[1] or ())),
    )


def describe_change(
    store: SnapshotStore, session: Session, run: ImpactRun, *, sample: int = 20
) -> RunComparison | None:
    """What a run says that the one that held before it did not; None for the first that held."""
    statement = select(ImpactRun).where(ImpactRun.incident_id == run.incident_id, ImpactRun.turn < run.turn)
    earlier = session.scalars(statement.order_by(ImpactRun.turn.desc()).limit(1)).one_or_none()
    return None if earlier is None else compare_runs(store, earlier, run, sample=sample)


def _pair(workspace: Workspace, store: SnapshotStore, before: ImpactRun, after: ImpactRun, sample: int) -> None:
    """Make `shapes` and `pairs`."""
    patterns = [spans_source(store, run.patterns_snapshot) for run in (before, after)]
    for statement in comparison_sql.shapes_sql(patterns[0], patterns[1]):
        workspace.execute(statement)
    lines = [store.source(run.lines_snapshot) for run in (before, after)]
    # Two runs from one mirror hold the same facts: the same lines are told from the same rows.
    facts = () if before.base_snapshot == after.base_snapshot else _shared_facts(workspace, lines)
    statement = comparison_sql.pairs_sql(lines[0], lines[1], facts, sample)
    for window in _windows(store, before, after):
        workspace.execute(statement, window)


def _shared_facts(workspace: Workspace, lines: Sequence[str]) -> tuple[str, ...]:
    columns = [{row[0] for row in workspace.fetch_rows(f"DESCRIBE FROM {source}")} for source in lines]
    return tuple(name for name in ("account_id", *FACTS) if all(name in known for known in columns))


def _windows(store: SnapshotStore, *runs: ImpactRun) -> Iterator[tuple[int, int]]:
    """Ranges of line ids (over the first, up to the second) that hold a bounded number of lines of either run."""
    ends: set[int] = set()
    for run in runs:
        lines = 0
        with pq.ParquetFile(store.path(run.lines_snapshot)) as file:
            column = file.schema_arrow.get_field_index("line_id")
            for group in (file.metadata.row_group(number) for number in range(file.num_row_groups)):
                lines += group.num_rows
                if lines >= _WINDOW_LINES:
                    ends.add(group.column(column).statistics.max)
                    lines = 0
    start = _NOWHERE
    for end in [*sorted(ends), _EVERYWHERE]:
        yield start, end
        start = end


def _changes(found: Sequence[tuple[Any, ...]], wanted: str | None) -> Changes:
    kinds = {
        kind: Change(int(lines), int(seconds), tuple(ids or ()))
        for service, kind, lines, seconds, ids in found
        if service == wanted
    }
    return Changes(
        **{kind: kinds.get(kind, Change()) for kind in _KINDS}, unchanged=kinds.get("unchanged", Change()).lines
    )
