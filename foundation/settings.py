"""Settings: read once from the environment, checked, with clear errors; `docs/settings.md` is the table of them."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from foundation.errors import InputError

# Measured: a process that loads, measures and releases a million lines, less its bulk engine.
_REST_OF_PROCESS_MB = 300


@dataclass(frozen=True)
class Setting:
    """One line of the table: environment name, default as written, meaning, accepted form."""

    name: str
    default: str
    meaning: str
    accepted: str


TABLE: tuple[Setting, ...] = (
    Setting("OUTAGE_DATA", "var", "Directory of everything the embedded default keeps", "a directory path"),
    Setting(
        "DATABASE_URL",
        "sqlite:///$OUTAGE_DATA/records.db",
        "Records: SQLite or PostgreSQL",
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME",
    ),
    Setting("OUTAGE_SNAPSHOTS", "$OUTAGE_DATA/snapshots", "Directory of the Parquet snapshots", "a directory path"),
    Setting("OUTAGE_MEMORY_MB", "600", "Memory of a process in bulk work, in MB", "a whole number, 400 or more"),
    Setting("OUTAGE_HOST", "127.0.0.1", "Address the console listens on", "a host name or address"),
    Setting("OUTAGE_PORT", "8080", "Port the console listens on", "a whole number from 0 to 65535"),
    Setting(
        "OUTAGE_SECRET_KEY",
        "made once, kept in $OUTAGE_DATA/secret.key",
        "Signs sessions and forms; the same for every web process",
        "at least 32 characters",
    ),
    Setting(
        "OUTAGE_HTTPS",
        "no",
        "The console is served over HTTPS (a proxy in front): cookies are Secure",
        "yes or no",
    ),
    Setting(
        "OUTAGE_LEASE_SECONDS",
        "60",
        "How long a worker's claim on deliveries holds before others take it for dead",
        "a whole number from 1 to 3600",
    ),
    Setting("OUTAGE_BATCH", "500", "Deliveries claimed at once by a worker", "a whole number from 1 to 10000"),
    Setting(
        "OUTAGE_QUIET_HOURS",
        "21:00-08:00",
        "When no texts go, by the clock where the recipient is",
        "HH:MM-HH:MM, over midnight if it ends earlier than it starts, or none",
    ),
    Setting(
        "OUTAGE_ZONE", "UTC", "Time zone of recipients of whom none is known", "an IANA zone such as Europe/London"
    ),
    Setting(
        "OUTAGE_TEXTS_PER_DAY",
        "10",
        "The most texts one recipient gets on one day; the others wait for the next. 0 for no limit",
        "a whole number from 0 to 1000",
    ),
    Setting(
        "OUTAGE_PRESENCE_DAYS",
        "90",
        "Days after which who was seen where is forgotten",
        "a whole number from 1 to 3650",
    ),
    Setting(
        "OUTAGE_WAIT_SECONDS",
        "2",
        "How long a page waits for long work before it shows how far that is",
        "a whole number from 0 to 600",
    ),
    Setting(
        "OUTAGE_PUBLIC_URL",
        "",
        "Address under which providers and customers reach the console from outside",
        "https://HOST, without a path",
    ),
    Setting("OUTAGE_LOG", "info", "Least level that is logged", "debug, info, warning or error"),
)
# Settings of the ways to the outside world: each adapter reads its own from `Settings.adapters`.
ADAPTERS: tuple[Setting, ...] = (
    Setting(
        "OUTAGE_CHANNELS",
        "spool",
        "Ways to send texts; the first is used where nothing else is chosen",
        "spool, twilio, smpp and email, separated by commas",
    ),
    Setting(
        "OUTAGE_ACCOUNT_SYSTEMS",
        "book",
        "Systems that credits are posted to; the first is used where nothing else is chosen",
        "book, tmf654 and adjustment_file, separated by commas",
    ),
    Setting(
        "OUTAGE_POSTING_ROUTES",
        "",
        "Which account system carries which credit (docs/delivery.md); empty: the first that can carry its kind",
        "routes such as kind=bill_credit: adjustment_file; *: book, by kind, payment and brand",
    ),
    Setting(
        "OUTAGE_TEXT_ROUTES",
        "",
        "Which channels a text takes, one after the other (docs/delivery.md); empty: all, in their order",
        "routes such as purpose=service: smpp email; *: twilio, by purpose and brand",
    ),
    Setting(
        "OUTAGE_TEXT_PRICE",
        "",
        "What one part of a text costs; the price of a release is then shown before it is approved",
        "an amount and a currency, such as 0.0392 GBP",
    ),
    Setting("OUTAGE_TWILIO_ACCOUNT", "", "Twilio: the account", "an account SID, AC..."),
    Setting(
        "OUTAGE_TWILIO_TOKEN",
        "",
        "Twilio: the auth token; while it is rotated the new one, then the old one",
        "a token, or two separated by a comma",
    ),
    Setting("OUTAGE_TWILIO_KEY", "", "Twilio: an API key to send with instead of the token", "SK...:SECRET"),
    Setting(
        "OUTAGE_TWILIO_SENDERS",
        "",
        "Twilio: who sends",
        "numbers as +447700900000 separated by commas, or one Messaging Service, MG...",
    ),
    Setting("OUTAGE_TWILIO_PER_SECOND", "1", "Twilio: texts a second of one sender", "a number above 0, up to 10000"),
    Setting("OUTAGE_TWILIO_THREADS", "16", "Twilio: requests at once of one worker", "a whole number from 1 to 200"),
    Setting("OUTAGE_TWILIO_TIMEOUT", "10", "Twilio: seconds to wait for an answer", "a number above 0, up to 120"),
    Setting("OUTAGE_TWILIO_API", "https://api.twilio.com", "Twilio: where its API is", "an address"),
    Setting("OUTAGE_SMPP_HOST", "", "SMPP: where the SMSC is", "HOST:PORT"),
    Setting("OUTAGE_SMPP_SYSTEM_ID", "", "SMPP: who we are to the SMSC", "at most 15 characters"),
    Setting("OUTAGE_SMPP_PASSWORD", "", "SMPP: the password of the bind", "at most 8 characters"),
    Setting("OUTAGE_SMPP_SYSTEM_TYPE", "", "SMPP: the system type, where the SMSC wants one", "at most 12 characters"),
    Setting("OUTAGE_SMPP_SENDER", "", "SMPP: who sends", "a number, a short code, or a word of up to 11 characters"),
    Setting("OUTAGE_SMPP_WINDOW", "10", "SMPP: requests under way at once", "a whole number from 1 to 1000"),
    Setting("OUTAGE_SMPP_PER_SECOND", "50", "SMPP: texts a second of the bind", "a number from 0.1 to 100000"),
    Setting("OUTAGE_SMPP_TIMEOUT", "30", "SMPP: seconds to wait for an answer", "a number above 0, up to 300"),
    Setting(
        "OUTAGE_SMPP_RECEIPT_IDS",
        "same",
        "SMPP: how receipts write the id that the SMSC gave in hex",
        "same, or decimal",
    ),
    Setting("OUTAGE_EMAIL_HOST", "", "E-mail: the mail server", "HOST:PORT"),
    Setting("OUTAGE_EMAIL_SECURITY", "starttls", "E-mail: how the connection is secured", "starttls, tls or none"),
    Setting("OUTAGE_EMAIL_USER", "", "E-mail: who we are to the server; empty for no sign-in", "a user name"),
    Setting("OUTAGE_EMAIL_PASSWORD", "", "E-mail: the password of that user", "a password"),
    Setting("OUTAGE_EMAIL_SENDER", "", "E-mail: the address that writes", "NAME@DOMAIN"),
    Setting("OUTAGE_EMAIL_SENDER_NAME", "", "E-mail: the name that writes", "any words"),
    Setting("OUTAGE_EMAIL_PER_SECOND", "10", "E-mail: messages a second", "a number from 0.1 to 10000"),
    Setting("OUTAGE_EMAIL_THREADS", "4", "E-mail: connections of one worker", "a whole number from 1 to 50"),
    Setting("OUTAGE_EMAIL_TIMEOUT", "30", "E-mail: seconds to wait for an answer", "a number above 0, up to 300"),
    Setting("OUTAGE_TMF654_URL", "", "Prepaid balances: where the API is, up to its version", "an address"),
    Setting("OUTAGE_TMF654_TOKEN", "", "Prepaid balances: our bearer token", "a token"),
    Setting(
        "OUTAGE_TMF654_BUCKET", "{account}", "Prepaid balances: the id of an account's bucket", "words with {account}"
    ),
    Setting(
        "OUTAGE_TMF654_UNIQUE",
        "no",
        "Prepaid balances: the system refuses a second adjustment with the same reason",
        "yes or no",
    ),
    Setting("OUTAGE_TMF654_PER_SECOND", "50", "Prepaid balances: requests a second", "a number from 0.1 to 100000"),
    Setting("OUTAGE_TMF654_THREADS", "8", "Prepaid balances: requests at once", "a whole number from 1 to 200"),
    Setting(
        "OUTAGE_TMF654_TIMEOUT", "30", "Prepaid balances: seconds to wait for an answer", "a number above 0, up to 300"
    ),
)
_TABLE = {setting.name: setting for setting in (*TABLE, *ADAPTERS)}


@dataclass(frozen=True)
class Settings:
    """All settings, typed. Paths are absolute; `database_url` names its driver."""

    data: Path
    database_url: str
    snapshots: Path
    memory_mb: int
    host: str
    port: int
    secret_key: str
    https: bool
    lease_seconds: int
    batch: int
    quiet_hours: str | None
    zone: str
    texts_per_day: int
    presence_days: int
    wait_seconds: int
    public_url: str
    log: str
    adapters: Mapping[str, str]

    @property
    def bulk_memory_mb(self) -> int:
        """What the bulk engine may take of `memory_mb`: Python, Arrow and the caches of the records need the rest."""
        return self.memory_mb - _REST_OF_PROCESS_MB


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (`os.environ` unless given); makes the data directory.

    Raises InputError naming the setting, its value and the accepted form.
    """
    env = os.environ if environment is None else environment
    data = Path(env.get("OUTAGE_DATA") or "var").expanduser().absolute()
    _make_directory(data, "OUTAGE_DATA")
    snapshots = Path(env.get("OUTAGE_SNAPSHOTS") or data / "snapshots").expanduser().absolute()
    _make_directory(snapshots, "OUTAGE_SNAPSHOTS")
    return Settings(
        data=data,
        database_url=_database_url(env.get("DATABASE_URL") or f"sqlite:///{data / 'records.db'}"),
        snapshots=snapshots,
        memory_mb=_number(env, "OUTAGE_MEMORY_MB", 400, 1_000_000),
        host=env.get("OUTAGE_HOST") or _TABLE["OUTAGE_HOST"].default,
        port=_number(env, "OUTAGE_PORT", 0, 65_535),
        secret_key=_secret_key(env, data),
        https=_choice(env, "OUTAGE_HTTPS", ("yes", "no")) == "yes",
        lease_seconds=_number(env, "OUTAGE_LEASE_SECONDS", 1, 3600),
        batch=_number(env, "OUTAGE_BATCH", 1, 10_000),
        quiet_hours=_quiet_hours(env),
        zone=_zone(env),
        texts_per_day=_number(env, "OUTAGE_TEXTS_PER_DAY", 0, 1000),
        presence_days=_number(env, "OUTAGE_PRESENCE_DAYS", 1, 3650),
        wait_seconds=_number(env, "OUTAGE_WAIT_SECONDS", 0, 600),
        public_url=_public_url(env.get("OUTAGE_PUBLIC_URL") or ""),
        log=_choice(env, "OUTAGE_LOG", ("debug", "info", "warning", "error")),
        adapters={setting.name: env.get(setting.name) or setting.default for setting in ADAPTERS},
    )


