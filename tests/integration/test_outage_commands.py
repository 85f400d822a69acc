"""The commands of the outage package as a script sees them: output, exit codes, messages."""

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

ELEMENTS = "ref,kind,name,services\nhlr-1,hlr,HLR One,voice|sms|data\nmme-1,mme,MME,data\n"


class Terminal:
    """Runs commands in a directory and database of its own."""

    def __init__(self, directory: Path, database: Database) -> None:
        self.directory = directory
        self._app = App(read_settings({"OUTAGE_DATA": str(directory), "DATABASE_URL": database.url}))
        self._main = Shell(commands={command.name: command for command in commands if command.name})

    def __call__(self, *words: str, user: str = "nina") -> Result:
        result = CliRunner().invoke(self._main, words, obj=self._app, env={"OUTAGE_USER": user})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def close(self) -> None:
        """Give back the connections; PostgreSQL wants that before its database goes."""
        self._app.close()

    def write(self, name: str, content: str) -> str:
        path = self.directory / name
        path.write_text(content, encoding="utf-8")
        return str(path)


@pytest.fixture
def terminal(tmp_path: Path, sqlite_database: Database) -> Terminal:
    with sqlite_database.transaction() as session:
        for name, role in (("nina", "noc"), ("clara", "care")):
            access.add_user(
                session, name=name, display_name=name, password="long enough word", roles=[role], actor="test"
            )
    return Terminal(tmp_path, sqlite_database)


def test_an_incident_walks_from_import_to_closing(terminal: Terminal):
    elements = terminal.write("elements.csv", ELEMENTS)
    first = terminal("import", "network", elements)
    assert first.exit_code == 0
    assert "elements.csv: 2 read, 2 added, 0 changed, 0 unchanged, 0 rejected" in first.output
    assert "; nothing changed" in terminal("import", "network", elements).output
    opening = ("--title", "HLR down", "--severity", "critical", "--started", "2012-07-11T13:30:00+01:00")
    twice = ("--element", "hlr-1") * 2
    ref = terminal("incident", "open", *opening, *twice).output.split()[0]
    at = ("--at", "2012-07-12T08:00:00+01:00")
    said = terminal("incident", "restore", ref, "--element", "hlr-1", "--services", "voice,sms", *at).output
    assert said == f"{ref}: 2 outages ended; it is opened\n"
    added = terminal("incident", "add", ref, "--element", "mme-1", "--from", "2012-07-11T12:00:00Z")
    assert added.output == f"{ref}: 1 outages added; it is opened\n"
    assert terminal("incident", "restore", ref, *at).output == f"{ref}: 2 outages ended; it is restored\n"
    assert "nothing changed" in terminal("incident", "restore", ref, *at).output
    assert terminal("incident", "note", ref, "Vendor called").exit_code == 0
    assert terminal("incident", "close", ref).output == f"{ref} is closed\n"
    assert terminal("incident", "close", ref).output == f"{ref} is closed already, nothing changed\n"
    shown = json.loads(terminal("incident", "show", ref, "--json").output)
    assert (shown["status"], shown["restored_at"]) == ("closed", "2012-07-12T07:00:00Z")
    assert len(shown["outages"]) == 4
    assert "Vendor called" in terminal("incident", "show", ref).output
    assert [one["ref"] for one in json.loads(terminal("incident", "list", "--json").output)] == [ref]
    assert terminal("incident", "list", "--status", "opened").output == "no incidents\n"


def test_rejected_rows_give_exit_code_one_and_name_the_file(terminal: Terminal):
    result = terminal("import", "network", terminal.write("elements.csv", ELEMENTS + "x,cell,X,fax\n"))
    assert result.exit_code == 1
    assert "2 added, 0 changed, 0 unchanged, 1 rejected" in result.output
    assert "elements-rejected.csv" in result.stderr


