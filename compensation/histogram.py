"""Pure: how many lines get how much, each amount by itself while they are few, else in equal steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_BINS = 24


@dataclass(frozen=True, slots=True)
class Bin:
    """Lines whose credit lies in [least_minor, most_minor] (equal when amounts are few), and what they cost."""

    least_minor: int
    most_minor: int
    lines: int
    cost_minor: int


def distribute(lines_by_amount: Mapping[int, int]) -> tuple[Bin, ...]:
    """At most `MOST_BINS` bins of the lines by what one line gets, in minor units; nothing is a bin of its own."""
    if len(lines_by_amount) <= MOST_BINS:
        return tuple(Bin(amount, amount, lines, amount * lines) for amount, lines in sorted(lines_by_amount.items()))
    paid = {amount: lines for amount, lines in lines_by_amount.items() if amount}
    step = -(-max(paid) // (MOST_BINS - 1))
    grouped: dict[int, list[tuple[int, int]]] = {}
    for amount, lines in sorted(paid.items()):
        grouped.setdefault((amount - 1) // step, []).append((amount, lines))
    nothing = lines_by_amount.get(0, 0)
    bins = [Bin(0, 0, nothing, 0)] if nothing else []
    bins += [_step(index, step, members) for index, members in grouped.items()]
    return tuple(bins)


def _step(index: int, step: int, members: list[tuple[int, int]]) -> Bin:
    lines = sum(count for _, count in members)
    cost = sum(amount * count for amount, count in members)
    return Bin(index * step + 1, (index + 1) * step, lines, cost)


def distribute_both(first: Mapping[int, int], second: Mapping[int, int]) -> tuple[tuple[Bin, Bin], ...]:
    """Two distributions over the same bins, so that they can stand beside each other."""
    both = {amount: first.get(amount, 0) + second.get(amount, 0) for amount in {*first, *second}}
    return tuple((_within(shared, first), _within(shared, second)) for shared in distribute(both))


def _within(shared: Bin, lines_by_amount: Mapping[int, int]) -> Bin:
    found = [
        (amount, lines)
        for amount, lines in lines_by_amount.items()
        if shared.least_minor <= amount <= shared.most_minor
    ]
    cost = sum(amount * lines for amount, lines in found)
    return Bin(shared.least_minor, shared.most_minor, sum(lines for _, lines in found), cost)
