"""Checks by geometry: 200 rules by 6 columns within 2 seconds, as people write tables and as bad as chance makes them.

No rival: each table is checked whole and its time printed; past the budget the answer must be "not decided".
"""

from __future__ import annotations

import random
import time
from fractions import Fraction

import pytest

from compensation.feel import FeelType, NameType, Origin
from compensation.geometry.check import check_table
from compensation.tables.table import HitPolicy, Table
from compensation.tables.text import read_table

SCOPE = {
    "hours lost": NameType(FeelType.NUMBER, nullable=False, lowest=Fraction(0)),
    "lines": NameType(FeelType.NUMBER, nullable=False, lowest=Fraction(1), step=Fraction(1)),
    "fee": NameType(FeelType.MONEY, exact_money=True, lowest=Fraction(0)),
    "free": NameType(FeelType.NUMBER),
    "plan": NameType(FeelType.STRING),
    "segment": NameType(FeelType.STRING, ("consumer", "business"), nullable=False),
}
PLANS = ["-", '"A"', '"B"', '"C", "D"', 'not("E")']
SEGMENTS = ["-", '"consumer"', '"business"']
RULES = 200


def made(lines: list[str], policy: HitPolicy) -> Table:
    text = "\n".join([f"{' | '.join(SCOPE)} || n : number in 1, 2, 3", *lines])
    found, errors = read_table(text, policy, SCOPE, Origin())
    assert errors == []
    assert found is not None
    return found


def stretch(chance: random.Random, low: int, high: int, free: float) -> str:
    if chance.random() < free:
        return "-"
    first, last = sorted(chance.sample(range(low, high), 2))
    return chance.choice([f"[{first}..{last})", f"({first}..{last}]", f">= {first}", f"< {last}"])


def by_chance(free: float, seed: int = 5) -> list[str]:
    chance = random.Random(seed)
    ends = [(0, 100), (1, 50), (0, 200), (-100, 100)]
    return [
        " | ".join([*(stretch(chance, *pair, free) for pair in ends), chance.choice(PLANS), chance.choice(SEGMENTS)])
        + f" || {chance.randint(1, 3)}"
        for _ in range(RULES)
    ]


def narrow(seed: int = 5) -> list[str]:
    """Closed intervals on four columns at once: as many different sets of rules as can be."""
    chance = random.Random(seed)
    lines = []
    for _ in range(RULES):
        cells = []
        for low, high in ((0, 100), (1, 50), (0, 200), (-100, 100)):
            first, last = sorted(chance.sample(range(low, high), 2))
            cells.append(f"[{first}..{last})")
        lines.append(f"{' | '.join([*cells, *map(chance.choice, (PLANS, SEGMENTS))])} || {chance.randint(1, 3)}")
    return lines


def grid() -> list[str]:
    """A whole tariff: every combination of tiers, plans and segments, without gap or overlap."""
    tiers = ["[0..4)", "[4..8)", "[8..24)", "[24..48)", ">= 48"]
    plans = ['"A"', '"B"', '"C"', '"D"', 'not("A", "B", "C", "D")']
    return [
        f"{tier} | {lines} | {fee} | - | {plan} | {segment} || 1"
        for tier in tiers
        for lines in ("< 10", ">= 10")
        for fee in ("< 50, null", ">= 50")
        for plan in plans
        for segment in SEGMENTS[1:]
    ]


SHAPES = {"whole tariff": grid(), "chance": by_chance(0.3), "chance, many dashes": by_chance(0.6), "narrow": narrow()}


@pytest.mark.parametrize("policy", [HitPolicy.UNIQUE, HitPolicy.ANY, HitPolicy.FIRST, HitPolicy.PRIORITY])
@pytest.mark.parametrize("shape", SHAPES)
def test_200_rules_by_6_columns_are_checked_within_their_budget(shape, policy, capsys):
    asked = made(SHAPES[shape], policy)
    started = time.perf_counter()
    report = check_table(asked, SCOPE, now=time.monotonic)
    seconds = time.perf_counter() - started
    with capsys.disabled():
        state = "decided" if report.decided else "not decided: " + ", ".join(one.question for one in report.undecided)
        print(
            f"\n{shape}, {policy}: {len(asked.rules)} rules, {seconds:.2f} s, {len(report.gaps)} gaps listed, {state}"
        )
    assert report.inputs == tuple(SCOPE)
