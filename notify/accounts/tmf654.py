"""Postings to a prepaid balance system over TM Forum's Prepay Balance Management API (TMF654 v4.0): adjustBalance.

The API has no idempotency key. Ours goes into `reason`, and by it the other side is asked before any attempt but the
first, and about every attempt without an answer. A system that refuses a second adjustment with the same reason can be
declared so (`unique`); then an adjustment that was not found is sent again by itself, otherwise a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from foundation.errors import InputError
from foundation.money import exponent
from foundation.settings import Settings, needed, number
from notify.carriers import CarrierError, Manner, Outcome, Outgoing, Promises, Trouble, ask_each, send_each
from notify.models import DeliveryState

_S = DeliveryState
_PATH = "/adjustBalance"
_ASK_AFTER_SECONDS = 120
_RECEIPT_HOURS = 1
_LONGEST_CODE = 32
# TMF654, ActionStatusType.
STATES: Mapping[str, DeliveryState] = {
    "created": _S.ACCEPTED,
    "completed": _S.DELIVERED,
    "failed": _S.FAILED,
    "cancelled": _S.FAILED,
}
# TMF654, UsageType, by the kind of reward; a kind that is not here is no prepaid balance.
USAGE: Mapping[str, str] = {
    "balance_credit": "monetary",
    "data_grant": "data",
    "minutes_grant": "voice",
    "texts_grant": "sms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmf654Settings:
    """Where the API is, our bearer token, how a bucket is named by its account, and whether `reason` is unique."""

    url: str
    token: str
    bucket: str
    unique: bool
    per_second: float
    threads: int
    timeout_seconds: float


class Tmf654:
    """A carrier of postings; one request a row."""

    name = "tmf654"

    def __init__(self, settings: Tmf654Settings) -> None:
        self._settings = settings
        self.in_flight = settings.threads
        pace = settings.per_second
        self.manner = Manner(f"tmf654:{settings.url}", pace, max(1, int(pace)), lanes=2)
        self.promises = Promises(
            idempotent=settings.unique,
            can_be_asked=True,
            fences=False,
            ask_after_seconds=_ASK_AFTER_SECONDS,
            receipt_hours=_RECEIPT_HOURS,
        )
        self._session = requests.Session()
        if settings.token:
            self._session.headers["Authorization"] = f"Bearer {settings.token}"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=settings.threads, max_retries=0))
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="tmf654")

    def close(self) -> None:
        """End the threads and connections."""
        self._threads.shutdown()
        self._session.close()

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Post a batch of adjustments, a request each."""
        return send_each(self._threads, batch, self._send_one)

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """Look for each adjustment by its reason; raises CarrierError when the system cannot be asked."""
        return ask_each(self._threads, batch, self._ask_one)

    def _send_one(self, row: Outgoing) -> Outcome:
        try:
            body = adjustment_of(row, self._settings.bucket)
        except ValueError as error:
            return Outcome(_S.FAILED, None, f"tmf654: {error}")
        if row.attempt > 1:
            known = self._ask_one(row)
            if known.state != _S.PENDING:
                return known
        try:
            # Where it is not is no matter of one adjustment, and a request is not to be made somewhere else.
            timeout = self._settings.timeout_seconds
            answer = self._session.post(self._url(), json=body, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            return _broken(error)
        if answer.status_code == 409:
            # There is one already: what became of it is what counts.
            return self._ask_one(row)
        return self._read(answer)

    def _ask_one(self, row: Outgoing) -> Outcome:
        query = {"reason": row.key, "fields": "id,status,reason"}
        try:
            answer = self._session.get(self._url(), params=query, timeout=self._settings.timeout_seconds)
            listed = answer.json() if answer.status_code == 200 else None
        except requests.RequestException as error:
            raise CarrierError(f"tmf654 cannot be asked: {type(error).__name__}", nothing_sent=True) from error
        if not isinstance(listed, list):
            raise CarrierError(f"tmf654 cannot be asked: HTTP {answer.status_code}", nothing_sent=True)
        # A server that knows no such filter lists everything.
        found = [one for one in listed if isinstance(one, dict) and one.get("reason") == row.key]
        if not found:
            return Outcome(_S.PENDING, None, "tmf654 has no such adjustment")
        best = max(found, key=lambda one: str(one.get("status")) == "completed")
        return _as_said(best)

    def _read(self, answer: requests.Response) -> Outcome:
        status = answer.status_code
        if status == 201:
            try:
                said = answer.json()
            except requests.JSONDecodeError:
                return Outcome(_S.UNKNOWN, None, "tmf654: an answer that is no JSON")
            if not isinstance(said, dict):
                return Outcome(_S.UNKNOWN, None, "tmf654: an answer that is no adjustment")
            return _as_said(said)
        if status == 429:
            wait = answer.headers.get("Retry-After", "")
            seconds = int(wait) if wait.isdecimal() else None
            return Outcome(_S.PENDING, None, f"tmf654: HTTP {status}", Trouble.THROTTLED, seconds)
        if 300 <= status < 400 or status in (401, 403, 404, 405):
            return Outcome(_S.PENDING, None, f"tmf654: HTTP {status}", Trouble.REFUSED_ALL)
        if 400 <= status < 500:
            return Outcome(_S.FAILED, None, f"tmf654: HTTP {status}{_code(answer)}")
        return Outcome(_S.UNKNOWN, None, f"tmf654: HTTP {status}")

    def _url(self) -> str:
        return self._settings.url.rstrip("/") + _PATH


def adjustment_of(row: Outgoing, bucket: str) -> dict[str, Any]:
    """The body of TMF654's AdjustBalance_Create for a posting; raises ValueError for one that it cannot say."""
    kind = str(row.payload.get("kind"))
    usage = USAGE.get(kind)
    if usage is None:
        raise ValueError(f"a prepaid balance takes no {kind}")
    body: dict[str, Any] = {
        "description": str(row.payload.get("statement") or row.payload.get("reward") or "Compensation"),
        "reason": row.key,
        "adjustType": "oneTime",
        "amount": _amount(row, usage),
        "bucket": {"id": bucket.replace("{account}", row.address), "@referredType": "Bucket"},
        "usageType": usage,
        "requestor": {"id": "outage-compensation", "role": "compensation", "@referredType": "System"},
    }
    valid = {
        name: f"{date.fromisoformat(row.payload[field]).isoformat()}T00:00:00Z"
        for name, field in (("startDateTime", "valid_from"), ("endDateTime", "valid_to"))
        if row.payload.get(field)
    }
    # The standard wants an end wherever there is a start.
    return {**body, "validFor": valid} if "endDateTime" in valid else body


def _amount(row: Outgoing, usage: str) -> dict[str, Any]:
    if usage == "monetary":
        if row.amount_minor is None or not row.currency:
            raise ValueError("a credit without an amount")
        # JSON has no decimals: up to 15 digits the nearest float is written as the decimal that it came from.
        return {"amount": float(Fraction(row.amount_minor, 10 ** exponent(row.currency))), "units": row.currency}
    quantity = row.payload.get("quantity")
    if quantity is None:
        raise ValueError("a grant without a quantity")
    units = str(row.payload.get("unit") or {"voice": "minutes", "sms": "texts"}[usage])
    return {"amount": float(Fraction(str(quantity))), "units": units}


def _as_said(adjustment: Mapping[str, Any]) -> Outcome:
    status = str(adjustment.get("status"))
    state = STATES.get(status, _S.UNKNOWN)
    reason = f"tmf654: {status}" if state in (_S.FAILED, _S.UNKNOWN) else None
    return Outcome(state, str(adjustment["id"]) if adjustment.get("id") else None, reason)


def _code(answer: requests.Response) -> str:
    # TMF630: errors are {"code": ..., "reason": ...}; the reason may name a customer, the code does not.
    try:
        code = answer.json().get("code")
    except (requests.JSONDecodeError, AttributeError):
        return ""
    return f", code {str(code)[:_LONGEST_CODE]}" if code else ""


def _broken(error: requests.RequestException) -> Outcome:
    inner = error.args[0] if error.args else None
    never_there = isinstance(getattr(inner, "reason", inner), NewConnectionError)
    if never_there or isinstance(error, requests.ConnectTimeout):
        return Outcome(_S.PENDING, None, "tmf654 cannot be reached")
    return Outcome(_S.UNKNOWN, None, f"no answer from tmf654: {type(error).__name__}")


def read_tmf654_settings(settings: Settings) -> Tmf654Settings:
    """The settings by their names (docs/settings.md); raises InputError for one that is missing or not accepted."""
    values = settings.adapters
    bucket = values["OUTAGE_TMF654_BUCKET"]
    if "{account}" not in bucket:
        accepted = "words with {account} in them"
        raise InputError("not accepted", where="setting OUTAGE_TMF654_BUCKET", value=bucket, accepted=accepted)
    if values["OUTAGE_TMF654_UNIQUE"] not in ("yes", "no"):
        given = values["OUTAGE_TMF654_UNIQUE"]
        raise InputError("not accepted", where="setting OUTAGE_TMF654_UNIQUE", value=given, accepted="yes or no")
    return Tmf654Settings(
        url=needed(values, "OUTAGE_TMF654_URL"),
        token=values["OUTAGE_TMF654_TOKEN"],
        bucket=bucket,
        unique=values["OUTAGE_TMF654_UNIQUE"] == "yes",
        per_second=number(values, "OUTAGE_TMF654_PER_SECOND", 0.1, 100_000),
        threads=int(number(values, "OUTAGE_TMF654_THREADS", 1, 200)),
        timeout_seconds=number(values, "OUTAGE_TMF654_TIMEOUT", 0.05, 300),
    )
