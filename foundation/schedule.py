"""When jobs run: one leader among all scheduler processes, APScheduler with nothing stored but what became of runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
)
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import String, Text, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.db import Base, Database, Instant, insert_ignoring
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


class JobState(Base):
    """What became of a job's runs, by name: kept to be shown, never to decide what runs.

    `missed` counts runs that were left out because the one before was still under way or the scheduler came too late.
    """

    __tablename__ = "job_states"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    seconds: Mapped[int]
    runs: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    missed: Mapped[int] = mapped_column(default=0)
    last_run_at: Mapped[datetime | None] = mapped_column(Instant)
    trouble: Mapped[str | None] = mapped_column(Text)
    trouble_at: Mapped[datetime | None] = mapped_column(Instant)
    leader: Mapped[str] = mapped_column(String(128))


def list_job_states(session: Session) -> Sequence[JobState]:
    """What became of every job that ever ran here, by name."""
    return session.scalars(select(JobState).order_by(JobState.name)).all()


def is_late(state: JobState, at: datetime) -> bool:
    """Whether a job has not run for three of its intervals: no scheduler runs, or the job hangs."""
    return state.last_run_at is None or (at - state.last_run_at).total_seconds() > 3 * state.seconds + 60


def run_scheduler(timetable: Sequence[Job], database: Database, lock_file: Path, stop: threading.Event) -> None:
    """Wait to be the leader and run the timetable while leading, until `stop`; wait for a database that is away."""
    while not stop.is_set():
        try:
            with try_lock(database, _LEADERSHIP, lock_file) as lead:
                if lead is not None:
                    log.info("scheduler_leads", jobs=len(timetable))
                    _run_while(lead.is_still_held, timetable, database, stop)
        except OperationalError as error:
            log.warning("database_unreachable", error=type(error.orig).__name__)
        stop.wait(_CHECK_SECONDS)


def _run_while(leads: Callable[[], bool], timetable: Sequence[Job], database: Database, stop: threading.Event) -> None:
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
    seconds = {job.name: job.seconds for job in timetable}
    events = EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
    scheduler.add_listener(lambda event: report_run(database, event, seconds[event.job_id]), events)
    scheduler.start()
    try:
        while not stop.wait(_CHECK_SECONDS) and leads():
            pass
    finally:
        scheduler.shutdown(wait=True)


def report_run(database: Database, event: Any, seconds: int) -> None:
    """Log and keep what became of a run, by APScheduler's event of it; a database that is away loses the note only."""
    trouble = None
    if event.code == EVENT_JOB_ERROR:
        trouble = f"failed: {event.exception!r}"
        log.error("job_failed", job=event.job_id, error=repr(event.exception))
    elif event.code != EVENT_JOB_EXECUTED:
        missed = event.code == EVENT_JOB_MISSED
        trouble = "not run: the scheduler came too late" if missed else "not run: the run before was still under way"
        log.warning("job_not_run", job=event.job_id, missed=missed)
    ran = event.code in (EVENT_JOB_EXECUTED, EVENT_JOB_ERROR)
    try:
        with database.transaction() as session:
            _keep_run(session, event.job_id, seconds, trouble, ran=ran)
    except SQLAlchemyError as error:
        log.warning("job_run_not_kept", job=event.job_id, error=type(error).__name__)


def _keep_run(session: Session, name: str, seconds: int, trouble: str | None, *, ran: bool) -> None:
    now = clock.now()
    leader = f"{socket.gethostname()}:{os.getpid()}"[:128]
    new = {"name": name, "seconds": seconds, "runs": 0, "failures": 0, "missed": 0, "leader": leader}
    session.execute(insert_ignoring(session, JobState), new)
    values: dict[str, Any] = {"seconds": seconds, "leader": leader}
    if ran:
        values |= {"runs": JobState.runs + 1, "last_run_at": now}
    if trouble is not None:
        counted = "failures" if ran else "missed"
        values |= {"trouble": trouble, "trouble_at": now, counted: getattr(JobState, counted) + 1}
    session.execute(update(JobState).where(JobState.name == name).values(values))
