"""Texts by e-mail: one message a row over SMTP, with our row in its Message-ID.

The server's 250 to the end of the data is all we learn: `accepted`. A connection that breaks after the data began and
before that answer leaves the row unknown (RFC 5321, section 4.5.3.2.6 names that very trap), and it is not sent again.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from foundation import clock
from foundation.errors import InputError
from foundation.settings import Settings, needed, number
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises, Trouble, send_each
from notify.models import DeliveryState

SECURITY = ("starttls", "tls", "none")
_LONGEST_SUBJECT = 78
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_AUTH_REFUSED = (530, 534, 535)
# RFC 3463: the recipient's mailbox is full or busy now, which may heal; other 4xx are the server's own trouble.
_TEMPORARY = range(400, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """A mail server and who writes; `security` is one of SECURITY, `domain` stands in message ids."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    sender_name: str
    per_second: float
    threads: int
    timeout_seconds: float

    @property
    def domain(self) -> str:
        """The sender's domain."""
        return self.sender.rpartition("@")[2]


class Email:
    """A carrier of texts by e-mail; each of its threads keeps a connection of its own."""

    name = "email"
    promises = Promises(idempotent=False, can_be_asked=False, fences=False)

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self.in_flight = settings.threads
        pace = settings.per_second
        self.manner = Manner(f"email:{settings.sender}", pace, max(1, int(pace)), lanes=2)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="email")
        self._mine = threading.local()
        self._all: list[smtplib.SMTP] = []

    def close(self) -> None:
        """End the threads and their connections."""
        self._threads.shutdown()
        for connection in self._all:
            connection.close()

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send a batch, a message each."""
        return send_each(self._threads, batch, self._send_one)

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Nothing: a mail server cannot be asked about a message."""
        return [None] * len(batch)

    def _send_one(self, row: Outgoing) -> Outcome:
        if not row.address.isascii() or not row.address.isprintable():
            return Outcome(DeliveryState.FAILED, None, "not an address that mail can be sent to")
        message = self._message(row)
        content = message.as_bytes(policy=SMTP)
        connection = self._connection()
        try:
            refused = self._introduce(connection, row.address)
            if refused is not None:
                return self._given_up(connection, refused)
        except (smtplib.SMTPException, OSError):
            self._drop()
            return Outcome(DeliveryState.PENDING, None, "the mail server broke the connection before the text")
        return self._send_data(connection, content, str(message["Message-ID"]))

    def _introduce(self, connection: smtplib.SMTP, address: str) -> Outcome | None:
        """Say from whom and to whom; what a refusal means, None when the server waits for the text."""
        code, answer = connection.mail(self._settings.sender)
        if code != 250:
            one = _refused(code, answer)
            # It does not want the sender, and so nothing of ours: no fault of this recipient's.
            return one if one.state != DeliveryState.FAILED else _no_sender(one)
        code, answer = connection.rcpt(address)
        return None if code in (250, 251) else _refused(code, answer)

    def _given_up(self, connection: smtplib.SMTP, outcome: Outcome) -> Outcome:
        """Leave a transaction that was refused; a server that hangs up after that (421) has refused all the same."""
        try:
            connection.rset()
        except (smtplib.SMTPException, OSError):
            self._drop()
        return outcome

    def _send_data(self, connection: smtplib.SMTP, content: bytes, message_id: str) -> Outcome:
        try:
            code, answer = connection.data(content)
        except smtplib.SMTPDataError as error:
            # The server refused to take the data at all: nothing of it left.
            return self._given_up(connection, _refused(error.smtp_code, error.smtp_error))
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome(DeliveryState.UNKNOWN, None, f"no answer from the mail server: {type(error).__name__}")
        if code != 250:
            return _refused(code, answer)
        return Outcome(DeliveryState.ACCEPTED, message_id)

    def _message(self, row: Outgoing) -> EmailMessage:
        settings = self._settings
        message = EmailMessage()
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = row.address
        message["Subject"] = _subject(row)
        message["Date"] = format_datetime(clock.now())
        message["Message-ID"] = f"<{row.delivery_id}.{row.attempt}@{settings.domain}>"
        # RFC 3834: no holiday replies to what a machine wrote.
        message["Auto-Submitted"] = "auto-generated"
        # Not every server takes eight bits.
        message.set_content(row.body, cte="quoted-printable")
        return message

    def _connection(self) -> smtplib.SMTP:
        """This thread's connection, made if need be; raises CarrierError, with nothing sent, when it cannot be."""
        known: smtplib.SMTP | None = getattr(self._mine, "connection", None)
        if known is not None and _is_alive(known):
            return known
        self._drop()
        try:
            connection = _connect(self._settings)
        except smtplib.SMTPAuthenticationError as error:
            trouble = Trouble.REFUSED_ALL if error.smtp_code in _AUTH_REFUSED else None
            raise CarrierError("the mail server refuses our password", nothing_sent=True, trouble=trouble) from error
        except (smtplib.SMTPException, OSError) as error:
            raise CarrierError("the mail server cannot be reached", nothing_sent=True) from error
        self._mine.connection = connection
        self._all.append(connection)
        return connection

    def _drop(self) -> None:
        connection: smtplib.SMTP | None = getattr(self._mine, "connection", None)
        if connection is not None:
            connection.close()
            self._all.remove(connection)
            self._mine.connection = None


