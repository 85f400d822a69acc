"""The carriers that this process may use now: a bind that only one process may hold is held here or left out."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from foundation import clock
from foundation.db import Database
from foundation.locks import Held, try_lock
from foundation.logging import get_logger
from notify.carriers import Carrier, CarrierError

_LOCKS = 0x6F757463 << 32
_TRY_EVERY_SECONDS = 5.0
log = get_logger()


@runtime_checkable
class Exclusive(Protocol):
    """A carrier over a connection that one process holds for all; `connection` names it across processes."""

    @property
    def connection(self) -> str:
        """The name of what only one process may hold."""
        ...

    def bound(self) -> object:
        """Be connected, so that what comes in is taken; raises CarrierError while that is not possible."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class UsableCarriers(Mapping[str, Carrier]):
    """A view of carriers that changes: an exclusive one is in it while this process holds its lock.

    When the holder dies its lock dies with it, and another process takes over within seconds.
    """

    def __init__(self, carriers: Mapping[str, Carrier], database: Database, directory: Path) -> None:
        self._carriers = carriers
        self._database = database
        self._directory = directory
        self._held: dict[str, Held] = {}
        self._locks = contextlib.ExitStack()
        self._next_try = 0.0

    def __enter__(self) -> UsableCarriers:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._held):
            self._let_go(name)
        self._locks.close()

    def __getitem__(self, name: str) -> Carrier:
        return self._carriers[name]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        self._look()
        for name, carrier in self._carriers.items():
            if not isinstance(carrier, Exclusive) or name in self._held:
                yield name

    def _look(self) -> None:
        """Take what nobody holds, let go of what was lost, keep what is held connected; every few seconds."""
        if clock.monotonic() < self._next_try:
            return
        self._next_try = clock.monotonic() + _TRY_EVERY_SECONDS
        for name, carrier in self._carriers.items():
            if not isinstance(carrier, Exclusive):
                continue
            if name in self._held and not self._held[name].is_still_held():
                self._let_go(name)
            if name not in self._held:
                self._try(name, carrier)
            if name in self._held:
                with contextlib.suppress(CarrierError):
                    carrier.bound()

    def _try(self, name: str, carrier: Exclusive) -> None:
        key = _LOCKS + zlib.crc32(carrier.connection.encode())
        lock = try_lock(self._database, key, self._directory / f"{name}.lock")
        with contextlib.ExitStack() as stack:
            held = stack.enter_context(lock)
            if held is not None:
                self._held[name] = held
                self._locks.push(stack.pop_all())
                log.info("connection_held", channel=name)

    def _let_go(self, name: str) -> None:
        del self._held[name]
        carrier = self._carriers[name]
        if isinstance(carrier, Exclusive):
            carrier.close()
