"""Reporting thresholds at their exact boundaries, with the deadlines that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foundation.errors import InputError
from outage.scale.facts import AreaScale, IncidentScale, NetworkScale, ServiceScale, nothing_of
from outage.scale.regulators import RULES
from outage.scale.thresholds import Crossing, ThresholdStatus, choose, evaluate, find_duty
from outage.steps import Steps, area, from_changes, level_at, worst

START = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
ZERO = int(START.timestamp())
MINUTE, HOUR, DAY = 60, 3600, 86_400


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def network(kind: str, count: int, *spans: tuple[int, int | None, int], now: int) -> NetworkScale:
    series = _series(*spans, now=now)
    highest, when = worst(series)
    moment = None if when is None else datetime.fromtimestamp(when, UTC)
    return NetworkScale(kind, count, highest, level_at(series, ZERO + now), highest, moment, 0, series)


def _series(*spans: tuple[int, int | None, int], now: int) -> Steps:
    changes = [(ZERO + start, count) for start, _, count in spans]
    changes += [(ZERO + end, -count) for _, end, count in spans if end is not None and end <= now]
    return from_changes(change for change in changes if change[0] <= ZERO + now)


def scale(*spans: tuple[int, int | None, int], now: int, lines_all: int = 10_000_000, **others) -> IncidentScale:
    """An incident in which so many lines lost voice from second to second; no end: still out."""
    series = _series(*spans, now=now)
    highest, when = worst(series)
    hit = from_changes((ZERO + start, count) for start, _, count in spans if start <= now)
    moment = None if when is None else datetime.fromtimestamp(when, UTC)
    lost = ServiceScale(
        None,
        sum(count for _, _, count in spans),
        area(series, ZERO + now),
        level_at(series, ZERO + now),
        highest,
        moment,
        series,
        hit,
    )
    ends = [end for _, end, _ in spans]
    is_open = any(end is None or end > now for end in ends)
    made = IncidentScale(
        incident="INC-2026-00001",
        at=at(now),
        started_at=START,
        known_at=START,
        restored_at=None if is_open else at(max(end or 0 for end in ends)),
        planned=False,
        is_open=is_open,
        run=1,
        measured_to=at(now),
        lines_all=lines_all,
        any=lost,
        services=(replace(lost, service="voice"),),
        segments=(),
        brands=(),
        payment_types=(),
        cells=network("cell", 100, now=now),
        sites=network("site", 40, now=now),
        kinds=(),
        areas=(),
        not_known=(),
    )
    return replace(made, **others)


def status(made: IncidentScale, regulator: str, rule: str) -> ThresholdStatus:
    (found,) = [one for one in evaluate(made, choose(RULES, regulator)) if one.rule == rule]
    return found


def due(found: ThresholdStatus) -> dict[str, datetime | None]:
    return {deadline.what: deadline.due_at for deadline in found.deadlines}


def test_900_000_user_minutes_are_crossed_at_the_second_they_are_full():
    short = status(scale((0, None, 30_000), now=1799), "FCC", "user-minutes")
    assert (short.state, short.crossed_at, short.expected_at) == (Crossing.NOT_CROSSED, None, at(1800))
    full = status(scale((0, None, 30_000), now=1800), "FCC", "user-minutes")
    assert (full.state, full.crossed_at) == (Crossing.CROSSED, at(1800))
    assert [(one.have, one.need) for one in full.distances] == [(1800, 1800), (900_000, 900_000)]


def test_one_line_less_crosses_a_second_later_than_thirty_minutes():
    found = status(scale((0, None, 29_999), now=HOUR), "FCC", "user-minutes")
    assert found.crossed_at == at(1801)


def test_many_lines_for_less_than_thirty_minutes_are_not_reported():
    found = status(scale((0, 1799, 1_000_000), now=DAY), "FCC", "user-minutes")
    assert (found.state, found.expected_at) == (Crossing.NOT_CROSSED, None)


def test_what_time_alone_never_crosses_is_expected_at_no_time():
    found = status(scale((0, None, 29_999), now=HOUR), "Ofcom", "100,000 customers")
    assert (found.state, found.expected_at) == (Crossing.NOT_CROSSED, None)


def test_data_alone_is_no_telephony():
    made = scale((0, None, 30_000), now=HOUR)
    made = replace(made, services=(replace(made.any, service="data"),))
    assert status(made, "FCC", "user-minutes").state == Crossing.NOT_CROSSED
    assert made.service("voice") == nothing_of("voice")


def test_deadlines_run_from_when_it_was_reportable_and_known():
    made = scale((0, None, 30_000), now=HOUR)
    expected = {
        "notification": at(1800 + 2 * HOUR),
        "initial report": at(1800 + 3 * DAY),
        "final report": at(1800 + 30 * DAY),
    }
    found = status(made, "FCC", "user-minutes")
    assert due(found) == expected
    assert found.deadlines[0].seconds_left == 1800 + HOUR
    late = status(replace(made, known_at=at(3000)), "FCC", "user-minutes")
    assert due(late)["notification"] == at(3000 + 2 * HOUR)
    overdue = status(scale((0, None, 30_000), now=4 * HOUR), "FCC", "user-minutes")
    assert overdue.deadlines[0].seconds_left == 1800 - 2 * HOUR


def test_what_was_filed_has_no_seconds_left():
    filed = {("FCC", "notification"): at(2000)}
    found = evaluate(scale((0, None, 30_000), now=HOUR), choose(RULES, "fcc"), filed)[0]
    assert [(one.filed_at, one.seconds_left is None) for one in found.deadlines] == [
        (at(2000), True),
        (None, False),
        (None, False),
    ]


def test_a_switching_centre_counts_without_any_line():
    made = scale((0, None, 1), now=HOUR, kinds=(network("msc", 2, (0, 1800, 1), now=HOUR),))
    assert status(made, "FCC", "mobile switching centre").crossed_at == at(1800)
    made = scale((0, None, 1), now=HOUR, kinds=(network("msc", 2, (0, 1799, 1), now=HOUR),))
    assert status(made, "FCC", "mobile switching centre").state == Crossing.NOT_CROSSED


def test_emergency_calls_are_not_known_and_not_guessed():
    found = status(scale((0, None, 30_000), now=HOUR), "FCC", "911")
    assert (found.state, found.crossed_at, found.deadlines) == (Crossing.NOT_KNOWN, None, ())
    assert found.not_known == ("whether a 911 special facility was affected",)
    assert status(scale((0, 60, 30_000), now=HOUR), "FCC", "911").state == Crossing.NOT_CROSSED


@pytest.mark.parametrize(("lines", "crossed"), [(20_000, 1801), (19_989, 1801), (19_988, 1802), (2_000_000, 1801)])
def test_canada_wants_over_thirty_minutes_and_600_000_user_minutes(lines, crossed):
    assert status(scale((0, None, lines), now=HOUR), "CRTC", "primary services").crossed_at == at(crossed)


def test_a_report_after_restoration_has_no_date_before_it():
    made = scale((0, None, 30_000), now=HOUR)
    found = status(made, "CRTC", "primary services").deadlines[1]
    assert (found.due_at, found.note) == (None, "30 days after service is back")
    found = status(scale((0, 2 * HOUR, 30_000), now=DAY), "CRTC", "primary services").deadlines[1]
    assert found.due_at == at(2 * HOUR + 30 * DAY)


def test_a_district_is_reportable_when_all_its_cells_were_out_for_over_four_hours():
    def world(now: int, cells: int, end: int | None = None) -> IncidentScale:
        areas = (AreaScale("KA-01", network("cell", 12, (100, end, cells), now=now)),)
        return scale((0, None, 1), now=now, areas=areas)

    assert status(world(100 + 4 * HOUR, 12), "TRAI", "district").state == Crossing.NOT_CROSSED
    found = status(world(101 + 4 * HOUR, 12), "TRAI", "district")
    assert found.crossed_at == at(101 + 4 * HOUR)
    assert due(found) == {"report of the outage": at(100 + DAY), "root cause and corrective action": None}
    assert status(world(DAY, 11), "TRAI", "district").state == Crossing.NOT_CROSSED
    assert status(world(DAY, 12, 100 + 4 * HOUR), "TRAI", "district").state == Crossing.NOT_CROSSED


def test_a_core_element_takes_a_district_by_the_lines_that_live_there():
    long = 4 * HOUR + 1
    core = (network("hlr", 1, (0, long, 1), now=DAY),)
    made = scale((0, long, 500), now=DAY, kinds=core)
    found = status(made, "TRAI", "district")
    assert (found.state, found.not_known) == (Crossing.NOT_KNOWN, ("which lines live in which area",))
    cells = network("cell", 12, now=DAY)
    homes = AreaScale("KA-01", cells, 500, 500, 0, _series((0, long, 500), now=DAY))
    assert status(replace(made, areas=(homes,)), "TRAI", "district").crossed_at == at(long)
    assert status(replace(made, areas=(replace(homes, lines_all=501),)), "TRAI", "district").state == "not_crossed"
    short = scale((0, 4 * HOUR, 500), now=DAY, kinds=(network("hlr", 1, (0, 4 * HOUR, 1), now=DAY),))
    assert status(short, "TRAI", "district").state == Crossing.NOT_CROSSED


def test_europe_counts_user_hours():
    assert status(scale((0, HOUR, 1_000_000), now=DAY), "EECC", "user-hours").state == Crossing.NOT_CROSSED
    found = status(scale((0, HOUR, 1_000_001), now=DAY), "EECC", "user-hours")
    assert found.crossed_at == at(HOUR)


def test_100_000_customers_for_any_time_are_enough_in_britain():
    found = status(scale((0, 1, 60_000), (500, 501, 40_000), now=DAY), "Ofcom", "100,000 customers")
    assert found.crossed_at == at(500)
    found = status(scale((0, 1, 60_000), (500, 501, 39_999), now=DAY), "Ofcom", "100,000 customers")
    assert found.state == Crossing.NOT_CROSSED


def test_proposed_thresholds_are_evaluated_and_marked():
    rule = "10,000 customers for 8 hours (2026 proposal)"
    found = status(scale((0, 8 * HOUR, 10_000), now=DAY), "Ofcom", rule)
    assert (found.standing, found.crossed_at) == ("proposed", at(8 * HOUR))
    assert status(scale((0, 8 * HOUR - 1, 10_000), now=DAY), "Ofcom", rule).state == Crossing.NOT_CROSSED
    quarter = "25 % of customers for 8 hours (2026 proposal)"
    made = scale((0, 8 * HOUR, 26), now=DAY, lines_all=101)
    assert status(made, "Ofcom", quarter).crossed_at == at(8 * HOUR)
    assert status(replace(made, lines_all=105), "Ofcom", quarter).state == Crossing.NOT_CROSSED


def test_which_sites_are_rural_is_not_known_unless_none_is_out():
    rule = "one rural site (2026 proposal)"
    assert status(scale((0, None, 1), now=HOUR), "Ofcom", rule).state == Crossing.NOT_CROSSED
    made = scale((0, None, 1), now=HOUR, sites=network("site", 40, (10, None, 1), now=HOUR))
    found = status(made, "Ofcom", rule)
    assert (found.state, found.not_known) == (Crossing.NOT_KNOWN, ("which sites stand in rural areas",))
    assert status(made, "Ofcom", "25 urban sites (2026 proposal)").state == Crossing.NOT_CROSSED


def test_australia_wants_over_sixty_minutes_of_100_000_services():
    assert status(scale((0, 3600, 100_000), now=DAY), "ACMA", "major outage").state == Crossing.NOT_CROSSED
    found = status(scale((0, 3601, 100_000), now=DAY), "ACMA", "major outage")
    assert found.crossed_at == at(3601)
    assert status(scale((0, 3601, 99_999), now=DAY), "ACMA", "major outage").state == Crossing.NOT_CROSSED


def test_planned_work_is_exempt_in_australia():
    made = scale((0, None, 100_000), now=DAY, planned=True)
    assert status(made, "ACMA", "major outage").state == Crossing.EXEMPT
    assert status(made, "FCC", "user-minutes").state == Crossing.CROSSED


@pytest.mark.parametrize(
    ("age", "following"),
    [(0, 6), (6 * HOUR - 1, 6), (6 * HOUR, 12), (20 * HOUR, 24), (24 * HOUR, 48), (30 * HOUR, 48), (48 * HOUR, 72)],
)
def test_updates_are_due_every_six_hours_for_a_day_and_daily_then(age, following):
    found = status(scale((0, None, 100_000), now=3601 + age), "ACMA", "major outage")
    assert due(found)["next update to end users"] == at(3601 + following * HOUR)


def test_no_update_is_due_once_service_is_back():
    found = status(scale((0, 2 * HOUR, 100_000), now=DAY), "ACMA", "major outage").deadlines[1]
    assert (found.due_at, found.note) == (None, "service is back: no more updates are due")


def test_local_outages_need_what_the_records_do_not_hold():
    rule = "significant local outage, regional"
    assert status(scale((0, None, 999), now=DAY), "ACMA", rule).state == Crossing.NOT_CROSSED
    found = status(scale((0, None, 1000), now=DAY), "ACMA", rule)
    assert (found.state, found.not_known) == (Crossing.NOT_KNOWN, ("which lines are in regional Australia",))


def test_a_rule_binds_from_its_first_day_on():
    made = replace(scale((0, None, 30_000), now=HOUR), started_at=datetime(2025, 11, 3, 12, tzinfo=UTC))
    assert evaluate(made, choose(RULES, "CRTC")) == []
    assert evaluate(replace(made, started_at=datetime(2025, 11, 4, tzinfo=UTC)), choose(RULES, "CRTC"))


def test_without_a_run_nothing_is_known_of_lines():
    made = replace(scale((0, None, 30_000), now=HOUR), run=None, any=nothing_of(None), services=())
    found = status(made, "FCC", "user-minutes")
    assert (found.state, found.not_known) == (Crossing.NOT_KNOWN, ("lines: the incident has no impact run yet",))


def test_an_unknown_regulator_or_duty_is_named():
    with pytest.raises(InputError, match="FCC, CRTC, TRAI, EECC, Ofcom, ACMA"):
        choose(RULES, "BNetzA")
    assert find_duty(RULES, "fcc", "Final Report") == ("FCC", "final report")
    with pytest.raises(InputError, match="no such duty"):
        find_duty(RULES, "FCC", "apology")
