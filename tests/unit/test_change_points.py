"""Instants at which things change while an outage goes on, and the curve of cost that comes of them."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.document.reading import load_policy
from compensation.geometry.change_points import Thresholds, changes, extended, is_open, thresholds_of
from compensation.simulation.liability_curve import Climb, Curve, Turn, gathered, merged
from tests.open_world import DAYS, TIERS

HOUR = timedelta(hours=1)
LIMITS = Thresholds({timedelta: (4 * HOUR, 12 * HOUR), Fraction: (Fraction(2), Fraction(5))})


@given(st.lists(st.integers(1, 500), unique=True).map(sorted))
def test_every_step_of_what_only_grows_is_found_once(steps):
    found = changes(lambda at: sum(step <= at for step in steps), 0, 500)
    assert found == steps


def test_too_many_steps_are_not_counted_out():
    assert changes(lambda at: at, 0, 1000, most=10) is None
    assert changes(lambda at: at, 0, 10, most=10) == list(range(1, 11))
    assert changes(lambda _: None, 0, 10) == []
    assert changes(lambda at: at, 7, 7) == []


def test_what_was_open_is_carried_on_and_what_was_closed_stays():
    pattern = {"voice": ((10, 20), (30, 50)), "data": ((10, 40),), "sms": ()}
    assert is_open(pattern, 50)
    assert not is_open(pattern, 45)
    assert extended(pattern, 50, 80) == {"voice": ((10, 20), (30, 80)), "data": ((10, 40),), "sms": ()}
    assert extended(pattern, 50, 50) == pattern


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (3 * HOUR, 4 * HOUR - timedelta(seconds=1), None),
        (4 * HOUR - timedelta(seconds=1), 4 * HOUR, "time reaches 4 h"),
        (4 * HOUR, 4 * HOUR + timedelta(seconds=1), "time passes 4 h"),
        (3 * HOUR, 5 * HOUR, "time passes 4 h"),
        (3 * HOUR, 13 * HOUR, "time passes 12 h"),
        (None, 5 * HOUR, "time becomes 5 h"),
        (date(2026, 11, 20), date(2026, 11, 21), "time becomes 2026-11-21"),
    ],
)
def test_what_a_fact_crosses_is_told_in_words(before, after, said):
    assert LIMITS.crossed("time", before, after) == said


def test_a_count_tells_each_of_its_values():
    assert LIMITS.crossed("days", Fraction(3), Fraction(4)) is None
    assert LIMITS.crossed("days", Fraction(3), Fraction(4), steps=True) == "days becomes 4"


@given(st.timedeltas(timedelta(0), 20 * HOUR), st.timedeltas(timedelta(0), 20 * HOUR))
def test_values_of_one_cell_compare_alike_with_every_threshold(one, two):
    same = LIMITS.cell(one) == LIMITS.cell(two)
    alike = all((one < limit, one == limit) == (two < limit, two == limit) for limit in LIMITS.by_type[timedelta])
    assert same == alike


def test_the_thresholds_of_a_policy_are_its_literals_and_its_parameters_of_the_day():
    tiers = thresholds_of(load_policy(TIERS), date(2026, 11, 20))
    assert tiers.by_type[timedelta] == (4 * HOUR, 12 * HOUR)
    assert {Fraction(5), Fraction(25)} <= set(tiers.by_type[Fraction])
    assert thresholds_of(load_policy(DAYS), date(2026, 11, 20)).by_type[timedelta] == (3 * HOUR,)


def test_turns_of_one_instant_and_reason_are_one():
    turns = (Turn(5, "a", 2, 20), Turn(3, "b", 1, 10), Turn(5, "a", 1, -5))
    assert gathered(turns) == (Turn(3, "b", 1, 10), Turn(5, "a", 3, 15))


CURVE = Curve(
    start=0,
    until=7200,
    base_minor=100,
    turns=(
        Turn(600, "time passes 4 h", 3, 300),
        Turn(630, "time passes 4 h", 1, 100),
        Turn(4000, "days becomes 2", 2, 50),
    ),
    climbs=(Climb(0, 3600, 0, 36, 5), Climb(3600, 7200, 36, 36, 5)),
)


def test_a_curve_steps_at_its_turns_and_climbs_between():
    assert [CURVE.cost_at(at) for at in (0, 599, 600, 629, 630, 3600, 3999, 4000, 7200)] == [
        100,
        105,
        406,
        406,
        506,
        536,
        536,
        586,
        586,
    ]


def test_the_corners_give_the_curve():
    points = CURVE.points(300)
    assert (points[0].at, points[-1].at) == (300, 7200)
    assert [point.at for point in points] == sorted({point.at for point in points})
    for one, two in pairwise(points):
        middle = (one.at + two.at) // 2
        drawn = one.cost_minor + (two.cost_minor - one.cost_minor) * (middle - one.at) / max(1, two.at - one.at)
        assert abs(drawn - CURVE.cost_at(middle)) <= 1


def test_cliffs_of_one_minute_stand_together_and_only_the_greatest_are_told():
    cliffs = CURVE.cliffs(0)
    assert [(cliff.at, cliff.lines, cliff.delta_minor) for cliff in cliffs] == [(600, 4, 400), (4000, 2, 50)]
    assert [cliff.at for cliff in CURVE.cliffs(0, most=1)] == [600]
    assert [cliff.at for cliff in CURVE.cliffs(610)] == [630, 4000]


def test_curves_of_several_policies_add_up_as_far_as_all_go():
    other = Curve(start=0, until=3600, base_minor=7, turns=(Turn(600, "time passes 4 h", 1, 1),), climbs=())
    both = merged([CURVE, other])
    assert (both.until, both.base_minor) == (3600, 107)
    for at in (0, 599, 600, 3600):
        assert both.cost_at(at) == CURVE.cost_at(at) + other.cost_at(at)
