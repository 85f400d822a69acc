"""When jobs run: one leader among all scheduler processes, APScheduler with nothing stored, cron in UTC."""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import text

from foundation.db import Database
from foundation.logging import get_logger

_ADVISORY_LOCK = 0x6F757461
_CHECK_SECONDS = 2.0
log = get_logger()


@dataclass(frozen=True)
class Job:
    """One line of the timetable: every `seconds`, run `run()`; each run may happen twice without harm."""

    name: str
    seconds: int
    run: Callable[[], object]


def run_scheduler(timetable: Sequence[Job], database: Database, lock_file: Path, stop: threading.Event) -> None:
    """Wait to be the leader, then run the timetable until `stop` or until leadership is lost."""
    while not stop.is_set():
        with leadership(database, lock_file) as leads:
            if leads is None:
                stop.wait(_CHECK_SECONDS)
                continue
            log.info("scheduler_leads", jobs=len(timetable))
            _run_while(leads, timetable, stop)


def _run_while(leads: Callable[[], bool], timetable: Sequence[Job], stop: threading.Event) -> None:
    scheduler = BackgroundScheduler(timezone="UTC")
    for job in timetable:
        # A run missed while the machine slept is made up once, however late: jobs ask what is due, not what time it is.
        scheduler.add_job(
            job.run,
            IntervalTrigger(seconds=job.seconds, timezone="UTC"),
            id=job.name,
            name=job.name,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    scheduler.start()
    try:
        while not stop.wait(_CHECK_SECONDS) and leads():
            pass
    finally:
        scheduler.shutdown(wait=True)


def _report(event: Any) -> None:
    if event.code == EVENT_JOB_ERROR:
        log.error("job_failed", job=event.job_id, error=repr(event.exception))
    else:
        log.warning("job_not_run", job=event.job_id, missed=event.code == EVENT_JOB_MISSED)


@contextlib.contextmanager
def leadership(database: Database, lock_file: Path) -> Iterator[Callable[[], bool] | None]:
    """None when another process leads; else a function that says whether this one still does.

    PostgreSQL: a session advisory lock on a connection of its own (past any transaction pooler). SQLite: a lock on
    a file beside the database, which the kernel releases when the process dies.
    """
    lock = _lock_file(lock_file) if database.is_sqlite else _lock_advisory(database)
    with lock as leads:
        yield leads


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[Callable[[], bool] | None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield lambda: True


@contextlib.contextmanager
def _lock_advisory(database: Database) -> Iterator[Callable[[], bool] | None]:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_LOCK}):
            yield None
            return

        def still_leads() -> bool:
            try:
                connection.execute(text("SELECT 1"))
            except Exception:  # whatever broke the connection also gave the lock away
                log.warning("scheduler_lost_leadership")
                return False
            return True

        try:
            yield still_leads
        finally:
            with contextlib.suppress(Exception):
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
