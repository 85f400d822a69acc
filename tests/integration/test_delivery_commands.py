"""The commands of delivery and suppression as a script sees them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from foundation import access, clock
from foundation.cli import App, Shell
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.settings import read_settings
from notify import texts
from notify.carriers import Manner, Outcome, Promises
from notify.cli import commands
from notify.models import DeliveryState
from notify.pacing import allow, halt
from tests.delivery_rows import CAMPAIGN, get, posting, put
from tests.delivery_tools import Wire, run

WHY = ("--reason", "as told", "--as", "dora")


class Terminal:
    """Runs commands over one database."""

    def __init__(self, directory: Path, database: Database) -> None:
        settings = read_settings({"OUTAGE_DATA": str(directory), "DATABASE_URL": database.url})
        self.app = App(settings)
        self._main = Shell(commands={command.name: command for command in commands if command.name})

    def __call__(self, *words: str) -> Result:
        result = CliRunner().invoke(self._main, words, obj=self.app)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def terminal(tmp_path: Path, database: Database) -> Iterator[Terminal]:
    with database.transaction() as session:
        for name, role in (("dora", "delivery"), ("clara", "care"), ("mary", "marketing")):
            access.add_user(
                session, name=name, display_name=name, password="long enough word", roles=[role], actor="test"
            )
    put(database, [posting(number) for number in range(8)])
    terminal = Terminal(tmp_path, database)
    yield terminal
    terminal.app.close()


def test_what_is_installed_is_listed_and_a_missing_setting_is_named(terminal: Terminal):
    listed = terminal("delivery", "carriers").output
    assert "spool" in listed
    assert "book" in listed
    adapters = {**terminal.app.settings.adapters, "OUTAGE_CHANNELS": "spool, twilio"}
    terminal.app.close()
    terminal.app = App(dataclasses.replace(terminal.app.settings, adapters=adapters))
    refused = terminal("delivery", "carriers")
    assert refused.exit_code == 2
    assert "OUTAGE_TWILIO_ACCOUNT" in refused.output


def test_a_campaign_is_paused_resumed_and_aborted(terminal: Terminal, database: Database):
    assert terminal("delivery", "pause", CAMPAIGN, *WHY).output == f"{CAMPAIGN}: paused\n"
    assert "paused already" in terminal("delivery", "pause", CAMPAIGN, *WHY).output
    assert run(database, {"book": Wire()}).claimed == 0
    assert "paused; open: 100 % of postings; as told" in terminal("delivery", "status", CAMPAIGN).output
    assert "goes on" in terminal("delivery", "resume", CAMPAIGN, *WHY).output
    run(database, {"book": Wire()}, limit=3)
    assert "aborted, 5 deliveries cancelled" in terminal("delivery", "abort", CAMPAIGN, *WHY).output
    status = json.loads(terminal("delivery", "status", CAMPAIGN, "--json").output)
    assert (status["state"], status["counts"]) == ("aborted", {"posting": {"cancelled": 5, "delivered": 3}})
    assert terminal("delivery", "resume", CAMPAIGN, *WHY).exit_code == 2


def test_a_wave_that_waits_says_for_what(terminal: Terminal, database: Database):
    held: dict[str, Any] = {"campaign": "AS-1", "not_before": clock.now() + timedelta(days=1)}
    put(database, [posting(number, key=f"AS-1:{number}", **held) for number in range(1000)])
    told = "the next wave of postings: 0 of the 90 outcomes are in that open it; "
    assert told in terminal("delivery", "status", "AS-1").output
    status = json.loads(terminal("delivery", "status", "AS-1", "--json").output)
    assert status["waits_for"]["posting"].endswith("are held or waiting for their credit")


def test_how_a_campaign_goes_out_is_said_before_its_release_and_kept(terminal: Terminal, database: Database):
    planned = terminal("delivery", "plan", "AS-1", "--canary-rows", "5", "--ceiling", "7", "--as", "dora").output
    assert "canary 1 % and 5 rows of each kind" in planned
    assert "ceiling 7 rows; nothing was enqueued under this name yet" in planned
    rows = [posting(number, campaign="AS-1", key=f"AS-1:{number}") for number in range(8)]
    with pytest.raises(RefusedError, match="at most 7"):
        put(database, rows)
    assert "7 rows" in terminal("delivery", "plan", "AS-1", "--failure-percent", "9", "--as", "dora").output
    assert "ceiling no limit" in terminal("delivery", "plan", "AS-1", "--ceiling", "0", "--as", "dora").output
    shown = terminal("delivery", "plan", "AS-1", "--as", "dora").output
    assert "5 rows of each kind, stops at more than 9 % failures, priority 100, ceiling no limit" in shown
    assert put(database, rows) == 8
    assert terminal("delivery", "plan", "AS-1", "--failure-percent", "101", "--as", "dora").exit_code == 2
    assert terminal("delivery", "plan", "AS-1", "--as", "clara").exit_code == 2


def test_a_text_that_two_save_at_once_is_refused_to_the_second(terminal: Terminal, monkeypatch):
    words = ("text", "save", "told_by_two", "en", "{brand}: {credit}", "--as", "mary")
    assert terminal(*words).exit_code == 0
    # As if the other's were not yet committed when this one looked.
    monkeypatch.setattr(texts, "_find_exact", lambda *_: None)
    refused = terminal(*words)
    assert (refused.exit_code, "somebody else made the same" in refused.output) == (2, True)


def test_steering_needs_the_right_and_a_campaign(terminal: Terminal):
    assert terminal("delivery", "pause", CAMPAIGN, "--reason", "x", "--as", "clara").exit_code == 2
    assert terminal("delivery", "pause", "AS-1", *WHY).exit_code == 2
    assert terminal("delivery", "pause", CAMPAIGN, "--as", "dora").exit_code == 2
    assert "nothing was enqueued" in terminal("delivery", "status", "AS-1").output


def test_unknown_attempts_are_decided_and_failures_tried_again(terminal: Terminal, database: Database):
    wire = Wire(promises=Promises(idempotent=False, can_be_asked=False, fences=False))
    wire.outcomes = [
        Outcome(DeliveryState.UNKNOWN, None, "timeout"),
        Outcome(DeliveryState.FAILED, None, "no such account"),
    ]
    run(database, {"book": wire})
    decide = ("delivery", "decide", CAMPAIGN, "there", "--key", posting(0).key)
    assert "1 unknown attempts are settled: there" in terminal(*decide, *WHY).output
    assert get(database, posting(0)).state is DeliveryState.DELIVERED
    retry = ("delivery", "retry", CAMPAIGN, "--failed-with", "no such account")
    assert "4 deliveries will be tried again" in terminal(*retry, *WHY).output
    assert "0 deliveries" in terminal(*retry, *WHY).output


def test_a_senders_pace_is_set_and_a_halted_one_goes_on(terminal: Terminal, database: Database):
    with database.transaction() as session:
        allow(session, {"bind-1": Manner()})
        halt(session, "bind-1", "401")
    assert "bind-1: 2.5 rows a second" in terminal("delivery", "pace", "bind-1", "2.5", "--as", "dora").output
    assert "bind-1: no limit" in terminal("delivery", "pace", "bind-1", "0", "--as", "dora").output
    assert "bind-1: goes on" in terminal("delivery", "unhalt", "bind-1", *WHY).output
    assert "was not halted" in terminal("delivery", "unhalt", "bind-1", *WHY).output


def test_suppressions_are_added_listed_removed_and_go_through_files(terminal: Terminal, tmp_path: Path):
    number = "+447700900123"
    assert "suppressed\n" in terminal("suppression", "add", number, "marketing", *WHY).output
    assert "already" in terminal("suppression", "add", number, "marketing", *WHY).output
    assert "as told" in terminal("suppression", "list", number).output
    out = tmp_path / "out.csv"
    terminal("suppression", "export", str(out))
    assert out.read_text().startswith(f"address,scope,reason,since\n{number},marketing,as told,")
    assert "1 ended" in terminal("suppression", "remove", number, *WHY).output
    done = terminal("suppression", "import", str(out), "--as", "dora")
    assert (done.exit_code, "1 rows: 1 added, 0 there already, 0 rejected" in done.output) == (0, True)
    bad = tmp_path / "bad.csv"
    bad.write_text("address,scope\n0770,any\n")
    done = terminal("suppression", "import", str(bad), "--as", "dora")
    assert (done.exit_code, "line 2: address: not an address" in done.output) == (1, True)
    bad.write_bytes("address,scope,reason\n+447700900123,any,£\n".encode("latin-1"))
    done = terminal("suppression", "import", str(bad), "--as", "dora")
    assert (done.exit_code, "is no CSV in UTF-8" in done.output) == (2, True)
    bad.write_text(f"address,scope\n{'long' * 32}@mail.example,any\n")
    assert "line 2: address: not an address" in terminal("suppression", "import", str(bad), "--as", "dora").output