def test_a_mistake_is_one_line_on_standard_error_and_exit_code_two(terminal: Terminal):
    terminal("import", "network", terminal.write("elements.csv", ELEMENTS))
    opening = ("incident", "open", "--title", "T", "--severity", "major", "--element", "hlr-1", "--started")
    ref = terminal(*opening, "2012-07-11T12:30:00Z").output.split()[0]
    missing = terminal.write("short.csv", "ref,kind\n")
    body = terminal.write("body.json", '{"version": "4"}')
    for words, message in (
        ((*opening, "2012-07-11T13:30:00"), "--started: naive timestamp"),
        ((*opening[:-2], "hlr-9", "--started", "now"), "unknown network element (got 'hlr-9')"),
        (("incident", "restore", ref, "--at", "2012-07-11T12:00:00Z"), "hlr-1: ended_at is before started_at"),
        (("incident", "close", ref), "an incident that is opened cannot become closed"),
        (("incident", "show", "INC-1"), "no such incident"),
        (("import", "network", missing), "short.csv, line 1: missing column (got 'name')"),
        (("import", "subscribers", missing), "missing column (got 'msisdn')"),
        (("import", "sightings", "nowhere.csv"), "cannot read this file"),
        (("import", "network", missing, "--map", "name"), "not a column map"),
        (("alarm", "replay", body), "body.json: alerts: missing"),
        (("alarm", "replay", terminal.write("x.jsonl", "{}\nno\n")), "x.jsonl, line 1: version: missing"),
        (("attribute", "define", "x", "--type", "float", "--meaning", "x"), "unknown type"),
        (("impact", "INC-1"), "no such incident"),
    ):
        result = terminal(*words)
        assert result.exit_code == 2, words
        assert result.stderr.startswith("error: "), words
        assert message in result.stderr


def test_who_may_not_change_is_refused_and_reading_needs_nobody(terminal: Terminal):
    refused = terminal("incident", "note", "INC-1", "x", user="clara")
    assert refused.exit_code == 2
    assert "clara may not do this" in refused.stderr
    assert "no such staff user" in terminal("incident", "note", "INC-1", "x", user="nobody").stderr
    assert terminal("incident", "list").exit_code == 0


def test_observed_webhooks_can_be_replayed(terminal: Terminal, shared: Path):
    cells = "".join(
        f"{ref},cell,{ref},voice\n" for ref in ("cell-234-10-16625-124", "cell-234-10-49904-110", "hlr-slough-1")
    )
    terminal("import", "network", terminal.write("elements.csv", ELEMENTS + cells))
    file = str(shared / "data" / "alertmanager_0.25_webhooks_observed.jsonl")
    first = terminal("alarm", "replay", file).output.splitlines()
    assert len(first) == 4
    assert first[3].endswith("; restored")
    assert all("repeated, received" in line for line in terminal("alarm", "replay", file).output.splitlines())


def test_every_command_explains_itself(terminal: Terminal):
    def walk(command: click.Command, words: tuple[str, ...]) -> None:
        assert terminal(*words, "--help").exit_code == 0
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))

    for command in commands:
        walk(command, (command.name or "",))


def test_attributes_are_listed_with_type_unit_and_values(terminal: Terminal):
    assert terminal("attribute", "list").output == "no attributes\n"
    allowed = ("--allowed", "gold", "--allowed", "blue")
    terminal("attribute", "define", "tier", "--type", "string", *allowed, "--meaning", "Loyalty tier")
    terminal("attribute", "define", "billed", "--type", "number", "--unit", "EUR", "--meaning", "Average billed")
    said = [line.split() for line in terminal("attribute", "list").output.splitlines()]
    assert said == [
        ["billed", "number", "EUR", "Average", "billed"],
        ["tier", "string", "Loyalty", "tier", "(gold,", "blue)"],
    ]
    assert [one["unit"] for one in json.loads(terminal("attribute", "list", "--json").output)] == ["EUR", ""]
