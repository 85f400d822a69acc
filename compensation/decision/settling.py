"""Pure: from the rewards that the rules give to what a line gets: layers, caps, others' credits, accounts, revisions.

Both the interpreter and the generated function settle here, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from compensation.document.model import PolicyDocument
from compensation.rewards import Per, RewardLine
from compensation.terms import Combines, Others, Over
from foundation.money import Money

TEXT_PURSE = "text"
"""Stands among what was given when the line was told before."""

NOBODY_ELSE = "No other policy or staff member credited money for this incident"
Given = Mapping[str, Fraction]
_Lines = list[RewardLine]
_Piece = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class AccountShare:
    """What is known of a line's account once all its lines were decided.

    `carries`: the rewards per account that this line is the one to get. `values`: the size of every reward per account
    that the account gets (empty where nothing needs them). `before_minor`: cash of lines that come before this one, and
    what lines after it were given before. `lines_minor`: cash given per line before, to all its lines. The others as in
    Standing, of the whole account.
    """

    carries: frozenset[str] = frozenset()
    values: Mapping[str, Fraction] = field(default_factory=dict)
    before_minor: int = 0
    other_minor: int = 0
    month_minor: int = 0
    given: Given = field(default_factory=dict)
    lines_minor: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a line stands before its rewards are settled, beyond the facts that rules read; money in minor units.

    `other_minor`: credited for this incident by other policies or staff. `month_minor`: credited by this policy for
    other incidents of the month. `given`: by this policy for this incident so far, by purse. `account` None: not known
    yet, so as if the line carried everything of its account and came first.
    """

    held_out: bool = False
    other_minor: int = 0
    month_minor: int = 0
    given: Given = field(default_factory=dict)
    account: AccountShare | None = None


NO_STANDING = Standing()
"""Nothing was given before, by nobody."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a line gets, how that came about as sentences, and by how much it was given too much before."""

    lines: tuple[RewardLine, ...]
    said: tuple[str, ...]
    over_minor: int = 0


NOTHING = Settled((), ())


class Settler:
    """The terms of a policy put to the rewards of one line after another."""

    def __init__(self, document: PolicyDocument) -> None:
        self.document = document
        self.terms = document.terms
        self.layer_of = {reward.name: reward.layer for reward in document.rewards}
        self.purses = {reward.name: reward.purse for reward in document.rewards}
        self.options = {reward.name: reward.options for reward in document.rewards if reward.options}
        self.optional = {name for options in self.options.values() for name in options}
        self.per_account = [reward for reward in document.rewards if reward.per is Per.ACCOUNT]
        # Most policies have no terms of their own, and most lines no past: nothing is to be settled then.
        self.is_plain = not (self.terms.layers or self.terms.caps or self.per_account or self.options)
        self.only_per_account = all(reward.per is Per.ACCOUNT for reward in document.rewards if reward.purse == "money")

    def offered(self, lines: Sequence[RewardLine]) -> tuple[RewardLine, ...]:
        """The rewards with every choice's options within it; a choice of which no option is given is none."""
        if not self.optional:
            return tuple(lines)
        by_name = {line.name: line for line in lines}
        found = []
        for line in lines:
            names = self.options.get(line.name)
            if names is None:
                found += [line] if line.name not in self.optional else []
            elif options := tuple(by_name[name] for name in names if name in by_name):
                found.append(_with_options(line, options))
        return tuple(found)

    def settle(self, lines: Sequence[RewardLine], caps: Sequence[int], standing: Standing) -> Settled:
        """What the line gets of `lines`; `caps` are the amounts of the policy's caps for it, in their order."""
        if not lines:
            return NOTHING if not standing.given else Settled((), (), self.over({}, standing.given))
        if standing.held_out:
            holdout = self.terms.holdout
            share = "" if holdout is None else f" {float(holdout.share):.4g} of all lines,"
            return Settled((), (f"The line is held out, as are{share} to learn what the goodwill is worth",))
        if self.is_plain and standing is NO_STANDING:
            says = self.terms.others is not Others.KEEP and _has_cash(lines)
            return Settled(tuple(lines), (NOBODY_ELSE,) if says else ())
        return _Settling(self, list(lines), caps, standing).settled()

    def over(self, wanted: Mapping[str, Fraction], given: Given) -> int:
        """By how many minor units more cash was given than is owed now."""
        over = given.get("money", Fraction(0)) - wanted.get("money", Fraction(0))
        return int(over) if over > 0 else 0

    def text_of(self, text: str | None, raw: Sequence[RewardLine], settled: Settled, standing: Standing) -> str | None:
        """The text to send: the policy's, its correction to those who were given something before, or none."""
        told = bool(standing.given) or (standing.account is not None and bool(standing.account.given))
        if text is None or (raw and not settled.lines) or (told and not _effective(settled.lines)):
            return None
        return self.terms.correction_text if told else text


