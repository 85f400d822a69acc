"""Planned work, incidents about bills, and merges by command; on both databases."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from foundation import access
from foundation.cli import App
from foundation.settings import Settings
from tests import impact_worlds as worlds
from wsgi import main


@pytest.fixture
def command(settings: Settings) -> CliRunner:
    app = App(settings)
    with app.database.transaction() as session:
        access.add_user(
            session, name="nina", display_name="Nina", password="a long password", roles=["noc"], actor="test"
        )
        worlds.add_elements(session, 1, 2)
        worlds.add_line(session, 1, served_by=1)
    app.close()
    return CliRunner()


def outage(command: CliRunner, settings: Settings, *arguments: str, code: int = 0) -> str:
    app = App(settings)
    result = command.invoke(main, list(arguments), obj=app, catch_exceptions=False)
    app.close()
    assert result.exit_code == code, result.output
    return result.output


def test_work_is_announced_listed_shown_moved_and_cancelled_by_command(command: CliRunner, settings: Settings) -> None:
    window = ("--from", "2036-12-01T01:00:00Z", "--to", "2036-12-01T04:00:00Z")
    said = outage(
        command, settings, "planned", "announce", "--title", "Work", *window, "--element", "E1", "--as", "nina"
    )
    ref = said.split()[0]
    assert "announced for 2036-12-01T01:00:00Z to 2036-12-01T04:00:00Z" in said
    assert "user_minutes" in said
    assert "180" in said
    assert ref in outage(command, settings, "planned", "list")
    assert '"status": "announced"' in outage(command, settings, "planned", "list", "--json")
    later = ("--from", "2036-12-02T01:00:00Z", "--to", "2036-12-02T02:00:00Z")
    assert "rescheduled for 2036-12-02" in outage(
        command, settings, "planned", "reschedule", ref, *later, "--as", "nina"
    )
    shown = outage(command, settings, "planned", "show", ref)
    assert "E1" in shown
    assert "would hit, by impact run 2" in shown
    assert "0 begun" in outage(command, settings, "planned", "due", "--as", "nina")
    half = outage(command, settings, "planned", "reschedule", ref, *later[:2], "--as", "nina", code=2)
    assert "half a window" in half
    refused = outage(command, settings, "planned", "overrun", ref, "--as", "nina", code=2)
    assert "not announced work that has begun" in refused
    cancel = ("planned", "cancel", ref, "--reason", "Vendor", "--as", "nina")
    assert f"{ref} is cancelled\n" in outage(command, settings, *cancel)
    assert "already" in outage(command, settings, *cancel)
    assert "no planned work" in outage(command, settings, "planned", "list")


def test_billing_incidents_and_merges_by_command(command: CliRunner, settings: Settings) -> None:
    opening = (
        "incident",
        "open",
        "--severity",
        "major",
        "--as",
        "nina",
        "--started",
        "2026-01-01T00:00:00Z",
        "--title",
    )
    bills = outage(command, settings, *opening, "Bills", "--billing").split()[0]
    restored = outage(command, settings, "incident", "restore", bills, "--at", "2026-01-02T00:00:00Z", "--as", "nina")
    assert "its bills are right again; it is restored" in restored
    one = outage(command, settings, *opening, "First", "--element", "E1").split()[0]
    other = outage(command, settings, *opening, "Second", "--element", "E2").split()[0]
    merge = ("incident", "merge", one, other, "--reason", "The same power failure", "--as", "nina")
    assert f"{other}: merged into {one}, which is opened" in outage(command, settings, *merge)
    assert "already, nothing changed" in outage(command, settings, *merge)
    shown = outage(command, settings, "incident", "show", one)
    assert "E2" in shown
    assert f"{other}: Incident opened: Second" in shown
    refused = outage(command, settings, "incident", "merge", one, bills, "--reason", "x", "--as", "nina", code=2)
    assert "they are not one" in refused
