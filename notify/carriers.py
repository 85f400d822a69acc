"""What every way to the outside world offers: the Carrier protocol, what goes out, and what comes back."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from notify.models import DeliveryKind, DeliveryState

# More questions than this without an answer, and the provider is not there.
_MOST_FAILED_QUESTIONS = 10
# The longest name of a message, and the longest words, that the records keep of a provider.
LONGEST_REF = 128
LONGEST_WORDS = 500
# A provider that asks for more is tried again after an hour all the same: nobody notices a sender that rests for years.
_LONGEST_RETRY_SECONDS = 3600


class Outgoing(NamedTuple):
    """One attempt at one delivery. `body` is the finished text of a message, empty for a posting.

    After `expires_at` it must not arrive: a carrier that can says so to its provider (a validity period). `begun_at` is
    known when it is asked about: no earlier can its request have left; `provider_ref` when an accepted one's receipt is
    overdue: the provider's own name of it.
    """

    delivery_id: int
    key: str
    attempt: int
    kind: DeliveryKind
    address: str
    payload: Mapping[str, Any] = MappingProxyType({})
    amount_minor: int | None = None
    currency: str | None = None
    body: str = ""
    campaign: str = ""
    expires_at: datetime | None = None
    begun_at: datetime | None = None
    provider_ref: str | None = None


class Trouble(enum.StrEnum):
    """What an outcome says beyond its own row.

    `throttled`: the provider took nothing and wants less at a time; the sender slows down and recovers by itself.
    `refused_all`: it takes nothing from us at all (credentials, account closed); the sender halts until a person
    lets it go on. `opted_out`: the recipient wants no texts; the address is suppressed from now on.
    """

    THROTTLED = "throttled"
    REFUSED_ALL = "refused_all"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    `delivered` and `accepted`: it is there. `failed`: it is not there and never will be. `pending`: this attempt
    certainly did not and (see `Promises`) will not take effect, so it may be tried again. `unknown`: nobody can tell.
    `reason` is the provider's words, the same for the same cause: failures are counted by it. `retry_after_seconds`
    is what a throttling provider asked for.
    """

    state: DeliveryState
    provider_ref: str | None = None
    reason: str | None = None
    trouble: Trouble | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Promises:
    """What a carrier guarantees, on which the treatment of an unknown attempt rests.

    `idempotent`: the same key takes effect once however often it is sent. `can_be_asked`: `ask` answers.
    `fences`: an attempt that `ask` did not find is refused from then on, even if its request is still under way.
    `ask_after_seconds`: how long after it became unknown an attempt can first be asked about. `receipt_hours`: within
    this time what was accepted gets its receipt; None when no receipts come and `accepted` is all we shall know.
    """

    idempotent: bool
    can_be_asked: bool
    fences: bool
    ask_after_seconds: int = 0
    receipt_hours: int | None = None

    @property
    def may_send_again(self) -> bool:
        """Whether an attempt that the carrier does not know may be followed by another without doubling it."""
        return self.idempotent or self.fences


@dataclass(frozen=True, slots=True)
class Manner:
    """How a carrier wants to be used.

    `sender`: whose pace is limited (a number, a bind, an account), shared by all workers; empty means the channel's
    name. `rows_per_second` and `burst`: its first pace, which staff may change; None means as fast as it goes.
    `lanes`: how many `send` calls a worker makes at once, each with at most `in_flight / lanes` rows, so that one
    call's rows are on their way while another's outcomes are written.
    """

    sender: str = ""
    rows_per_second: float | None = None
    burst: int = 1
    lanes: int = 1


class CarrierError(Exception):
    """The call failed as a whole. With `nothing_sent` no row of it left; otherwise all of them are unknown.

    `trouble` as in `Outcome`, where it concerns the sender; only together with `nothing_sent`.
    """

    def __init__(
        self,
        reason: str,
        *,
        nothing_sent: bool = False,
        trouble: Trouble | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.reason = reason
        self.nothing_sent = nothing_sent
        self.trouble = trouble
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason)


