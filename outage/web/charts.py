"""The charts of an incident and of its runs: elements or lines without service over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from foundation.web.figures import BLUE, ORANGE, PURPLE, RED

# Most outages take all services at once: thinner lines over broader ones leave each of them to be seen.
_SERVICES = {"voice": (BLUE, 7), "sms": (PURPLE, 4), "data": (ORANGE, 1.5)}
_FEW = 6


def lost_service_chart(series: Mapping[str, Sequence[tuple[datetime, int]]], unit: str = "Elements") -> Any:
    """Step lines, one per service: how many of `unit` are without it from each instant on (UTC)."""
    import plotly.graph_objects as go

    chart = go.Figure(layout={"template": None})
    for service, points in series.items():
        colour, width = _SERVICES.get(service, (RED, 2))
        chart.add_trace(
            go.Scatter(
                x=[at.strftime("%Y-%m-%d %H:%M:%S") for at, _ in points],
                y=[count for _, count in points],
                name=service,
                mode="lines",
                line={"shape": "hv", "color": colour, "width": width},
                hovertemplate="%{y:,} without " + service + "<extra></extra>",
            )
        )
    most = max((count for points in series.values() for _, count in points), default=0)
    chart.update_layout(
        margin={"l": 48, "r": 12, "t": 8, "b": 40},
        xaxis={"title": {"text": "UTC"}, "hoverformat": "%d %b %Y %H:%M UTC", "nticks": 6, "automargin": True},
        yaxis={
            "rangemode": "tozero",
            "tickformat": ",d",
            "dtick": 1 if most < _FEW else None,
            "title": {"text": unit},
            "automargin": True,
        },
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    return chart
