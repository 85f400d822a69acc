"""Slices of delivery carried by procrastinate to workers on any number of machines, over PostgreSQL (extra `[scale]`).

A job says only "drain a slice": which rows that are, the deliveries decide when it runs. So a job that is lost with its
worker loses nothing, one that runs twice sends nothing twice, and the queue can be thrown away at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from foundation.db import Database
from foundation.errors import InputError
from foundation.logging import get_logger
from notify.carriers import Carrier
from notify.drained import DrainCounts
from notify.screening import Conduct
from notify.worker import Work, worker_name

_QUEUE = "deliveries"
# So many slices wait at most; a slice that found something to send puts itself behind them again.
_SLOTS = 8
_BATCHES_A_SLICE = 10
_LOOK_SECONDS = 0.5
_SCHEMA_LOCK = 0x6F757463 << 32 | 0x7363616C
log = get_logger()


def run_scaled(
    database: Database,
    carriers: Mapping[str, Carrier],
    *,
    lease_seconds: int,
    batch: int,
    stop: threading.Event,
    until_idle: bool = False,
    name: str | None = None,
    conduct: Conduct | None = None,
) -> DrainCounts:
    """Drain the slices that jobs bring until `stop` is set or, with `until_idle`, nothing is left to do soon.

    Jobs wake a worker on any machine at once; any number may run. Raises InputError where the records are elsewhere
    than in PostgreSQL.
    """
    if database.is_sqlite:
        accepted = "PostgreSQL, or the engine table"
        raise InputError("procrastinate needs PostgreSQL", where="setting DATABASE_URL", accepted=accepted)
    install_queue(database)
    worker = name or worker_name()
    work = Work(database, carriers, worker, lease_seconds, batch, conduct or Conduct())
    return asyncio.run(_Slices(database, work, worker, batch * _BATCHES_A_SLICE, stop, until_idle).run())


def install_queue(database: Database) -> bool:
    """Make procrastinate's tables where they are missing; False when they are there. Many may call this at once."""
    with database.transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        if session.scalar(text("SELECT to_regclass('procrastinate_jobs')")) is not None:
            return False
        # The driver's own cursor: a script of several statements takes no parameters.
        session.connection().connection.cursor().execute(SchemaManager.get_schema())
    return True


class _Slices:
    """One process: a procrastinate worker beside a loop that looks whether slices are wanted."""

    def __init__(
        self, database: Database, work: Work, worker: str, rows: int, stop: threading.Event, until_idle: bool
    ) -> None:
        conninfo = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._app = App(connector=PsycopgConnector(conninfo=conninfo))
        self._task = self._app.task(name="drain_slice", queue=_QUEUE)(self._drain_slice)
        self._work, self._worker, self._rows = work, worker, rows
        self._stop, self._until_idle = stop, until_idle
        self._counts = DrainCounts()
        self._busy = False

    async def run(self) -> DrainCounts:
        """Work until told to stop."""
        log.info("worker_started", worker=self._worker, engine="procrastinate")
        async with self._app.open_async():
            serving = self._serve()
            try:
                while not self._stop.is_set():
                    if serving.done():
                        self._mourn(serving)
                        serving = self._serve()
                    if not await self._look() and self._until_idle:
                        break
                    await asyncio.sleep(_LOOK_SECONDS)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
        log.info("worker_stopped", worker=self._worker, claimed=self._counts.claimed)
        return self._counts

    def _serve(self) -> asyncio.Task[None]:
        served = self._app.run_worker_async(
            queues=[_QUEUE],
            name=self._worker,
            concurrency=1,
            delete_jobs="always",
            install_signal_handlers=False,
            fetch_job_polling_interval=1.0,
        )
        return asyncio.create_task(served)

    def _mourn(self, serving: asyncio.Task[None]) -> None:
        error = None if serving.cancelled() else serving.exception()
        if error is not None and self._until_idle:
            raise error
        log.warning("queue_lost", worker=self._worker, error=type(error).__name__)

    async def _look(self) -> bool:
        """Do what is due besides sending, and ask for slices while there is something to send; whether there is."""
        try:
            # In a thread: both sides of the records' database and the carriers are blocking calls.
            self._counts += await asyncio.to_thread(self._work.look)
            wanted = await asyncio.to_thread(self._work.is_work_near)
            if wanted and not self._busy:
                await self._ask_for_slices()
                await self._forget_lost()
        except (OperationalError, ConnectorException) as error:
            if self._until_idle:
                raise
            log.warning("database_unreachable", worker=self._worker, error=type(error).__name__)
            return True
        return wanted or self._busy

    async def _ask_for_slices(self) -> None:
        for slot in range(_SLOTS):
            await self._ask_for_slice(slot)

    async def _ask_for_slice(self, slot: int) -> None:
        # Of each slot at most one waits, whoever asks for it.
        with contextlib.suppress(AlreadyEnqueued):
            await self._task.configure(queueing_lock=f"slice-{slot}").defer_async(slot=slot)

    async def _drain_slice(self, slot: int) -> None:
        self._busy = True
        try:
            done = await asyncio.to_thread(self._work.drain_slice, self._rows)
        finally:
            self._busy = False
        self._counts += done
        if done.claimed:
            await self._ask_for_slice(slot)

    async def _forget_lost(self) -> None:
        """Delete the jobs that died with their workers: what they were to send, another slice sends."""
        for job in await self._app.job_manager.get_stalled_jobs(queue=_QUEUE):
            await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
