"""One bind to an SMSC: connect, keep alive, requests through a window, answers by sequence number, what it delivers.

Built on smpplib for the PDUs. It has no window and no lock, for an error answer calls two handlers, and reads a PDU in
three calls, after each of which a thread may wait for its turn; so this room reads for itself.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import select
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import smpplib.consts
from smpplib import exceptions, smpp
from smpplib.client import Client

from foundation import clock
from foundation.logging import get_logger
from notify.channels.smpp_status import is_login_refused
from notify.channels.smpp_window import LOST, Answer, Window

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 0.5
_ENQUIRE_AFTER_SECONDS = 30.0
_DEAD_AFTER_SECONDS = 75.0
_TEMPORARY_ERROR = 0x64
_AT_ONCE = 65_536
# SMPP 3.4, section 3.2: the shortest PDU is its header. The longest that we read has a message_payload of 64 KiB.
_SHORTEST, _LONGEST = 16, 70_000
_MOST_KEPT_AT_ONCE = 200
_ANSWERS = ("submit_sm_resp", "generic_nack")
log = get_logger()


@dataclass(frozen=True, slots=True)
class BindSettings:
    """Where the SMSC is, who we are there, and how many requests may be under way."""

    host: str
    port: int
    system_id: str
    password: str
    system_type: str
    window: int


class BindError(Exception):
    """The bind is not there; `refused` when the SMSC does not know us, so that trying again will not help."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        self.reason = reason
        self.refused = refused
        super().__init__(reason)


