"""One incident walked through on the command line, and what each command says to bad input."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from foundation.access import ROLES
from foundation.cli import App
from foundation.settings import Settings
from outage.samples.synthetic import write_synthetic
from tests.world import World
from wsgi import main

SCHEME = str(files("compensation") / "schemes" / "o2_uk_2012_07.yaml")


def outage(settings: Settings, *arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), obj=App(settings), input=input)


def done(settings: Settings, *arguments: str) -> str:
    result = outage(settings, *arguments)
    assert result.exit_code == 0, f"{arguments}: {result.output}"
    return result.output


def test_one_incident_from_the_empty_database_to_the_proved_books(settings: Settings, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    assert "nothing changed" in done(settings, "db", "upgrade")
    for role in ROLES:
        done(settings, "user", "add", role, "--roles", role, "--password", "correct horse battery")
    sample = write_synthetic(
        tmp_path / "sample", subscribers=200, seed=3, started_at=datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
    )
    noc, network = ("--as", "noc"), (str(sample.elements), "--dependencies", str(sample.dependencies))
    assert "added" in done(settings, "import", "network", *network, *noc)
    assert "200" in done(settings, "import", "subscribers", str(sample.subscribers), *noc)
    done(settings, "import", "sightings", str(sample.sightings), *noc)

    done(settings, "policy", "check", SCHEME)
    assert "0 failed" in done(settings, "policy", "test", SCHEME)
    done(settings, "policy", "save", SCHEME, "--as", "marketing")
    done(settings, "text", "ready", "--as", "marketing")
    done(settings, "policy", "submit", "o2-uk-2012-07", "--as", "marketing")
    assert "approved" in done(settings, "policy", "approve", "o2-uk-2012-07", "--as", "approver")

    opened = ("--title", "HLR-1 down", "--severity", "critical", "--cause", "hardware", "--element", "hlr-1")
    done(settings, "incident", "open", *opened, "--started", "2012-07-11T13:30:00+01:00", *noc)
    shown = json.loads(done(settings, "incident", "list", "--json"))
    ref = shown[0]["ref"] if isinstance(shown, list) else shown["incidents"][0]["ref"]
    done(settings, "incident", "restore", ref, "--services", "voice,sms", "--at", "2012-07-12T04:40:00Z", *noc)
    done(settings, "incident", "restore", ref, "--at", "2012-07-12T08:35:00Z", *noc)
    done(settings, "incident", "close", ref, *noc)
    first = done(settings, "impact", ref, *noc)
    assert done(settings, "impact", ref, *noc) != first  # it says that nothing changed
    said = done(settings, "assess", ref, "--as", "marketing")
    assessment = next(word for word in said.split() if word.startswith("AS-"))
    assert "nothing changed" in done(settings, "assess", ref, "--as", "marketing")
    done(settings, "submit", assessment, "--as", "marketing")
    done(settings, "approve", assessment, "--reason", "as published", "--as", "approver")
    assert outage(settings, "books", assessment).exit_code == 2
    assert "credits" in done(settings, "release", assessment, "--as", "approver")
    assert "nothing changed" in done(settings, "release", assessment, "--as", "approver")
    assert outage(settings, "books", assessment).exit_code == 1  # nothing is confirmed yet
    done(settings, "worker", "--until-idle")
    done(settings, "delivery", "status", assessment)
    done(settings, "confirm")
    done(settings, "books", assessment)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("incident", "show", "INC-1999-00001"), "no such incident"),
        (("incident", "open", "--title", "x", "--severity", "major", "--started", "2012-07-11T13:30:00",
          "--element", "hlr-1", "--as", "nina"), "naive"),
        (("incident", "open", "--title", "x", "--severity", "major", "--started", "now",
          "--element", "hlr-99", "--as", "nina"), "hlr-99"),
        (("incident", "restore", "{incident}", "--at", "2010-01-01T00:00:00Z", "--as", "nina"), "closed"),
        (("impact", "{incident}", "--as-of", "noon", "--as", "nina"), "noon"),
        (("impact", "INC-1999-00001", "--as", "nina"), "INC-1999-00001"),
        (("assess", "{incident}", "--policy", "nothing", "--as", "maria"), "no such policy version"),
        (("assess", "{incident}", "--as", "nina"), "may not"),
        (("submit", "AS-1999-00001", "--as", "maria"), "no such assessment"),
        (("approve", "AS-1999-00001", "--reason", "x", "--as", "maria"), "may not"),
        (("release", "AS-1999-00001", "--as", "nobody"), "no such staff user"),
        (("books", "AS-1999-00001"), "no such assessment"),
        (("policy", "check", "no/such/file.yaml"), "cannot be read"),
        (("policy", "save", "{binary}", "--as", "maria"), "binary"),
        (("import", "network", "no/such/file.csv", "--as", "nina"), "file.csv"),
        (("import", "subscribers", "{binary}", "--as", "nina"), "binary"),
        (("import", "sightings", "{empty}", "--as", "nina"), "empty"),
        (("alarm", "replay", "{binary}", "--as", "nina"), "binary"),
        (("alarm", "replay", "{empty}", "--as", "nina"), "empty"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line_and_with_exit_code_two(
    world: World, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    binary, empty = tmp_path / "binary.csv", tmp_path / "empty.csv"
    binary.write_bytes(bytes(range(256)) * 4)
    empty.touch()
    filled = [text.format(incident=world.incident, binary=binary, empty=empty) for text in arguments]
    result = outage(world.app.settings, *filled)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_database_that_is_behind_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    from foundation.settings import read_settings

    result = outage(read_settings({"OUTAGE_DATA": str(tmp_path)}), "incident", "list")
    assert result.exit_code == 2
    assert "outage db upgrade" in result.stderr


def test_every_command_has_help(settings: Settings) -> None:
    def walk(path: tuple[str, ...], command: object) -> None:
        assert outage(settings, *path, "--help").exit_code == 0
        for name, below in getattr(command, "commands", {}).items():
            assert below.help, f"{' '.join((*path, name))} has no help"
            walk((*path, name), below)

    walk((), main)
