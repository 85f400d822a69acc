"""What became of the scheduler's runs is kept and shown."""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from foundation import clock, schedule
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


@contextlib.contextmanager
def led(timetable: list[Job], database: Database, directory: Path) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_scheduler, args=(timetable, database, directory / "lock", stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_what_nobody_ran_for_a_day_is_shown_and_made_up_once_at_once(database: Database, tmp_path: Path):
    ran: list[str] = []
    timetable = [Job(name, 3600, functools.partial(ran.append, name)) for name in ("day", "minute", "new")]
    ago = {"day": timedelta(days=1), "minute": timedelta(minutes=1)}
    with database.transaction() as session:
        for name, before in ago.items():
            state = {"seconds": 3600, "runs": 7, "failures": 0, "missed": 0, "leader": "gone:1"}
            session.add(JobState(name=name, last_run_at=clock.now() - before, **state))
    with led(timetable, database, tmp_path):
        wait_until(lambda: states(database)["day"].runs == 8)
    kept = states(database)
    assert ran == ["day"]
    assert kept["day"].missed == 23
    assert (kept["day"].trouble or "").startswith("not run 23 times: no scheduler led since ")
    assert (kept["minute"].runs, kept["minute"].missed, kept["minute"].trouble) == (7, 0, None)


def test_runs_that_fell_out_while_the_scheduler_stood_still_are_counted(database: Database):
    slept = schedule._Slept(database, {"good": 5})
    start = clock.now()
    for after in (0, 5, 35, 40):
        due = start + timedelta(seconds=after)
        slept.report(SimpleNamespace(job_id="good", scheduled_run_times=[due]))
    assert states(database)["good"].missed == 5
    assert states(database)["good"].trouble == "not run 5 times: the scheduler itself stood still"


def test_a_clock_that_is_set_back_keeps_no_job_waiting(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ran = threading.Event()
    ahead = itertools.chain([100.0], itertools.repeat(0.0))
    monkeypatch.setattr(schedule, "_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(schedule, "_ahead", lambda: next(ahead))
    with led([Job("hourly", 3600, ran.set)], sqlite_database, tmp_path):
        assert ran.wait(30)
