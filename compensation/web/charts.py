"""The figures of an assessment: lines and cost by case, and how the credits are distributed over lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

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
    """Cost and lines of each case, one above the other, the dearest first, at most `MOST_BARS`."""
    shown = dearest(cases)
    names = [str(case.number) for case in shown]
    costs = [float(Money(case.cost_minor * case.lines, currency).decimal) for case in shown]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    figure.add_bar(x=names, y=costs, name="Cost", marker_color=BLUE, row=1, col=1)
    figure.add_bar(x=names, y=[case.lines for case in shown], name="Lines", marker_color=ORANGE, row=2, col=1)
    figure.update_yaxes(title_text=f"Cost ({currency})", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Lines", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(type="category", tickangle=0)
    figure.update_xaxes(title_text="Case", row=2, col=1)
    figure.update_layout(
        template=None, showlegend=False, bargap=0.15, margin={"l": 70, "r": 10, "t": 10, "b": 45}, height=360
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
        margin={"l": 60, "r": 10, "t": 10, "b": 70},
        height=360,
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
