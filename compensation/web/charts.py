"""The figures of an assessment: lines and cost by case, and how the credits are distributed over lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from compensation.models import Case
from compensation.web.words import money_text
from foundation.money import Money
from foundation.web.figures import BLUE, ORANGE

MOST_BARS = 25
MOST_BINS = 24


@dataclass(frozen=True, slots=True)
class Bin:
    """Lines whose credit lies in [least_minor, most_minor] (equal when amounts are few), and what they cost."""

    least_minor: int
    most_minor: int
    lines: int
    cost_minor: int


def cases_figure(cases: Sequence[Case], currency: str) -> go.Figure:
    """Lines and cost of each case, the dearest first, at most `MOST_BARS`."""
    shown = dearest(cases)
    names = [f"Case {case.number}" for case in shown]
    costs = [float(Money(case.cost_minor * case.lines, currency).decimal) for case in shown]
    lines = [case.lines for case in shown]
    figure = go.Figure()
    figure.add_bar(x=names, y=costs, name=f"Cost ({currency})", offsetgroup=0, marker_color=BLUE)
    figure.add_bar(x=names, y=lines, name="Lines", offsetgroup=1, yaxis="y2", marker_color=ORANGE)
    figure.update_layout(
        template=None,
        barmode="group",
        yaxis={"title": {"text": f"Cost ({currency})"}, "rangemode": "tozero"},
        yaxis2={
            "title": {"text": "Lines"},
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
        },
        legend={"orientation": "h", "y": 1.15},
        margin={"l": 60, "r": 60, "t": 20, "b": 70},
    )
    return figure


def credits_figure(bins: Sequence[Bin], currency: str) -> go.Figure:
    """How many lines get how much."""
    figure = go.Figure()
    figure.add_bar(
        x=[bin_label(each, currency) for each in bins], y=[each.lines for each in bins], name="Lines", marker_color=BLUE
    )
    figure.update_layout(
        template=None,
        xaxis={"title": {"text": "Credit of one line"}, "type": "category"},
        yaxis={"title": {"text": "Lines"}, "rangemode": "tozero"},
        bargap=0.08,
        showlegend=False,
        margin={"l": 60, "r": 20, "t": 20, "b": 80},
    )
    return figure


def dearest(cases: Sequence[Case]) -> list[Case]:
    """The cases that a chart can show: by cost of all lines, then by lines."""
    return sorted(cases, key=lambda case: (-case.cost_minor * case.lines, -case.lines, case.number))[:MOST_BARS]


def distribute(cases: Sequence[Case]) -> list[Bin]:
    """Lines by the cost of one line: each amount by itself while they are few, else in equal steps."""
    lines_by_amount: Counter[int] = Counter()
    for case in cases:
        lines_by_amount[case.cost_minor] += case.lines
    if len(lines_by_amount) <= MOST_BINS:
        return [Bin(amount, amount, lines, amount * lines) for amount, lines in sorted(lines_by_amount.items())]
    zero = lines_by_amount.pop(0, 0)
    step = -(-max(lines_by_amount) // (MOST_BINS - 1))
    grouped: dict[int, list[tuple[int, int]]] = {}
    for amount, lines in sorted(lines_by_amount.items()):
        grouped.setdefault((amount - 1) // step, []).append((amount, lines))
    bins = [Bin(0, 0, zero, 0)] if zero else []
    for index, members in grouped.items():
        total = sum(lines for _, lines in members)
        bins.append(Bin(index * step + 1, (index + 1) * step, total, sum(amount * lines for amount, lines in members)))
    return bins


def bin_label(each: Bin, currency: str) -> str:
    """The range of amounts that a bin stands for."""
    if each.least_minor == each.most_minor:
        return money_text(each.least_minor, currency)
    return f"{money_text(each.least_minor, currency)} to {money_text(each.most_minor, currency)}"
