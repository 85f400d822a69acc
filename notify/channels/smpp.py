"""Texts over SMPP 3.4: one bind a process, a window of requests, parts joined by their header, receipts by id.

A request without an answer is `unknown` and is never sent again: SMPP has no key by which the SMSC could tell a
second request from a repeated one. A receipt settles what it can.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from foundation import clock
from foundation.errors import InputError
from foundation.logging import get_logger
from foundation.settings import Settings, needed, number
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises, Trouble
from notify.channels.smpp_bind import Bind, BindError, BindSettings
from notify.channels.smpp_parts import decode_text, encode_text
from notify.channels.smpp_status import ReceiptSaid, outcome_of, read_receipt
from notify.channels.smpp_window import Answer
from notify.models import DeliveryState

_RECEIPT_HOURS = 48
_WITH_HEADER = 0x40  # esm_class: a user data header comes first
_RECEIPT_KIND, _KINDS = 0x04, 0x3C
_REQUEST_RECEIPT = 1
_ALPHANUMERIC, _INTERNATIONAL, _SHORT = (5, 0), (1, 1), (3, 0)
_LONGEST_SHORT_CODE = 8
_RETRY_SECONDS = (1.0, 30.0)
# On the wire, in line, being recorded.
_WINDOWS = 3
# SMPP 3.4, section 4.1.1: the fields of a bind without their closing zero.
_LENGTHS = {"OUTAGE_SMPP_SYSTEM_ID": 15, "OUTAGE_SMPP_PASSWORD": 8, "OUTAGE_SMPP_SYSTEM_TYPE": 12}
ID_FORMS = ("same", "decimal")
log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppSettings:
    """An SMSC and how to use it. `id_form`: `decimal` when it gives ids in hex and writes them decimal in receipts."""

    bind: BindSettings
    sender: str
    per_second: float
    answer_seconds: float
    id_form: str


class Incoming(Protocol):
    """Whoever keeps what providers deliver to us over a connection of ours; each call commits before it returns."""

    def keep_receipts(self, channel: str, receipts: Sequence[ReceiptSaid]) -> None:
        """Keep receipts."""
        ...

    def keep_answer(self, channel: str, address: str, words: str) -> None:
        """Keep what a recipient wrote."""
        ...


class Smpp:
    """A carrier of texts over one bind. Three times its window of rows may be unknown when the process dies: while one
    third is answered and another is being written to the records, the last stands in line to keep the window full.

    `incoming` keeps what the SMSC delivers to us, and commits before it returns.
    """

    name = "smpp"
    promises = Promises(idempotent=False, can_be_asked=False, fences=False, receipt_hours=_RECEIPT_HOURS)

    def __init__(
        self,
        settings: SmppSettings,
        incoming: Incoming,
    ) -> None:
        self._settings = settings
        self._incoming = incoming
        self.in_flight = _WINDOWS * settings.bind.window
        pace = settings.per_second
        self.manner = Manner(f"smpp:{settings.bind.system_id}", pace, max(1, int(pace)), 2 * _WINDOWS)
        self.connection = f"smpp:{settings.bind.system_id}@{settings.bind.host}:{settings.bind.port}"
        self._bind: Bind | None = None
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self._retry_after = _RETRY_SECONDS[0]
        self._reference = 0

    def close(self) -> None:
        """Unbind."""
        with self._lock:
            if self._bind is not None:
                self._bind.close()
                self._bind = None

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Submit a batch, all its parts under way at once as far as the window allows, and wait for the answers."""
        bind = self.bound()
        begun = [self._submit(bind, row) for row in batch]
        return [self._outcome(bind, parts) for parts in begun]

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Nothing: the SMSC can be asked by its own id only, which an unknown attempt never got."""
        return [None] * len(batch)

    def bound(self) -> Bind:
        """The bind, made anew when it was lost; raises CarrierError while that is not possible."""
        with self._lock:
            if self._bind is not None and self._bind.is_up:
                return self._bind
            if clock.monotonic() < self._retry_at:
                raise CarrierError("the SMSC cannot be reached", nothing_sent=True)
            try:
                self._bind = Bind(self._settings.bind, self._delivered)
            except BindError as error:
                self._retry_at = clock.monotonic() + self._retry_after
                self._retry_after = min(2 * self._retry_after, _RETRY_SECONDS[1])
                trouble = Trouble.REFUSED_ALL if error.refused else None
                raise CarrierError(error.reason, nothing_sent=True, trouble=trouble) from error
            self._retry_after = _RETRY_SECONDS[0]
            log.info("smpp_bound", system_id=self._settings.bind.system_id)
            return self._bind

    def _submit(self, bind: Bind, row: Outgoing) -> list[Answer]:
        """The answers that will come for the parts of a row."""
        with self._lock:
            self._reference += 1
            reference = self._reference
        text = encode_text(row.body, reference)
        source, source_type = _source(self._settings.sender)
        return [
            bind.submit(
                source_addr=source,
                source_addr_ton=source_type[0],
                source_addr_npi=source_type[1],
                destination_addr=row.address.removeprefix("+"),
                dest_addr_ton=_INTERNATIONAL[0],
                dest_addr_npi=_INTERNATIONAL[1],
                short_message=part,
                data_coding=text.data_coding,
                esm_class=_WITH_HEADER if text.has_header else 0,
                # One receipt a text: that of its last part.
                registered_delivery=_REQUEST_RECEIPT if number == len(text.parts) else 0,
                validity_period=_validity(row.expires_at),
            )
            for number, part in enumerate(text.parts, start=1)
        ]

    def _outcome(self, bind: Bind, parts: Sequence[Answer]) -> Outcome:
        for answer in parts:
            bind.wait(answer, self._settings.answer_seconds)
        if all(answer.status == 0 for answer in parts):
            return Outcome(DeliveryState.ACCEPTED, self._stored_id(parts[-1].message_id))
        if any(answer.left_at is not None and answer.status is None for answer in parts):
            return Outcome(DeliveryState.UNKNOWN, None, "no answer from the SMSC")
        not_taken = [_not_taken(answer) for answer in parts if answer.status != 0]
        if len(not_taken) == len(parts):
            return not_taken[0]
        # Some parts are taken: neither sent nor not sent. That we were too quick is heeded all the same.
        throttled = next((one for one in not_taken if one.trouble is Trouble.THROTTLED), not_taken[0])
        return Outcome(DeliveryState.UNKNOWN, None, f"a part was refused: {throttled.reason}", throttled.trouble)

    def _delivered(self, pdus: Sequence[Any]) -> None:
        """Keep receipts and what recipients wrote; raises when something could not be kept."""
        said: list[ReceiptSaid] = []
        written: list[Any] = []
        for pdu in pdus:
            if pdu.esm_class & _KINDS != _RECEIPT_KIND:
                written.append(pdu)
            elif (receipt := self._receipt(pdu)) is not None:
                said.append(receipt)
        if said:
            self._incoming.keep_receipts(self.name, said)
        for pdu in written:
            words = decode_text(_octets(pdu), pdu.data_coding, has_header=bool(pdu.esm_class & _WITH_HEADER))
            self._incoming.keep_answer(self.name, f"+{_text(pdu.source_addr).removeprefix('+')}", words)

    def _receipt(self, pdu: Any) -> ReceiptSaid | None:
        """What a receipt says, None when that is nothing we could use."""
        said = read_receipt(_octets(pdu).decode("latin-1"), _text(pdu.receipted_message_id) or None, pdu.message_state)
        if said is None:
            log.warning("smpp_receipt_not_understood")
            return None
        return said._replace(message_id=said.message_id.lstrip("0")) if self._settings.id_form == "decimal" else said

    def _stored_id(self, message_id: str | None) -> str | None:
        if message_id is None or self._settings.id_form == "same":
            return message_id
        try:
            return str(int(message_id, 16))
        except ValueError:
            return message_id


def _not_taken(answer: Answer) -> Outcome:
    """What it means that one part is certainly not there: refused, or never sent."""
    if answer.status is None:
        return Outcome(DeliveryState.PENDING, None, answer.reason)
    return outcome_of(answer.status)


def _octets(pdu: Any) -> bytes:
    return bytes(pdu.short_message or pdu.message_payload or b"")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")


def _source(sender: str) -> tuple[str, tuple[int, int]]:
    """The sender's address and its type: a word, a short code, or an international number."""
    if not sender.lstrip("+").isdecimal():
        return sender, _ALPHANUMERIC
    if len(sender) <= _LONGEST_SHORT_CODE and not sender.startswith("+"):
        return sender, _SHORT
    return sender.removeprefix("+"), _INTERNATIONAL