def _connect(settings: EmailSettings) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if settings.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.timeout_seconds, context=context
        )
    else:
        connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)
    try:
        if settings.security == "starttls":
            connection.starttls(context=context)
        if settings.user:
            connection.login(settings.user, settings.password)
        else:
            connection.ehlo_or_helo_if_needed()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_alive(connection: smtplib.SMTP) -> bool:
    # Servers hang up on idle clients; a row must not find that out in the middle of its data.
    try:
        return connection.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _refused(code: int, answer: bytes | str) -> Outcome:
    words = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    # Only the enhanced status code: the words after it often repeat the address.
    enhanced = re.match(r"\d\.\d{1,3}\.\d{1,3}", words)
    said = f"mail server {code}{' ' + enhanced[0] if enhanced else ''}"
    if code == 421:
        return Outcome(DeliveryState.PENDING, None, said, Trouble.THROTTLED)
    if code in _AUTH_REFUSED:
        return Outcome(DeliveryState.PENDING, None, said, Trouble.REFUSED_ALL)
    if code in _TEMPORARY:
        return Outcome(DeliveryState.PENDING, None, said)
    return Outcome(DeliveryState.FAILED, None, said)


def _no_sender(refused: Outcome) -> Outcome:
    return Outcome(DeliveryState.PENDING, None, f"{refused.reason}: the sender is refused", Trouble.REFUSED_ALL)


def _subject(row: Outgoing) -> str:
    """The subject that the text names, else its first sentence."""
    given = str(row.payload.get("subject") or _SENTENCE.split(row.body.strip(), maxsplit=1)[0])
    line = " ".join(given.split())
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 1].rstrip()}…"


def read_email_settings(settings: Settings) -> EmailSettings:
    """The settings by their names (docs/settings.md); raises InputError for one that is missing or not accepted."""
    values = settings.adapters
    host, _, port = needed(values, "OUTAGE_EMAIL_HOST").rpartition(":")
    if not host or not port.isdecimal():
        given = values["OUTAGE_EMAIL_HOST"]
        raise InputError("not accepted", where="setting OUTAGE_EMAIL_HOST", value=given, accepted="HOST:PORT")
    security = values["OUTAGE_EMAIL_SECURITY"]
    if security not in SECURITY:
        accepted = ", ".join(SECURITY)
        raise InputError("not accepted", where="setting OUTAGE_EMAIL_SECURITY", value=security, accepted=accepted)
    sender = needed(values, "OUTAGE_EMAIL_SENDER")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", sender):
        raise InputError("not accepted", where="setting OUTAGE_EMAIL_SENDER", value=sender, accepted="NAME@DOMAIN")
    return EmailSettings(
        host=host,
        port=int(port),
        security=security,
        user=values["OUTAGE_EMAIL_USER"],
        password=values["OUTAGE_EMAIL_PASSWORD"],
        sender=sender,
        sender_name=values["OUTAGE_EMAIL_SENDER_NAME"],
        per_second=number(values, "OUTAGE_EMAIL_PER_SECOND", 0.1, 10_000),
        threads=int(number(values, "OUTAGE_EMAIL_THREADS", 1, 50)),
        timeout_seconds=number(values, "OUTAGE_EMAIL_TIMEOUT", 0.05, 300),
    )
