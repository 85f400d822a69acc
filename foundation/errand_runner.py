"""Running errands: whoever holds an errand's lock does it; a runner that dies or is told to end leaves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from foundation import clock
from foundation.db import Database
from foundation.errand_board import Board, FileBoard, LeftError, RowBoard, StoppedError, Watch
from foundation.errands import (
    Errand,
    ErrandState,
    begin_errand,
    end_errand,
    get_errand,
    leave_errand,
    list_open,
    stop_errand,
)
from foundation.errors import InputError
from foundation.locks import Held, try_lock
from foundation.logging import get_logger
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore

_LOCKS = 0x6F757462 << 32  # advisory locks of errands: this and the errand's number
_REST_SECONDS = 0.5
# A runner that dies three times over one errand dies of it.
_MOST_ATTEMPTS = 3
log = get_logger()


@dataclass(frozen=True)
class Surroundings:
    """What an errand works with."""

    settings: Settings
    database: Database
    store: SnapshotStore

    @property
    def board_directory(self) -> Path:
        """Where runners beside SQLite keep locks and progress."""
        return self.settings.data / "errands"


@dataclass(frozen=True)
class Done:
    """What an errand came to: one sentence for people, and the reference of what it made."""

    said: str
    ref: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrandKind:
    """A kind of errand: its name as a verb, its title for people, the permission to ask for or stop one.

    `run` may run twice, and be left at any call of its watch, without harm; it gets the arguments, who asked, and the
    watch.
    """

    name: str
    title: str
    permission: str
    run: Callable[[Surroundings, Mapping[str, Any], str, Watch], Done]


def ask_to_stop(surroundings: Surroundings, errand_id: int, *, actor: str) -> Errand:
    """Have an errand stopped, wherever it runs; raises NotFoundError or RefusedError as `stop_errand`."""
    with surroundings.database.reading() as session:
        running = get_errand(session, errand_id).state is ErrandState.RUNNING
    told = running and surroundings.database.is_sqlite
    if told:
        # It may hold the only write lock until it has seen this file.
        FileBoard(surroundings.board_directory, errand_id).ask_to_stop()
    with surroundings.database.transaction() as session:
        return stop_errand(session, errand_id, actor=actor, told=told)


class Runner:
    """Does errands one after another until `stop` is set: it then leaves the one in hand at its next step."""

    def __init__(
        self, surroundings: Surroundings, kinds: Mapping[str, ErrandKind], stop: threading.Event | None = None
    ) -> None:
        self._surroundings = surroundings
        self._kinds = kinds
        self._stop = stop or threading.Event()

    def run(self) -> None:
        """Look for errands until told to stop."""
        while not self._stop.is_set():
            try:
                ran = self.run_open()
            except OperationalError as error:
                log.warning("database_unreachable", error=type(error.orig).__name__)
                ran = 0
            if not ran:
                self._stop.wait(_REST_SECONDS)

    def run_open(self) -> int:
        """Do every open errand that nobody else is doing; returns how many."""
        with self._surroundings.database.reading() as session:
            waiting = list_open(session)
        return sum(self.run_one(errand_id) for errand_id in waiting)

    def run_one(self, errand_id: int) -> bool:
        """Do one errand unless another runner has it; whether it came to an end here."""
        if self._stop.is_set():
            return False
        directory = self._surroundings.board_directory
        lock = try_lock(self._surroundings.database, _LOCKS + errand_id, directory / f"{errand_id}.lock")
        with lock as held:
            if held is None:
                return False
            with self._surroundings.database.transaction() as session:
                errand = begin_errand(session, errand_id)
            if errand is None:
                return False
            if not self._run(errand, held):
                return False
            if self._surroundings.database.is_sqlite:
                FileBoard(directory, errand_id).clear()
                (directory / f"{errand_id}.lock").unlink(missing_ok=True)
        return True

    def _run(self, errand: Errand, held: Held) -> bool:
        """Do what the errand says; False when it was left in the middle."""
        started = clock.monotonic()
        try:
            state, done, reason = self._outcome(errand, self._board(errand.id, held))
        except LeftError:
            with self._surroundings.database.transaction() as session:
                leave_errand(session, errand.id)
            log.info("errand_left", errand=errand.id, kind=errand.kind)
            return False
        result = None if done is None else {"said": done.said, "ref": done.ref, **done.detail}
        with self._surroundings.database.transaction() as session:
            end_errand(session, errand.id, state, result=result, reason=reason)
        seconds = round(clock.monotonic() - started, 1)
        log.info("errand_ended", errand=errand.id, kind=errand.kind, state=str(state), seconds=seconds)
        return True

    def _outcome(self, errand: Errand, board: Board) -> tuple[ErrandState, Done | None, str | None]:
        kind = self._kinds.get(errand.kind)
        if kind is None:
            return ErrandState.FAILED, None, f"nobody here knows how to {errand.kind}"
        if errand.attempts > _MOST_ATTEMPTS:
            return ErrandState.FAILED, None, f"given up after {_MOST_ATTEMPTS} runners died over it"
        try:
            watch = Watch(board, self._stop)
            watch("starting")
            return ErrandState.DONE, kind.run(self._surroundings, errand.arguments, errand.asked_by, watch), None
        except LeftError:
            raise
        except StoppedError:
            return ErrandState.STOPPED, None, "stopped by request; nothing of it was kept"
        except InputError as error:
            return ErrandState.FAILED, None, str(error)
        except Exception as error:
            # One errand's fault must not end the runner, on which all others wait.
            log.exception("errand_broke", errand=errand.id, kind=errand.kind)
            return ErrandState.FAILED, None, f"it broke: {type(error).__name__}; the log says more"

    def _board(self, errand_id: int, held: Held) -> Board:
        if held.connection is None:
            return FileBoard(self._surroundings.board_directory, errand_id)
        return RowBoard(held, errand_id)
