"""What was lost in earlier incidents as rules read it, parts written as per cent, and one day that is not days."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest

from compensation.decision.decide import decide
from compensation.decision.earlier import EarlierRun, earlier_value, read_before
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import PolicyDocument, PolicyError, load_policy
from compensation.facts import CATALOGUE
from compensation.measures_said import measure_said
from compensation.periods import Period, dates_of, first_day, names_in, read_name
from compensation.plurals import unit_for

HEAD = """
policy: example
title: Example
basis: contractual
currency: EUR
zone: Europe/Lisbon
in force: {from: 2024-01-01}
population: affected
sources: [{what: all, where: here}]
"""
HOUR = 3600
JUNE = 1717196400  # 2024-06-01T00:00 in Lisbon
MONTH = "measures: [{name: counted, count: total time, incidents: this month%s}]\n"
GIVES = "rewards: [{name: sorry, kind: apology, when: counted > duration(\"PT0S\")}]\ntext: 'null'\n"


def loaded(*parts: str) -> PolicyDocument:
    return load_policy(HEAD + "\n".join(parts))


def complaint(*parts: str) -> str:
    with pytest.raises(PolicyError) as raised:
        loaded(*parts)
    return str(raised.value)


def test_a_text_of_runs_is_read_back() -> None:
    text = "INC-1 run 2 power none data 100-200,300-400;INC-2 run 1 power storm voice 150-250"
    before = read_before(text)
    assert before[EarlierRun("INC-1 run 2", "power")] == {"data": ((100, 200), (300, 400))}
    assert before[EarlierRun("INC-2 run 1", "power", "storm")] == {"voice": ((150, 250),)}
    assert read_before(None) == read_before("") == {}


def test_a_second_of_this_incident_is_not_one_of_an_earlier_one() -> None:
    before = {EarlierRun("one"): {"voice": ((JUNE, JUNE + 2 * HOUR),)}}
    own = {"data": ((JUNE + HOUR, JUNE + 3 * HOUR),)}

    def value(name: str, bill_day: int | None = None) -> object:
        return earlier_value(name, before, own, on=date(2024, 6, 1), zone="Europe/Lisbon", bill_day=bill_day)

    assert value("lost this month") == timedelta(hours=1)
    assert value("voice lost this month") == timedelta(hours=2)
    assert value("data lost in the last 400 days") == timedelta(0)
    assert value("outages this year") == 1
    assert value("lost this billing period") is None
    assert value("outages this billing period", 15) == 1
    with pytest.raises(KeyError):
        value("total loss")


@pytest.mark.parametrize(
    ("period", "days", "dates"),
    [
        (Period.MONTH, None, (date(2024, 2, 1), date(2024, 3, 1))),
        (Period.BILLING, None, (date(2024, 1, 31), date(2024, 2, 29))),
        (Period.QUARTER, None, (date(2024, 1, 1), date(2024, 4, 1))),
        (Period.YEAR, None, (date(2024, 1, 1), date(2025, 1, 1))),
        (Period.DAYS, 28, (date(2024, 1, 1), None)),
    ],
)
def test_a_period_lies_around_the_date_of_the_outage(period: Period, days: int | None, dates: object) -> None:
    on = date(2024, 1, 29) if period is Period.DAYS else date(2024, 2, 28)
    found = dates_of(period, on, bill_day=31, days=days)
    assert found == dates
    assert found is not None
    assert first_day(period, on, days=days) <= found[0]


def test_facts_of_any_number_of_days_are_found_in_a_text() -> None:
    text = (
        "when: voice lost in the last 7 days > x and outages in the last 400 days > 1 and lost in the last 401 days > y"
    )
    assert list(names_in(text)) == ["voice lost in the last 7 days", "outages in the last 400 days"]
    assert read_name("lost in the last 0 days") is None
    assert all(read_name(name) is not None for name, fact in CATALOGUE.items() if fact.looks_back)


def test_incidents_of_a_cause_that_is_left_out_count_for_nothing_and_neither_does_this_one() -> None:
    document = loaded(MONTH % ", leaves out: [force majeure, third_party]", GIVES)
    (measure,) = document.measures
    assert "without incidents of" in measure_said(measure)
    facts = {"cause class", "force majeure"} & set(document.facts_read())
    assert facts == {"cause class", "force majeure"}
    given = "given: {lost: {data: [2024-06-02T00:00/2024-06-02T01:00]}, cause class: %s}"
    tests = "".join(
        f"  - {{name: {cause}, tag: C, {given % cause}, expect: {{rewards: {{{gives}}}, text: null}}}}\n"
        for cause, gives in (("power", "sorry: true"), ("third_party", ""))
    )
    with_tests = loaded(MONTH % ", leaves out: [force majeure, third_party]", GIVES, f"tests:\n{tests}")
    assert [one.detail for one in run_tests(with_tests) if not one.passed] == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", since: reported", "goes by the clock of one incident"),
        (", grace: 1 calendar days", "goes by the clock of one incident"),
        (", of: whole period, leaves out: flood", "the whole period is no outage"),
        (", leaves out: rain", "leaves out"),
    ],
)
def test_what_cannot_be_asked_of_several_incidents_is_refused(more: str, said: str) -> None:
    assert said in complaint(MONTH % more, GIVES)


def test_the_last_days_are_few_enough_and_may_be_a_parameter() -> None:
    for_days = "measures: [{name: counted, count: total time, incidents: last %s days}]\n"
    assert "nobody looks 401 days back" in complaint(for_days % "401", GIVES)
    assert "incidents cannot be" in complaint(for_days % "watchd", GIVES)
    parameter = "parameters: {watched: {unit: days, source: s, values: {2024-01-01: 30, 2024-06-01: 60}}}\n"
    document = loaded(parameter, for_days % "watched", GIVES)
    assert document.looks_back(date(2024, 5, 31)) == date(2024, 5, 1)
    assert document.looks_back(date(2024, 6, 30)) == date(2024, 5, 1)
    assert loaded(GIVES.replace("counted", "total loss")).looks_back(date(2024, 6, 30)) is None


# --- parts of a hundred


def test_a_share_may_be_written_as_per_cent_or_as_a_fraction() -> None:
    parameters = (
        "parameters:\n"
        "  cut: {unit: share, source: s, values: {2024-01-01: 12.5 %, 2025-01-01: 1/3}}\n"
        '  trigger: {unit: "%", source: s, values: {2024-01-01: 25 %}}\n'
    )
    document = loaded(parameters, "rewards: [{name: c, kind: bill_credit, amount: 'round half up(9.00 * cut, 2)'}]\n")
    values = [dated.value for parameter in document.parameters for dated in parameter.values]
    assert values == [Fraction(1, 8), Fraction(1, 3), Fraction(25)]
    assert decide(document, {}, on=date(2025, 2, 1)).rewards[0].amount_minor == 300


@pytest.mark.parametrize(("unit", "value", "said"), [("days", "5 %", "unit: share"), ("share", "5.5.5 %", "12.5 %")])
def test_per_cent_of_another_unit_is_refused(unit: str, value: str, said: str) -> None:
    parameter = f"parameters: {{cut: {{unit: {unit}, source: s, values: {{2024-01-01: {value}}}}}}}\n"
    assert said in complaint(parameter, "rewards: [{name: c, kind: apology}]\n")


# --- one and many


@pytest.mark.parametrize(
    ("number", "unit", "said"),
    [(1, "days", "day"), (2, "days", "days"), (0, "days", "days"), (1, "working days", "working day"), (1, "h", "h")],
)
def test_a_unit_is_said_as_its_number_wants(number: int, unit: str, said: str) -> None:
    assert unit_for(number, unit) == said


def test_an_explanation_says_one_day() -> None:
    document = loaded(
        "parameters: {given days: {unit: days, source: s, values: {2024-01-01: 1}}}\n"
        "rewards: [{name: free, kind: free_days, days: given days, pays on: next bill}]\n"
    )
    said = " ".join(decide(document, {}, on=date(2024, 6, 1)).trace.explain())
    assert "given days: 1 day," in said
    assert "1 days" not in said
