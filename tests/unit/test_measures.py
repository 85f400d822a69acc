"""Measures: what a policy counts over a line's lost time, from clock times to the number that a rule reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.decision.counting import Measured
from compensation.decision.decide import decide
from compensation.decision.measuring import Measuring
from compensation.document.model import PolicyDocument
from compensation.document.reading import PolicyError, load_policy
from outage.intervals import IntervalSet, normalise

HEAD = """
policy: test
title: Test
basis: statutory
currency: EUR
zone: {zone}
in force: {{from: 2020-01-01, to: null}}
population: affected
sources: [{{what: all, where: here}}]
"""
TAIL = """
rewards:
  - {name: sorry, kind: apology, when: counted != null}
text: null
"""


def policy(measure: str, *, parts: str = "", zone: str = "Europe/Berlin") -> PolicyDocument:
    indented = "\n".join(f"    {line}" for line in measure.strip().splitlines())
    return load_policy(f"{HEAD.format(zone=zone)}{parts}\nmeasures:\n  - name: counted\n{indented}\n{TAIL}")


def span(start: str, end: str, zone: str = "Europe/Berlin") -> tuple[int, int]:
    instants = [datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (start, end)]
    return int(instants[0].timestamp()), int(instants[1].timestamp())


def counted(
    measure: str, *spans: tuple[str, str], parts: str = "", zone: str = "Europe/Berlin", **facts: Any
) -> Measured:
    document = policy(measure, parts=parts, zone=zone)
    lost = {"voice": normalise(span(*one, zone) for one in spans)}
    named = {name.replace("_", " "): value for name, value in facts.items()}
    return Measuring(document, date(2025, 6, 1)).values(lost, named)["counted"]


MARCH = ("2025-03-01T06:00", "2025-03-03T10:00")


def test_total_and_longest_time_tell_accumulated_from_consecutive() -> None:
    two = [("2025-06-01T10:00", "2025-06-01T10:40"), ("2025-06-01T10:45", "2025-06-01T11:30")]
    assert counted("count: total time", *two) == timedelta(minutes=85)
    assert counted("count: longest time", *two) == timedelta(minutes=45)
    assert counted("count: outages\nat least: PT45M", *two) == 1
    assert counted("count: outages\nover: PT45M", *two) == 0
    assert counted("count: total time\nper: outage\nover: PT40M", *two) == timedelta(minutes=45)
    assert counted("count: total time\nper: outage\nbeyond: PT30M", *two) == timedelta(minutes=25)
    assert counted("count: blocks\nper: outage\noutages over: PT40M", *two) == 1
    assert counted("count: days\noutages at least: PT40M", *two) == 1
    assert counted("count: days\noutages at least: PT46M", *two) == 0


def test_days_count_by_how_much_of_each_calendar_day_is_lost() -> None:
    assert counted("count: days", MARCH) == 3
    assert counted("count: days\nover: PT12H", MARCH) == 2
    assert counted("count: days\nat least: PT10H", MARCH) == 3
    assert counted("count: days\nover: PT10H", MARCH) == 2
    assert counted("count: days\nwhole: true", MARCH) == 1


def test_days_when_clocks_change_are_23_and_25_hours_long() -> None:
    spring = ("2025-03-30T00:00", "2025-03-31T00:00")
    autumn = ("2025-10-26T00:00", "2025-10-27T00:00")
    assert counted("count: hours", spring) == 23
    assert counted("count: hours", autumn) == 25
    assert counted("count: days\nwhole: true", spring) == 1
    assert counted("count: days\nwhole: true", autumn) == 1
    assert counted("count: days\nover: PT24H", autumn) == 1


def test_blocks_run_from_the_first_loss_and_may_be_started_whole_or_long_enough() -> None:
    kddi = ("2022-07-02T01:35", "2022-07-04T15:00")
    assert counted("count: blocks", kddi) == 3
    assert counted("count: blocks\nwhole: true", kddi) == 2
    assert counted("count: blocks\nat least: PT13H25M", kddi) == 3
    assert counted("count: blocks\nover: PT13H25M", kddi) == 2
    apart = [("2025-06-01T00:00", "2025-06-01T01:00"), ("2025-06-01T20:00", "2025-06-02T02:00")]
    assert counted("count: blocks", *apart) == 2
    assert counted("count: blocks\nper: outage", *apart) == 2
    assert counted("count: blocks\nlength: PT6H\nper: outage", *apart) == 2


def test_hours_round_up_down_or_over_a_rest() -> None:
    long = ("2025-06-01T00:00", "2025-06-01T14:50")
    assert counted("count: hours\nrounded: up", long) == 15
    assert counted("count: hours\nrounded: down", long) == 14
    assert counted("count: hours", long) == Fraction(89, 6)
    assert counted("count: hours\nrounded: over PT30M", ("2025-06-01T00:00", "2025-06-01T02:30")) == 2
    assert counted("count: hours\nrounded: over PT30M", ("2025-06-01T00:00", "2025-06-01T02:31")) == 3


def test_a_daily_window_keeps_what_its_clock_shows() -> None:
    night = ("2025-06-01T20:00", "2025-06-02T06:00")
    assert counted("count: total time\nwindow: 08:00-22:00", night) == timedelta(hours=2)
    assert counted("count: total time\nwindow: 22:00-08:00", night) == timedelta(hours=8)
    assert counted("count: total time\nwindow: 20:00-24:00", night) == timedelta(hours=4)


def test_months_and_billing_periods_keep_what_is_lost_apart() -> None:
    over = [("2025-06-30T04:00", "2025-07-01T20:00")]
    assert counted("count: most time\nper: month", *over) == timedelta(hours=20)
    assert counted("count: total time\nper: month\nover: PT24H", *over) == timedelta()
    period = "count: most time\nper: billing period"
    assert counted(period, *over, billing_day=Fraction(15)) == timedelta(hours=40)
    assert counted(period, *over, billing_day=Fraction(1)) == timedelta(hours=20)
    assert counted(period, *over) is None
    assert counted("count: billing periods\nat least: PT20H", *over, billing_day=1) == 2


def test_services_are_any_one_or_all_at_once() -> None:
    lost = {"voice": ((0, 7200),), "data": ((3600, 10800),)}
    both = {"all of [voice, data]": 1, "any of [voice, data]": 3}
    expected = {"any": 3, "voice": 2, "sms": 0, "worst service": 2, **both}
    for of, hours in expected.items():
        document = policy(f"count: hours\nof: {of}", zone="UTC")
        assert Measuring(document, date(2025, 1, 1)).values(lost, {})["counted"] == hours, of
        assert Measuring(document, date(2025, 1, 1)).values({}, {})["counted"] == 0, of


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def test_the_clock_may_start_at_knowledge_or_at_the_report() -> None:
    lost = ("2025-06-02T00:00", "2025-06-03T09:00")
    known: dict[str, Any] = {"known_at": at("2025-06-02T10:00")}
    total = "count: total time\nsince: "
    assert counted(f"{total}fault", lost, **known) == timedelta(hours=33)
    assert counted(f"{total}known", lost, **known) == timedelta(hours=23)
    assert counted(f"{total}known or reported", lost, **known) == timedelta(hours=23)
    assert counted(f"{total}known or reported", lost, **known, reported_at=at("2025-06-02T08:00")) == timedelta(
        hours=25
    )
    assert counted(f"{total}reported", lost, **known) == timedelta(), "never reported: its clock never starts"
    assert counted(f"{total}known", lost) is None


GERMAN = "count: days\nwhole: true\nsince: reported\nfirst day: {}"


def test_the_day_of_the_report_is_day_0() -> None:
    goettingen = ("2022-03-20T10:00", "2023-01-01T00:00")
    report: dict[str, Any] = {"reported_at": at("2022-03-22T12:00")}
    assert counted(GERMAN.format("3\nlast day: 4"), goettingen, **report) == 2
    assert counted(GERMAN.format("5"), goettingen, **report) == 280
    assert counted(GERMAN.format("5\nday one: the same day"), goettingen, **report) == 281
    grace = "count: days\nwhole: true\nsince: reported\ngrace: 2 calendar days"
    assert counted(grace, goettingen, **report) == 282


HOLIDAYS = """
holidays:
  England and Wales:
    source: gov.uk
    covers: {from: 2025-01-01, to: 2026-01-01}
    dates: [2025-04-18, 2025-04-21, 2025-12-25]
  Nowhere:
    source: made up
    covers: {from: 2025-01-01, to: 2026-01-01}
    weekend: [Friday]
    dates: []
