"""What each line is owed by the words of docs/policies.md, worked out a second time in whole minor units alone.

It starts from the rewards that the bare rules give and knows nothing of how the product settles them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compensation.rewards import CASH, RewardLine
from tests.random_policies import RandomPolicy


@dataclass
class Owed:
    """One reward under way: its size in minor units or units, whether it is cash, and what it costs."""

    name: str
    size: int
    cash: bool
    cost: int


def owed_of(
    policy: RandomPolicy, raw: Sequence[RewardLine], *, fee: int, stars: int | None, other: int, held_out: bool
) -> dict[str, int] | None:
    """Sizes by reward that a line is owed, None when that cannot be known; for policies whose lines stand alone."""
    caps = [(cap_of(cap.amount, fee, stars), cap.over) for cap in policy.caps] if raw else []
    if any(amount is None for amount, _ in caps):
        return None
    if held_out:
        return {}
    lines = _layered(policy, [_owed(line) for line in raw])
    lines = _clip(lines, [amount for amount, over in caps if over == "incident"])
    if other and policy.others == "nothing":
        lines = [line for line in lines if not line.cash]
    elif policy.others == "offset":
        lines = _take_off(lines, other)
    lines = _clip(lines, [amount for amount, over in caps if over == "month"])
    return {line.name: line.size for line in lines}


def cap_of(written: str, fee: int, stars: int | None) -> int | None:
    """What the caps of random policies come to in minor units, None when that is not known."""
    if written == "5.00":
        return 500
    if written == "service fee":
        return fee
    return None if stars is None else stars * 100


def _owed(line: RewardLine) -> Owed:
    amount = line.amount_minor
    cost = amount if amount is not None else line.cost_minor or 0
    size = amount if amount is not None else int(line.quantity or line.percent or 1)
    return Owed(line.name, size, line.kind in CASH, cost)


def _layered(policy: RandomPolicy, lines: list[Owed]) -> list[Owed]:
    if not policy.layers:
        return lines
    layer_of = {reward.name: reward.layer for reward in policy.rewards}
    kept: list[Owed] = []
    for place, layer in enumerate(policy.layers):
        mine = [line for line in lines if layer_of[line.name] == layer]
        how = policy.combines[place - 1] if place else "sum"
        if not mine or not kept or how == "sum":
            kept = kept + mine
        elif how == "replaces":
            kept = mine
        elif how == "greatest":
            kept = max(kept, mine, key=lambda side: sum(line.cost for line in side))
        else:
            kept = kept + _take_off(mine, sum(line.size for line in kept if line.cash))
    return kept


def _clip(lines: list[Owed], caps: Sequence[int | None]) -> list[Owed]:
    left = min((cap for cap in caps if cap is not None), default=None)
    if left is None:
        return lines
    kept = []
    for line in lines:
        size = min(line.size, left) if line.cash else line.size
        left -= size if line.cash else 0
        kept += [Owed(line.name, size, line.cash, line.cost)] if size else []
    return kept


def _take_off(lines: list[Owed], left: int) -> list[Owed]:
    kept = []
    for line in lines:
        taken = min(line.size, left) if line.cash else 0
        left -= taken
        kept += [Owed(line.name, line.size - taken, line.cash, line.cost)] if line.size > taken else []
    return kept
