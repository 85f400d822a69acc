"""What SMPP 3.4 statuses and receipts mean for a delivery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from notify.carriers import Outcome, Trouble
from notify.models import DeliveryState

_S = DeliveryState
# SMPP 3.4, section 5.1.3: command_status of submit_sm_resp. A status that is not here fails its own row.
_THROTTLED = {0x14: "the message queue is full", 0x58: "throttled"}
_LATER = {0x08: "a system error", 0x64: "a temporary error"}
_REFUSED_ALL = {
    0x04: "not bound",
    0x05: "bound already",
    0x0A: "the source address is not valid",
    0x0D: "the bind failed",
    0x0E: "the password is wrong",
    0x0F: "the system id is not known",
    0x15: "the service type is not valid",
    0x48: "the source address type is not valid",
    0x49: "the source numbering plan is not valid",
    0x53: "the system type is not valid",
}
_FAILED = {
    0x01: "the message length is not valid",
    0x0B: "the number is not valid",
    0x45: "submitting failed",
    0x50: "the number's type is not valid",
    0x51: "the number's numbering plan is not valid",
    0x62: "the validity period is not valid",
    0x65: "a permanent error",
    0x66: "the message was rejected",
    0xFF: "an error that has no name",
}
# SMPP 3.4, section 5.2.28 (message_state) and appendix B (the words in a receipt's text).
_STATE_BY_NUMBER: Mapping[int, str] = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    8: "REJECTD",
}
_STATES: Mapping[str, DeliveryState] = {
    "ENROUTE": _S.ACCEPTED,
    "ACCEPTD": _S.ACCEPTED,
    "DELIVRD": _S.DELIVERED,
    "EXPIRED": _S.FAILED,
    "DELETED": _S.FAILED,
    "UNDELIV": _S.FAILED,
    "REJECTD": _S.FAILED,
}
_WORDS: Mapping[str, str] = {
    "EXPIRED": "its validity ran out",
    "DELETED": "it was deleted",
    "UNDELIV": "it cannot be delivered",
    "REJECTD": "it was rejected",
}
_FIELD = re.compile(r"\b(id|stat|err):(\S+)", re.IGNORECASE)


class ReceiptSaid(NamedTuple):
    """What a receipt says: of which message, what that means to a delivery, the SMSC's word, and why it failed."""

    message_id: str
    state: DeliveryState
    word: str
    reason: str | None


def outcome_of(status: int) -> Outcome:
    """What a submit_sm_resp with an error status means; nothing of that part was taken."""
    if status in _THROTTLED:
        return Outcome(_S.PENDING, None, _said(status, _THROTTLED[status]), Trouble.THROTTLED)
    if status in _REFUSED_ALL:
        return Outcome(_S.PENDING, None, _said(status, _REFUSED_ALL[status]), Trouble.REFUSED_ALL)
    if status in _LATER:
        return Outcome(_S.PENDING, None, _said(status, _LATER[status]))
    return Outcome(_S.FAILED, None, _said(status, _FAILED.get(status, "")))


def is_login_refused(status: int) -> bool:
    """Whether the answer to a bind says that trying again will not help."""
    return status in (0x0D, 0x0E, 0x0F, 0x53)


def read_receipt(text: str, message_id: str | None, message_state: int | None) -> ReceiptSaid | None:
    """What a receipt says; None when it is nothing that we could use.

    The id and state of their own fields count more than those in the text, whose form is each vendor's own.
    """
    fields = {name.lower(): value for name, value in _FIELD.findall(text)}
    number = message_id or fields.get("id")
    word = _STATE_BY_NUMBER.get(message_state or 0) or fields.get("stat", "").upper()
    if not number or word not in _STATES:
        return None
    state = _STATES[word]
    error = fields.get("err", "").lstrip("0")
    reason = f"SMSC {word}: {_WORDS[word]}{f', error {error}' if error else ''}" if state is _S.FAILED else None
    return ReceiptSaid(number, state, word, reason)


def _said(status: int, words: str) -> str:
    return f"SMSC 0x{status:02X}{': ' + words if words else ''}"
