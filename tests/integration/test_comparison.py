"""Two impact runs compared: what changed for which lines, against a plain comparison of two dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.intervals import IntervalSet, normalise, pattern_key, total_seconds
from outage.models import ImpactRun, Outage, Subscriber
from outage.network.inventory import raise_version
from outage.runs import comparison
from outage.runs.comparison import Change, compare_runs, describe_change
from outage.runs.impact import measure_impact
from outage.runs.impact_sql import FACTS
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_FACT_TYPES: dict[str, pa.DataType] = {name: pa.string() for name in FACTS} | {
    "contract_started_on": pa.date32(),
    "fee_service_minor": pa.int64(),
}
_LINES = pa.schema(
    [
        ("line_id", pa.int64()),
        ("account_id", pa.int64()),
        ("pattern", pa.string()),
        ("evidence", pa.string()),
        ("sighting_age", pa.int64()),
        *_FACT_TYPES.items(),
    ]
)
_PATTERNS = pa.schema(
    [("pattern", pa.string()), ("service", pa.string()), ("started_at", pa.int64()), ("ended_at", pa.int64())]
)

Shape = tuple[tuple[str, IntervalSet], ...]
Line = tuple[Shape, str, int, date | None]

_SETS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=2).map(
    lambda spans: normalise((start, start + length) for start, length in spans)
)
_SHAPES = st.dictionaries(st.sampled_from(["voice", "data"]), _SETS, min_size=1).map(
    lambda shape: tuple(sorted(shape.items()))
)
_LINE = st.tuples(
    _SHAPES, st.sampled_from(["served_by", "present"]), st.integers(1, 2), st.sampled_from([None, date(2012, 1, 1)])
)
_RUNS = st.dictionaries(st.integers(-3, 12), _LINE, max_size=12)


def _write(store: SnapshotStore, number: int, lines: Mapping[int, Line]) -> ImpactRun:
    """A run of such lines, in row groups of three."""
    rows: list[dict[str, Any]] = []
    shapes: dict[str, Shape] = {}
    for key, (shape, evidence, fee, contract) in sorted(lines.items()):
        pattern = pattern_key(dict(shape))
        shapes[pattern] = shape
        facts = dict.fromkeys(FACTS) | {"fee_service_minor": fee, "contract_started_on": contract}
        rows.append({"line_id": key, "account_id": 1, "pattern": pattern, "evidence": evidence, **facts})
    batches = [pa.RecordBatch.from_pylist(rows[at : at + 3], _LINES) for at in range(0, len(rows), 3)]
    spans = [
        {"pattern": pattern, "service": service, "started_at": start, "ended_at": end}
        for pattern, shape in shapes.items()
        for service, sets in shape
        for start, end in sets
    ]
    patterns = [pa.RecordBatch.from_pylist(spans, _PATTERNS)]
    return SimpleNamespace(  # type: ignore[return-value]
        number=number,
        lines_snapshot=store.write_batches("impact_lines", _LINES, batches).id,
        patterns_snapshot=store.write_batches("impact_patterns", _PATTERNS, patterns).id,
        base_snapshot=f"base {number}",
        counts={"lines": len(lines)},
    )


def _kind(before: Shape | None, after: Shape | None) -> tuple[str, int]:
    was, becomes = (sum(total_seconds(sets) for _, sets in shape or ()) for shape in (before, after))
    if before is None or after is None:
        return "added" if before is None else "removed", becomes - was
    if before == after:
        return "unchanged", 0
    return "moved" if was == becomes else "longer" if becomes > was else "shorter", becomes - was


def _only(shape: Shape | None, service: str) -> Shape | None:
    return tuple(pair for pair in shape or () if pair[0] == service) or None


def _naive(before: Mapping[int, Line], after: Mapping[int, Line], service: str | None) -> dict[str, Change]:
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for key in sorted(before.keys() | after.keys()):
        was, becomes = (run[key][0] if key in run else None for run in (before, after))
        if service is not None:
            was, becomes = _only(was, service), _only(becomes, service)
        if was is not None or becomes is not None:
            kind, seconds = _kind(was, becomes)
            found[kind].append((key, seconds))
    return {
        kind: Change(len(lines), sum(seconds for _, seconds in lines), tuple(key for key, _ in lines[:2]))
        for kind, lines in found.items()
    }


def _differing(before: Mapping[int, Line], after: Mapping[int, Line], *places: int) -> Change:
    keys = [
        key for key in sorted(before.keys() & after.keys()) if any(before[key][at] != after[key][at] for at in places)
    ]
    return Change(len(keys), 0, tuple(keys[:2]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_RUNS, _RUNS)
def test_a_comparison_is_that_of_two_dictionaries(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch, before: dict[int, Line], after: dict[int, Line]
) -> None:
    monkeypatch.setattr(comparison, "_WINDOW_LINES", 4)
    found = compare_runs(store, _write(store, 1, before), _write(store, 2, after), sample=2)
    services = {service for run in (before, after) for line in run.values() for service, _ in line[0]}
    assert found.services.keys() == services
    for service in (None, *services):
        changes = found.changes if service is None else found.services[service]
        expected = _naive(before, after, service)
        for kind in ("added", "removed", "longer", "shorter", "moved"):
            assert getattr(changes, kind) == expected.get(kind, Change()), (service, kind)
        assert changes.unchanged == expected.get("unchanged", Change()).lines
    assert found.evidence == _differing(before, after, 1)
    assert found.facts == _differing(before, after, 2, 3)
    assert (found.lines_before, found.lines_after) == (len(before), len(after))


def _fill(database: Database) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        for line in (1, 2):
            worlds.add_line(session, line, served_by=1)
        worlds.add_line(session, 3, served_by=2)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, 1, 0, 60)


def test_a_run_says_what_it_changed_for_how_many_lines(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    first = measure_impact(database, store, _REF, actor="nora").run
    with database.transaction() as session:
        assert describe_change(store, session, first) is None
        session.execute(update(Outage).where(Outage.service == "voice").values(ended_at=worlds.at(90)))
        session.execute(update(Outage).where(Outage.service == "sms").values(started_at=worlds.at(10)))
        session.execute(update(Subscriber).where(Subscriber.id == 2).values(plan="Other"))
        incident = session.get_one(Outage, session.scalars(select(Outage.id)).first()).incident_id
        outage = Outage(incident_id=incident, element_id=2, service="data", degree="lost", started_at=worlds.at(0))
        outage.ended_at = worlds.at(5)
        session.add(outage)
        raise_version(session, "base")
    second = measure_impact(database, store, _REF, actor="nora").run
    with database.reading() as session:
        found = describe_change(store, session, second)
    assert found is not None
    assert (found.before, found.after, found.lines_before, found.lines_after) == (1, 2, 2, 3)
    assert found.changes.longer == Change(2, 2 * (1800 - 600), (1, 2))
    assert found.changes.added == Change(1, 300, (3,))
    assert found.services["voice"].longer == Change(2, 3600, (1, 2))
    assert found.services["sms"].shorter == Change(2, -1200, (1, 2))
    assert (found.services["data"].added, found.services["data"].unchanged) == (Change(1, 300, (3,)), 2)
    assert (found.facts, found.evidence) == (Change(1, 0, (2,)), Change())
    assert (found.changes.lines, found.changes.seconds, found.is_same) == (3, 2700, False)


def test_a_run_compared_with_itself_is_the_same(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    run = measure_impact(database, store, _REF, actor="nora").run
    found = compare_runs(store, run, run)
    assert found.is_same
    assert found.changes.unchanged == 2
