"""Starting the product's own processes, and ending them by their own ids."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foundation.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment in which a process sees these settings."""
    return {
        **os.environ,
        "OUTAGE_DATA": str(settings.data),
        "DATABASE_URL": settings.database_url,
        "OUTAGE_LEASE_SECONDS": str(settings.lease_seconds),
        "OUTAGE_LOG": "info",
        # Tests must not depend on the time of day at which they run.
        "OUTAGE_QUIET_HOURS": settings.quiet_hours or "none",
        **more,
    }


class Process:
    """A process of the product: what it printed is in `log`."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.popen = popen
        self.log = log

    def printed(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text()

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.popen.kill()
        self.popen.wait()


@contextlib.contextmanager
def started(settings: Settings, *arguments: str, **more: str) -> Iterator[Process]:
    """`outage ARGUMENTS` as a process in a group of its own; what is left of the group is killed at the end."""
    with tempfile.NamedTemporaryFile(dir=settings.data, suffix=".log", delete=False) as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", "wsgi", *arguments],
            cwd=ROOT,
            env=environment(settings, **more),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Process(popen, Path(output.name))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


@dataclass
class OtherSide:
    """A provider in a process of its own: what it said first (where it answers) and, when it has ended, at last."""

    address: str
    told: str = ""


@contextlib.contextmanager
def other_side(module: str, argument: object) -> Iterator[OtherSide]:
    """`python -m MODULE ARGUMENT`, which says where it answers, and at the end of its standard input what it saw."""
    command = [sys.executable, "-m", module, str(argument)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        side = OtherSide(popen.stdout.readline().strip())
        try:
            yield side
        finally:
            popen.stdin.close()
            side.told = popen.stdout.read()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(is_so: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait until something holds; fails the test when it does not in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
