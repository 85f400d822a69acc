"""An SMSC in a process of its own, for measuring: takes what comes, answers each request so long after it was read.

One thread and no sleeping threads: what is due stands in a queue in the order in which it came, for all wait alike, and
`select` takes microseconds. Run by `answering_smsc`; it prints its port, and at the end of its standard input what it
saw: requests taken, the most that were open at once, and how many milliseconds later than due it answered on average.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tests.loopback_smsc import BIND, RESPONSE, SUBMIT, UNBIND, read_part
from tests.processes import other_side

_HEAD = struct.Struct(">LLLL")
_READ = 65_536


class _Client:
    """One connection: its octets become PDUs, whatever pieces they come in."""

    def __init__(self, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link = link
        self._octets = b""

    def fileno(self) -> int:
        return self.link.fileno()

    def read(self) -> list[tuple[int, int, bytes]]:
        """(command, sequence, body) of each PDU that is there; raises OSError when the other side has gone."""
        piece = self.link.recv(_READ)
        if not piece:
            raise OSError
        self._octets += piece
        pdus = []
        while len(self._octets) >= _HEAD.size:
            length, command, _, sequence = _HEAD.unpack_from(self._octets)
            if len(self._octets) < length:
                break
            pdus.append((command, sequence, self._octets[_HEAD.size : length]))
            self._octets = self._octets[length:]
        return pdus

    def answer(self, command: int, sequence: int, body: bytes = b"") -> None:
        """Send a response with status 0."""
        with contextlib.suppress(OSError):
            self.link.sendall(_HEAD.pack(_HEAD.size + len(body), command | RESPONSE, 0, sequence) + body)


class _Answering:
    """The SMSC: all its clients, what it owes them, and what it saw."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency = latency_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[_Client] = []
        self._owed: deque[tuple[float, _Client, int, bytes]] = deque()
        self.port = self._listener.getsockname()[1]
        self.taken = self.most_at_once = 0
        self.late_seconds = 0.0

    def serve(self) -> None:
        """Serve until standard input ends."""
        while True:
            wait = max(0.0, self._owed[0][0] - time.monotonic()) if self._owed else None
            readable, _, _ = select.select([sys.stdin, self._listener, *self._clients], [], [], wait)
            self._pay()
            for ready in readable:
                if ready is sys.stdin:
                    return
                if isinstance(ready, _Client):
                    self._serve(ready)
                else:
                    self._clients.append(_Client(self._listener.accept()[0]))

    def _serve(self, client: _Client) -> None:
        try:
            pdus = client.read()
        except OSError:
            self._clients.remove(client)
            return
        due = time.monotonic() + self._latency
        for command, sequence, body in pdus:
            if command == SUBMIT:
                self._take(client, sequence, body, due)
            elif not command & RESPONSE:
                client.answer(command, sequence, b"measured\0" if command == BIND else b"")
            if command == UNBIND:
                self._clients.remove(client)

    def _take(self, client: _Client, sequence: int, body: bytes, due: float) -> None:
        part = read_part(body)
        if not part.to or not part.octets:
            raise ValueError(part)
        self.taken += 1
        self._owed.append((due, client, sequence, f"{self.taken}\0".encode()))
        self.most_at_once = max(self.most_at_once, len(self._owed))

    def _pay(self) -> None:
        now = time.monotonic()
        while self._owed and self._owed[0][0] <= now:
            due, client, sequence, message_id = self._owed.popleft()
            client.answer(SUBMIT, sequence, message_id)
            self.late_seconds += now - due


@dataclass
class AnsweringSmsc:
    """The process as a test sees it; what it saw is known when it has ended."""

    port: int
    taken: int = 0
    most_at_once: int = 0
    late_ms: float = 0.0


@contextlib.contextmanager
def answering_smsc(latency_seconds: float) -> Iterator[AnsweringSmsc]:
    """An SMSC in a process of its own on a free port of 127.0.0.1."""
    with other_side(__name__, latency_seconds) as side:
        smsc = AnsweringSmsc(int(side.address))
        yield smsc
    taken, most, late = side.told.split()
    smsc.taken, smsc.most_at_once, smsc.late_ms = int(taken), int(most), float(late)


def main() -> None:
    """Serve, and say at the end what was seen."""
    smsc = _Answering(float(sys.argv[1]))
    print(smsc.port, flush=True)
    smsc.serve()
    late_ms = 1000 * smsc.late_seconds / max(1, smsc.taken)
    print(smsc.taken, smsc.most_at_once, f"{late_ms:.2f}", flush=True)


if __name__ == "__main__":
    main()
