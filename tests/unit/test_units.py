"""Numbers of different units are not compared, added or chosen between; what converts them says so."""

from __future__ import annotations

import pytest

from compensation.document.reading import PolicyDocument, PolicyError, load_policy

POLICY = """
policy: test
title: Test
basis: statutory
currency: GBP
zone: Europe/London
in force: {{from: 2020-01-01, to: null}}
population: affected
sources: [{{what: all, where: here}}]
attributes:
  visits: {{type: number, meaning: A test., unit: days}}
  fine: {{type: number, meaning: A test., unit: EUR}}
parameters:
  patience: {{unit: days, source: law, values: {{2020-01-01: 2}}}}
  working time: {{unit: working days, source: law, values: {{2020-01-01: 2}}}}
  hours to wait: {{unit: hours, source: law, values: {{2020-01-01: 24}}}}
  part: {{unit: share, source: law, values: {{2020-01-01: 0.1}}}}
  rate: {{unit: "%", source: law, values: {{2020-01-01: 10}}}}
  credit: {{unit: GBP, source: law, values: {{2020-01-01: 5.00}}}}
  tries: {{unit: strikes, source: law, values: {{2020-01-01: 3}}}}
measures:
  - {{name: days lost, count: days}}
decisions:
  - name: result
    expression: {expression}
rewards:
  - {{name: sorry, kind: apology, when: result != null}}
text: null
"""


def load(expression: str) -> PolicyDocument:
    return load_policy(POLICY.format(expression=expression))


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("hours lost > patience", "h stand against days"),
        ("days lost > hours to wait", "days stand against h"),
        ("days lost > working time", "days stand against working days"),
        ("days lost + hours lost", "days stand against h"),
        ("max(days lost, hours lost)", "days stand against h"),
        ("if planned then days lost else hours lost", "days stand against h"),
        ("part > rate", "share stand against %"),
        ("days lost between 1 and hours to wait", "days stand against h"),
        ("days lost in (1, > hours to wait)", "days stand against h"),
        ("round up(days lost, 0) > hours lost", "days stand against h"),
        ("credit + fine", "GBP stand against EUR"),
        ("visits - hours lost", "days stand against h"),
    ],
)
def test_numbers_of_different_units_do_not_go_together(expression: str, what: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(expression)
    assert [problem.what for problem in caught.value.problems] == [what]
    assert caught.value.problems[0].column > 10
    assert "converted" in caught.value.problems[0].accepted


@pytest.mark.parametrize(
    "expression",
    [
        "hours lost / 24 > patience",
        "days lost * 24 > hours to wait",
        "days lost > 2",
        "days lost + visits > patience",
        "tries > patience",
        "credit * part > 1",
        "rate / 100 < part",
    ],
)
def test_converted_and_plain_numbers_go_with_anything(expression: str) -> None:
    assert load(expression).decisions


def test_a_cell_is_held_against_its_input() -> None:
    table = '"|\\n      days lost || out : number\\n      -----\\n      > hours to wait || 1\\n      - || 2"'
    text = POLICY.format(expression="1").replace(
        "expression: 1", "hit policy: F\n    table: |" + table[2:-1].replace("\\n", "\n")
    )
    with pytest.raises(PolicyError, match="days stand against h"):
        load_policy(text)


def test_the_unit_of_a_decision_goes_on_to_later_ones() -> None:
    text = POLICY.format(expression="max(days lost, visits)")
    later = "  - name: later\n    expression: result > hours lost\nrewards:"
    with pytest.raises(PolicyError, match="days stand against h"):
        load_policy(text.replace("rewards:", later))


def test_a_number_and_a_duration_are_told_apart_with_both_ways_out() -> None:
    with pytest.raises(PolicyError, match=r'total loss > duration\("PT24H"\), or two numbers such as hours lost > 24'):
        load("total loss > hours to wait")


def test_an_amount_in_another_currency_is_found_where_it_is_written() -> None:
    text = POLICY.format(expression="1").replace("credit: {unit: GBP", "credit: {unit: EUR")
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    problem = caught.value.problems[0]
    assert (problem.what, problem.accepted) == ("the policy pays in GBP, this amount is in EUR", "GBP")
