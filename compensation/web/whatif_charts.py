"""The figures of a what-if: how many lines get how much, what each part costs, who wins and who loses."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from compensation.histogram import Bin
from compensation.simulation.whatif_results import Part
from compensation.tallies import Shift
from compensation.web.charts import bin_label
from foundation.money import Money
from foundation.web.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED

MOST_BARS = 15
_MARGIN = {"l": 70, "r": 10, "t": 10, "b": 60}
_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}


def histogram_figure(bins: Sequence[tuple[Bin, Bin]], currency: str, names: tuple[str, str | None]) -> go.Figure:
    """How many lines get how much, this policy beside the other where there is one."""
    labels = [bin_label(now, currency) for now, _ in bins]
    figure = go.Figure()
    figure.add_bar(x=labels, y=[now.lines for now, _ in bins], name=names[0], marker_color=BLUE)
    if names[1] is not None:
        figure.add_bar(x=labels, y=[before.lines for _, before in bins], name=names[1], marker_color=GREY)
    figure.update_layout(
        template=None,
        barmode="group",
        xaxis={"title": {"text": "One line gets"}, "type": "category", "automargin": True},
        yaxis={"title": {"text": "Lines"}, "rangemode": "tozero", "automargin": True},
        showlegend=names[1] is not None,
        legend=_LEGEND,
        margin=_MARGIN,
    )
    return figure


def parts_figure(parts: Sequence[Part], currency: str, names: tuple[str, str | None]) -> go.Figure:
    """What the lines of each value of a dimension cost, the dearest first, at most `MOST_BARS`."""
    shown = list(reversed(parts[:MOST_BARS]))
    labels = [part.value if part.value is not None else "not known" for part in shown]
    figure = go.Figure()
    if names[1] is not None:
        before = [_major(part.against_minor or 0, currency) for part in shown]
        figure.add_bar(y=labels, x=before, name=names[1], marker_color=GREY, orientation="h")
    now = [_major(part.cost_minor, currency) for part in shown]
    figure.add_bar(y=labels, x=now, name=names[0], marker_color=BLUE, orientation="h")
    figure.update_layout(
        template=None,
        barmode="group",
        xaxis={"title": {"text": f"Cost ({currency})"}, "rangemode": "tozero", "automargin": True},
        yaxis={"type": "category", "automargin": True},
        showlegend=names[1] is not None,
        legend={**_LEGEND, "traceorder": "reversed"},
        margin={**_MARGIN, "l": 10},
    )
    return figure


def shift_figure(shift: Shift) -> go.Figure:
    """How many lines get more, less, something else, or cannot be told."""
    bars = (
        ("get more", shift.winners, GREEN),
        ("get less", shift.losers, RED),
        ("something else", shift.otherwise, ORANGE),
        ("not told", shift.unclear, PURPLE),
        ("the same", shift.same, GREY),
    )
    figure = go.Figure()
    figure.add_bar(
        x=[name for name, _, _ in bars],
        y=[change.lines for _, change, _ in bars],
        marker_color=[colour for _, _, colour in bars],
        text=[f"{change.lines:,}" for _, change, _ in bars],
        textposition="auto",
        name="Lines",
    )
    figure.update_layout(
        template=None,
        xaxis={"type": "category", "automargin": True},
        yaxis={"title": {"text": "Lines"}, "rangemode": "tozero", "automargin": True},
        showlegend=False,
        margin=_MARGIN,
    )
    return figure


def _major(amount_minor: int, currency: str) -> float:
    return float(Money(amount_minor, currency).decimal)
