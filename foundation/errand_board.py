"""How far a running errand is, and whether somebody wants it stopped: told outside the transaction it works in."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from foundation import clock
from foundation.db import Database
from foundation.errands import Errand, ErrandState
from foundation.locks import Held

_TELL_EVERY_SECONDS = 0.25
_UPDATE = text("UPDATE errands SET step = :step, done = :done, total = :total WHERE id = :id RETURNING stop_asked")


class StoppedError(Exception):
    """Somebody asked that the errand be stopped; what it had open is rolled back."""


class LeftError(Exception):
    """The runner was told to end; what the errand had open is rolled back, and another runner begins it again."""


@dataclass(frozen=True)
class Progress:
    """How far an errand is: what it does now, and how much of it; `total` 0 when nobody knows."""

    step: str
    done: int
    total: int


class Board(Protocol):
    """Where one running errand says how far it is and learns that it shall stop."""

    def tell(self, progress: Progress) -> bool:
        """Write the progress; True when the errand shall stop."""
        ...


class RowBoard:
    """In the errand's own row, over the connection that holds its lock: works for any number of machines."""

    def __init__(self, held: Held, errand_id: int) -> None:
        self._held = held
        self._id = errand_id

    def tell(self, progress: Progress) -> bool:
        """Write the progress; True when the errand shall stop, or when its lock was lost and another may run it."""
        values = {"step": progress.step, "done": progress.done, "total": progress.total, "id": self._id}
        if self._held.connection is None or not self._held.is_still_held():
            return True
        return bool(self._held.connection.execute(_UPDATE, values).scalar())


class FileBoard:
    """In a file beside SQLite, whose only write lock the errand itself may hold for minutes."""

    def __init__(self, directory: Path, errand_id: int) -> None:
        self._progress = directory / f"{errand_id}.json"
        self._stop = directory / f"{errand_id}.stop"

    def tell(self, progress: Progress) -> bool:
        """Write the progress; True when the errand shall stop."""
        written = self._progress.with_suffix(".new")
        written.write_text(json.dumps([progress.step, progress.done, progress.total]))
        written.replace(self._progress)
        return self._stop.exists()

    def read(self) -> Progress | None:
        """What was told last, None before anything was."""
        try:
            step, done, total = json.loads(self._progress.read_text())
        except FileNotFoundError:
            return None
        return Progress(step, done, total)

    def ask_to_stop(self) -> None:
        """Leave word that the errand shall stop."""
        self._stop.parent.mkdir(parents=True, exist_ok=True)
        self._stop.touch()

    def clear(self) -> None:
        """Remove what was told and asked, once the errand has ended."""
        for path in (self._progress, self._stop):
            path.unlink(missing_ok=True)


class Watch:
    """What an errand's work is handed: it says how far it is, and is ended by StoppedError when somebody asks.

    `leaving` is set when the runner is told to end.
    """

    def __init__(self, board: Board, leaving: threading.Event) -> None:
        self._board = board
        self._leaving = leaving
        self._next = 0.0

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say how far the work is; raises StoppedError, or LeftError when the runner is to end.

        May be called for every row: it writes a few times a second.
        """
        if self._leaving.is_set():
            raise LeftError
        now = clock.monotonic()
        if now < self._next:
            return
        self._next = now + _TELL_EVERY_SECONDS
        if self._board.tell(Progress(step, done, total)):
            raise StoppedError


def read_progress(database: Database, directory: Path, errand: Errand) -> Progress:
    """How far an errand is, wherever its runner tells it."""
    # What a runner told that left it meanwhile is no progress.
    in_file = database.is_sqlite and errand.state is not ErrandState.WAITING
    told = FileBoard(directory, errand.id).read() if in_file else None
    return told or Progress(errand.step, errand.done, errand.total)