"""
WORKING = "count: days\nwhole: true\nsince: reported\ngrace: 2 working days\ncalendar: England and Wales"


def test_working_days_skip_weekends_and_holidays_of_the_region() -> None:
    lost = ("2025-04-17T09:00", "2025-04-26T09:00")
    report: dict[str, Any] = {"reported_at": at("2025-04-17T10:00")}
    # Good Friday 18, Easter Monday 21: full working days are Tue 22 and Wed 23, so Thu 24 and Fri 25 count.
    assert counted(WORKING, lost, parts=HOLIDAYS, **report) == 2
    by_fact = WORKING.replace("England and Wales", "brand")
    assert counted(by_fact, lost, parts=HOLIDAYS, **report, brand="England and Wales") == 2
    assert counted(by_fact, lost, parts=HOLIDAYS, **report, brand="Nowhere") == 5
    assert counted(by_fact, lost, parts=HOLIDAYS, **report, brand="Elsewhere") is None


def test_days_that_no_calendar_covers_are_not_guessed() -> None:
    lost = ("2025-12-30T09:00", "2026-02-26T09:00")
    assert counted(WORKING, lost, parts=HOLIDAYS, reported_at=at("2025-12-30T10:00")) is None
    only = "count: days\nonly on: working days\ncalendar: England and Wales"
    assert counted(only, ("2025-12-24T09:00", "2025-12-26T09:00"), parts=HOLIDAYS) == 2
    assert counted(only, lost, parts=HOLIDAYS) is None


def test_days_are_counted_in_the_zone_of_the_customer_on_request() -> None:
    lost = ("2025-06-01T22:00", "2025-06-02T02:00")
    days = "count: days\nzone: customer"
    assert counted("count: days", lost) == 2
    assert counted(days, lost, time_zone="America/New_York") == 1
    assert counted(days, lost) is None


def test_settings_may_be_dated_parameters() -> None:
    parts = """
