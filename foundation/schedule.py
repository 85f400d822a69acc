"""When jobs run: one leader among all scheduler processes, APScheduler with nothing stored, cron in UTC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from foundation.db import Database
from foundation.locks import try_lock
from foundation.logging import get_logger

_LEADERSHIP = 0x6F757461  # among all locks of this database
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
        with try_lock(database, _LEADERSHIP, lock_file) as lead:
            if lead is None:
                stop.wait(_CHECK_SECONDS)
                continue
            log.info("scheduler_leads", jobs=len(timetable))
            _run_while(lead.is_still_held, timetable, stop)


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
