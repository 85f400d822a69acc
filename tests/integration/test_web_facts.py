"""The page of facts: what the catalogue, the attributes and the measures are, and who may read it."""

from __future__ import annotations

import pytest

from compensation.facts import CATALOGUE
from compensation.measures import Count
from outage.base.attributes import define_attribute
from tests.web_client import add_staff, send
from tests.web_world import World, make_small_world

PAGE = "/policies/facts/"


@pytest.fixture
def world(tmp_path, sqlite_database, store) -> World:
    add_staff(sqlite_database)
    with sqlite_database.transaction() as session:
        meaning = "Visits that an engineer made."
        define_attribute(session, name="visits", kind="number", meaning=meaning, unit="visits", actor="nina")
    return make_small_world(tmp_path, sqlite_database, store)


def test_the_page_shows_every_fact_attribute_and_counter(world: World) -> None:
    page = world.client("marketing").get(PAGE).text
    for shown in (*CATALOGUE, *(count.value for count in Count), "visits", "Visits that an engineer made."):
        assert f">{shown}" in page, shown
    assert "<code>all of [voice, data]</code>" in page


def test_facts_are_searched_by_name_and_meaning(world: World) -> None:
    page = world.client("marketing").get(f"{PAGE}?search=report").text
    assert "<code>reported at</code>" in page
    assert "<code>list fee</code>" not in page
    assert "No fact has that" in world.client("marketing").get(f"{PAGE}?search=<unicorn>").text


def test_facts_come_as_a_file_for_a_spreadsheet(world: World) -> None:
    answer = world.client("marketing").get(f"{PAGE}?format=csv&search=billing day")
    assert answer.mimetype == "text/csv"
    header, first, *_ = answer.text.splitlines()
    assert header.endswith("fact,of,type,unit,values,nullable,meaning,from")
    assert first.startswith("billing day,The account,number,day of the month")


def test_who_may_not_read_policies_may_not_read_facts(world: World) -> None:
    assert world.client("noc").get(PAGE).status_code == 403
    assert world.web.test_client().get(PAGE).status_code in (302, 303, 401)


def test_force_majeure_is_set_with_the_cause_and_shown(world: World) -> None:
    page = f"/incidents/{world.incident}"
    fields = {"cause_class": "power", "force_majeure": "storm"}
    assert send(world.client("noc"), f"{page}/cause", fields, back=page).status_code == 303
    assert "force majeure: storm" in world.client("noc").get(page).text
    send(world.client("noc"), f"{page}/cause", {"cause_class": "power", "force_majeure": "bad luck"}, back=page)
    assert "force majeure: storm" in world.client("noc").get(page).text
