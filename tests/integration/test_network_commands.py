"""The commands on the network as a script sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation import access
from foundation.db import Database
from tests.integration.test_outage_commands import Terminal

ELEMENTS = """ref,kind,name,services,area,radio
mme-1,mme,One,data,,
mme-2,mme,Two,data,,
mme-3,mme,Three,data,,
power-1,power,Mains,,,
cell-1,cell,Cell,voice|data,SL1,4G
"""
LINKS = "element,group,member\ncell-1,pool,mme-1\ncell-1,pool,mme-2\ncell-1,pool,mme-3\ncell-1,,power-1\n"


@pytest.fixture
def terminal(tmp_path: Path, sqlite_database: Database) -> Terminal:
    with sqlite_database.transaction() as session:
        access.add_user(session, name="nina", display_name="", password="long enough word", roles=["noc"], actor="test")
    terminal = Terminal(tmp_path, sqlite_database)
    elements, links = terminal.write("elements.csv", ELEMENTS), terminal.write("links.csv", LINKS)
    assert terminal("import", "network", elements, "--dependencies", links).exit_code == 0
    return terminal


def test_whatif_tells_what_holds_and_what_breaks(terminal: Terminal):
    held = terminal("whatif", "mme-1").output
    assert "mme-1: nothing else breaks" in held
    assert "protected: pool keeps data for 1 elements, 2 of 3 members left (mme-2, mme-3)" in held
    broken = terminal("whatif", "power-1").output
    assert "power-1: 1 other element and 1 cell without service" in broken
    assert "  cells by area: SL1 1 (voice 1, data 1)" in broken
    told = json.loads(terminal("whatif", "mme-1", "mme-2", "mme-3", "--services", "data", "--json").output)
    assert (told["others"], told["cells"], told["breaks_nothing"], told["lines"]["lines"]) == (1, 1, False, 0)
    assert told["failed"]["mme-1"] == ["data"]


def test_single_points_are_listed(terminal: Terminal):
    assert terminal("whatif", "--single-points").output.startswith("power-1")
    (point,) = json.loads(terminal("whatif", "--single-points", "--json").output)
    assert (point["ref"], point["others"], point["services"]) == ("power-1", 1, ["voice", "sms", "data"])


@pytest.mark.parametrize("words", [(), ("mme-1", "--single-points"), ("nowhere",), ("mme-1", "--services", "fax")])
def test_a_question_that_is_none_ends_with_two(terminal: Terminal, words: tuple[str, ...]):
    result = terminal("whatif", *words)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")


def test_a_dry_run_shows_the_diff_and_a_full_import_does_it(terminal: Terminal):
    path = terminal.write("elements.csv", ELEMENTS.replace("mme-3,mme,Three,data,,\n", "").replace("Two", "Zwei"))
    shown = terminal("import", "network", path, "--full", "--dry-run").output
    assert "4 read, 0 added, 1 changed, 3 unchanged, 0 rejected, 1 retired" in shown
    assert '  changed element mme-2: name: "Two" -> "Zwei"' in shown
    assert "  retired element mme-3: valid_to: nothing -> " in shown
    assert "dry run: nothing was written" in shown
    assert "mme-3" not in terminal("inventory", "history", "--change", "retired").output
    assert terminal("import", "network", path, "--full").exit_code == 0
    assert "retired element mme-3" in terminal("inventory", "history", "--change", "retired").output
    (row,) = json.loads(terminal("inventory", "history", "--ref", "mme-2", "--version", "2", "--json").output)
    assert (row["before"]["name"], row["after"]["name"], row["change"]) == ("Two", "Zwei", "changed")
    assert "1 of 2 members left" in terminal("whatif", "mme-1").output
    assert terminal("inventory", "history", "--ref", "nothing").output == "no changes\n"


def test_an_element_of_an_open_incident_is_said_not_to_be_retired(terminal: Terminal):
    opening = ("--title", "Down", "--severity", "major", "--started", "2012-07-11T13:30:00Z", "--element", "mme-3")
    ref = terminal("incident", "open", *opening).output.split()[0]
    path = terminal.write("elements.csv", ELEMENTS.replace("mme-3,mme,Three,data,,\n", ""))
    said = terminal("import", "network", path, "--full").output
    assert f"not retired: mme-3, for {ref} is open on it" in said
    short = terminal.write("elements.csv", ELEMENTS + "short\n")
    assert (
        "nothing retired, for 1 rows do not tell what they are about"
        in terminal("import", "network", short, "--full").output
    )
