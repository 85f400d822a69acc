"""What became of the scheduler's runs is kept and shown."""

from __future__ import annotations

import threading
from pathlib import Path

from click.testing import CliRunner

from foundation import clock
from foundation.cli import App
from foundation.db import Database
from foundation.schedule import Job, JobState, is_late, list_job_states, run_scheduler
from foundation.settings import read_settings
from tests.delivery_tools import later
from tests.processes import wait_until
from wsgi import main


def states(database: Database) -> dict[str, JobState]:
    with database.reading() as session:
        return {state.name: state for state in list_job_states(session)}


def test_runs_failures_and_what_was_left_out_are_kept(database: Database, tmp_path: Path):
    stop, hang = threading.Event(), threading.Event()

    def fail() -> None:
        raise ValueError("no such table")

    def hang_on() -> None:
        hang.wait(30)

    timetable = [Job("good", 1, lambda: None), Job("bad", 1, fail), Job("slow", 1, hang_on)]
    thread = threading.Thread(target=run_scheduler, args=(timetable, database, tmp_path / "lock", stop))
    thread.start()
    wait_until(lambda: {"good", "bad", "slow"} <= states(database).keys() and states(database)["slow"].missed > 0)
    wait_until(lambda: states(database)["bad"].failures > 0)
    hang.set()
    stop.set()
    thread.join()
    kept = states(database)
    assert (kept["good"].failures, kept["good"].trouble) == (0, None)
    assert kept["good"].runs >= 1
    assert kept["bad"].trouble == "failed: ValueError('no such table')"
    assert kept["slow"].trouble == "not run: the run before was still under way"
    assert not is_late(kept["good"], clock.now())
    with later(3600):
        assert is_late(kept["good"], clock.now())


def test_the_status_says_when_each_job_ran_and_fails_when_one_is_late(sqlite_database: Database, tmp_path: Path):
    app = App(read_settings({"OUTAGE_DATA": str(tmp_path), "DATABASE_URL": sqlite_database.url}))
    assert "no scheduler has run" in CliRunner().invoke(main, ["scheduler", "status"], obj=app).output
    now = clock.now()
    with sqlite_database.transaction() as session:
        session.add(JobState(name="take back", seconds=15, runs=7, last_run_at=now, leader="here:1"))
    result = CliRunner().invoke(main, ["scheduler", "status"], obj=app)
    assert (result.exit_code, "take back" in result.output) == (0, True)
    with later(600):
        result = CliRunner().invoke(main, ["scheduler", "status", "--json"], obj=app)
    assert (result.exit_code, '"late": true' in result.output) == (1, True)
    app.close()
