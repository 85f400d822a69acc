"""The spool: the embedded outside world for messages, a file of its own that keeps every text ever taken."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from foundation import clock
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises
from notify.models import DeliveryState
from notify.segments import count_parts

# `key` is not unique on purpose: a text sent twice must be seen twice.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (
    id INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL,
    key TEXT NOT NULL, attempt INTEGER NOT NULL, parts INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_texts_key ON texts (key);
CREATE INDEX IF NOT EXISTS ix_texts_address ON texts (address);
CREATE TABLE IF NOT EXISTS fences (
    key TEXT NOT NULL, attempt INTEGER NOT NULL, fenced_at INTEGER NOT NULL, PRIMARY KEY (key, attempt)
) WITHOUT ROWID;
"""
_COLUMNS = "id, accepted_at, address, body, key, attempt, parts"
_BUSY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SpooledText:
    """One text as taken: nothing of it is ever changed."""

    id: int
    accepted_at: datetime
    address: str
    body: str
    key: str
    attempt: int
    parts: int


class Spool:
    """A carrier of messages and the reading side of its file.

    It fences: asked about an attempt that it never took, it notes that and refuses the attempt from then on, so that
    "ask, not there, send again" cannot double even when the first request is still on its way.
    """

    name = "spool"
    in_flight = 500
    manner = Manner()
    promises = Promises(idempotent=False, can_be_asked=True, fences=True)

    def __init__(self, path: Path) -> None:
        """Open the file, making it if need be; raises CarrierError when it cannot be opened."""
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise CarrierError(f"spool {path}: {error}", nothing_sent=True) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Take a batch of texts, all of them or none, but for fenced attempts, which are refused one by one."""
        now = clock.to_unix(clock.now())
        with self._writing() as connection:
            fenced = self._fenced(batch)
            next_id = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM texts").fetchone()[0]
            rows: list[tuple[int, int, str, str, str, int, int]] = []
            outcomes: list[Outcome] = []
            for text in batch:
                if (text.key, text.attempt) in fenced:
                    outcomes.append(Outcome(DeliveryState.PENDING, None, "refused by the spool: asked about before"))
                    continue
                number = next_id + len(rows)
                parts = count_parts(text.body).parts
                rows.append((number, now, text.address, text.body, text.key, text.attempt, parts))
                outcomes.append(Outcome(DeliveryState.DELIVERED, f"spool:{number}"))
            connection.executemany(f"INSERT INTO texts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
        return outcomes

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """`delivered` for a key that it has, `pending` for one it has not; the attempts asked about are fenced."""
        now = clock.to_unix(clock.now())
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO fences (key, attempt, fenced_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(text.key, text.attempt, now) for text in batch],
            )
            found = [
                connection.execute("SELECT min(id) FROM texts WHERE key = ?", (text.key,)).fetchone()[0]
                for text in batch
            ]
        return [
            Outcome(DeliveryState.PENDING, None, "not in the spool")
            if number is None
            else Outcome(DeliveryState.DELIVERED, f"spool:{number}", "found in the spool")
            for number in found
        ]

    def list_texts(self, search: str = "", *, limit: int = 50, offset: int = 0) -> list[SpooledText]:
        """Texts, newest first, whose address, key or body contains `search`."""
        where, values = _containing(search)
        return self._read(f"{where} ORDER BY id DESC LIMIT ? OFFSET ?", (*values, limit, offset))

    def by_address(self, address: str, *, limit: int = 100) -> list[SpooledText]:
        """Texts to one address, newest first."""
        return self._read("WHERE address = ? ORDER BY id DESC LIMIT ?", (address, limit))

    def count(self, search: str = "") -> int:
        """How many texts `list_texts` would find without limit."""
        where, values = _containing(search)
        # Nothing is ever taken out and no number left out, so the last number is the count.
        what = "count(*)" if search else "coalesce(max(id), 0)"
        return int(self._rows(f"SELECT {what} FROM texts {where}", values)[0][0])  # noqa: S608 - our own condition

    def doubles(self) -> dict[str, int]:
        """Keys that were texted more than once, with how often; must be empty."""
        return dict(self._rows("SELECT key, count(*) FROM texts GROUP BY key HAVING count(*) > 1", ()))

    def _read(self, rest: str, values: Iterable[Any]) -> list[SpooledText]:
        rows = self._rows(f"SELECT {_COLUMNS} FROM texts {rest}", values)  # noqa: S608 - our own names
        return [SpooledText(row[0], clock.from_unix(row[1]), *row[2:]) for row in rows]

    def _rows(self, query: str, values: Iterable[Any]) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, tuple(values)).fetchall()

    def _fenced(self, batch: Sequence[Outgoing]) -> set[tuple[str, int]]:
        query = "SELECT key, attempt FROM fences WHERE key IN (SELECT value FROM json_each(?))"
        return set(self._connection.execute(query, (json.dumps([text.key for text in batch]),)))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise CarrierError(f"spool: {error}", nothing_sent=True) from error
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                # A disk that is full had no room for the commit either: rolled back, nothing of it is there.
                is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                raise CarrierError(f"spool: {error}", nothing_sent=is_full) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _containing(search: str) -> tuple[str, tuple[str, ...]]:
    if not search:
        return "", ()
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    fields = ("address", "key", "body")
    condition = " OR ".join(f"{field} LIKE ? ESCAPE '\\'" for field in fields)
    return f"WHERE ({condition})", (f"%{escaped}%",) * len(fields)