class _Settling:
    """One line under way."""

    def __init__(self, settler: Settler, lines: _Lines, caps: Sequence[int], standing: Standing) -> None:
        self.settler = settler
        self.terms = settler.terms
        self.currency = settler.document.currency
        self.caps = caps
        self.standing = standing
        self.lines = lines
        self.said: list[str] = []

    def settled(self) -> Settled:
        if self.terms.layers:
            self.lines = self.layered()
        own = [line for line in self.lines if line.per is Per.LINE]
        shared = [line for line in self.lines if line.per is Per.ACCOUNT]
        own = self.capped(own, self.room(Per.LINE, Over.INCIDENT), "per line and incident")
        own, left = self.less_others(own, self.standing.other_minor, shared)
        own = self.capped(own, self.room(Per.LINE, Over.MONTH, self.standing.month_minor), "per line and month")
        share = self.standing.account
        if share is not None and shared and self.settler.only_per_account:
            left = share.other_minor
        shared, taken, over = self.account(shared, share, left)
        own = self.capped(own, self.line_room(share, taken), "per account")
        wanted = _sizes(own, self.settler.purses)
        own = self.less_given(own, self.standing.given)
        over += self.settler.over(wanted, self.standing.given)
        if over:
            self.said.append(f"{self.money(over)} more than this was credited before; nothing is taken back by itself")
        order = {line.name: place for place, line in enumerate(self.lines)}
        lines = sorted((*own, *shared), key=lambda line: order[line.name])
        if self.standing.given and not _effective(lines):
            lines = []
        return Settled(tuple(lines), tuple(self.said), over)

    # --- layers

    def layered(self) -> _Lines:
        kept: _Lines = []
        for place, layer in enumerate(self.terms.layers):
            mine = [
                replace(line, basis=layer.basis)
                for line in self.lines
                if self.settler.layer_of[line.name] == layer.name
            ]
            if place and mine and kept:
                kept, mine = self.combined(layer.combines, layer.name, kept, mine)
            kept += mine
        return kept

    def combined(self, how: Combines, name: str, before: _Lines, mine: _Lines) -> tuple[_Lines, _Lines]:
        below, here = _spent(before), _spent(mine)
        said = f"Layer {name} comes to {self.money(here)}, those before it to {self.money(below)}"
        match how:
            case Combines.REPLACES:
                self.said.append(f"{said}: {name} replaces them")
                return [], mine
            case Combines.GREATEST:
                greater = here > below
                self.said.append(f"{said}: the greater stands, which is {name if greater else 'what came before'}")
                return ([], mine) if greater else (before, [])
            case Combines.OFFSET:
                mine, _ = _spend(mine, _cash(before), _take_off)
                self.said.append(f"{said}: {name} gives what is above them, {self.money(_cash(mine))}")
                return before, mine
            case _:
                self.said.append(f"{said}: both stand")
                return before, mine

    # --- caps and what others gave

    def room(self, per: Per, over: Over, used: int = 0) -> int | None:
        rooms = [max(self.caps[place] - used, 0) for place in self.terms.caps_of(per, over)]
        return min(rooms) if rooms else None

    def account_room(self, share: AccountShare | None, taken: int) -> int | None:
        before = taken + (0 if share is None else share.before_minor)
        month = 0 if share is None else share.month_minor
        rooms = [self.room(Per.ACCOUNT, Over.INCIDENT, before), self.room(Per.ACCOUNT, Over.MONTH, before + month)]
        known = [room for room in rooms if room is not None]
        return min(known) if known else None

    def line_room(self, share: AccountShare | None, taken: int) -> int | None:
        room = self.account_room(share, taken)
        if room is None or share is None:
            return room
        whole = self.account_room(replace(share, before_minor=0), taken)
        # While the account as a whole is within its cap, the cap takes nothing from a line that it has.
        fits = whole is not None and whole >= share.lines_minor
        return max(room, int(self.standing.given.get("money", 0))) if fits else room

    def capped(self, lines: _Lines, room: int | None, said: str) -> _Lines:
        if room is None or _cash(lines) <= room:
            return _spend(lines, room, _clip)[0] if room is not None else lines
        self.said.append(f"{self.money(_cash(lines))} is over the cap {said}: {self.money(room)} remains")
        return _spend(lines, room, _clip)[0]

    def less_others(self, own: _Lines, other: int, shared: _Lines) -> tuple[_Lines, int]:
        """The line's own rewards less what others gave, and what of that is left to take off."""
        rule = self.terms.others
        if not _has_cash((*own, *shared)) or rule is Others.KEEP:
            return own, 0
        account = self.standing.account
        if not other and not (account is not None and account.other_minor and shared):
            self.said.append(NOBODY_ELSE)
            return own, 0
        if not other:
            return own, 0
        said = f"{self.money(other)} was credited for this incident before by another policy or staff"
        if rule is Others.NOTHING:
            self.said.append(f"{said}: no money is added")
            return [line for line in own if not _has_cash([line])], other
        left, remaining = _spend(own, other, _take_off)
        if own:
            self.said.append(f"{said}: {self.money(_cash(left))} remains of {self.money(_cash(own))}")
        return left, remaining

    # --- once per account

    def account(self, shared: _Lines, share: AccountShare | None, other: int) -> tuple[_Lines, int, int]:
        """The account's rewards that this line carries, the cash of all of them, and what was given too much."""
        if share is None:
            return shared, 0, 0
        mine = {line.name: line for line in shared if line.name in share.carries}
        for line in shared:
            if line.name not in mine:
                self.said.append(f"{line.name} is given once per account, on another of its lines")
        whole = [
            mine.get(reward.name) or _stand_in(reward.name, reward.kind.name, share.values[reward.name], self.currency)
            for reward in self.settler.per_account
            if reward.name in mine or (reward.purse == "money" and reward.name in share.values)
        ]
        if other and self.terms.others is Others.OFFSET and whole:
            cash = _cash(whole)
            whole, _ = _spend(whole, other, _take_off)
            self.said.append(
                f"{self.money(other)} was credited to the account for this incident before: "
                f"{self.money(_cash(whole))} remains of {self.money(cash)}"
            )
        elif other and self.terms.others is Others.NOTHING:
            whole = [line for line in whole if not _has_cash([line])]
        had = int(share.given.get("money", 0))
        room = self.account_room(replace(share, before_minor=0), 0)
        if room is not None:
            # What the lines have already is gone from the cap, but takes nothing from what the account has.
            room = max(room - share.lines_minor, min(room, had))
        whole = self.capped(whole, room, "per account")
        taken, wanted = max(_cash(whole), had), _sizes(whole, self.settler.purses)
        whole = self.less_given(whole, share.given)
        over = self.settler.over(wanted, share.given) if mine else 0
        return [line for line in whole if line.name in share.carries], taken, over

    # --- what was given before

    def less_given(self, lines: _Lines, given: Given) -> _Lines:
        if not given:
            return lines
        left, kept = dict(given), []
        for line in lines:
            purse = self.settler.purses[line.name]
            taken = min(line.size, left.get(purse, Fraction(0)))
            left[purse] = left.get(purse, Fraction(0)) - taken
            if taken:
                self.said.append(f"{line.name} was given before: {_said(line, taken)} of {_said(line, line.size)}")
            if taken < line.size:
                kept.append(line.resized(line.size - taken) if taken else line)
        return kept

    def money(self, amount_minor: int) -> str:
        return str(Money(amount_minor, self.currency))


