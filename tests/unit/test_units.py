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


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("round half up(service fee * rate, 2)", "rate"),
        ("service fee * rate / 30", "rate"),
        ("rate * service fee * days lost / days of outage month", "rate"),
        ("service fee * (100 - rate)", "(...)"),
        ("service fee * max(rate, 5)", "(...)"),
        ("service fee * (if planned then rate else 20)", "(...)"),
        ("service fee / 720 * rate", "rate"),
        ("service fee * rate * rate / 100", "rate"),
        ("credit * greatest area share", "greatest area share"),
        ("fine * rate", "rate"),
        ("min(service fee, credit) * rate", "rate"),
        ("total loss * rate", "rate"),
        ("service fee / rate", "rate"),
        ("(if planned then service fee else credit) * rate", "rate"),
    ],
)
def test_money_times_per_cent_is_divided_by_a_hundred(expression: str, wrong: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(expression)
    (problem,) = caught.value.problems
    assert problem.what.endswith("is multiplied by per cent, which is a hundred times its part")
    assert problem.accepted.startswith(f"{wrong} / 100, or a parameter with unit: share")
    line = POLICY.format(expression=expression).splitlines()[problem.line - 1]
    assert wrong == "(...)" or line[problem.column - 1 :].startswith(wrong)


@pytest.mark.parametrize(
    "expression",
    [
        "service fee * rate / 100",
        "service fee * (rate / 100)",
        "rate / 100 * service fee",
        "service fee * rate / 3000",
        "service fee * 0.01 * rate",
        "service fee * rate / 100 * rate / 100",
        "service fee * (1 - rate / 100)",
        "service fee * rate / greatest area share",
        "service fee / (100 + rate) * 100",
        "service fee * part",
        "total loss * rate / 100 > total data loss",
        "rate * 2 > greatest area share",
    ],
)
def test_per_cent_that_is_put_right_goes_with_money(expression: str) -> None:
    assert load(expression).decisions


LATER = """
  - name: later
    type: money
    expression: round half up(service fee * result, 2)
rewards:"""


@pytest.mark.parametrize("first", ["rate", "rate * days lost", "if planned then 0 else rate", "min(rate, 50)"])
def test_per_cent_goes_on_to_the_decision_that_multiplies_by_it(first: str) -> None:
    text = POLICY.format(expression=first)
    with pytest.raises(PolicyError, match=r"multiplied by per cent.*result / 100"):
        load_policy(text.replace("\nrewards:", LATER))
    put_right = LATER.replace("* result", "* result / 100")
    assert load_policy(text.replace("\nrewards:", put_right)).decisions


def test_per_cent_goes_on_out_of_a_table() -> None:
    table = "hit policy: F\n    table: |\n      planned || out : number\n      true || 0\n      - || rate"
    text = POLICY.format(expression="1").replace("expression: 1", table)
    with pytest.raises(PolicyError, match="multiplied by per cent"):
        load_policy(text.replace("\nrewards:", LATER))
    assert load_policy(text.replace("\nrewards:", LATER.replace("* result", "* result / 100"))).decisions


def test_a_bonus_of_a_share_would_be_a_hundredth_of_what_is_meant() -> None:
    bonus = "rewards:\n  - {name: b, kind: top_up_bonus, percent: %s, valid days: 30, pays on: next top-up}"
    text = POLICY.format(expression="1")
    with pytest.raises(PolicyError, match=r"this is a share.*100 . part"):
        load_policy(text.replace("rewards:", bonus % "part"))
    assert load_policy(text.replace("rewards:", bonus % "rate")).rewards
    assert load_policy(text.replace("rewards:", bonus % "100 * part")).rewards
