"""What the checks of tables mean for versions on record: submitting refuses, and a command compares two of them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from compensation import policies
from foundation.cli import App
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.settings import Settings
from tests.unit.test_geometry_policy import EXPLAINED, POLICY
from wsgi import main


def saved(database: Database, text: str) -> int:
    with database.transaction() as session:
        return policies.save_policy(session, text, actor="maria").version.id


def submit(database: Database, version_id: int) -> str:
    with database.transaction() as session:
        return policies.submit_policy(session, version_id, actor="maria").state


def test_a_policy_that_leaves_something_open_is_not_submitted(database: Database) -> None:
    version_id = saved(database, POLICY.replace("@EXPLAINED@\n", ""))
    with pytest.raises(RefusedError, match="leave something open") as caught:
        submit(database, version_id)
    assert 'level: no rule matches when rule is "old" and hours lost is below 4' in caught.value.message


def test_a_policy_whose_open_ends_are_explained_is_submitted(database: Database) -> None:
    assert submit(database, saved(database, POLICY.replace("@EXPLAINED@\n", EXPLAINED))) == "submitted"


def test_a_stale_explanation_keeps_a_policy_from_being_submitted(database: Database) -> None:
    stale = EXPLAINED + "      - {dead rule: 1, why: kept}\n"
    with pytest.raises(RefusedError, match="explained as never counting"):
        submit(database, saved(database, POLICY.replace("@EXPLAINED@\n", stale)))


def test_two_versions_are_compared_by_command(database: Database, settings: Settings) -> None:
    text = POLICY.replace("@EXPLAINED@\n", EXPLAINED)
    for version in (text, text.replace("|| 5.00", "|| 6.00").replace("{credit: 5.00}", "{credit: 6.00}")):
        saved(database, version)
    app = App(settings)
    result = CliRunner().invoke(main, ["policy", "diff", "steps", "1", "2"], obj=app, catch_exceptions=False)
    app.close()
    assert result.exit_code == 0, result.output
    assert "decisions credit, rule 1, credit : money: 5.00 -> 6.00" in result.output
    assert 'credit: 5 -> 6 when any input, for example level = "high"' in result.output
    assert "one: entitled: credit 5; text none -> entitled: credit 6; text none" in result.output
