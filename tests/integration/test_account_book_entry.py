"""The account book by command and over HTTP: top-ups that earn a promised bonus, and what an account has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from flask import Flask

import notify.web
from foundation import access, commands
from foundation.cli import App, Shell
from foundation.db import Database
from foundation.settings import Settings, read_settings
from foundation.snapshots import SnapshotStore, catalogue
from notify.accounts.book import AccountBook
from notify.carriers import Outgoing
from notify.cli_book import book
from notify.models import DeliveryKind
from tests.web_client import make_web, token_of

FIRST = {"key": "till-1", "amount_minor": 1500, "currency": "GBP", "at": "2012-09-03T12:00:00Z"}
STAFF = {"dora": "delivery", "clara": "care"}


@pytest.fixture(autouse=True)
def promised(database: Database) -> None:
    """A tenth on the first top-up in September."""
    payload = {"kind": "top_up_bonus", "percent": "10", "valid_from": "2012-09-01", "valid_to": "2012-10-01"}
    AccountBook(database).send([Outgoing(1, "INC-1:p:1:bonus", 1, DeliveryKind.POSTING, "A1", payload)])
    with database.transaction() as session:
        for name, role in STAFF.items():
            access.add_user(
                session, name=name, display_name=name, password="long enough word", roles=[role], actor="test"
            )


@pytest.fixture
def run(tmp_path: Path, database: Database) -> Iterator[Any]:
    app = App(read_settings({"OUTAGE_DATA": str(tmp_path), "DATABASE_URL": database.url}))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(Shell(commands={"book": book, "db": commands.db}), words, obj=app)

    yield invoke
    app.close()


def test_a_top_up_is_added_once_with_its_bonus(run):
    words = ("book", "top-up", "A1", "15.00", "GBP", "--key", "till-1", "--at", "2012-09-03T12:00:00Z", "--as", "dora")
    assert run(*words).output == "A1: 15.00 GBP topped up as till-1, bonus 1.50 GBP\n"
    assert "bonus 0.00 GBP" in run(*words).output
    shown = run("book", "show", "A1").output
    assert "A1: 16.50 GBP" in shown
    assert [line.split()[0] for line in shown.splitlines()] == ["top_up_bonus", "top_up", "bonus", "A1:"]
    assert run("book", "show", "A2").output == "A2: no balance\n"


@pytest.mark.parametrize(
    ("amount", "currency", "who", "said"),
    [
        ("15.001", "GBP", "dora", "AMOUNT"),
        ("0", "GBP", "dora", "not a top-up"),
        ("15", "GPB", "dora", "unknown currency"),
        ("15", "GBP", "clara", "deliveries.write"),
    ],
)
def test_a_top_up_that_makes_no_sense_is_refused_with_what_is_accepted(run, amount, currency, who, said):
    refused = run("book", "top-up", "A1", amount, currency, "--key", "t", "--as", who)
    assert refused.exit_code == 2
    assert said in refused.output


def test_a_till_tops_up_over_http(settings: Settings, database: Database, store: SnapshotStore):
    app: Flask = make_web(settings, database, store, notify.web)

    def call(method: str, path: str, who: str = "dora", **options: Any) -> Any:
        return app.test_client().open(f"/api/v1/book{path}", method=method, headers=token_of(database, who), **options)

    assert call("POST", "/A1/top-ups", json=FIRST).json == {"bonus_minor": 150, "currency": "GBP"}
    assert call("POST", "/A1/top-ups", json=FIRST).json == {"bonus_minor": 0, "currency": "GBP"}
    assert call("POST", "/A1/top-ups", json=FIRST | {"amount_minor": 1600}).status_code == 409
    assert call("POST", "/A1/top-ups", json=FIRST | {"currency": "GPB"}).status_code in (400, 422)
    assert call("POST", "/A1/top-ups", who="clara", json=FIRST).status_code == 403
    answer = call("GET", "/A1").json
    assert answer["balances"] == [{"amount_minor": 1650, "currency": "GBP"}]
    assert [entry["kind"] for entry in answer["entries"]] == ["top_up_bonus", "top_up", "bonus"]
    assert answer["entries"][0]["used_at"] is not None


def test_after_a_restore_the_files_that_lack_are_named(run, database: Database, tmp_path: Path):
    assert run("db", "files").output == "every file is there\n"
    store = SnapshotStore(tmp_path / "snapshots")
    batch = pa.record_batch([pa.array([1], pa.int64())], names=["line_id"])
    written = store.write_batches("test", batch.schema, [batch])
    with database.transaction() as session:
        catalogue(session, written)
    store.path(written.id).unlink()
    said = run("db", "files")
    assert (said.exit_code, said.output.splitlines()[0]) == (1, written.id)
