"""How big an incident is: lines and elements over time, exactly, and the duties that follow."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage import queries
from outage.incidents.incidents import get_incident, restore_elements
from outage.intervals import IntervalSet, normalise, pattern_key, total_seconds, union
from outage.models import NetworkElement, Subscriber
from outage.runs.impact import measure_impact
from outage.runs.lines import patterns_of
from outage.scale import measure as scale
from outage.scale.duties import duties_of, list_filings, record_filing
from outage.scale.facts import IncidentScale
from outage.scale.measure import scale_of
from outage.steps import from_changes, level_at
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_HLR = 9


_SPANS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)), min_size=1, max_size=2).map(
    lambda spans: normalise((start, start + length) for start, length in spans)
)
_LOST = st.dictionaries(st.sampled_from(["voice", "data"]), _SPANS, min_size=1)
_CROWD = st.lists(st.tuples(_LOST, st.sampled_from(["O2", "giffgaff"]), st.sampled_from(["N", "M", None])), max_size=6)
_STRINGS = ("pattern", "segment", "brand", "payment_type")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_CROWD)
def test_what_is_counted_by_pattern_is_what_is_counted_line_by_line(
    store: SnapshotStore, crowd: list[tuple[dict[str, IntervalSet], str, str | None]]
) -> None:
    keys = [pattern_key(lost) for lost, _, _ in crowd]
    rows = [
        {"line_id": number, "pattern": key, "segment": "consumer", "brand": brand, "payment_type": "postpaid"}
        for number, (key, (_, brand, _)) in enumerate(zip(keys, crowd, strict=True))
    ]
    homes = [{"line_id": number, "home_area": home} for number, (_, _, home) in enumerate(crowd)]
    spans = [
        {"pattern": key, "service": service, "started_at": start, "ended_at": end}
        for key, lost in dict(zip(keys, (lost for lost, _, _ in crowd), strict=True)).items()
        for service, sets in lost.items()
        for start, end in sets
    ]
    run = SimpleNamespace(
        lines_snapshot=_written(store, rows, ["line_id"], _STRINGS),
        patterns_snapshot=_written(store, spans, ["started_at", "ended_at"], ["pattern", "service"]),
        base_snapshot=_written(store, homes, ["line_id"], ["home_area"]),
    )
    counted = scale._count(store, run)  # type: ignore[arg-type]
    for service in ("voice", "data", None):
        sets = [union(*lost.values()) if service is None else lost.get(service, ()) for lost, _, _ in crowd]
        series = from_changes(counted.changes.get(service, ()))
        levels = [sum(any(start <= now < end for start, end in one) for one in sets) for now in range(14)]
        assert [level_at(series, now) for now in range(14)] == levels
        total = (sum(map(bool, sets)), sum(map(total_seconds, sets)))
        assert counted.totals.get(service, (0, 0)) == total
        brand = [one for one, (_, name, _) in zip(sets, crowd, strict=True) if name == "O2" and one]
        found = counted.groups.get(("brand", "O2"), {}).get(service, (0, 0))
        assert found == (len(brand), sum(map(total_seconds, brand)))
    for area in ("N", "M"):
        sets = [union(*lost.values()) for lost, _, home in crowd if home == area]
        series = from_changes(counted.areas.get(area, ()))
        levels = [sum(any(start <= now < end for start, end in one) for one in sets) for now in range(14)]
        assert [level_at(series, now) for now in range(14)] == levels


def _written(store: SnapshotStore, rows: list[dict[str, Any]], numbers: Iterable[str], texts: Iterable[str]) -> str:
    schema = pa.schema([*((name, pa.int64()) for name in numbers), *((name, pa.string()) for name in texts)])
    return store.write_batches("test", schema, [pa.RecordBatch.from_pylist(rows, schema)]).id


def _fill(database: Database, store: SnapshotStore, *, open_end: bool = False) -> None:
    """An HLR with three lines, out from 0 to 60 for voice; sites S1 (cells 1, 2) and S2 (cells 3, 4) in stages."""
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2, 3, 4, _HLR)
        for cell, site, area in ((1, "S1", "N"), (2, "S1", "N"), (3, "S2", "N"), (4, "S2", "M")):
            session.execute(update(NetworkElement).where(NetworkElement.id == cell).values(site=site, area=area))
        session.execute(update(NetworkElement).where(NetworkElement.id == _HLR).values(kind="hlr"))
        worlds.add_line(session, 1, served_by=_HLR)
        worlds.add_line(session, 2, served_by=_HLR, brand="giffgaff")
        worlds.add_line(session, 3, served_by=_HLR, payment_type="prepaid")
        worlds.add_line(session, 4)
        worlds.add_line(session, 5, brand="giffgaff")
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, _HLR, 0, 60, services=["voice"])
        worlds.add_outage(session, incident, 1, 0, 90)
        worlds.add_outage(session, incident, 2, 30, None if open_end else 120)
        worlds.add_outage(session, incident, 3, 30, 50, services=["data"])
        worlds.add_sightings(session, store, [(4, 2, -10), (1, 1, -5), (1, 3, 20)])


def _scale(database: Database, store: SnapshotStore, minute: int, *, as_of: int | None = None) -> IncidentScale:
    moment = None if as_of is None else worlds.at(as_of)
    run = measure_impact(database, store, _REF, actor="nora", as_of=moment).run
    with database.reading() as session:
        return scale_of(session, store, _REF, run, worlds.at(minute))


def _minutes(series: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    zero = worlds.seconds(0)
    return [((instant - zero) // 60, level) for instant, level in series]


def test_lines_are_counted_by_service_and_over_time(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    found = _scale(database, store, 200)
    voice, data = found.service("voice"), found.service("data")
    # Line 1 is on cell 1 until minute 20, then on cell 3, which loses data only; lines 1 to 3 lose voice by the HLR.
    assert (voice.lines, voice.user_minutes, voice.now, voice.worst) == (4, 3 * 60 + 90, 0, 4)
    assert _minutes(voice.series) == [(0, 3), (30, 4), (60, 1), (120, 0)]
    assert _minutes(voice.hit) == [(0, 3), (30, 4)]
    assert _minutes(data.series) == [(0, 1), (20, 0), (30, 2), (50, 1), (120, 0)]
    assert (data.lines, data.seconds, data.worst_at) == (2, (20 + 20 + 90) * 60, worlds.at(30))
    assert (found.any.lines, found.any.user_minutes, found.any.user_hours) == (4, 270, 4)
    assert (found.lines_all, found.run, found.is_open, found.planned) == (5, 1, False, False)
    assert found.not_known == ("lines by area: the customer base has no home areas",)


def test_seconds_agree_with_the_runs_own_counts(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    found = _scale(database, store, 500)
    with database.reading() as session:
        run = queries.get_run(session, 1)
    for service in found.services:
        assert service.service is not None
        counts = run.counts["services"][service.service]
        assert (service.lines, service.seconds) == (counts["lines"], counts["seconds"])
    assert (found.any.lines, found.any.user_minutes) == (run.counts["lines"], run.counts["user_minutes"])
    assert len(patterns_of(store, run)) == run.counts["patterns"]


def test_lines_are_counted_by_group(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    found = _scale(database, store, 200)
    brands = {one.name: (one.lines, one.seconds) for one in found.brands}
    assert brands == {"O2": (3, (60 + 60 + 90) * 60), "giffgaff": (1, 3600)}
    kinds = {one.name: (one.lines, one.services["voice"]) for one in found.payment_types}
    assert kinds == {"postpaid": (3, (3, (60 + 60 + 90) * 60)), "prepaid": (1, (1, 3600))}
    assert [(one.name, one.lines) for one in found.segments] == [("consumer", 4)]


def test_sites_cells_and_areas_are_counted_from_the_footprint(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    found = _scale(database, store, 100)
    cells, sites = found.cells, found.sites
    assert (cells.all, cells.ever, cells.now, cells.worst, cells.worst_at) == (4, 3, 1, 3, worlds.at(30))
    assert cells.minutes == 90 + 70 + 20
    assert _minutes(cells.series) == [(0, 1), (30, 3), (50, 2), (90, 1)]
    assert (sites.all, sites.ever, sites.now, sites.worst) == (2, 1, 0, 1)
    assert _minutes(sites.series) == [(30, 1), (90, 0)]
    assert [(one.kind, one.all, one.ever, one.now) for one in found.kinds] == [("hlr", 1, 1, 0)]
    (area,) = found.areas
    assert (area.area, area.cells.all, area.cells.ever, area.lines, area.lines_all) == ("N", 3, 3, None, None)


def test_what_came_back_at_the_very_second_is_not_out(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    assert _scale(database, store, 120).cells.now == 0
    found = _scale(database, store, 119)
    assert (found.cells.now, found.any.now) == (1, 1)


def test_an_open_incident_grows_until_the_instant_asked_about(database: Database, store: SnapshotStore) -> None:
    _fill(database, store, open_end=True)
    found = _scale(database, store, 300, as_of=150)
    assert (found.is_open, found.any.now, found.cells.now) == (True, 1, 1)
    assert found.any.user_minutes == 3 * 60 + (300 - 30)
    assert found.cells.minutes == 90 + 270 + 20
    assert any("where the run stops" in text for text in found.not_known)
    with database.transaction() as session:
        restore_elements(session, get_incident(session, _REF), None, at=worlds.at(200), actor="nora")
    with database.reading() as session:
        late = scale_of(session, store, _REF, queries.get_run(session, 1), worlds.at(300))
    assert any("measure again" in text for text in late.not_known)
    assert late.any.now == 0


def test_lines_are_counted_by_the_area_they_live_in(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    with database.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id < 3).values(home_area="N"))
        session.execute(update(Subscriber).where(Subscriber.id.in_([3, 5])).values(home_area="M"))
    found = _scale(database, store, 200)
    shares = {one.area: (one.cells.ever, one.cells.all, one.lines, one.lines_all) for one in found.areas}
    assert shares == {"M": (0, 1, 1, 2), "N": (3, 3, 2, 2)}
    north = found.areas[1]
    assert level_at(north.lines_series, worlds.seconds(59)) == 2
    assert level_at(north.lines_series, worlds.seconds(61)) == 0
    assert north.lines_seconds == 2 * 3600
    # All who live in N lost service, so that the second counts.
    assert _minutes(north.lines_series) == [(0, 2), (60, 0)]


def test_time_that_an_earlier_incident_is_paid_for_still_counts_as_lost(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database, store)
    measure_impact(database, store, _REF, actor="nora")
    with database.transaction() as session:
        later = worlds.add_incident(session, "INC-2012-00002")
        later.started_at = worlds.at(50)
        worlds.add_outage(session, later, _HLR, 50, 80, services=["voice"])
    run = measure_impact(database, store, "INC-2012-00002", actor="nora").run
    with database.reading() as session:
        found = scale_of(session, store, "INC-2012-00002", run, worlds.at(200))
    assert run.counts["services"]["voice"] == {"lines": 3, "seconds": 3 * 20 * 60}
    assert (found.service("voice").lines, found.service("voice").user_minutes) == (3, 3 * 30)


def test_without_a_run_the_network_is_known_and_the_lines_are_not(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    with database.reading() as session:
        found = scale_of(session, store, _REF, None, worlds.at(100))
        assert (found.cells.now, found.any.lines, found.services) == (1, 0, ())
        assert found.not_known == ("lines: the incident has no impact run yet",)
        with pytest.raises(InputError, match="before the incident's start"):
            scale_of(session, store, _REF, None, worlds.at(-1))


def test_duties_are_told_and_what_was_filed_is_marked(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    with database.transaction() as session:
        session.execute(update(NetworkElement).where(NetworkElement.id == _HLR).values(kind="msc"))
    measure_impact(database, store, _REF, actor="nora")
    with database.reading() as session:
        found = duties_of(session, store, _REF, at=worlds.at(40), regulator="FCC")
    states = {status.rule: str(status.state) for status in found.thresholds}
    assert states == {"user-minutes": "not_crossed", "mobile switching centre": "crossed", "911": "not_known"}
    msc = found.thresholds[1]
    assert msc.crossed_at == worlds.at(30)
    assert msc.deadlines[0].due_at == worlds.at(30 + 120)
    with database.transaction() as session:
        incident = get_incident(session, _REF)
        given = {"regulator": "fcc", "what": "Notification", "filed_at": worlds.at(35), "actor": "nora"}
        assert record_filing(session, incident, **given, reference="ON-1")  # type: ignore[arg-type]
        assert not record_filing(session, incident, **given, reference="ON-1")  # type: ignore[arg-type]
        with pytest.raises(InputError, match="no such duty"):
            record_filing(session, incident, **(given | {"what": "flowers"}))  # type: ignore[arg-type]
        assert [one.what for one in list_filings(session, incident)] == ["notification"]
    with database.reading() as session:
        found = duties_of(session, store, _REF, at=worlds.at(40), regulator="FCC")
    assert found.thresholds[1].deadlines[0].filed_at == worlds.at(35)
