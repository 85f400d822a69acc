"""What decisions add up to, how two policies differ on the same lines, and what a test over history expects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.histogram import MOST_BINS, distribute, distribute_both
from compensation.history_rules import (
    Expectation,
    Totals,
    check_bounds,
    judge,
    shift_from_json,
    shift_to_json,
    totals_of,
)
from compensation.rewards import RewardLine
from compensation.tallies import Kind, fingerprint_rows, kind_of, shift, tally
from foundation.errors import InputError


@dataclass(frozen=True)
class Fixed:
    """A decision as it stands."""

    outcome: str
    rewards: tuple[RewardLine, ...] = ()
    text: str | None = None
    reason: str | None = None
    over_minor: int = 0

    @property
    def cost_minor(self) -> int:
        return sum(line.amount_minor or 0 for line in self.rewards)


def pays(amount: int, name: str = "credit", text: str | None = None) -> Fixed:
    return Fixed("entitled", (RewardLine(name, "bill_credit", amount, "GBP"),), text)


NOTHING, UNKNOWN = Fixed("nothing"), Fixed("undetermined")
some = st.sampled_from([None, NOTHING, UNKNOWN, pays(100), pays(250), pays(100, "voucher"), pays(100, text="sorry")])
rows = st.lists(st.tuples(some, some, st.integers(1, 1000)), max_size=30)


@pytest.mark.parametrize(
    ("now", "before", "kind"),
    [
        (pays(2), pays(1), Kind.WINNER),
        (NOTHING, pays(1), Kind.LOSER),
        (None, pays(1), Kind.LOSER),
        (pays(1), None, Kind.WINNER),
        (pays(1), pays(1, "voucher"), Kind.OTHERWISE),
        (pays(1), pays(1, text="sorry"), Kind.OTHERWISE),
        (UNKNOWN, pays(1), Kind.UNCLEAR),
        (NOTHING, UNKNOWN, Kind.UNCLEAR),
        (UNKNOWN, UNKNOWN, Kind.SAME),
        (None, NOTHING, Kind.SAME),
        (pays(1), pays(1), Kind.SAME),
    ],
)
def test_how_a_line_fares(now, before, kind):
    assert kind_of(now, before) is kind


@given(rows)
def test_changes_add_up_to_the_difference_of_the_costs(decided):
    moved = shift(decided)
    changes = (moved.winners, moved.losers, moved.otherwise, moved.unclear, moved.same)
    now = tally((one, lines) for one, _, lines in decided)
    before = tally((two, lines) for _, two, lines in decided)
    assert sum(change.difference_minor for change in changes) == now.cost_minor - before.cost_minor
    assert sum(change.lines for change in changes) == sum(lines for *_, lines in decided)
    assert moved.otherwise.difference_minor == moved.same.difference_minor == 0
    assert shift_from_json(shift_to_json(moved)) == moved


@given(rows)
def test_totals_do_not_depend_on_how_lines_are_grouped(decided):
    whole = [(one, lines) for one, _, lines in decided]
    split = [(one, part) for one, lines in whole for part in (1,) * min(lines, 3) + (lines - min(lines, 3),) if part]
    one, two = (totals_of(tally(each), fingerprint_rows(each)) for each in (whole, split))
    assert one == two


@given(st.dictionaries(st.integers(0, 10**6), st.integers(1, 10**6), max_size=200))
def test_a_histogram_holds_every_line_and_every_penny(amounts):
    bins = distribute(amounts)
    assert len(bins) <= MOST_BINS
    assert sum(each.lines for each in bins) == sum(amounts.values())
    assert sum(each.cost_minor for each in bins) == sum(amount * lines for amount, lines in amounts.items())
    assert all(one.most_minor < two.least_minor for one, two in pairwise(bins))


def test_two_histograms_share_their_bins():
    pairs = distribute_both({0: 5, 100: 2}, {100: 3, 900: 1})
    assert [(now.least_minor, now.lines, before.lines) for now, before in pairs] == [
        (0, 5, 0),
        (100, 2, 3),
        (900, 0, 1),
    ]


TOTALS = Totals(10, 6, 3, 1, 8404, 7, "abc")


def said(expectation: Expectation, **given) -> list[str]:
    settings = {"currency": "GBP", "rival": None, "shift": None, "bounds": None, "pinned": None, **given}
    return judge(expectation, TOTALS, **settings)


def test_unchanged_asks_for_a_version_in_force_and_for_nobody_to_fare_differently():
    assert "no version is in force" in said(Expectation.UNCHANGED)[0]
    same = shift([(pays(1), pays(1), 4)])
    assert said(Expectation.UNCHANGED, rival="x v1", shift=same) == []
    moved = shift([(pays(2), pays(1), 4), (pays(1), pays(1, "b"), 5), (UNKNOWN, pays(1), 6), (NOTHING, pays(3), 7)])
    reasons = said(Expectation.UNCHANGED, rival="x v1", shift=moved)
    assert [reason.split(":")[0] for reason in reasons] == [
        "4 lines get more than under x v1, 0.04 GBP together",
        "7 lines get less than under x v1, 0.21 GBP together",
        "5 lines get something else of the same amount, or another text, than under x v1",
        "6 lines are undetermined under one of this version and x v1, 0.06 GBP together",
    ]


def test_bounds_hold_their_ends():
    assert said(Expectation.WITHIN, bounds=check_bounds({"cost_minor": (8404, 8404), "entitled": (None, 6)})) == []
    reasons = said(Expectation.WITHIN, bounds=check_bounds({"cost_minor": (None, 8403), "lines": (11, None)}))
    assert reasons == [
        "cost 84.04 GBP, at most 84.03 GBP: change the rules, or accept the difference with a reason",
        "lines looked at 10, at least 11: change the rules, or accept the difference with a reason",
    ]


def test_a_pin_tells_totals_and_even_who_gets_what():
    assert said(Expectation.PINNED, pinned=TOTALS) == []
    other = Totals(10, 6, 3, 1, 8404, 7, "def")
    assert said(Expectation.PINNED, pinned=other)[0].startswith("the totals are those pinned, but not everybody")
    assert "cost 84.04 GBP, pinned 1.00 GBP" in said(Expectation.PINNED, pinned=Totals(10, 6, 3, 1, 100, 7, "x"))[0]


@pytest.mark.parametrize("bounds", [{}, {"texts": (1, 2)}, {"lines": (3, 2)}, {"lines": (None, None)}])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(InputError):
        check_bounds(bounds)
