"""Lists of cases that the database puts in order, filters and sums: as Python would, on both databases."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import inspect

from compensation.assessment import assess
from compensation.cases.lists import (
    CaseWish,
    get_case,
    iterate_cases,
    lines_by_amount,
    list_case_page,
    list_with_text,
    split_facts,
    sum_cases,
)
from compensation.histogram import distribute
from compensation.models import Case, PolicyVersion
from foundation.errors import NotFoundError
from tests.web_client import add_staff
from tests.web_world import make_small_world, make_world

MANY = 400


@pytest.fixture
def world(settings, database, store):
    add_staff(database)
    return make_world(settings, database, store)


@pytest.fixture
def assessed(world):
    """An assessment whose cases were taken away for many made-up ones, and those."""
    assessment = world.assessment(world.propose())
    with world.database.transaction() as session:
        session.query(Case).filter_by(assessment_id=assessment.id).delete()
        cases = [made_up(assessment.id, number, random.Random(number)) for number in range(1, MANY + 1)]
        session.add_all(cases)
    return world, assessment, cases


def made_up(assessment_id: int, number: int, chance: random.Random) -> Case:
    hours = Fraction(chance.randrange(1, 500), chance.choice((1, 2, 7, 3600)))
    facts = {
        "brand": chance.choice(("O2", "giffgaff", "Tesco Mobile", None)),
        "service fee": chance.choice((None, *range(900, 4000, 77))),
        "affected": chance.choice((True, False)),
        "hours lost": str(hours),
        "currency": "GBP",
        "plan": None,
    }
    outcome = chance.choice(("entitled", "nothing", "undetermined"))
    return Case(
        assessment_id=assessment_id,
        number=number,
        facts=facts,
        group_values=[],
        lines=chance.randrange(1, 1000),
        outcome=outcome,
        reason=None,
        rewards=[],
        text_name="credit_only" if outcome == "entitled" else None,
        cost_minor=chance.choice((0, 100, 250, 999)) if outcome == "entitled" else 0,
        trace={},
        rules=f"owed: rule {number % 5 + 1}",
        searched=f"{facts['brand']} 100% {outcome} owed: rule {number % 5 + 1}".lower(),
    )


def numbers(session, assessment, wish: CaseWish, limit: int = MANY, offset: int = 0) -> list[int]:
    return [case.number for case in list_case_page(session, assessment.id, wish, limit=limit, offset=offset)]


def test_cases_come_in_the_order_of_any_column_with_what_is_not_known_last(assessed):
    world, assessment, cases = assessed
    keys: dict[str, Callable[[Case], Any]] = {
        "number": lambda case: case.number,
        "lines": lambda case: case.lines,
        "one": lambda case: case.cost_minor,
        "all": lambda case: case.lines * case.cost_minor,
        "fact:service fee": lambda case: case.facts["service fee"],
        "fact:hours lost": lambda case: float(Fraction(case.facts["hours lost"])),
        "fact:affected": lambda case: case.facts["affected"],
    }
    with world.database.reading() as session:
        for by, key in keys.items():
            for falling in (False, True):
                known = [case for case in cases if key(case) is not None]
                unknown = sorted(case.number for case in cases if key(case) is None)
                expected = [case.number for case in sorted(known, key=key, reverse=falling)]
                wish = CaseWish(by=by, falling=falling, ratios=frozenset({"hours lost"}))
                assert numbers(session, assessment, wish) == [*expected, *unknown], (by, falling)


def test_pages_filters_and_sums_agree(assessed):
    world, assessment, cases = assessed
    with world.database.reading() as session:
        for wish in (
            CaseWish(),
            CaseWish(outcome="entitled"),
            CaseWish(words="GIFFGAFF rule 3"),
            CaseWish(words="100%"),
        ):
            wanted = [
                case
                for case in cases
                if (not wish.outcome or case.outcome == wish.outcome)
                and all(word in case.searched for word in wish.words.lower().split())
            ]
            sums = sum_cases(session, assessment.id, wish)
            assert (sums.cases, sums.lines) == (len(wanted), sum(case.lines for case in wanted))
            assert sums.cost_minor == sum(case.lines * case.cost_minor for case in wanted)
            paged = [
                number for page in range(9) for number in numbers(session, assessment, wish, limit=50, offset=page * 50)
            ]
            assert sorted(paged) == sorted(case.number for case in wanted)
            assert [case.number for case in iterate_cases(session, assessment.id, wish)] == paged
        assert sum_cases(session, assessment.id, CaseWish(words="100_")).cases == 0


def test_traces_stay_in_the_database_until_a_case_is_opened(assessed):
    world, assessment, _ = assessed
    with world.database.reading() as session:
        (case,) = list_case_page(session, assessment.id, CaseWish(), limit=1)
        assert "trace" in inspect(case).unloaded
        assert get_case(session, assessment.id, 7).trace == {}
        with pytest.raises(NotFoundError, match="no such case"):
            get_case(session, assessment.id, MANY + 1)


def test_what_all_cases_share_is_told_apart_and_amounts_are_summed(assessed):
    world, assessment, cases = assessed
    with world.database.reading() as session:
        differing, common = split_facts(session, assessment.id)
        amounts = lines_by_amount(session, assessment.id)
        texts = list_with_text(session, assessment.id, "credit_only", limit=5)
    assert set(differing) == {"brand", "service fee", "affected", "hours lost"}
    assert common == {"currency": "GBP", "plan": None}
    assert sum(amounts.values()) == sum(case.lines for case in cases)
    assert sum(each.cost_minor for each in distribute(amounts)) == sum(case.lines * case.cost_minor for case in cases)
    most = sorted((case.lines for case in cases if case.text_name), reverse=True)[:5]
    assert [case.lines for case in texts] == most


def test_the_page_of_many_cases_shows_fifty_and_exports_all(assessed):
    world, assessment, _ = assessed
    client = world.client("marketing")
    page = client.get(f"/assessments/{assessment.ref}?sort=fact:hours lost&page=2").text
    assert page.count('data-bs-toggle="collapse" data-bs-target="#case-') == 50
    assert f"{MANY} cases" in page
    assert len(client.get(f"/assessments/{assessment.ref}?format=csv").text.splitlines()) == MANY + 1


def test_cases_that_are_kept_in_a_snapshot_are_summed_listed_opened_and_exported(tmp_path, sqlite_database, store):
    add_staff(sqlite_database)
    world = make_small_world(tmp_path, sqlite_database, store)
    version, run_id = world.adopt_policy(), world.measure()
    made = assess(world.database, world.store, run_id, version, actor="marketing", many=3).assessment
    assert made.cases_snapshot is not None
    client = world.client("approver")
    page = " ".join(client.get(f"/assessments/{made.ref}").text.split())
    assert "Summed by what decided them" in page
    assert "8 cases, 9 lines, £72.04" in page
    assert "£2.50 bill credit" in page
    assert "We have credited" in page
    assert "9 cases" not in page
    assert "because" in client.get(f"/assessments/{made.ref}/cases/2").text
    assert client.get(f"/assessments/{made.ref}/cases/99").status_code == 404
    assert "1 case," in " ".join(client.get(f"/assessments/{made.ref}?outcome=nothing").text.split())
    assert len(client.get(f"/assessments/{made.ref}?format=csv").text.splitlines()) == 9
    with world.database.reading() as session:
        assert session.get_one(PolicyVersion, version).name == "o2-uk-2012-07"
