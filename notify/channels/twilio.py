"""Texts through Twilio: one request a row by its own SDK, status callbacks that carry our row, asking by list.

Twilio has no idempotency key (its own page on error 20500 says that a retry may text twice): an answer that did not
come is `unknown`, and is settled by the callback or by asking, never by sending again.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from foundation import clock
from foundation.errors import InputError
from foundation.settings import Settings, listed, needed, number
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises, Trouble, ask_each, send_each
from notify.channels.twilio_codes import OPTED_OUT, REFUSED_ALL, THROTTLED, said
from notify.channels.twilio_transport import NoAnswerError, Transport
from notify.models import DeliveryState

_API = "https://api.twilio.com"
STATUS_PATH = "/hooks/twilio/status"
_LONGEST_VALIDITY_SECONDS = 36_000
_LISTED = 50
# A queued text stands in no list by date; within Twilio's queue of ten hours "not in the list" proves nothing.
_RECEIPT_HOURS = 12
_ASK_AFTER_SECONDS = 120
_TOO_MANY, _NOT_FOUND = 429, 404
# Our credentials, or an address where Twilio is not: every further row would be answered so.
_REFUSED_ALL = frozenset({401, 403, 404, 405})
# What the SDK raises on a body that is no message.
_NO_MESSAGE = (TwilioException, ValueError, TypeError, AttributeError)
_UNREADABLE = "Twilio: an answer that cannot be read"
# Our clock and theirs may differ so much; so long after its attempt began a request may still leave.
_SKEW, _LATEST = timedelta(seconds=10), timedelta(minutes=15)

# Twilio's words for a message's status, and what they are to a delivery.
STATES: Mapping[str, DeliveryState] = {
    "accepted": DeliveryState.ACCEPTED,
    "scheduled": DeliveryState.ACCEPTED,
    "queued": DeliveryState.ACCEPTED,
    "sending": DeliveryState.ACCEPTED,
    "sent": DeliveryState.ACCEPTED,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
    "canceled": DeliveryState.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings:
    """An account and its senders: numbers in E.164, or one Messaging Service (`MG...`).

    `tokens`: the auth token, and the one before it while it is rotated. `api_key` is (SID, secret) or None to use the
    token. `public_url` is where Twilio reaches this console. `per_second` is one sender's pace in rows.
    """

    account: str
    tokens: tuple[str, ...]
    api_key: tuple[str, str] | None
    senders: tuple[str, ...]
    public_url: str
    per_second: float
    threads: int
    timeout_seconds: float
    api: str = _API


class Twilio:
    """A carrier of texts. At most `threads` requests are on their way, and a quarter as many rows stand ready behind.

    All of them are `sending`, and so unknown when the process dies.
    """

    name = "twilio"

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        # Whoever has an answer takes the next row at once, and does not wait until the answer is recorded.
        self.in_flight = settings.threads + settings.threads // 4
        pace = settings.per_second * len(settings.senders)
        sender = f"twilio:{settings.senders[0] if len(settings.senders) == 1 else settings.account}"
        self.manner = Manner(sender=sender, rows_per_second=pace, burst=max(1, int(pace)), lanes=self.in_flight)
        self.promises = Promises(
            idempotent=False,
            can_be_asked=True,
            fences=False,
            ask_after_seconds=_ASK_AFTER_SECONDS,
            receipt_hours=_RECEIPT_HOURS,
        )
        name, secret = settings.api_key or (settings.account, settings.tokens[0])
        self._transport = Transport(
            settings.api, connections=settings.threads, timeout_seconds=settings.timeout_seconds
        )
        self._client = Client(name, secret, settings.account, http_client=self._transport)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="twilio")

    def close(self) -> None:
        """End the threads, once what they carry has been answered, and the connections."""
        self._threads.shutdown()
        self._transport.close()

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send a batch of texts, a request each, all at once."""
        return send_each(self._threads, batch, self._send_one)

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Look for each text among those to its recipient; None when it is not there (yet).

        A message at Twilio bears nothing of ours but its words, its sender and the second in which it was made (its
        callback's address is not told, and the list can be narrowed by the day of sending only, which a queued one has
        not). What fits more than once is not guessed about. What it named itself is asked for by that name.
        """
        return ask_each(self._threads, batch, self._ask_one)

    def _send_one(self, row: Outgoing) -> Outcome:
        try:
            message = self._client.messages.create(
                to=row.address,
                body=row.body,
                status_callback=self._callback(row),
                validity_period=_validity(row),
                **self._sender(row),
            )
        except TwilioRestException as error:
            return _refused(error)
        except NoAnswerError as error:
            return Outcome(DeliveryState.UNKNOWN if error.left else DeliveryState.PENDING, None, error.reason)
        except _NO_MESSAGE:
            return Outcome(DeliveryState.UNKNOWN, None, _UNREADABLE)
        return _as_said(message.status, message.error_code, message.sid)

    def _ask_one(self, row: Outgoing) -> Outcome | None:
        if not row.body and row.provider_ref is None:
            return None
        try:
            if row.provider_ref is not None:
                known = self._client.messages(row.provider_ref).fetch()
                return _as_said(known.status, known.error_code, known.sid)
            listed = self._client.messages.list(to=row.address, limit=_LISTED, page_size=_LISTED)
        except TwilioRestException as error:
            if error.status == _NOT_FOUND:
                return None
            raise CarrierError(said(error.code), nothing_sent=True) from error
        except NoAnswerError as error:
            raise CarrierError(error.reason, nothing_sent=True) from error
        except _NO_MESSAGE as error:
            raise CarrierError(_UNREADABLE, nothing_sent=True) from error
        same = [message for message in listed if self._may_be(row, message)]
        if len(same) > 1:
            return Outcome(DeliveryState.UNKNOWN, None, "Twilio has several texts with these words to this recipient")
        if not same:
            return None
        return _as_said(same[0].status, same[0].error_code, same[0].sid)

    def _may_be(self, row: Outgoing, message: Any) -> bool:
        """Whether a message in the list may be the one that an attempt sent."""
        own = {message.from_, message.messaging_service_sid} & set(self._settings.senders)
        if not message.sid or not own or message.body != row.body:
            return False
        if row.begun_at is None or message.date_created is None:
            return True
        return bool(row.begun_at - _SKEW <= message.date_created <= row.begun_at + _LATEST)

    def _sender(self, row: Outgoing) -> dict[str, str]:
        senders = self._settings.senders
        # One recipient always sees the same sender, so that his texts stand in one thread.
        chosen = senders[zlib.crc32(row.address.encode()) % len(senders)]
        return {"messaging_service_sid": chosen} if chosen.startswith("MG") else {"from_": chosen}

    def _callback(self, row: Outgoing) -> str:
        query = urlencode({"delivery": row.delivery_id, "attempt": row.attempt})
        return f"{self._settings.public_url.rstrip('/')}{STATUS_PATH}?{query}"


def _validity(row: Outgoing) -> int:
    if row.expires_at is None:
        return _LONGEST_VALIDITY_SECONDS
    left = clock.to_unix(row.expires_at) - clock.to_unix(clock.now())
    return max(1, min(left, _LONGEST_VALIDITY_SECONDS))


def _as_said(status: Any, code: Any, sid: Any) -> Outcome:
    word = str(getattr(status, "value", status))
    state = STATES.get(word, DeliveryState.UNKNOWN)
    reason = said(int(code)) if code else None
    if state == DeliveryState.UNKNOWN:
        return Outcome(state, str(sid) if sid else None, f"Twilio: a status that is not known, {word}")
    return Outcome(state, str(sid) if sid else None, reason or (None if state != DeliveryState.FAILED else said(None)))


def _refused(error: TwilioRestException) -> Outcome:
    """What a coded answer means; nothing of a 4xx was sent."""
    code = int(error.code) if str(error.code).isdecimal() else None
    reason = said(code) if code else f"Twilio: HTTP {error.status}"
    if error.status >= 500:
        return Outcome(DeliveryState.UNKNOWN, None, reason)
    if error.status == _TOO_MANY or code in THROTTLED:
        return Outcome(DeliveryState.PENDING, None, reason, Trouble.THROTTLED)
    if error.status < 400 or error.status in _REFUSED_ALL or code in REFUSED_ALL:
        return Outcome(DeliveryState.PENDING, None, reason, Trouble.REFUSED_ALL)
    trouble = Trouble.OPTED_OUT if code in OPTED_OUT else None
    return Outcome(DeliveryState.FAILED, None, reason, trouble)


def read_twilio_settings(settings: Settings) -> TwilioSettings:
    """The settings by their names (docs/settings.md); raises InputError for one that is missing or not accepted."""
    values = settings.adapters
    for name in ("OUTAGE_TWILIO_ACCOUNT", "OUTAGE_TWILIO_TOKEN", "OUTAGE_TWILIO_SENDERS"):
        needed(values, name)
    senders = listed(values, "OUTAGE_TWILIO_SENDERS")
    if any(sender.startswith("MG") for sender in senders) and len(senders) > 1:
        raise InputError(
            "a Messaging Service chooses the sender itself",
            where="setting OUTAGE_TWILIO_SENDERS",
            value=", ".join(senders),
            accepted="one Messaging Service, or numbers",
        )
    if not settings.public_url:
        accepted = "the address under which Twilio reaches this console"
        raise InputError("is missing", where="setting OUTAGE_PUBLIC_URL", accepted=accepted)
    key = values["OUTAGE_TWILIO_KEY"].partition(":")
    if key[0] and not key[2]:
        # The value is not shown: it may be the secret alone.
        raise InputError("not accepted", where="setting OUTAGE_TWILIO_KEY", accepted="an API key as SK...:SECRET")
    return TwilioSettings(
        account=values["OUTAGE_TWILIO_ACCOUNT"],
        tokens=listed(values, "OUTAGE_TWILIO_TOKEN"),
        api_key=(key[0], key[2]) if key[2] else None,
        senders=senders,
        public_url=settings.public_url,
        per_second=number(values, "OUTAGE_TWILIO_PER_SECOND", 0.01, 10_000),
        threads=int(number(values, "OUTAGE_TWILIO_THREADS", 1, 200)),
        timeout_seconds=number(values, "OUTAGE_TWILIO_TIMEOUT", 0.05, 120),
        api=values["OUTAGE_TWILIO_API"],
    )
