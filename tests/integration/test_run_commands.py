"""The commands on runs, scale, duties and corrections as a script sees them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from foundation import access
from foundation.cli import App, Shell
from foundation.db import Database
from foundation.settings import read_settings
from outage.cli.main import commands
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"


class Terminal:
    """Runs commands over one database."""

    def __init__(self, directory: Path, database: Database) -> None:
        self._app = App(read_settings({"OUTAGE_DATA": str(directory), "DATABASE_URL": database.url}))
        self._main = Shell(commands={command.name: command for command in commands if command.name})

    def __call__(self, *words: str, user: str = "nina") -> Result:
        result = CliRunner().invoke(self._main, words, obj=self._app, env={"OUTAGE_USER": user})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str) -> object:
        return json.loads(self(*words, "--json").output)


@pytest.fixture
def terminal(tmp_path: Path, sqlite_database: Database) -> Terminal:
    with sqlite_database.transaction() as session:
        for name, role in (("nina", "noc"), ("clara", "care")):
            access.add_user(
                session, name=name, display_name=name, password="long enough word", roles=[role], actor="test"
            )
        worlds.add_elements(session, 1, 2)
        for line in (1, 2, 3):
            worlds.add_line(session, line, served_by=1)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, 1, 0, 60)
    return Terminal(tmp_path, sqlite_database)


def test_a_correction_is_measured_and_said_with_the_lines_it_touched(terminal: Terminal) -> None:
    assert "run 1 to run 2" not in terminal("impact", _REF).output
    reason = ("--reason", "late fact")
    said = terminal("incident", "correct", _REF, "--element", "E1", "--ended", "2012-07-11T23:30:00Z", *reason).output
    assert said == f"{_REF}: 3 outages changed; it is restored\n"
    second = terminal("impact", _REF).output
    assert "run 1 to run 2: 3 lines to 3" in second
    assert "longer" in second
    assert "run 1 to run 2" not in terminal("impact", _REF).output
    assert terminal("runs", "list", _REF).output.count("run ") == 2
    found = terminal.json("runs", "compare", _REF, "1", "2")
    assert isinstance(found, dict)
    numbers = [f"+4477*****00{line}" for line in (1, 2, 3)]
    assert found["services"]["voice"]["longer"] == {"lines": 3, "seconds": 3 * 1800, "sample": numbers}
    assert f"({', '.join(numbers)})" in terminal("runs", "compare", _REF, "1", "2").output
    assert "nothing changed" in terminal("runs", "compare", _REF, "2", "2").output
    missing = terminal("runs", "compare", _REF, "1", "9")
    assert (missing.exit_code, "no such impact run" in missing.output) == (2, True)


def test_outages_are_split_reopened_and_removed(terminal: Terminal) -> None:
    one = ("--element", "E1", "--services", "voice", "--reason", "seen in the counters")
    gap = ("--restored", "2012-07-11T22:10:00Z", "--lost", "2012-07-11T22:20:00Z")
    assert "1 outages changed; it is restored" in terminal("incident", "split", _REF, *one, *gap).output
    which = ("--which", "2012-07-11T22:20:00Z")
    assert "it is opened" in terminal("incident", "reopen-outage", _REF, *one, *which).output
    assert "it is restored" in terminal("incident", "remove-outage", _REF, *one, *which).output
    refused = terminal("incident", "remove-outage", _REF, "--element", "E2", "--reason", "none")
    assert (refused.exit_code, "no outage on this element" in refused.output) == (2, True)
    assert terminal("incident", "split", _REF, *one, *gap, user="clara").exit_code == 2


def test_scale_and_duties_are_shown(terminal: Terminal) -> None:
    terminal("impact", _REF)
    at = ("--at", "2012-07-11T23:30:00Z")
    shown = terminal("incident", "scale", _REF, *at).output
    assert "any service              3 lines              180 user-minutes" in shown
    document = terminal.json("incident", "scale", _REF, *at)
    assert isinstance(document, dict)
    assert document["any"]["seconds"] == 3 * 3600
    duties = terminal("incident", "duties", _REF, *at, "--regulator", "FCC").output
    assert "FCC, user-minutes: not crossed" in duties
    assert "180 of 900,000 user-minutes" in duties
    assert "not known: whether a 911 special facility was affected" in duties
    states = terminal.json("incident", "duties", _REF, *at)
    assert isinstance(states, list)
    assert {"FCC", "Ofcom"} <= {state["regulator"] for state in states}
    unknown = terminal("incident", "duties", _REF, "--regulator", "BNetzA")
    assert (unknown.exit_code, "FCC" in unknown.output) == (2, True)


def test_a_report_that_was_given_is_noted_once(terminal: Terminal) -> None:
    given = ("--regulator", "FCC", "--what", "notification", "--at", "2012-07-12T00:00:00Z", "--reference", "ON-7")
    assert terminal("incident", "filed", _REF, *given).output == f"{_REF}: noted\n"
    assert "already" in terminal("incident", "filed", _REF, *given).output
    assert click.unstyle(terminal("incident", "show", _REF).output).count("FCC was given: notification (ON-7)") == 1