def needed(values: Mapping[str, str], name: str) -> str:
    """An adapter's setting that must be there; raises InputError."""
    if not values[name]:
        raise _refuse(name, "", "is missing")
    return values[name]


def listed(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    """An adapter's setting that is a list separated by commas."""
    return tuple(part.strip() for part in values[name].split(",") if part.strip())


def number(values: Mapping[str, str], name: str, least: float, most: float) -> float:
    """An adapter's setting that is a number from `least` to `most`; raises InputError."""
    try:
        found = float(values[name])
    except ValueError:
        raise _refuse(name, values[name]) from None
    if not least <= found <= most:
        raise _refuse(name, values[name])
    return found


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query):
        raise _refuse("OUTAGE_PUBLIC_URL", text)
    return text.rstrip("/")


def _refuse(name: str, value: object, what: str = "not accepted") -> InputError:
    return InputError(what, where=f"setting {name}", value=value, accepted=_TABLE[name].accepted)


def _make_directory(path: Path, name: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refuse(name, str(path), f"cannot be made: {error.strerror}") from None


def _number(env: Mapping[str, str], name: str, least: int, most: int) -> int:
    text = env.get(name) or _TABLE[name].default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise _refuse(name, text)
    return int(text)


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    text = (env.get(name) or _TABLE[name].default).lower()
    if text not in allowed:
        raise _refuse(name, text)
    return text


def _quiet_hours(env: Mapping[str, str]) -> str | None:
    text = env.get("OUTAGE_QUIET_HOURS") or _TABLE["OUTAGE_QUIET_HOURS"].default
    start, _, end = text.partition("-")
    if text == "none":
        return None
    if not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", part) for part in (start, end)) or start == end:
        raise _refuse("OUTAGE_QUIET_HOURS", text)
    return text


def _zone(env: Mapping[str, str]) -> str:
    text = env.get("OUTAGE_ZONE") or _TABLE["OUTAGE_ZONE"].default
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _refuse("OUTAGE_ZONE", text) from None


def _database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise _refuse("DATABASE_URL", "(hidden, it may hold a password)", "not a database URL") from None
    if url.get_backend_name() == "sqlite" and url.database:
        return url.render_as_string(hide_password=False)
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    raise _refuse("DATABASE_URL", url.render_as_string(hide_password=True), "not a database we run on")


def _secret_key(env: Mapping[str, str], data: Path) -> str:
    given = env.get("OUTAGE_SECRET_KEY")
    if given:
        if len(given) < 32:
            raise _refuse("OUTAGE_SECRET_KEY", f"{len(given)} characters", "too short")
        return given
    path = data / "secret.key"
    try:
        # O_EXCL: of two processes that start together one writes, the other reads.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_hex(32)
        file.write(key)
    return key


def _read_secret(path: Path) -> str:
    key = path.read_text().strip()
    if len(key) < 32:
        raise InputError(
            "the kept secret key is too short", where=str(path), accepted="delete the file to make a new one"
        )
    return key