class Bind:
    """A bound connection. Requests come from several threads; one thread reads, another keeps what is delivered."""

    def __init__(self, settings: BindSettings, on_delivered: Callable[[Sequence[Any]], None]) -> None:
        """Connect and bind as a transceiver; raises BindError.

        `on_delivered` gets the deliver_sm that have come, several at once when they come quickly; what it raises makes
        the SMSC send them again.
        """
        self._on_delivered = on_delivered
        # One sequence of numbers and one connection for several threads: making and sending a PDU is under a lock each.
        self._making, self._sending = threading.Lock(), threading.Lock()
        self._delivered: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._client = Client(settings.host, settings.port, timeout=_CONNECT_SECONDS, allow_unknown_opt_params=True)
        self._client.logger.disabled = True  # it writes numbers and texts
        self._socket = self._bind(settings)
        self._window = Window(settings.window, self._transmit)
        self.is_up = True
        self._heard_at = clock.monotonic()
        self._threads = [threading.Thread(target=run, name="smpp", daemon=True) for run in (self._read, self._keep)]
        for thread in self._threads:
            thread.start()

    def _bind(self, settings: BindSettings) -> socket.socket:
        try:
            self._client.connect()
            connection: socket.socket = self._client._socket
            # Requests are small: one must not wait until the other side has acknowledged the one before.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client.bind_transceiver(
                system_id=settings.system_id, password=settings.password, system_type=settings.system_type
            )
        except exceptions.PDUError as error:
            self._client.disconnect()
            status = int(error.args[1]) if len(error.args) > 1 else 0
            raise BindError(f"SMSC refuses the bind: 0x{status:02X}", refused=is_login_refused(status)) from error
        except (exceptions.ConnectionError, OSError) as error:
            self._client.disconnect()
            raise BindError("the SMSC cannot be reached") from error
        return connection

    def submit(self, **fields: Any) -> Answer:
        """Let one submit_sm leave once the window has room; what becomes of it."""
        with self._making:
            pdu = smpp.make_pdu("submit_sm", client=self._client, **fields)
            answer = Answer(pdu.sequence, pdu.generate())
        self._window.give(answer)
        return answer

    def wait(self, answer: Answer, seconds: float) -> None:
        """Wait until a request is settled, at most so long after it left."""
        self._window.wait(answer, seconds)

    def close(self) -> None:
        """Unbind and disconnect; answers that are still due will not come."""
        if self.is_up:
            try:
                self._send("unbind")
            except OSError:
                log.info("smpp_closed_from_the_other_side")
        self._lose()
        for thread in self._threads:
            thread.join(timeout=5)

    def _read(self) -> None:
        octets = b""
        try:
            while self.is_up:
                octets = self._take_all(octets + self._receive())
        # ValueError: another thread closed the connection while this one was waiting for it.
        except (OSError, ValueError):
            log.info("smpp_bind_ended")
        finally:
            self._lose()

    def _receive(self) -> bytes:
        """What has come, nothing after a while without; raises OSError when the other side is gone."""
        readable, _, _ = select.select([self._socket], [], [], _LOOK_SECONDS)
        if readable:
            octets = self._socket.recv(_AT_ONCE)
            if not octets:
                raise ConnectionError
            self._heard_at = clock.monotonic()
            return octets
        silent = clock.monotonic() - self._heard_at
        if silent > _DEAD_AFTER_SECONDS:
            raise ConnectionError
        if silent > _ENQUIRE_AFTER_SECONDS:
            self._send("enquire_link")
        return b""

    def _take_all(self, octets: bytes) -> bytes:
        """Take the PDUs that are whole; returns the rest."""
        pdus = []
        while len(octets) >= _SHORTEST:
            length = int.from_bytes(octets[:4])
            if not _SHORTEST <= length <= _LONGEST:
                raise ConnectionError
            if len(octets) < length:
                break
            pdus.append(self._parse(octets[:length]))
            octets = octets[length:]
        for is_answer, some in itertools.groupby(pdus, lambda pdu: pdu.command in _ANSWERS):
            if is_answer:
                self._window.answered([_answer_of(pdu) for pdu in some])
            else:
                for pdu in some:
                    self._take(pdu)
        return octets

    def _parse(self, octets: bytes) -> Any:
        try:
            return smpp.parse_pdu(octets, client=self._client, allow_unknown_opt_params=True)
        except Exception as error:  # what it raises on octets that are no PDU is not said
            raise ConnectionError("not a PDU") from error

    def _take(self, pdu: Any) -> None:
        if pdu.command == "deliver_sm":
            # Not here: while it is written down, the answers to our requests would wait, and the window with them.
            self._delivered.put(pdu)
        elif pdu.command == "enquire_link":
            self._send("enquire_link_resp", sequence=pdu.sequence)
        elif pdu.command == "unbind":
            self._send("unbind_resp", sequence=pdu.sequence)
            raise ConnectionError

    def _keep(self) -> None:
        while (pdu := self._delivered.get()) is not None:
            pdus = [pdu]
            while len(pdus) < _MOST_KEPT_AT_ONCE and not self._delivered.empty():
                pdus.append(self._delivered.get())
            self._keep_all([pdu for pdu in pdus if pdu is not None])
            if pdus[-1] is None:
                return

    def _keep_all(self, pdus: Sequence[Any]) -> None:
        """Keep what was delivered, then answer: what we lose before that the SMSC must send again."""
        try:
            self._on_delivered(pdus)
            status = smpplib.consts.SMPP_ESME_ROK
        except Exception:
            if len(pdus) > 1:
                # One that cannot be kept must not hold up the others for ever.
                for pdu in pdus:
                    self._keep_all([pdu])
                return
            log.exception("smpp_receipt_not_kept")
            status = _TEMPORARY_ERROR
        with contextlib.suppress(OSError):
            for pdu in pdus:
                self._send("deliver_sm_resp", sequence=pdu.sequence, status=status)

    def _send(self, command: str, *, sequence: int | None = None, status: int = 0) -> None:
        with self._making:
            pdu = smpp.make_pdu(command, client=self._client, status=status)
            if sequence is not None:
                pdu.sequence = sequence
            octets = pdu.generate()
        self._transmit(octets)

    def _transmit(self, octets: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(octets)
        except OSError:
            # The next request gets a bind of its own; the thread that reads tells whoever waits on this one.
            self.is_up = False
            raise

    def _lose(self) -> None:
        """Give up the connection. Every request under way gets no answer."""
        self.is_up = False
        self._window.shut(LOST)
        self._client.disconnect()
        self._delivered.put(None)


def _answer_of(pdu: Any) -> tuple[int, int, str | None]:
    message_id = getattr(pdu, "message_id", None)
    return pdu.sequence, int(pdu.status), message_id.decode("ascii", "replace") if message_id else None