def _validity(expires_at: datetime | None) -> str:
    """SMPP 3.4, section 7.1.1: relative time, YYMMDDhhmmss and `000R`; empty leaves it to the SMSC."""
    if expires_at is None:
        return ""
    seconds = max(60, clock.to_unix(expires_at) - clock.to_unix(clock.now()))
    days, rest = divmod(min(seconds, 30 * 86_400), 86_400)
    return f"0000{days:02d}{rest // 3600:02d}{rest // 60 % 60:02d}{rest % 60:02d}000R"


def read_smpp_settings(settings: Settings) -> SmppSettings:
    """The settings by their names (docs/settings.md); raises InputError for one that is missing or not accepted."""
    values = settings.adapters
    host, _, port = needed(values, "OUTAGE_SMPP_HOST").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            "not accepted", where="setting OUTAGE_SMPP_HOST", value=values["OUTAGE_SMPP_HOST"], accepted="HOST:PORT"
        )
    for name, most in _LENGTHS.items():
        if len(values[name]) > most:
            # The value is not shown: one of them is a password.
            raise InputError("too long", where=f"setting {name}", accepted=f"at most {most} characters")
    form = values["OUTAGE_SMPP_RECEIPT_IDS"]
    if form not in ID_FORMS:
        accepted = " or ".join(ID_FORMS)
        raise InputError("not accepted", where="setting OUTAGE_SMPP_RECEIPT_IDS", value=form, accepted=accepted)
    return SmppSettings(
        bind=BindSettings(
            host=host,
            port=int(port),
            system_id=needed(values, "OUTAGE_SMPP_SYSTEM_ID"),
            password=needed(values, "OUTAGE_SMPP_PASSWORD"),
            system_type=values["OUTAGE_SMPP_SYSTEM_TYPE"],
            window=int(number(values, "OUTAGE_SMPP_WINDOW", 1, 1000)),
        ),
        sender=needed(values, "OUTAGE_SMPP_SENDER"),
        per_second=number(values, "OUTAGE_SMPP_PER_SECOND", 0.1, 100_000),
        answer_seconds=number(values, "OUTAGE_SMPP_TIMEOUT", 0.05, 300),
        id_form=form,
    )
