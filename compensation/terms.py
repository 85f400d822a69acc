"""Pure: the terms on which a policy's rewards are put together: layers, caps, what others gave, holdouts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from compensation.feel import Node
from compensation.rewards import Per


class Combines(StrEnum):
    """How a layer goes with all layers before it."""

    SUM = "sum"
    GREATEST = "greatest"
    REPLACES = "replaces"
    OFFSET = "offset"


class Others(StrEnum):
    """What happens to money when others gave some for the same incident: taken off, nothing at all, or both stand."""

    OFFSET = "offset"
    NOTHING = "nothing"
    KEEP = "keep"


class Over(StrEnum):
    """The time over which a cap adds up."""

    INCIDENT = "incident"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Layer:
    """Rewards of one basis; the first layer's `combines` says nothing, for there is none before it."""

    name: str
    basis: str
    combines: Combines


@dataclass(frozen=True, slots=True)
class Cap:
    """The most money that a line or an account gets over an incident or a calendar month."""

    amount: Node
    per: Per
    over: Over

    @property
    def said(self) -> str:
        """In words: `per line and incident`."""
        return f"per {self.per} and {self.over}"


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share of lines that get nothing, to learn what goodwill is worth; the same lines for a policy and a salt."""

    share: Fraction
    salt: str

    def holds(self, policy: str, line_id: int) -> bool:
        """Whether a line is held out."""
        return self.digest(policy, line_id) < self.limit

    @property
    def limit(self) -> str:
        """The least eight hexadecimal digits that are not held out; one digit more than all of them when all are."""
        bound = int(self.share * 2**32)
        return "g" if bound >= 2**32 else f"{bound:08x}"

    def digest(self, policy: str, line_id: int) -> str:
        """Eight hexadecimal digits by which a line falls on one side or the other."""
        text = f"{line_id}:{policy}:{self.salt}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Terms:
    """All of them together; a policy that says none has these."""

    layers: tuple[Layer, ...] = ()
    caps: tuple[Cap, ...] = ()
    others: Others = Others.OFFSET
    holdout: Holdout | None = None
    correction_text: str = "correction"

    def caps_of(self, per: Per, over: Over | None = None) -> tuple[int, ...]:
        """The places of the caps per line or per account, over one time or both."""
        return tuple(
            place for place, cap in enumerate(self.caps) if cap.per is per and (over is None or cap.over is over)
        )


NO_TERMS = Terms()
"""The terms of a policy that says none."""
