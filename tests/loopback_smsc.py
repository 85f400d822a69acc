"""An SMSC on this machine, with a codec of its own: throttles, drops binds, answers late; what it took is the truth."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

BIND, UNBIND, SUBMIT, DELIVER, ENQUIRE = 0x09, 0x06, 0x04, 0x05, 0x15
RESPONSE = 0x80000000
THROTTLED = 0x58
# What may become of a submit_sm instead of being answered with a status.
DROPS, TAKES_AND_DROPS, LOSES, TAKES_IN_SILENCE = -1, -2, -3, -4
_TAKEN = (0, TAKES_AND_DROPS, TAKES_IN_SILENCE)


@dataclass
class Part:
    """One submit_sm that was taken: the n-th of this SMSC."""

    message_id: str
    to: str
    source: str
    octets: bytes
    data_coding: int
    esm_class: int
    registered: int
    validity: str


@dataclass
class Smsc:
    """The SMSC: `status_of` answers each submit_sm with a status, or says what becomes of it instead."""

    port: int = 0
    password: str = "secret"
    latency_seconds: float = 0.0
    status_of: Callable[[str, int], int] = field(default=lambda to, number: 0)
    silent: bool = False
    hex_ids: bool = False
    taken: list[Part] = field(default_factory=list)
    submitted: int = 0
    binds: int = 0
    open_at_once: int = 0
    most_at_once: int = 0
    delivered_answers: list[int] = field(default_factory=list)
    answered_well: set[int] = field(default_factory=set)
    delivered: int = 1000
    connections: list[Connection] = field(default_factory=list)

    def texts(self, to: str) -> list[bytes]:
        """The octets taken for one number."""
        return [part.octets for part in self.taken if part.to == to]

    def deliver(self, text: bytes, *, source: str = "447700900001", esm_class: int = 0x04, coding: int = 0) -> int:
        """Send a deliver_sm to the last bind: a receipt, or with `esm_class` 0 a recipient's words; its number."""
        self.delivered += 1
        body = b"\0\1\1" + source.encode() + b"\0" + b"\1\1" + b"447700900000\0" + bytes([esm_class, 0, 0])
        body += b"\0\0" + bytes([0, 0, coding, 0, len(text)]) + text
        if self.connections:
            self.connections[-1].send(DELIVER, 0, self.delivered, body)
        return self.delivered

    def drop_binds(self) -> None:
        """Cut every connection."""
        for connection in self.connections:
            connection.cut()


class Connection(threading.Thread):
    """One client: reads PDUs, answers each after the latency, in any number at once."""

    def __init__(self, smsc: Smsc, link: socket.socket) -> None:
        super().__init__(daemon=True)
        self._smsc, self._link = smsc, link
        self._lock = threading.Lock()

    def run(self) -> None:
        with contextlib.suppress(OSError, struct.error):
            while True:
                head = self._exactly(16)
                length, command, status, sequence = struct.unpack(">LLLL", head)
                self._take(command, status, sequence, self._exactly(length - 16))

    def send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        with self._lock, contextlib.suppress(OSError):
            self._link.sendall(struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body)

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()

    def _take(self, command: int, status: int, sequence: int, body: bytes) -> None:
        smsc = self._smsc
        if command == BIND:
            smsc.binds += 1
            known = body.split(b"\0")[1].decode() == smsc.password
            self.send(BIND | RESPONSE, 0 if known else 0x0E, sequence, b"loopback\0" if known else b"")
        elif command == SUBMIT:
            self._submit(sequence, body)
        elif command == DELIVER | RESPONSE:
            smsc.delivered_answers.append(status)
            if status == 0:
                smsc.answered_well.add(sequence)
        elif command in (ENQUIRE, UNBIND):
            self.send(command | RESPONSE, 0, sequence)

    def _submit(self, sequence: int, body: bytes) -> None:
        smsc = self._smsc
        part = read_part(body)
        smsc.submitted += 1
        status = smsc.status_of(part.to, smsc.submitted)
        if status in _TAKEN:
            number = len(smsc.taken) + 1
            part.message_id = f"{number + 0xABC0:X}" if smsc.hex_ids else str(number)
            smsc.taken.append(part)
        if status in (DROPS, TAKES_AND_DROPS):
            self.cut()
            return
        if smsc.silent or status in (LOSES, TAKES_IN_SILENCE):
            return
        answer = part.message_id.encode() + b"\0" if status == 0 else b""
        if not smsc.latency_seconds:
            self.send(SUBMIT | RESPONSE, status, sequence, answer)
            return
        smsc.open_at_once += 1
        smsc.most_at_once = max(smsc.most_at_once, smsc.open_at_once)
        threading.Thread(target=self._later, args=(status, sequence, answer), daemon=True).start()

    def _later(self, status: int, sequence: int, answer: bytes) -> None:
        time.sleep(self._smsc.latency_seconds)
        self._smsc.open_at_once -= 1
        self.send(SUBMIT | RESPONSE, status, sequence, answer)

    def _exactly(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            piece = self._link.recv(size - len(read))
            if not piece:
                raise OSError
            read += piece
        return read


def read_part(body: bytes) -> Part:
    """SMPP 3.4, section 4.4.1: the fields of a submit_sm in order."""

    def text(at: int) -> tuple[str, int]:
        end = body.index(0, at)
        return body[at:end].decode("latin-1"), end + 1

    _, at = text(0)
    source, at = text(at + 2)
    to, at = text(at + 2)
    esm_class = body[at]
    _, at = text(at + 3)
    validity, at = text(at)
    registered, coding, length = body[at], body[at + 2], body[at + 4]
    octets = body[at + 5 : at + 5 + length]
    return Part("", to, source, octets, coding, esm_class, registered, validity)


@contextlib.contextmanager
def loopback_smsc() -> Iterator[Smsc]:
    """An SMSC on a free port of 127.0.0.1 for the length of a test."""
    listener = socket.create_server(("127.0.0.1", 0))
    smsc = Smsc(port=listener.getsockname()[1])

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(smsc, link)
                smsc.connections.append(connection)
                connection.start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield smsc
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        smsc.drop_binds()
        thread.join(timeout=5)
        for connection in smsc.connections:
            connection.join(timeout=5)
