"""The figures of an assessment: lines and cost by case, and how the credits are distributed over lines."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from compensation.histogram import Bin
from compensation.models import Case
from compensation.web.words import money_text
from foundation.money import Money
from foundation.web.figures import BLUE, ORANGE


def cases_figure(shown: Sequence[Case], currency: str) -> go.Figure:
    """Cost and lines of each case, one above the other, in the order given."""
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


def bin_label(each: Bin, currency: str) -> str:
    """The range of amounts that a bin stands for."""
    if each.least_minor == each.most_minor:
        return money_text(each.least_minor, currency)
    return f"{money_text(each.least_minor, currency)} to {money_text(each.most_minor, currency)}"
