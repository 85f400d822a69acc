"""What the documentation of policies says is true: its examples load, its cases pass, its lists are the engine's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from compensation.decision.worked_cases import run_tests
from compensation.document.measures import MEASURE_KEYS
from compensation.document.reading import PolicyDocument, load_policy
from compensation.facts_reference import COUNTS, SETTINGS, reference
from compensation.geometry.policy import check_policy_tables
from compensation.measures import Count
from compensation.scheme_library import list_schemes
from foundation import clock
from notify.ready_texts import READY_TEXTS

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"```yaml\n(.*?)```", re.S)
HEAD = """
policy: example
title: Example
basis: statutory
currency: {currency}
zone: {zone}
in force: {{from: {since}, to: null}}
population: affected
sources: [{{what: all, where: here}}]
"""
DUTCH = """
parameters:
  least outage: {unit: lost time, source: law, type: days and time duration, values: {2017-07-01: PT12H}}
  least amount: {unit: EUR, source: law, values: {2017-07-01: 1.00}}
  prepaid amount: {unit: EUR, source: law, values: {2017-07-01: 0.50}}
"""
CREDIT = "rewards:\n  - {name: credit, kind: bill_credit, amount: owed}\n"


def blocks(page: str, heading: str) -> list[str]:
    """The YAML examples under a heading, up to the next one of its kind."""
    text = (DOCS / page).read_text(encoding="utf-8")
    start = text.index(f"## {heading}")
    end = text.find("\n## ", start + 3)
    return _BLOCK.findall(text[start:end])


def test_the_page_of_facts_is_the_engine_s_own_list() -> None:
    written = (DOCS / "facts.md").read_text(encoding="utf-8")
    assert written == reference(), "write docs/facts.md anew with: outage policy facts"


def test_every_counter_and_every_key_of_measures_is_told() -> None:
    assert COUNTS.keys() == set(Count)
    told = {key for one in SETTINGS for key in one.key.split(", ")}
    assert told == set(MEASURE_KEYS) - {"meaning"}


def loaded(currency: str, zone: str, since: str, *parts: str) -> PolicyDocument:
    head = HEAD.format(currency=currency, zone=zone, since=since)
    return load_policy(head + "\n".join(parts) + "\ntext: 'null'\n")


def test_the_walk_through_the_law_of_india_gives_a_policy_that_passes_its_case() -> None:
    *parts, tests = blocks("scheme-from-law.md", "2.")
    text = "\n".join(parts) + "\ntests:\n" + tests.replace(", text: credit_only}", ", text: null}")
    (result,) = run_tests(loaded("INR", "Asia/Kolkata", "2024-10-01", text))
    assert result.passed, result.detail


def test_the_walk_through_the_law_of_the_netherlands_gives_a_policy() -> None:
    (part,) = blocks("scheme-from-law.md", "3.")
    document = loaded("EUR", "Europe/Amsterdam", "2017-07-01", DUTCH, part, CREDIT)
    assert [measure.name for measure in document.measures] == ["started days"]


def test_the_examples_of_policies_load() -> None:
    page = "policies.md"
    parameters, parts = blocks(page, "Parameters")
    attributes = blocks(page, "Facts and attributes")
    measures, holidays = blocks(page, "Counting lost time: measures")
    tests, later = blocks(page, "Worked cases")
    nothing = "rewards:\n  - {name: sorry, kind: apology, when: days lost > 100}\n"
    shared = (*attributes, measures, holidays, nothing)
    document = loaded("GBP", "Europe/London", "2025-04-01", parameters, *shared, tests, later.replace("tests:\n", ""))
    assert [result.passed for result in run_tests(document)] == [True, True]
    part = loaded("GBP", "Europe/London", "2025-04-01", parts, CREDIT.replace("owed", "1.00"))
    assert [str(one.values[0].value) for one in part.parameters] == ["1/8", "1/3", "25"]


def test_the_examples_over_several_incidents_count_a_whole_month():
    page, heading = "policies.md", "Over several incidents"
    counts, pays = blocks(page, heading)
    owed = "  - {name: owed so far, type: money, expression: if availability < 99.5 then 3.00 else 0.00}\n"
    given = (
        "{lost: {data: [2024-04-20T00:00/2024-04-20T02:00]}, lost before: {data: [2024-04-02T00:00/2024-04-02T02:00]}"
    )
    tests = "".join(
        f"  - {{name: {name}, tag: C, given: {given}{more}}}, expect: {{rewards: {{{credit}}}, text: null}}}}\n"
        for name, more, credit in (
            ("four hours of 720", "", "credit: 3.00"),
            ("a part was paid before", ", credited this month by this policy: 1.25", "credit: 1.75"),
        )
    )
    document = loaded("EUR", "Europe/Lisbon", "2024-01-01", counts, owed, pays, f"tests:\n{tests}")
    assert [one.detail for one in run_tests(document) if not one.passed] == []


def test_the_example_of_fees_by_service_pays_each_by_its_own():
    (example,) = blocks("policies.md", "Fees by service")
    lost = "lost: {voice: [2024-04-20T00:00/2024-04-20T10:00], data: [2024-04-20T00:00/2024-04-22T00:00]}"
    tests = (
        "tests:\n"
        f"  - {{name: both said, tag: C, given: {{{lost}, voice_fee: 6, data_fee: 30, service fee: 40.00}}, "
        "expect: {rewards: {credit: 2.20}, text: null}}\n"
        f"  - {{name: neither said, tag: C, given: {{{lost}, service fee: 40.00}}, "
        "expect: {rewards: {credit: 2.00}, text: null}}\n"
    )
    document = loaded("EUR", "Europe/Lisbon", "2024-01-01", example, tests)
    assert [one.detail for one in run_tests(document) if not one.passed] == []


WHOLE = [("policies.md", "A whole policy"), ("scheme-from-law.md", "4. South Korea")]


@pytest.mark.parametrize(("page", "heading"), WHOLE)
def test_a_policy_that_is_shown_whole_passes_its_cases_leaves_nothing_open_and_has_its_texts(page, heading):
    (text,) = blocks(page, heading)
    document = load_policy(text)
    assert [one.detail for one in run_tests(document) if not one.passed] == []
    assert len(document.tests) >= 4
    assert check_policy_tables(document, now=clock.monotonic).problems() == []
    told = {test.expect.text for test in document.tests if test.expect.text is not None}
    assert told <= {name for name, _ in READY_TEXTS}


def test_the_contents_of_policies_name_every_section_in_its_order():
    text = (DOCS / "policies.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.M)
    listed = re.findall(r"^\* \[(.*)\]\(#(.*)\)$", text, re.M)
    assert [title for title, _ in listed] == titles
    assert [place for _, place in listed] == [
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles
    ]


def test_the_examples_of_decisions_and_texts_load():
    (decisions,) = blocks("policies.md", "Decisions and tables")
    (text,) = blocks("policies.md", "Texts")
    owed = "  - {name: owed, type: money, expression: 'round half up(share * service fee, 2)'}\n"
    head = HEAD.format(currency="EUR", zone="Europe/Lisbon", since="2024-01-01")
    document = load_policy(head + decisions + owed + CREDIT + text)
    assert [one.name for one in document.decisions] == ["excused", "share", "owed"]


def test_every_ready_text_is_told():
    text = (DOCS / "policies.md").read_text(encoding="utf-8")
    section = text[text.index("## Texts") : text.index("## Worked cases")]
    named = {name for name, _ in READY_TEXTS if f"`{name}`" in section}
    assert len(named) >= 10


@pytest.mark.parametrize("page", ["policies.md", "scheme-from-law.md"])
def test_every_example_is_yaml(page: str) -> None:
    for block in _BLOCK.findall((DOCS / page).read_text(encoding="utf-8")):
        assert yaml.safe_load(block)


def test_what_to_write_for_a_measure_is_a_measure() -> None:
    text = (DOCS / "policies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", text[text.index("| to say | write |") :], re.M)
    said = {
        what: re.findall(
            r"`((?:count|incidents|per|over|at least|whole|of|window|since|grace|rounded|beyond|first day|last day)"
            r": [^`]+)`",
            written,
        )
        for what, written in rows
    }
    holidays = blocks("policies.md", "Counting lost time: measures")[1]
    for what, keys in said.items():
        count = [] if any(key.startswith("count") for key in keys) else ["count: days"]
        body = "\n    ".join(["- name: counted", *(f"  {key}" for key in [*count, *keys])])
        measure = f"measures:\n    {body}\n"
        reward = "rewards:\n  - {name: sorry, kind: apology, when: counted != null}\n"
        document = loaded("GBP", "Europe/London", "2025-04-01", holidays, measure, reward)
        assert [one.name for one in document.measures] == ["counted"], what
    assert len(said) > 15


def test_schemes_are_named_as_their_files() -> None:
    names = {file.stem.replace("_", "-") for file in (DOCS.parent / "compensation" / "schemes").glob("*.yaml")}
    assert {scheme.name for scheme in list_schemes()} == names
