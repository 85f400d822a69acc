"""What every way to the outside world offers: the Carrier protocol, what goes out, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from notify.models import DeliveryKind, DeliveryState


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt at one delivery. `body` is the finished text of a message, empty for a posting."""

    delivery_id: int
    key: str
    attempt: int
    kind: DeliveryKind
    address: str
    payload: dict[str, Any] = field(default_factory=dict)
    amount_minor: int | None = None
    currency: str | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    `delivered` and `accepted`: it is there. `failed`: it is not there and never will be. `pending`: this attempt
    certainly did not and (see `Promises`) will not take effect, so it may be tried again. `unknown`: nobody can tell.
    """

    state: DeliveryState
    provider_ref: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Promises:
    """What a carrier guarantees, on which the treatment of an unknown attempt rests.

    `idempotent`: the same key takes effect once however often it is sent. `can_be_asked`: `ask` answers.
    `fences`: an attempt that `ask` did not find is refused from then on, even if its request is still under way.
    `ask_after_seconds`: how long after it became unknown an attempt can first be asked about.
    """

    idempotent: bool
    can_be_asked: bool
    fences: bool
    ask_after_seconds: int = 0

    @property
    def may_send_again(self) -> bool:
        """Whether an attempt that the carrier does not know may be followed by another without doubling it."""
        return self.idempotent or self.fences


class CarrierError(Exception):
    """The call failed as a whole. With `nothing_sent` no row of it left; otherwise all of them are unknown."""

    def __init__(self, reason: str, *, nothing_sent: bool = False) -> None:
        self.reason = reason
        self.nothing_sent = nothing_sent
        super().__init__(reason)


class Carrier(Protocol):
    """One channel or account system. Calls are made with no transaction open and may take long."""

    @property
    def name(self) -> str:
        """The channel's name, as in `Delivery.channel`."""
        ...

    @property
    def in_flight(self) -> int:
        """The most rows given to one `send`, and so the most that a killed worker leaves unknown."""
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

        Raises CarrierError when it cannot be asked now.
        """
        ...
