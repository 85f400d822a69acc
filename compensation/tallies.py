"""Pure: what decisions on groups of lines add up to, and how two policies differ on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from compensation.histogram import Bin, distribute
from compensation.rewards import RewardLine


class Decided(Protocol):
    """A decision as both the interpreter and the generated function give it."""

    @property
    def outcome(self) -> str:
        """Entitled, nothing or undetermined."""

    @property
    def rewards(self) -> tuple[RewardLine, ...]:
        """What each line gets."""

    @property
    def text(self) -> str | None:
        """The name of the text that is sent."""

    @property
    def cost_minor(self) -> int:
        """What one line costs, in minor units."""

    @property
    def reason(self) -> str | None:
        """Why nothing can be said, or that the line is held out."""

    @property
    def over_minor(self) -> int:
        """What one line was credited before beyond what it is owed now."""


class Kind(StrEnum):
    """How a line fares under one policy against another."""

    WINNER = "winner"
    LOSER = "loser"
    OTHERWISE = "otherwise"
    UNCLEAR = "unclear"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class RewardSum:
    """One reward over all lines that get it; `amount_minor` is 0 for rewards without an amount."""

    name: str
    kind: str
    lines: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What a policy comes to over a run: lines by outcome, cost in minor units, and how many lines get how much.

    `amount_minor` is what would be credited at release; `over_lines` keep `over_minor` more than they are owed.
    """

    cases: int
    lines: int
    entitled: int
    nothing: int
    undetermined: int
    cost_minor: int
    most_per_line_minor: int
    texts: int
    amounts: Mapping[int, int]
    rewards: tuple[RewardSum, ...]
    amount_minor: int = 0
    over_lines: int = 0
    over_minor: int = 0

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The histogram of what a line gets."""
        return distribute(self.amounts)


@dataclass(frozen=True, slots=True)
class Change:
    """Some lines and what they get more (or, below zero, less) than under the other policy, together."""

    cases: int = 0
    lines: int = 0
    difference_minor: int = 0

    def plus(self, lines: int, difference_minor: int) -> Change:
        """With one more case."""
        return Change(self.cases + 1, self.lines + lines, self.difference_minor + difference_minor * lines)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What is not released of what the rules give: from lines that are held out, and for what was given before.

    Differences are of minor units, below zero.
    """

    held_out: Change = Change()
    given: Change = Change()


NOTHING_WITHHELD = Withheld()


@dataclass(frozen=True, slots=True)
class Shift:
    """Winners, losers, those who get something else of the same amount, those undetermined on one side, the rest."""

    winners: Change
    losers: Change
    otherwise: Change
    unclear: Change
    same: Change

    @property
    def changes_nothing(self) -> bool:
        """Whether every line fares the same."""
        return not (self.winners.lines or self.losers.lines or self.otherwise.lines or self.unclear.lines)


def cost_of(decision: Decided | None) -> int:
    """What one line costs, in minor units; 0 for a line that the policy does not look at."""
    return decision.cost_minor if decision is not None else 0


def tally(decided: Iterable[tuple[Decided | None, int]]) -> Tally:
    """Adds up decisions with the number of lines each is for; None is a line that the policy does not look at."""
    outcomes: Counter[str] = Counter()
    amounts: Counter[int] = Counter()
    rewards: dict[tuple[str, str], list[int]] = {}
    cases = texts = credited = over_lines = over_minor = 0
    for decision, lines in decided:
        if decision is None:
            continue
        cases += 1
        outcomes[decision.outcome] += lines
        amounts[cost_of(decision)] += lines
        texts += lines if decision.text is not None else 0
        over_lines += lines if decision.over_minor else 0
        over_minor += lines * decision.over_minor
        for line in decision.rewards:
            credited += lines * (line.amount_minor or 0) if line.is_posted else 0
            total = rewards.setdefault((line.name, line.kind), [0, 0])
            total[0] += lines
            total[1] += lines * (line.amount_minor or 0)
    return Tally(
        cases=cases,
        lines=sum(outcomes.values()),
        entitled=outcomes["entitled"],
        nothing=outcomes["nothing"],
        undetermined=outcomes["undetermined"],
        cost_minor=sum(amount * lines for amount, lines in amounts.items()),
        most_per_line_minor=max(amounts, default=0),
        texts=texts,
        amounts=dict(amounts),
        rewards=tuple(RewardSum(*key, *total) for key, total in sorted(rewards.items())),
        amount_minor=credited,
        over_lines=over_lines,
        over_minor=over_minor,
    )


def withheld(decided: Iterable[tuple[Decided | None, Decided | None, int]]) -> Withheld:
    """Adds up what lies between the decision by the rules and the one to be released, with the number of lines."""
    held_out, before = Change(), Change()
    for rules, release, lines in decided:
        if rules is release or release is None:
            continue
        difference = release.cost_minor - cost_of(rules)
        if release.outcome == "nothing" and release.reason is not None:
            held_out = held_out.plus(lines, difference)
        elif difference or _given(rules)[0] != _given(release)[0]:
            before = before.plus(lines, difference)
    return Withheld(held_out, before)


def kind_of(now: Decided | None, before: Decided | None) -> Kind:
    """How a line fares under `now` against `before`; money first, then what else differs."""
    outcomes = {decision.outcome if decision is not None else "nothing" for decision in (now, before)}
    if "undetermined" in outcomes:
        return Kind.SAME if len(outcomes) == 1 else Kind.UNCLEAR
    difference = cost_of(now) - cost_of(before)
    if difference:
        return Kind.WINNER if difference > 0 else Kind.LOSER
    return Kind.SAME if _given(now) == _given(before) else Kind.OTHERWISE


def _given(decision: Decided | None) -> Sequence[object]:
    # A text is sent or not: that is no difference in what a line is owed, and yet one that people will notice.
    return (sorted(decision.rewards, key=lambda line: line.name), decision.text) if decision is not None else ([], None)


def shift(decided: Iterable[tuple[Decided | None, Decided | None, int]]) -> Shift:
    """Adds up how lines fare: the decision now, the other policy's, and the number of lines."""
    changes: dict[Kind, Change] = dict.fromkeys(Kind, Change())
    for now, before, lines in decided:
        kind = kind_of(now, before)
        changes[kind] = changes[kind].plus(lines, cost_of(now) - cost_of(before))
    return Shift(*(changes[kind] for kind in Kind))


def fingerprint_rows(decided: Iterable[tuple[Decided | None, int]]) -> Mapping[str, int]:
    """Lines by all that a line gets, as text: equal for two results exactly when everybody gets the same.

    However the lines are grouped: a policy that reads one fact more and decides the same gives the same.
    """
    lines_by_result: Counter[str] = Counter()
    for decision, lines in decided:
        if decision is not None and (decision.outcome != "nothing" or decision.text is not None):
            rewards = sorted(repr(line) for line in decision.rewards)
            lines_by_result[repr((decision.outcome, rewards, decision.text))] += lines
    return dict(lines_by_result)
