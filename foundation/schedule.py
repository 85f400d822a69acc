"""When jobs run: one leader among all scheduler processes, APScheduler with nothing stored but what became of runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
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
# Clocks are set by small steps all the time; from this one on jobs would wait for it to come again.
_JUMP_SECONDS = 5.0
_FIRST_SECONDS = 60.0
log = get_logger()


@dataclass(frozen=True)
class Job:
    """One line of the timetable: every `seconds`, run `run()`; each run may happen twice without harm."""

    name: str
    seconds: int
    run: Callable[[], object]


class JobState(Base):
    """What became of a job's runs, by name: kept to be shown, never to decide what runs.

    `missed` counts runs that were left out: the one before was still under way, the machine slept, or none led.
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
    seconds = {job.name: job.seconds for job in timetable}
    waits = _take_over(database, seconds)
    for job in timetable:
        # A run missed while the machine slept is made up once, however late: jobs ask what is due, not what time it is.
        scheduler.add_job(
            job.run,
            IntervalTrigger(seconds=job.seconds, timezone="UTC"),
            id=job.name,
            name=job.name,
            next_run_time=_true_now() + timedelta(seconds=waits[job.name]),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    events = EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
    scheduler.add_listener(lambda event: report_run(database, event, seconds[event.job_id]), events)
    slept = _Slept(database, seconds)
    scheduler.add_listener(slept.report, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)
    scheduler.start()
    ahead = _ahead()
    try:
        while not stop.wait(_CHECK_SECONDS) and leads():
            if _ahead() < ahead - _JUMP_SECONDS:
                log.warning("clock_went_back", seconds=round(ahead - _ahead()))
                for job in timetable:
                    scheduler.modify_job(job.name, next_run_time=_true_now())
            ahead = _ahead()
    finally:
        scheduler.shutdown(wait=True)


def _true_now() -> datetime:
    """The machine's own time, by which APScheduler goes."""
    return clock.now() - timedelta(seconds=clock.shift_seconds())


def _ahead() -> float:
    """By how much the machine's clock is ahead of one that nobody sets: it changes when somebody does."""
    return _true_now().timestamp() - clock.monotonic()


def _take_over(database: Database, seconds: dict[str, int]) -> dict[str, float]:
    """In how many seconds each job is to run first; what nobody ran meanwhile is noted, and made up once."""
    with database.reading() as session:
        last = {state.name: state.last_run_at for state in list_job_states(session)}
    waits: dict[str, float] = {}
    for name, every in seconds.items():
        before = last.get(name)
        gone = 0.0 if before is None else max(0.0, (clock.now() - before).total_seconds())
        # One that never ran does not wait for an hour in which nobody may restart the scheduler.
        waits[name] = min(every, _FIRST_SECONDS) if before is None else max(0.0, every - gone)
        if before is not None and (missed := int(gone // every) - 1) > 0:
            _report_missed(database, name, every, missed, f"no scheduler led since {before.astimezone(UTC):%F %H:%MZ}")
    return waits


class _Slept:
    """Notes runs that fell out because the process did not run itself; they come as one, late."""

    def __init__(self, database: Database, seconds: dict[str, int]) -> None:
        self._database, self._seconds = database, seconds
        self._due: dict[str, datetime] = {}

    def report(self, event: Any) -> None:
        """Look at the instant for which a job was just handed on."""
        name, due = event.job_id, event.scheduled_run_times[-1]
        before, every = self._due.get(name), self._seconds[name]
        self._due[name] = due
        if before is not None and (missed := round((due - before).total_seconds() / every) - 1) > 0:
            _report_missed(self._database, name, every, missed, "the scheduler itself stood still")


def _report_missed(database: Database, name: str, seconds: int, runs: int, why: str) -> None:
    log.warning("job_not_run", job=name, missed=runs)
    _keep(database, name, seconds, f"not run {runs:,} times: {why}", ran=False, runs=runs)


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
    _keep(database, event.job_id, seconds, trouble, ran=ran)


def _keep(database: Database, name: str, seconds: int, trouble: str | None, *, ran: bool, runs: int = 1) -> None:
    try:
        with database.transaction() as session:
            _keep_run(session, name, seconds, trouble, ran=ran, runs=runs)
    except SQLAlchemyError as error:
        log.warning("job_run_not_kept", job=name, error=type(error).__name__)


def _keep_run(session: Session, name: str, seconds: int, trouble: str | None, *, ran: bool, runs: int) -> None:
    now = clock.now()
    leader = f"{socket.gethostname()}:{os.getpid()}"[:128]
    new = {"name": name, "seconds": seconds, "runs": 0, "failures": 0, "missed": 0, "leader": leader}
    session.execute(insert_ignoring(session, JobState), new)
    values: dict[str, Any] = {"seconds": seconds, "leader": leader}
    if ran:
        values |= {"runs": JobState.runs + 1, "last_run_at": now}
    if trouble is not None:
        counted = "failures" if ran else "missed"
        values |= {"trouble": trouble, "trouble_at": now, counted: getattr(JobState, counted) + runs}
    session.execute(update(JobState).where(JobState.name == name).values(values))
