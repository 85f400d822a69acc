"""Reward lines as JSON, in the one form in which they are kept with a case, offered, and sent with a posting."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from compensation.rewards import GIVEN_AT_ONCE, UNPOSTED, How, Per, RewardLine

# Said only where there is something to say: most rewards are a plain amount, and there may be a million of them.
_PLAIN = ("basis", "unit", "valid_days", "cost_minor", "ceiling_minor", "what", "stacking", "codes")
_CHOICE = ("default", "default_after")


def reward_to_json(line: RewardLine) -> dict[str, Any]:
    """A reward line as JSON values: dates ISO, exact numbers as `p/q` text."""
    said: dict[str, Any] = {
        "name": line.name,
        "kind": line.kind,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "percent": None if line.percent is None else str(line.percent),
        "valid_from": None if line.valid_from is None else line.valid_from.isoformat(),
        "valid_to": None if line.valid_to is None else line.valid_to.isoformat(),
        "pays_on": line.pays_on,
    }
    said |= {name: value for name in (*_PLAIN, *_CHOICE) if (value := getattr(line, name)) is not None}
    if line.per is not Per.LINE:
        said["per"] = line.per.value
    if line.how is not How.AUTOMATIC:
        said["how"] = line.how.value
    if line.quantity is not None:
        said["quantity"] = str(line.quantity)
    if line.options:
        said["options"] = [reward_to_json(option) for option in line.options]
    return said


def reward_from_json(said: Mapping[str, Any]) -> RewardLine:
    """The line of an object that `reward_to_json` made."""
    return RewardLine(
        name=said["name"],
        kind=said["kind"],
        amount_minor=said["amount_minor"],
        currency=said["currency"],
        percent=_exact(said["percent"]),
        valid_from=_day(said["valid_from"]),
        valid_to=_day(said["valid_to"]),
        pays_on=said["pays_on"],
        per=Per(said.get("per", Per.LINE)),
        how=How(said.get("how", How.AUTOMATIC)),
        quantity=_exact(said.get("quantity")),
        options=tuple(reward_from_json(option) for option in said.get("options", ())),
        **{name: said.get(name) for name in (*_PLAIN, *_CHOICE)},
    )


def _exact(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _day(text: str | None) -> datetime.date | None:
    return None if text is None else datetime.date.fromisoformat(text)


def is_posted(said: Mapping[str, Any]) -> bool:
    """Whether a reward as JSON is put on an account at release, as RewardLine.is_posted."""
    return said["kind"] not in UNPOSTED and said.get("how", How.AUTOMATIC) in GIVEN_AT_ONCE


def is_offer(said: Mapping[str, Any]) -> bool:
    """Whether a reward as JSON waits for somebody, as RewardLine.is_offer."""
    return said["kind"] != "apology" and not is_posted(said)
