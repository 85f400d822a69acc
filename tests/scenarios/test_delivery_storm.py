"""A small delivery storm: workers, scheduler and database die while both other sides fail; nobody is doubled or lost.

The large one is a command: `python -m tests.delivery_storm`.
"""

from __future__ import annotations

from pathlib import Path

from foundation import migrate
from foundation.db import Database
from foundation.settings import Settings
from tests.delivery_storm import run_storm
from tests.own_postgresql import own_postgresql, restart
from tests.storm_books import Result, Storm
from tests.world import lived_settings


def assert_weathered(storm: Storm, result: Result) -> None:
    assert result.kills == storm.kills
    assert result.restarts == storm.restarts
    assert result.doubles == 0
    assert result.lost == []
    # What was on its way in the killed process may have been taken or not: never more than it had threads.
    assert max(result.left_by_kill) <= storm.most_in_flight
    assert result.unknown_shown, "nothing became unknown: the storm would prove little"
    assert not any("(no reason)" in why for why in result.unknown_after_asking)
    assert sum(result.unknown_after_asking.values()) < sum(result.unknown_shown.values())
    assert result.ended["posting", "delivered"] > storm.rows * 0.98
    assert result.ended["message", "delivered"] > storm.rows * 0.85


def migrated(settings: Settings) -> Settings:
    database = Database(settings.database_url)
    migrate.upgrade(database)
    database.dispose()
    return settings


def test_on_postgresql_three_workers_the_scheduler_and_the_database_die(tmp_path: Path):
    storm = Storm(rows=400, workers=3, kills=6, restarts=1)
    with own_postgresql() as server:
        settings = migrated(lived_settings(tmp_path / "data", server.get_uri(driver="psycopg")))
        result = run_storm(storm, settings, restart_database=lambda: restart(server, away_seconds=2))
    assert_weathered(storm, result)


def test_on_sqlite_the_only_worker_dies(tmp_path: Path):
    storm = Storm(rows=100, workers=1, kills=2, schedulers=0)
    settings = migrated(lived_settings(tmp_path / "data", f"sqlite:///{tmp_path / 'records.db'}"))
    assert_weathered(storm, run_storm(storm, settings))
