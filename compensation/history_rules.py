"""Pure: what a test over history expects of a result, and why a result does not meet it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from compensation.tallies import Change, Shift, Tally
from foundation.errors import InputError
from foundation.money import Money

BOUNDED = ("lines", "entitled", "nothing", "undetermined", "cost_minor")
"""The totals that bounds may be set for."""

_SAID = {
    "lines": "lines looked at",
    "entitled": "entitled lines",
    "nothing": "lines owed nothing",
    "undetermined": "undetermined lines",
    "cost_minor": "cost",
}
_TO_DO = "change the rules, or accept the difference with a reason"


class Expectation(StrEnum):
    """What is expected of a version on a past run."""

    UNCHANGED = "unchanged"
    WITHIN = "within"
    PINNED = "pinned"

    @property
    def said(self) -> str:
        """As people read it."""
        return {
            Expectation.UNCHANGED: "as the version in force",
            Expectation.WITHIN: "totals within bounds",
            Expectation.PINNED: "the pinned result",
        }[self]


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a result; `digest` is equal for two results exactly when everybody gets the same."""

    lines: int
    entitled: int
    nothing: int
    undetermined: int
    cost_minor: int
    texts: int
    digest: str

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Totals:
        """What `to_json` made."""
        return cls(**data)


def totals_of(tally: Tally, results: Mapping[str, int]) -> Totals:
    """The sums with the digest of `results`: how many lines get what (tallies.fingerprint_rows)."""
    digest = hashlib.sha256(json.dumps(sorted(results.items())).encode()).hexdigest()
    return Totals(tally.lines, tally.entitled, tally.nothing, tally.undetermined, tally.cost_minor, tally.texts, digest)


def shift_to_json(shift: Shift) -> dict[str, Any]:
    """A comparison as it is kept."""
    return asdict(shift)


def shift_from_json(data: Mapping[str, Any]) -> Shift:
    """What `shift_to_json` made."""
    return Shift(**{name: Change(**change) for name, change in data.items()})


def check_bounds(bounds: Mapping[str, tuple[int | None, int | None]]) -> dict[str, list[int | None]]:
    """The bounds as they are kept; raises InputError for an unknown total, an empty range, or none at all."""
    kept: dict[str, list[int | None]] = {}
    for name, (lowest, highest) in bounds.items():
        if name not in BOUNDED:
            raise InputError("not a total that has bounds", where="bounds", value=name, accepted=", ".join(BOUNDED))
        if lowest is not None and highest is not None and lowest > highest:
            raise InputError("the lowest is above the highest", where=name, value=lowest, accepted=f"up to {highest}")
        if (lowest, highest) != (None, None):
            kept[name] = [lowest, highest]
    if not kept:
        raise InputError("no bounds", where="bounds", accepted=f"a lowest or highest of {', '.join(BOUNDED)}")
    return kept


def judge(
    expectation: Expectation,
    totals: Totals,
    *,
    currency: str,
    rival: str | None,
    shift: Shift | None,
    bounds: Mapping[str, Any] | None,
    pinned: Totals | None,
) -> list[str]:
    """Why a result does not meet what is expected, each with what to do; empty when it does.

    `rival` names the version in force that `shift` compares with; both None when there is none.
    """
    match expectation:
        case Expectation.UNCHANGED:
            return _unchanged(currency, rival, shift)
        case Expectation.WITHIN:
            return _outside(totals, currency, bounds or {})
        case Expectation.PINNED:
            return _not_pinned(totals, currency, pinned)


def _unchanged(currency: str, rival: str | None, shift: Shift | None) -> list[str]:
    if shift is None or rival is None:
        return ["no version is in force to compare with: accept the result with a reason, or expect bounds instead"]
    found = [
        (shift.winners, "get more than under"),
        (shift.losers, "get less than under"),
        (shift.otherwise, "get something else of the same amount, or another text, than under"),
        (shift.unclear, "are undetermined under one of this version and"),
    ]
    return [
        f"{change.lines:,} lines {said} {rival}"
        f"{f', {Money(abs(change.difference_minor), currency)} together' if change.difference_minor else ''}: {_TO_DO}"
        for change, said in found
        if change.lines
    ]


def _outside(totals: Totals, currency: str, bounds: Mapping[str, Any]) -> list[str]:
    reasons = []
    for name, (lowest, highest) in bounds.items():
        value: int = getattr(totals, name)
        if lowest is not None and value < lowest:
            reasons.append(f"{_SAID[name]} {_said(name, value, currency)}, at least {_said(name, lowest, currency)}: ")
        if highest is not None and value > highest:
            reasons.append(f"{_SAID[name]} {_said(name, value, currency)}, at most {_said(name, highest, currency)}: ")
    return [f"{reason}{_TO_DO}" for reason in reasons]


def _not_pinned(totals: Totals, currency: str, pinned: Totals | None) -> list[str]:
    if pinned is None or totals == pinned:
        return []
    names = [name for name in BOUNDED if getattr(totals, name) != getattr(pinned, name)]
    said = [
        f"{_SAID[name]} {_said(name, getattr(totals, name), currency)}, "
        f"pinned {_said(name, getattr(pinned, name), currency)}"
        for name in names
    ] or ["the totals are those pinned, but not everybody gets the same"]
    return [f"{'; '.join(said)}: {_TO_DO}"]


def _said(name: str, value: int, currency: str) -> str:
    return str(Money(value, currency)) if name == "cost_minor" else f"{value:,}"
