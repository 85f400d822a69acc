"""What a what-if says: both policies' sums, who fares how, by what it can be split, and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compensation.simulation.trials import Side
from compensation.tallies import Kind, Shift


@dataclass(frozen=True, slots=True)
class Part:
    """One value of one dimension: its lines, those entitled, the cost; `against_minor` is the other policy's cost.

    All by the rules; `release_minor` is what would be released of it now.
    """

    dimension: str
    value: str | None
    lines: int
    entitled: int
    cost_minor: int
    against_minor: int | None
    release_minor: int


@dataclass(frozen=True, slots=True)
class Example:
    """A case that fares differently (or, without another policy, any): its facts as JSON values, both explanations.

    Both by the rules; `release_minor` is what a line of it would be released now.
    """

    kind: Kind
    lines: int
    facts: Mapping[str, object]
    now_minor: int
    before_minor: int | None
    release_minor: int
    now: Sequence[str]
    before: Sequence[str]


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """One case of one policy or two: what they read, its lines, what one line gets now and under the other policy.

    `release_minor` and `before_release_minor`: what one line of it would be released now.
    """

    facts: Mapping[str, object]
    lines: int
    kind: Kind | None
    outcome: str
    now_minor: int
    release_minor: int
    before_outcome: str | None
    before_minor: int | None
    before_release_minor: int | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A policy tried on a run; `against` and `shift` are None without another policy to compare it with.

    The shift, the parts and the examples go by the rules: nobody is held out, and nothing was given before.
    `reasons`: why lines are undetermined, with their number; filled when examples are asked for.
    """

    run_id: int
    currency: str
    side: Side
    against: Side | None
    shift: Shift | None
    parts: tuple[Part, ...]
    examples: tuple[Example, ...]
    reasons: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