def _said(line: RewardLine, size: Fraction) -> str:
    if line.amount_minor is not None:
        return str(Money(int(size), line.currency))
    return f"{float(size):g} {line.unit or ('%' if line.percent is not None else 'time')}"


def _effective(lines: Iterable[RewardLine]) -> bool:
    """Whether anything but words is given."""
    return any(line.kind != "apology" for line in lines)


def _stand_in(name: str, kind: str, value: Fraction, currency: str) -> RewardLine:
    """A reward that another line of the account carries, for its amount's sake."""
    return RewardLine(name, kind, int(value), currency, per=Per.ACCOUNT)


def _sizes(lines: Iterable[RewardLine], purses: Mapping[str, str]) -> dict[str, Fraction]:
    sizes: dict[str, Fraction] = {}
    for line in lines:
        sizes[purses[line.name]] = sizes.get(purses[line.name], Fraction(0)) + line.size
    return sizes


def _spent(lines: Iterable[RewardLine]) -> int:
    return sum(line.spent_minor for line in lines)


def _cash_of(line: RewardLine) -> int:
    """The cash of one reward: an amount, or the most that a person may decide."""
    return (line.amount_minor or 0) if line.is_cash else line.ceiling_minor or 0


def _cash(lines: Iterable[RewardLine]) -> int:
    return sum(_cash_of(line) for line in lines)


def _has_cash(lines: Iterable[RewardLine]) -> bool:
    return any(_cash_of(line) or _has_cash(line.options) for line in lines)


def _spend(lines: Iterable[RewardLine], left: int, piece: _Piece) -> tuple[_Lines, int]:
    """Each reward's cash through `piece` (cash, left) -> (cash, left) in order; what comes to nothing goes.

    Of a choice one option is taken in the end, so that each meets the same that is left.
    """
    kept: _Lines = []
    for line in lines:
        if line.options:
            options = tuple(one for option in line.options for one in _spend([option], left, piece)[0])
            kept += [_with_options(line, options)] if options else []
        elif cash := _cash_of(line):
            cash, left = piece(cash, left)
            kept += [_with_cash(line, cash)] if cash else []
        else:
            kept.append(line)
    return kept, left


def _clip(cash: int, left: int) -> tuple[int, int]:
    given = min(cash, left)
    return given, left - given


def _take_off(cash: int, left: int) -> tuple[int, int]:
    taken = min(cash, left)
    return cash - taken, left - taken


def _with_cash(line: RewardLine, cash: int) -> RewardLine:
    if cash == _cash_of(line):
        return line
    return replace(line, amount_minor=cash) if line.is_cash else replace(line, ceiling_minor=cash)


def _with_options(line: RewardLine, options: tuple[RewardLine, ...]) -> RewardLine:
    known = any(option.name == line.default for option in options)
    return replace(line, options=options, default=line.default if known else options[0].name)
