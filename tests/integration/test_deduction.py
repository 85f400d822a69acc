"""One minute is paid once: overlapping incidents and planned work, against a model minute by minute."""

from __future__ import annotations

import os
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.intervals import IntervalSet, normalise, total_seconds
from outage.lifecycle import IncidentKind, IncidentStatus
from outage.models import ImpactRun, Incident, Outage
from outage.runs import netting
from outage.runs.deduction import deductions_changed, deductions_of, planned_alongside
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line, patterns_of, sample_lines
from outage.runs.netting import INCIDENT, PLANNED, Net, net_of
from tests import impact_worlds as worlds
from tests.incident_plans import END, Plan, add_plan, expected_minutes, network_of

_EXAMPLES = int(os.environ.get("OUTAGE_TEST_EXAMPLES", "12"))
_ELEMENTS = range(1, 4)


def as_set(minutes: set[int]) -> IntervalSet:
    return normalise((worlds.seconds(minute), worlds.seconds(minute + 1)) for minute in minutes)


def minute_grid(first: int, last: int) -> st.SearchStrategy[int]:
    return st.integers(first // 10, last // 10).map(lambda number: number * 10)


@st.composite
def plans_of_a_world(draw: st.DrawFn) -> dict[int, Plan]:
    plans = {}
    for number in range(1, draw(st.integers(2, 5)) + 1):
        outages: dict[tuple[int, str], tuple[int, int]] = {}
        for _ in range(draw(st.integers(1, 3))):
            start = draw(minute_grid(0, END - 10))
            end = draw(minute_grid(start + 10, END))
            for service in draw(st.lists(st.sampled_from(worlds.SERVICES), min_size=1, unique=True)):
                outages.setdefault((draw(st.sampled_from(_ELEMENTS)), service), (start, end))
        planned = draw(st.integers(0, 3)) == 0
        started = min(start for start, _ in outages.values())
        statuses = [IncidentStatus.RESTORED] * 3 + [
            IncidentStatus.CLOSED,
            IncidentStatus.DISMISSED,
            IncidentStatus.MERGED,
        ]
        plans[number] = Plan(
            started,
            draw(st.none() | minute_grid(started + 10, END)) if planned else None,
            planned,
            draw(st.sampled_from(statuses)),
            tuple((element, (service,), *span) for (element, service), span in outages.items()),
        )
    return plans


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plans=plans_of_a_world())
def test_net_intervals_agree_with_asking_each_minute_who_counts_it(
    database: Database, store: SnapshotStore, plans: dict[int, Plan]
) -> None:
    with database.transaction() as session:
        worlds.clear(session)
        worlds.add_elements(session, *_ELEMENTS)
        for line in (1, 2, 3, 4):
            worlds.add_line(session, line, served_by=min(line, 3))
        for number, plan in plans.items():
            add_plan(session, number, plan)
    order = sorted(plans, key=lambda number: (plans[number].started, number))
    runs = {
        number: measure_impact(database, store, f"INC-2012-{number:05d}", actor="nora", as_of=worlds.at(END)).run
        for number in order
        if plans[number].counts
    }
    paid: dict[tuple[int, str], list[int]] = {}
    for number, run in runs.items():
        for line in (1, 2, 3, 4):
            found = impact_of_line(store, run, line)
            lost = {} if found is None else found.services
            for service in worlds.SERVICES:
                wanted = expected_minutes(plans, number, min(line, 3), service)
                assert lost.get(service, ()) == as_set(wanted), (number, line, service)
                # What overran is an incident of its own in the product, and not in this model.
                its = plans[number].announced(min(line, 3), service) if plans[number].planned else wanted
                paid.setdefault((line, service), []).extend(sorted(wanted & its))
    assert all(len(minutes) == len(set(minutes)) for minutes in paid.values())


def _fill(database: Database, *plans: Plan) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2, 3)
        for line in (1, 2, 3):
            worlds.add_line(session, line, served_by=line)
        for number, plan in enumerate(plans, 1):
            add_plan(session, number, plan)


def _measure(database: Database, store: SnapshotStore, number: int) -> ImpactRun:
    return measure_impact(database, store, f"INC-2012-{number:05d}", actor="nora", as_of=worlds.at(END)).run


