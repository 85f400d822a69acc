"""One bind to an SMSC: connect, keep alive, a window of requests under way, answers by sequence number, receipts.

Built on smpplib for the PDUs. It has no window and no lock, and for an error answer calls two handlers; so this room
reads PDUs itself, and a slot of the window is given back in one place only.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import smpplib.consts
from smpplib import exceptions, smpp
from smpplib.client import Client

from foundation import clock
from foundation.logging import get_logger
from notify.channels.smpp_status import is_login_refused

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 0.5
_ENQUIRE_AFTER_SECONDS = 30.0
_DEAD_AFTER_SECONDS = 75.0
_TEMPORARY_ERROR = 0x64
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


class Answer:
    """What will come back for one request: a status and a message id, or nothing when the bind was lost."""

    def __init__(self) -> None:
        self._come = threading.Event()
        self.status: int | None = None
        self.message_id: str | None = None

    def give(self, status: int | None, message_id: str | None = None) -> None:
        """Write the answer; None when none will come any more."""
        self.status, self.message_id = status, message_id
        self._come.set()

    def wait(self, seconds: float) -> bool:
        """Whether an answer came, or the bind was lost, in time."""
        return self._come.wait(max(0.0, seconds))


class Bind:
    """A bound connection. Requests may come from several threads; one thread reads."""

    def __init__(self, settings: BindSettings, on_delivered: Callable[[Any], None]) -> None:
        """Connect and bind as a transceiver; raises BindError.

        `on_delivered` gets each deliver_sm; what it raises makes the SMSC send that PDU again.
        """
        self._on_delivered = on_delivered
        self._open: dict[int, Answer] = {}
        self._lock = threading.Lock()
        self._window = threading.BoundedSemaphore(settings.window)
        self._client = Client(settings.host, settings.port, timeout=_CONNECT_SECONDS, allow_unknown_opt_params=True)
        self._client.logger.disabled = True  # it writes numbers and texts
        self._bind(settings)
        self.is_up = True
        self._heard_at = clock.monotonic()
        self._reader = threading.Thread(target=self._read, name="smpp", daemon=True)
        self._reader.start()

    def _bind(self, settings: BindSettings) -> None:
        try:
            self._client.connect()
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

    def submit(self, wait_seconds: float, **fields: Any) -> Answer:
        """Send one submit_sm once the window has room; raises BindError when it certainly did not leave."""
        if not self._window.acquire(timeout=wait_seconds):
            raise BindError("the SMSC answers too slowly: the window stayed full")
        answer = Answer()
        with self._lock:
            if not self.is_up:
                self._window.release()
                raise BindError("the bind was lost")
            pdu = smpp.make_pdu("submit_sm", client=self._client, **fields)
            # Before it leaves: the answer may come before the next line runs.
            self._open[pdu.sequence] = answer
            try:
                self._client.send_pdu(pdu)
            except (exceptions.ConnectionError, OSError):
                # Some of it may have left: whoever waits learns that no answer will come.
                self._lose()
        return answer

    def give_up(self, answer: Answer) -> None:
        """Wait for this answer no longer: its slot of the window is free again."""
        with self._lock:
            for sequence, known in list(self._open.items()):
                if known is answer and self._open.pop(sequence, None) is not None:
                    self._window.release()

    def close(self) -> None:
        """Unbind and disconnect; answers that are still due will not come."""
        with self._lock:
            if self.is_up:
                try:
                    self._client.send_pdu(smpp.make_pdu("unbind", client=self._client))
                except (exceptions.ConnectionError, OSError):
                    log.info("smpp_closed_from_the_other_side")
            self._lose()
        self._reader.join(timeout=5)

    def _read(self) -> None:
        while self.is_up:
            try:
                self._read_next()
            # AttributeError: another thread closed the connection while this one was reading from it.
            except (exceptions.ConnectionError, exceptions.PDUError, OSError, ValueError, AttributeError):
                with self._lock:
                    self._lose()

    def _read_next(self) -> None:
        connection = self._client._socket
        if connection is None:
            raise exceptions.ConnectionError
        readable, _, _ = select.select([connection], [], [], _LOOK_SECONDS)
        silent = clock.monotonic() - self._heard_at
        if not readable:
            if silent > _DEAD_AFTER_SECONDS:
                raise exceptions.ConnectionError
            if silent > _ENQUIRE_AFTER_SECONDS:
                self._send("enquire_link")
            return
        pdu = self._client.read_pdu()
        self._heard_at = clock.monotonic()
        self._take(pdu)

    def _take(self, pdu: Any) -> None:
        if pdu.command in ("submit_sm_resp", "generic_nack"):
            self._answered(pdu)
        elif pdu.command == "deliver_sm":
            self._delivered(pdu)
        elif pdu.command == "enquire_link":
            self._send("enquire_link_resp", sequence=pdu.sequence)
        elif pdu.command == "unbind":
            self._send("unbind_resp", sequence=pdu.sequence)
            raise exceptions.ConnectionError

    def _answered(self, pdu: Any) -> None:
        answer = self._open.pop(pdu.sequence, None)
        if answer is None:
            return
        self._window.release()
        message_id = getattr(pdu, "message_id", None)
        answer.give(int(pdu.status), message_id.decode("ascii", "replace") if message_id else None)

    def _delivered(self, pdu: Any) -> None:
        status = smpplib.consts.SMPP_ESME_ROK
        try:
            # Answered only after it is kept: what we lose now the SMSC must send again.
            self._on_delivered(pdu)
        except Exception:
            log.exception("smpp_receipt_not_kept")
            status = _TEMPORARY_ERROR
        self._send("deliver_sm_resp", sequence=pdu.sequence, status=status)

    def _send(self, command: str, *, sequence: int | None = None, status: int = 0) -> None:
        with self._lock:
            pdu = smpp.make_pdu(command, client=self._client, status=status)
            if sequence is not None:
                pdu.sequence = sequence
            self._client.send_pdu(pdu)

    def _lose(self) -> None:
        """Give up the connection; under the lock. Every request under way gets no answer."""
        self.is_up = False
        self._client.disconnect()
        for sequence in list(self._open):
            answer = self._open.pop(sequence, None)
            if answer is not None:
                self._window.release()
                answer.give(None)
