"""Which incident an alarm joins: its own element's, a related one that is still spreading, or none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from outage.incidents.correlation import OpenIncident, choose_incident

NOON = datetime(2012, 7, 11, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def incident(number, elements, since=NOON, related=(), last_alarm_at=None) -> OpenIncident:
    return OpenIncident(number, frozenset(elements), since, frozenset(related), last_alarm_at)


def test_an_alarm_without_open_incidents_needs_a_new_one():
    assert choose_incident(element="hlr-1", raised_at=NOON, open_incidents=[]) is None


@pytest.mark.parametrize("raised_at", [minutes(-600), minutes(1), minutes(1200)])
def test_an_alarm_joins_the_open_incident_of_its_own_element_whenever_it_was_raised(raised_at):
    assert choose_incident(element="hlr-1", raised_at=raised_at, open_incidents=[incident(7, ["hlr-1"])]) == 7


@pytest.mark.parametrize(
    ("minute", "joins"), [(-30.1, False), (-30, True), (0, True), (30, True), (30.1, False), (600, False)]
)
def test_an_alarm_on_a_related_element_joins_within_the_window_of_the_start(minute, joins):
    found = choose_incident(
        element="cell-9", raised_at=minutes(minute), open_incidents=[incident(7, ["hlr-1"], related=["cell-9"])]
    )
    assert found == (7 if joins else None)


@pytest.mark.parametrize(("minute", "joins"), [(31, True), (150, True), (151, False)])
def test_each_alarm_of_an_incident_moves_the_end_of_its_window(minute, joins):
    spreading = incident(7, ["hlr-1"], related=["cell-9"], last_alarm_at=minutes(120))
    found = choose_incident(element="cell-9", raised_at=minutes(minute), open_incidents=[spreading])
    assert found == (7 if joins else None)


def test_an_alarm_on_an_unrelated_element_needs_a_new_incident():
    assert choose_incident(element="x", raised_at=NOON, open_incidents=[incident(7, ["a"], related=["b"])]) is None


def test_the_window_is_the_callers_to_set():
    asked: dict[str, Any] = {
        "element": "b",
        "raised_at": minutes(45),
        "open_incidents": [incident(7, ["a"], related=["b"])],
    }
    assert choose_incident(**asked) is None
    assert choose_incident(**asked, window=timedelta(hours=1)) == 7


def test_the_same_element_beats_an_older_related_incident():
    older = incident(1, ["a"], since=minutes(-10), related=["b"])
    own = incident(2, ["b"], since=NOON)
    assert choose_incident(element="b", raised_at=NOON, open_incidents=[older, own]) == 2


def test_ties_go_to_the_oldest_then_the_smallest_id_in_whatever_order_they_are_given():
    candidates = [
        incident(5, ["a"], since=minutes(-5), related=["b"]),
        incident(3, ["a"], since=minutes(-5), related=["b"]),
        incident(1, ["a"], since=minutes(-1), related=["b"]),
    ]
    for order in permutations(candidates):
        assert choose_incident(element="b", raised_at=NOON, open_incidents=order) == 3
        assert choose_incident(element="a", raised_at=NOON, open_incidents=order) == 3
