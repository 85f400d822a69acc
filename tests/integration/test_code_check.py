"""The public check of a text: yes for its own recipient only, and not asked without end."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

import notify.web
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from foundation.web import make_app, register
from foundation.web.limits import Limit
from notify.composing import public_code
from notify.texts import save_text
from notify.web.check import LIMIT
from tests.delivery_rows import message, put
from tests.delivery_tools import Wire, run
from tests.web_client import send

SENT = message(1, waiting=False, payload={"text": "plain"})
CODE = public_code(SENT.group_key)


@pytest.fixture
def app(tmp_path: Path, database: Database, store: SnapshotStore) -> Flask:
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: service is back. Code {code}.", author="mary")
    put(database, [SENT, message(2, payload={"text": "plain"})])
    spool = Wire("spool")
    run(database, {"spool": spool})
    assert [row.body for batch in spool.sent for row in batch] == [f"O2: service is back. Code {CODE}."]
    given = {"OUTAGE_DATA": str(tmp_path / "data"), "DATABASE_URL": database.url}
    app = make_app(read_settings(given), database, store)
    register(app, notify.web)
    app.extensions[LIMIT] = Limit(times=4, seconds=600)
    return app


def ask(app: Flask, address: str, code: str):
    return send(app.test_client(), "/check", {"address": address, "code": code}, back="/check")


def test_a_text_is_ours_for_its_own_recipient(app: Flask) -> None:
    assert "It is ours" in ask(app, "+44 7700 900001", f" {CODE[:3].lower()} {CODE[3:]}").text


def test_a_copied_code_an_unknown_one_and_a_text_that_did_not_go_are_not(app: Flask) -> None:
    unsent = public_code(message(2).group_key)
    for address, code in (("+447700900002", CODE), ("+447700900001", "AAAAAA"), ("+447700900002", unsent)):
        assert "We know of no such text" in ask(app, address, code).text


def test_what_is_no_code_or_address_is_told_and_too_many_questions_are_refused(app: Flask) -> None:
    assert ask(app, "me", CODE).status_code == 400
    assert ask(app, "+447700900001", "<1>").status_code == 400
    assert [ask(app, "+447700900001", CODE).status_code for _ in range(3)] == [200, 200, 429]