parameters:
  least a day:
    unit: lost per day
    source: law
    type: days and time duration
    values: {2020-01-01: PT12H, 2025-06-01: PT18H}
  patience: {unit: calendar days, source: law, values: {2020-01-01: 1}}
"""
    document = policy("count: days\nover: least a day\ngrace: patience", parts=parts)
    lost = {"voice": (span("2025-03-01T06:00", "2025-03-04T18:00"),)}
    assert Measuring(document, date(2025, 5, 31)).values(lost, {})["counted"] == 2
    assert Measuring(document, date(2025, 6, 1)).values(lost, {})["counted"] == 1
    assert document.names_read() >= {"counted", "least a day", "patience"}


def test_sites_are_counted_by_their_longest_unbroken_time() -> None:
    document = policy("count: sites\nat least: PT60M")
    measuring = Measuring(document, date(2025, 1, 1))
    network = {"sites": {((0, 3600),): 2, ((0, 2400), (3000, 5700)): 5}}
    assert measuring.values({}, {}, network=network)["counted"] == 2
    assert Measuring(document, date(2025, 1, 1)).values({}, {})["counted"] is None


def test_one_lost_time_is_measured_once() -> None:
    measuring = Measuring(policy("count: days"), date(2025, 1, 1))
    first = measuring.values({"voice": ((0, 100),)}, {}, key="pattern")
    assert measuring.values({}, {}, key="pattern") == first
    assert measuring.values({}, {}, key="another") != first


@pytest.mark.parametrize(
    ("measure", "what", "accepted"),
    [
        ("count: dayz", 'count cannot be "dayz"', "days"),
        ("count: days\nover: twelve", 'over cannot be "twelve"', "a duration such as PT12H"),
        ("count: days\nover: PT1H\nwhole: true", "a piece is taken by one of", "one of the three"),
        ("count: outages\nwhole: true", "only days and blocks can be whole", "leave it out"),
        ("count: most time", "say of which", "per: one of outage"),
        ("count: days\nper: outage", "have no other pieces", "leave it out"),
        ("count: hours\nwindow: 8-22", "not a daily window", "08:00-22:00"),
        ("count: hours\nof: vioce", 'unknown service "vioce"', "voice"),
        ("count: hours\nof: all of [voice, fax]", 'unknown service "fax"', "any"),
        ("count: days\ngrace: 2 working days", "need a holiday calendar", "calendar: one of"),
        ("count: days\ncalendar: Mars", "nothing here asks for working days", "leave it out"),
        ("count: blocks\nlength: PT90M", "a block is whole hours long", "PT24H"),
        ("count: days\ngrace: soon", 'grace cannot be "soon"', "2 working days"),
        ("count: days\nrounded: up", "only hours are rounded here", "count: hours"),
        ("count: sites\nwindow: 08:00-22:00", "over the whole incident", "leave it out"),
    ],
)
def test_a_wrong_measure_is_found_when_it_is_saved(measure: str, what: str, accepted: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(measure)
    problem = next(one for one in caught.value.problems if what in one.what)
    assert accepted in problem.accepted
    assert problem.line > 9


def test_a_number_of_hours_is_no_duration() -> None:
    parts = "parameters:\n  half: {unit: h, source: law, values: {2020-01-01: 12}}\n"
    with pytest.raises(PolicyError, match='the parameter "half" is a number of h; accepted: a duration such as PT12H'):
        policy("count: days\nover: half", parts=parts)


def test_a_broken_measure_is_complained_of_once() -> None:
    with pytest.raises(PolicyError) as caught:
        policy("count: dayz")
    assert len(caught.value.problems) == 1


moments = st.integers(0, 60 * 24 * 10)


PARTED = [policy(f"count: total time\nper: {per}") for per in ("outage", "day", "block", "month")]


@given(st.lists(st.tuples(moments, moments), max_size=6))
def test_days_blocks_and_outages_part_the_same_time(minutes: list[tuple[int, int]]) -> None:
    base = int(datetime(2025, 3, 27, tzinfo=UTC).timestamp())
    lost: IntervalSet = normalise((base + min(one) * 60, base + max(one) * 60) for one in minutes)
    parts = {Measuring(one, date(2025, 1, 1)).values({"voice": lost}, {})["counted"] for one in PARTED}
    assert parts == {timedelta(seconds=sum(end - start for start, end in lost))}


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("count: days\nover: PT12H", "calendar days with more than 12 h without at least one service"),
        ("count: total time\nof: voice\nwindow: 08:00-22:00", "total time without voice between 08:00 and 22:00"),
        ("count: blocks\nper: outage\nof: data", "blocks of 1 d of each outage with any time without data"),
        (
            "count: most time\nper: month\nof: all of [voice, data]",
            "the most time in one calendar month without voice and data at once",
        ),
        ("count: hours\nrounded: up", "hours rounded up without at least one service"),
        (
            "count: days\nwhole: true\nsince: reported\nfirst day: 3\nlast day: 4",
            "calendar days that are wholly without at least one service since the customer's report "
            "on the days 3 to 4 after the day of the report",
        ),
        (
            "count: sites\nat least: PT1H",
            "sites of the incident with at least 1 h without at least one service at a stretch",
        ),
    ],
)
def test_a_measure_says_what_it_counts(measure: str, said: str) -> None:
    assert policy(measure).catalogue["counted"].source == said


def test_a_decision_says_what_was_counted_with_the_values_of_the_day() -> None:
    parts = (
        "parameters:\n  least: {unit: lost, source: law, type: days and time duration, values: {2020-01-01: PT12H}}\n"
    )
    document = policy("count: days\nover: least", parts=parts)
    trace = decide(document, {"counted": 2}, on=date(2025, 6, 1)).trace
    said = "counted: 2 days (calendar days with more than 12 h without at least one service)."
    assert said in trace.explain()
