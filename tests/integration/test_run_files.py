"""The files of a run: the same however much is looked at at once, and those of earlier releases still read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from foundation.db import Database
from foundation.snapshots import SnapshotStore, catalogue
from outage.incidents.incidents import get_incident
from outage.models import ImpactRun
from outage.runs import finding, measuring
from outage.runs.comparison import compare_runs
from outage.runs.gathering import gather
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line, patterns_of, sample_lines
from outage.runs.patterns import spans_source
from tests import impact_worlds as worlds

_FIRST, _SECOND = "INC-2012-00001", "INC-2012-00002"
_HLR, _CELL, _OTHER, _WHOLE = 1, 2, 3, 4
_LINES = range(1, 41)
# For each line where it was seen, and when: at one moment on two cells, twice the same, before a loss and within one.
_SEEN = [(line, _CELL, -30 - line % 7) for line in _LINES] + [(line, _OTHER, 5 * (line % 9)) for line in _LINES]
_SEEN += [(line, _WHOLE, 5 * (line % 9)) for line in _LINES if line % 4 == 0] + [(7, _CELL, -37)] * 2


def _fill(database: Database, store: SnapshotStore) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, _HLR, _CELL, _OTHER, _WHOLE)
        for line in _LINES:
            contract = (None, date(2012, 7, 11) if line % 10 == 3 else None)
            worlds.add_line(session, line, served_by=_HLR if line % 8 == 5 else None, contract=contract)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, _CELL, 0, 60)
        worlds.add_outage(session, incident, _OTHER, 10, 90, services=["voice"])
        worlds.add_outage(session, incident, _HLR, 30, 40)
        later = worlds.add_incident(session, _SECOND)
        later.started_at = worlds.at(20)
        worlds.add_outage(session, later, _CELL, 20, 120)
        worlds.add_sightings(session, store, _SEEN)
        worlds.add_visits(session, store, [(2, _OTHER, 20, 30), (3, _WHOLE, 15, 25), (9, _CELL, 40, 70)])


def _told(store: SnapshotStore, run: ImpactRun) -> dict[int, tuple[object, ...]]:
    return {
        one.line_id: (one.evidence, one.sighting_age, one.services, one.gross, one.pattern, one.facts)
        for one in sample_lines(store, run, limit=len(_LINES))
    }


def test_lines_looked_at_in_many_ranges_lose_what_they_lose_in_one(
    database: Database, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, store)
    whole = [measure_impact(database, store, ref, actor="nora").run for ref in (_FIRST, _SECOND)]
    with database.reading() as session:
        incident, base = get_incident(session, _FIRST), whole[0].base_snapshot
        inputs = gather(session, incident, base, whole[0].as_of, hold_hours=6, home_area_share=Fraction(1)).inputs
    monkeypatch.setattr(finding, "_SIGHTINGS_PER_MB", Fraction(1, 64))
    monkeypatch.setattr(finding, "_JOINED_LINES_PER_MB", Fraction(1, 64))
    monkeypatch.setattr(finding, "_SIGHTINGS_AT_ONCE", 1)
    again = measuring.write_run(store, inputs)
    ids = SimpleNamespace(lines_snapshot=again.lines.id, patterns_snapshot=again.patterns.id)
    assert len(_told(store, whole[0])) > len(_LINES) // 2
    assert _told(store, ids) == _told(store, whole[0])  # type: ignore[arg-type]
    assert patterns_of(store, ids) == patterns_of(store, whole[0])  # type: ignore[arg-type]
    assert again.counts == whole[0].counts
    assert again.patterns.rows == store.count_rows(whole[0].patterns_snapshot)


def _as_last_release(database: Database, store: SnapshotStore) -> None:
    """Give all runs the files that the last release would have written: the same, with other names of patterns."""
    with database.transaction() as session, store.connect() as workspace:
        for run in session.scalars(select(ImpactRun)):
            names = ", ".join(f"md5({name}::VARCHAR)::UUID AS {name}" for name in ("pattern", "gross_pattern"))
            lines = f"SELECT * REPLACE ({names}) FROM {store.source(run.lines_snapshot)} ORDER BY line_id"
            shapes = (
                f"SELECT * REPLACE (md5(pattern::VARCHAR)::UUID AS pattern) FROM {store.source(run.patterns_snapshot)}"
            )
            run.lines_snapshot = catalogue(session, store.write_query(workspace, "impact_lines", lines))
            run.patterns_snapshot = catalogue(session, store.write_query(workspace, "impact_patterns", shapes))


def _as_before(database: Database, store: SnapshotStore) -> None:
    """Give all runs the files that an earlier release would have written: keys as text, a row a span."""
    with database.transaction() as session:
        for run in session.scalars(select(ImpactRun)):
            with store.connect() as workspace:
                key = "sha256({0}::VARCHAR)"
                lines = f"""
                SELECT * REPLACE ({key.format("pattern")} AS pattern, {key.format("gross_pattern")} AS gross_pattern)
                FROM {store.source(run.lines_snapshot)} ORDER BY line_id
                """
                spans = f"""
                SELECT {key.format("pattern")} AS pattern, service, started_at, ended_at
                FROM {spans_source(store, run.patterns_snapshot)} ORDER BY ALL
                """
                run.lines_snapshot = catalogue(session, store.write_query(workspace, "impact_lines", lines))
                run.patterns_snapshot = catalogue(session, store.write_query(workspace, "impact_patterns", spans))


@pytest.mark.parametrize("age_files", [_as_before, _as_last_release])
def test_runs_of_an_earlier_release_are_read_compared_and_taken_away_like_todays(
    database: Database, store: SnapshotStore, age_files: Callable[[Database, SnapshotStore], None]
) -> None:
    _fill(database, store)
    today = measure_impact(database, store, _FIRST, actor="nora").run
    told, patterns = _told(store, today), sorted(patterns_of(store, today).values(), key=str)
    later = measure_impact(database, store, _SECOND, actor="nora").run
    left = _told(store, later)
    age_files(database, store)
    with database.reading() as session:
        old = session.get_one(ImpactRun, today.id)
    assert sorted(patterns_of(store, old).values(), key=str) == patterns
    assert {line: one[:4] for line, one in _told(store, old).items()} == {line: one[:4] for line, one in told.items()}
    for run in (old, today):
        looked_up = impact_of_line(store, run, max(told))
        assert looked_up is not None
        assert looked_up.services == told[max(told)][2]
    compared = compare_runs(store, old, today)
    assert compared.is_same
    assert compared.changes.unchanged == len(told)
    with database.transaction() as session:
        session.delete(session.get_one(ImpactRun, later.id))
    once_more = measure_impact(database, store, _SECOND, actor="nora")
    assert once_more.is_new
    assert _told(store, once_more.run) == left
    assert any(one[3] is not None for one in left.values())
