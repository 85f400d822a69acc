"""The groups of a run's lines, kept in this process: grouping is slow, and a run never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compensation.cases.facts import Pattern
from compensation.cases.group_sql import groups_sql
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun
from outage.runs.lines import patterns_of

MOST_GROUPS = 200_000
_ROWS_KEPT = 600_000
_RUNS_KEPT = 6


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that share the values of some columns."""

    values: tuple[object, ...]
    lines: int


class _Kept:
    """The groups used last, at most `_ROWS_KEPT` of them; one thread makes what several ask for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[Group, ...]] = OrderedDict()
        self._patterns: OrderedDict[tuple[object, ...], Mapping[str, Pattern]] = OrderedDict()
        self._making: dict[tuple[object, ...], threading.Lock] = {}

    def groups(self, store: SnapshotStore, key: tuple[object, ...], query: str) -> tuple[Group, ...]:
        with self._lock:
            found = self._kept.get(key)
            making = self._making.setdefault(key, threading.Lock())
        if found is None:
            with making:
                with self._lock:
                    found = self._kept.get(key)
                if found is None:
                    found = _read_groups(store, query)
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            self._making.pop(key, None)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _ROWS_KEPT:
                self._kept.popitem(last=False)
        return found

    def patterns(self, store: SnapshotStore, run: ImpactRun) -> Mapping[str, Pattern]:
        key = (str(store.directory), run.patterns_snapshot)
        with self._lock:
            found = self._patterns.get(key)
        if found is None:
            found = patterns_of(store, run)
        with self._lock:
            self._patterns[key] = found
            self._patterns.move_to_end(key)
            while len(self._patterns) > _RUNS_KEPT:
                self._patterns.popitem(last=False)
        return found


_KEPT = _Kept()


def list_groups(store: SnapshotStore, run: ImpactRun, population: str, columns: Sequence[str]) -> tuple[Group, ...]:
    """The distinct values of `columns` (SQL expressions) over a run's population, in a fixed order, with their lines.

    From memory where this process grouped the same before. Raises RefusedError over `MOST_GROUPS` groups, and
    NotFoundError when a file is missing.
    """
    query = groups_sql(population, columns, store.source(run.base_snapshot), MOST_GROUPS + 1)
    # The text names the files, and files are named by their content.
    return _KEPT.groups(store, (str(store.directory), query), query)


def run_patterns(store: SnapshotStore, run: ImpactRun) -> Mapping[str, Pattern]:
    """The patterns of a run by their keys, read once for the last few runs; raises as `patterns_of` does."""
    return _KEPT.patterns(store, run)


def _read_groups(store: SnapshotStore, query: str) -> tuple[Group, ...]:
    with store.connect() as workspace:
        rows = workspace.fetch_rows(query)
    if len(rows) > MOST_GROUPS:
        raise RefusedError(
            f"what the policy reads tells more than {MOST_GROUPS:,} cases apart in this run",
            accepted="fewer distinct values for a what-if; an assessment streams them",
        )
    return tuple(Group(tuple(values), int(lines)) for *values, lines in rows)