def _lost(store: SnapshotStore, run: ImpactRun, line: int, service: str = "voice") -> list[tuple[int, int]]:
    found = impact_of_line(store, run, line)
    spans = () if found is None else found.services.get(service, ())
    return [((start - worlds.seconds(0)) // 60, (end - worlds.seconds(0)) // 60) for start, end in spans]


def test_what_an_earlier_incident_counted_is_left_out_and_the_run_says_so(
    database: Database, store: SnapshotStore
) -> None:
    both = Plan(30, None, False, IncidentStatus.OPENED, tuple((e, worlds.SERVICES, 30, 90) for e in (1, 2, 3)))
    _fill(database, network_of(1, 0, 60), network_of(2, 20, 100), both)
    for number in (1, 2):
        assert "deducted" not in _measure(database, store, number).counts or number == 2
    run = _measure(database, store, 3)
    assert [_lost(store, run, line) for line in (1, 2, 3)] == [[(60, 90)], [], [(30, 90)]]
    assert run.counts["lines"] == 2
    assert run.counts["deducted"] == {
        "lines": 2,
        "lines_gone": 1,
        "seconds": 3 * (30 + 60) * 60,
        "planned": {"lines": 0, "seconds": 0},
        "incident": {"lines": 2, "seconds": 3 * (30 + 60) * 60},
        "runs": ["INC-2012-00001 run 1 incident", "INC-2012-00002 run 1 incident"],
    }
    cut, whole = impact_of_line(store, run, 1), impact_of_line(store, run, 3)
    assert cut is not None
    assert whole is not None
    assert cut.gross == dict.fromkeys(("data", "sms", "voice"), as_set(set(range(30, 90))))
    assert whole.gross is None
    assert set(patterns_of(store, run)) == {cut.pattern, whole.pattern}


def test_combinations_are_computed_in_chunks_with_the_same_result(
    sqlite_database: Database, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netting, "_CHUNK", 2)
    overlapping = [network_of(element, 10 * element, 60) for element in (1, 2, 3)]
    late = Plan(50, None, False, IncidentStatus.OPENED, tuple((e, ("voice",), 50, 60 + e) for e in (1, 2, 3)))
    _fill(sqlite_database, *overlapping, late)
    for number in (1, 2, 3):
        _measure(sqlite_database, store, number)
    run = _measure(sqlite_database, store, 4)
    assert [_lost(store, run, line) for line in (1, 2, 3)] == [[(60, 61)], [(60, 62)], [(60, 63)]]
    assert run.counts["deducted"]["seconds"] == 3 * 10 * 60


def test_a_second_of_voice_is_not_a_second_of_data(database: Database, store: SnapshotStore) -> None:
    _fill(database, network_of(1, 0, 60, services=("data",)), network_of(1, 30, 90, services=("voice", "data")))
    _measure(database, store, 1)
    run = _measure(database, store, 2)
    assert (_lost(store, run, 1), _lost(store, run, 1, "data")) == ([(30, 90)], [(60, 90)])


def test_planned_work_is_measured_by_itself_and_takes_its_minutes_also_from_incidents_before_it(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database, network_of(1, 0, 100), network_of(1, 20, 40, planned=True, announced_end=40))
    run = _measure(database, store, 1)
    assert _lost(store, run, 1) == [(0, 20), (40, 100)]
    assert run.counts["deducted"]["planned"] == {"lines": 1, "seconds": 3 * 20 * 60}
    assert run.counts["deducted"]["runs"] == ["INC-2012-00002 run 1 planned to 2012-07-11T22:40:00Z"]
    with database.reading() as session:
        work = session.scalars(select(ImpactRun).where(ImpactRun.incident_id == 2)).one()
    assert _lost(store, work, 1) == [(20, 40)]


def test_of_two_planned_works_at_one_time_the_earlier_counts_the_minutes_they_share(
    database: Database, store: SnapshotStore
) -> None:
    works = [network_of(1, start, end, planned=True, announced_end=end) for start, end in ((20, 60), (40, 80))]
    _fill(database, *works, network_of(1, 0, 100))
    later = _measure(database, store, 2)
    assert _lost(store, later, 1) == [(60, 80)]
    assert later.counts["deducted"]["runs"] == ["INC-2012-00001 run 1 planned to 2012-07-11T23:00:00Z"]
    assert _lost(store, _measure(database, store, 1), 1) == [(20, 60)]
    assert _lost(store, _measure(database, store, 3), 1) == [(0, 20), (80, 100)]
    with database.transaction() as session:
        session.execute(update(Incident).where(Incident.id == 1).values(status=IncidentStatus.DISMISSED))
    with database.reading() as session:
        assert deductions_changed(session, later)
    assert _lost(store, _measure(database, store, 2), 1) == [(40, 80)]


def test_what_overran_the_announced_end_counts_as_an_incident_from_there_on(
    database: Database, store: SnapshotStore
) -> None:
    late = network_of(1, 20, 80, planned=True, announced_end=40)
    _fill(database, network_of(1, 0, 100), late, network_of(1, 50, 100))
    before = _measure(database, store, 1)
    assert _lost(store, before, 1) == [(0, 20), (40, 100)]
    after = _measure(database, store, 3)
    assert _lost(store, after, 1) == []
    with database.transaction() as session:
        session.execute(update(Incident).where(Incident.id == 1).values(status=IncidentStatus.DISMISSED))
    assert _lost(store, _measure(database, store, 3), 1) == [(80, 100)]


def test_rescheduled_work_takes_its_new_minutes(database: Database, store: SnapshotStore) -> None:
    _fill(database, network_of(1, 0, 100), network_of(1, 20, 40, planned=True, announced_end=40))
    _measure(database, store, 1)
    with database.transaction() as session:
        session.execute(update(Incident).where(Incident.id == 2).values(announced_end_at=worlds.at(50)))
        session.execute(update(Outage).where(Outage.incident_id == 2).values(ended_at=worlds.at(50)))
    assert _lost(store, _measure(database, store, 1), 1) == [(0, 20), (50, 100)]


def test_measuring_again_changes_nothing_until_an_incident_before_it_changes(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database, network_of(1, 0, 60), network_of(1, 30, 90))
    early = _measure(database, store, 2)
    assert _lost(store, early, 1) == [(30, 90)]
    with database.reading() as session:
        assert not deductions_changed(session, early)
    _measure(database, store, 1)
    with database.reading() as session:
        assert deductions_changed(session, early)
    second = _measure(database, store, 2)
    assert (second.number, _lost(store, second, 1)) == (2, [(60, 90)])
    with database.reading() as session:
        assert not deductions_changed(session, second)
    assert _measure(database, store, 2).id == second.id
    with database.transaction() as session:
        session.execute(update(Outage).where(Outage.incident_id == 1).values(ended_at=worlds.at(40)))
    _measure(database, store, 1)
    assert _lost(store, _measure(database, store, 2), 1) == [(40, 90)]


@pytest.mark.parametrize("status", [IncidentStatus.DISMISSED, IncidentStatus.MERGED])
def test_what_was_none_takes_nothing(database: Database, store: SnapshotStore, status: IncidentStatus) -> None:
    _fill(database, network_of(1, 0, 60), network_of(1, 30, 90))
    _measure(database, store, 1)
    with database.transaction() as session:
        session.execute(update(Incident).where(Incident.id == 1).values(status=status))
    assert _lost(store, _measure(database, store, 2), 1) == [(30, 90)]


def test_only_runs_that_can_share_time_are_asked(sqlite_database: Database, store: SnapshotStore) -> None:
    _fill(
        sqlite_database,
        network_of(1, 0, 20),
        network_of(1, 20, 60),
        network_of(1, 30, 90),
        network_of(1, 95, 99),
        network_of(1, 50, 60, planned=True, announced_end=60),
        network_of(1, 0, 30, planned=True, announced_end=30),
    )
    for number in (1, 2, 4, 5, 6):
        _measure(sqlite_database, store, number)
    with sqlite_database.reading() as session:
        third = session.get_one(Incident, 3)
        found = deductions_of(session, third, until=worlds.at(90))
        assert [(one.incident[-1], one.cause) for one in found] == [("5", PLANNED), ("2", INCIDENT)]
        assert [one.id for one in planned_alongside(session, third, until=worlds.at(90))] == [5]
        assert deductions_of(session, session.get_one(Incident, 5), until=worlds.at(90)) == ()
        assert planned_alongside(session, session.get_one(Incident, 5), until=worlds.at(90)) == []


def test_a_billing_incident_neither_takes_minutes_nor_gives_any(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    _fill(sqlite_database, network_of(1, 0, 60), network_of(1, 30, 90))
    _measure(sqlite_database, store, 1)
    with sqlite_database.transaction() as session:
        session.execute(update(Incident).where(Incident.id == 1).values(kind=IncidentKind.BILLING))
    assert _lost(store, _measure(sqlite_database, store, 2), 1) == [(30, 90)]
    with sqlite_database.reading() as session:
        assert deductions_of(session, session.get_one(Incident, 1), until=worlds.at(90)) == ()


def test_a_line_whose_rest_lies_outside_its_contract_leaves_the_run(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    """Midnight in London is at minute 60: the contract ends there, and all before it was counted already."""
    _fill(sqlite_database, network_of(1, 0, 60), network_of(1, 30, 90))
    with sqlite_database.transaction() as session:
        worlds.add_line(session, 4, served_by=1, contract=(None, date(2012, 7, 11)))
        worlds.add_line(session, 5, served_by=1, contract=(date(2012, 7, 12), None))
    _measure(sqlite_database, store, 1)
    run = _measure(sqlite_database, store, 2)
    assert [line.line_id for line in sample_lines(store, run)] == [1, 5]
    assert run.counts["deducted"]["lines_gone"] == 1
    assert worlds.at(60) - worlds.START == timedelta(hours=1)


_SETS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=5).map(
    lambda pairs: normalise((start, start + length) for start, length in pairs)
)
_SHAPES = st.dictionaries(st.sampled_from(["voice", "data"]), _SETS)


@given(_SHAPES, _SHAPES, _SHAPES)
def test_what_is_left_and_what_was_taken_add_up_to_what_was_lost(own, planned, counted) -> None:
    def seconds(sets: dict[str, IntervalSet], service: str) -> set[int]:
        return {second for start, end in sets.get(service, ()) for second in range(start, end)}

    net: Net = net_of(own, planned, counted)
    taken = {PLANNED: 0, INCIDENT: 0}
    for service in own:
        announced = seconds(own, service) & seconds(planned, service)
        again = (seconds(own, service) & seconds(counted, service)) - announced
        taken[PLANNED] += len(announced)
        taken[INCIDENT] += len(again)
        assert seconds(dict(net.left), service) == seconds(own, service) - announced - again
    assert net.seconds == taken
    left = sum(total_seconds(one) for one in net.left.values())
    assert left + sum(taken.values()) == sum(total_seconds(one) for one in own.values())
    assert all(net.left.values())