class Carrier(Protocol):
    """One channel or account system. Calls are made with no transaction open and may take long."""

    @property
    def name(self) -> str:
        """The channel's name, as in `Delivery.channel`."""
        ...

    @property
    def in_flight(self) -> int:
        """The most rows of one worker that are on their way at once, and so the most that its death leaves unknown."""
        ...

    @property
    def manner(self) -> Manner:
        """Its pace and how many calls it takes at once; calls of several lanes come from several threads."""
        ...

    @property
    def promises(self) -> Promises:
        """What this carrier guarantees."""
        ...

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Carry a batch out; one outcome per row, in order. Raises CarrierError when the call as a whole failed."""
        ...

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        """What became of earlier attempts, in order: `pending` when it is certainly not there, None when unclear.

        `unknown` for those about which it could not be asked now; they are asked about again. Raises CarrierError when
        that holds for all.
        """
        ...


def send_each(
    threads: ThreadPoolExecutor, batch: Sequence[Outgoing], send_one: Callable[[Outgoing], Outcome]
) -> list[Outcome]:
    """`send` for carriers that take one row per request: the rows of a batch at once, in the adapter's own threads.

    An exception that `send_one` lets through leaves its own row unknown, not the batch.
    """

    def guarded(row: Outgoing) -> Outcome:
        try:
            return send_one(row)
        except CarrierError as error:
            return outcome_of_error(error)
        except Exception as error:  # nobody can tell whether the request had left
            return Outcome(DeliveryState.UNKNOWN, None, f"the adapter broke: {type(error).__name__}")

    if len(batch) == 1:  # already in a thread of its own: that of its lane
        return [guarded(batch[0])]
    return list(threads.map(guarded, batch))


def ask_each(
    threads: ThreadPoolExecutor, batch: Sequence[Outgoing], ask_one: Callable[[Outgoing], Outcome | None]
) -> list[Outcome | None]:
    """`ask` for carriers that are asked by row: a question without an answer leaves the answers to the others alone.

    When several in a row failed nobody else is asked about. Raises the last CarrierError when all failed.
    """
    failures: list[CarrierError] = []  # since the last answer

    def guarded(row: Outgoing) -> Outcome | CarrierError | None:
        if len(failures) >= _MOST_FAILED_QUESTIONS:
            return failures[-1]
        try:
            answer = ask_one(row)
        except CarrierError as error:
            failures.append(error)
            return error
        failures.clear()
        return answer

    answers = list(threads.map(guarded, batch))
    errors = [answer for answer in answers if isinstance(answer, CarrierError)]
    if errors and len(errors) == len(answers):
        raise errors[-1]
    return [
        Outcome(DeliveryState.UNKNOWN, None, f"could not be asked: {answer.reason}")
        if isinstance(answer, CarrierError)
        else answer
        for answer in answers
    ]


def plain_words(words: str, most: int) -> str:
    """What a provider wrote as both databases can keep it: no NUL, no half of a character, at most so long."""
    return words if _is_plain(words, most) else words.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:most]


def _is_plain(words: str, most: int) -> bool:
    return words.isascii() and words.isprintable() and len(words) <= most


def storable(outcome: Outcome) -> Outcome:
    """An outcome as the records can keep it, whatever a provider wrote into its answer."""
    ref, reason, wait = outcome.provider_ref, outcome.reason, outcome.retry_after_seconds
    # Nearly every outcome is so, and there are many.
    if (ref is None or _is_plain(ref, LONGEST_REF)) and reason is None and wait is None:
        return outcome
    return replace(
        outcome,
        provider_ref=None if ref is None else plain_words(ref, LONGEST_REF),
        reason=None if reason is None else plain_words(reason, LONGEST_WORDS),
        retry_after_seconds=None if wait is None else min(wait, _LONGEST_RETRY_SECONDS),
    )


def outcome_of_error(error: CarrierError) -> Outcome:
    """What a failed call means for each row that was in it."""
    state = DeliveryState.PENDING if error.nothing_sent else DeliveryState.UNKNOWN
    return Outcome(state, None, error.reason, error.trouble, error.retry_after_seconds)
