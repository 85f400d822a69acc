"""Pure: how a line stands before its rewards are settled, read from the values of its group."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from fractions import Fraction

from compensation.cases.standing_sql import RECORD, UNIT, held_out_sql
from compensation.decision.settling import NO_STANDING, AccountShare, Standing
from compensation.document.reading import PolicyDocument
from compensation.rewards import Per
from compensation.terms import Over

HISTORY_COLUMNS = ("h_other", "h_own_month", "h_given", "h_account_given")
MILLIONTHS = 10**6
"""In what sizes that are no amounts are compared within an account."""


class Standings:
    """Which columns a policy needs besides the facts, and what they say."""

    def __init__(self, document: PolicyDocument, *, has_history: bool, holds_out: bool = True) -> None:
        terms = document.terms
        holdout = terms.holdout if holds_out else None
        self.per_account = tuple(reward for reward in document.rewards if reward.per is Per.ACCOUNT)
        self.account_caps = terms.caps_of(Per.ACCOUNT)
        self.concerns_accounts = bool(self.per_account or self.account_caps)
        self._held_out = None if holdout is None else held_out_sql(holdout, document.name)
        self._has_history = has_history
        self._monthly = any(cap.over is Over.MONTH for cap in terms.caps)
        self._per_line = {reward.purse for reward in document.rewards if reward.per is Per.LINE}
        self._shared = {reward.purse for reward in self.per_account}

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """The SQL expressions, over a population with history, that tell cases apart besides the facts."""
        return (*self.history_columns, *([self._held_out] if self._held_out is not None else []))

    @functools.cached_property
    def history_columns(self) -> tuple[str, ...]:
        """Those of `columns` that say what was given before."""
        history = HISTORY_COLUMNS if self._has_history else ()
        return tuple(name for name in history if self._monthly or name != "h_own_month")

    @property
    def wants_sizes(self) -> bool:
        """Whether the account's rewards must be known on every line of it."""
        return bool(self.per_account and self.account_caps)

    def of(self, values: Mapping[str, object], account: Sequence[object] = ()) -> Standing:
        """The standing of a group by its columns' values, and by `account_sql.COLUMNS` where those are known."""
        if not values.keys() & set(self.columns) and not account:
            return NO_STANDING
        line, shared = (_given(values.get(name)) for name in ("h_given", "h_account_given"))
        # What was given per account under a version that has no such reward any more counts for the line, and back.
        moved = {purse: size for purse, size in shared.items() if purse not in self._shared}
        found = Standing(
            held_out=bool(values.get(self._held_out)) if self._held_out is not None else False,
            other_minor=_whole(values.get("h_other")),
            month_minor=_whole(values.get("h_own_month")),
            given=_sum(line, moved),
            account=self._share(account) if account else None,
        )
        return NO_STANDING if found == NO_STANDING else found

    def alone(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """`account_sql.COLUMNS` of a line that is alone on its account; empty where that says nothing more."""
        if not (self.concerns_accounts and self._has_history):
            return ()
        given = (values.get(name) for name in ("h_other", "h_own_month", "h_account_given", "h_given"))
        return ("1" * len(self.per_account), "", 0, *given)

    def _share(self, account: Sequence[object]) -> AccountShare:
        carries, sizes, before, other, month, given, line_given = account
        by_line = _given(line_given)
        moved = {purse: size for purse, size in by_line.items() if purse not in self._per_line}
        names = [reward.name for reward in self.per_account]
        return AccountShare(
            carries=frozenset(name for name, bit in zip(names, str(carries), strict=True) if bit == "1"),
            values={name: Fraction(size) for name, size in zip(names, str(sizes).split(","), strict=False) if size},
            before_minor=_whole(before),
            other_minor=_whole(other),
            month_minor=_whole(month),
            given=_sum(_given(given), moved),
            lines_minor=int(by_line.get("money", 0)) if "money" not in moved else 0,
        )


def _whole(value: object) -> int:
    return 0 if value is None else int(str(value))


def _given(text: object) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for record in str(text).split(RECORD) if text else ():
        purse, size = record.split(UNIT)
        found[purse] = found.get(purse, Fraction(0)) + Fraction(size)
    return found


def _sum(one: Mapping[str, Fraction], other: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {purse: one.get(purse, Fraction(0)) + other.get(purse, Fraction(0)) for purse in {**one, **other}}
