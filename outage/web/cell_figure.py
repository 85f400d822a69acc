"""The map of an incident's cells as a Plotly figure: to be zoomed, saved as a picture and put into a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from foundation.web.figures import GREEN, GREY, ORANGE, RED
from outage.web.placed import CellPoint

MOST_CELLS = 10_000
"""More than these Plotly draws too slowly without WebGL, which the console's content policy keeps out."""

# Colour and shape both tell the state: some eyes see no red, some screens are grey.
_STATES: Mapping[str, tuple[str, str, int]] = {
    "up": (GREY, "circle", 4),
    "restored": (GREEN, "diamond", 7),
    "degraded": (ORANGE, "triangle-up", 8),
    "lost": (RED, "x", 8),
}


def cell_figure(cells: Sequence[CellPoint]) -> Any:
    """Cells by state over longitude and latitude, without tiles; a degree is as long both ways as in their middle."""
    import plotly.graph_objects as go

    placed = [cell for cell in cells if cell.latitude is not None]
    chart = go.Figure(layout={"template": None})
    for state, (colour, symbol, size) in _STATES.items():
        points = [cell for cell in placed if cell.state == state]
        if points:
            marker = {"color": colour, "symbol": symbol, "size": size, "opacity": 0.55 if state == "up" else 0.9}
            chart.add_trace(_trace(go, state, points, marker))
    axis = {"ticksuffix": "°", "zeroline": False, "nticks": 5, "automargin": True}
    chart.update_layout(
        margin={"l": 40, "r": 12, "t": 8, "b": 36},
        xaxis=axis,
        yaxis={**axis, "scaleanchor": "x", "scaleratio": _stretch(placed)},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemsizing": "constant"},
        hovermode="closest",
        dragmode="pan",
    )
    return chart


def _trace(go: Any, state: str, points: Sequence[CellPoint], marker: Mapping[str, Any]) -> Any:
    return go.Scatter(
        x=[round(cell.longitude or 0.0, 5) for cell in points],
        y=[round(cell.latitude or 0.0, 5) for cell in points],
        text=[cell.ref for cell in points],
        name=f"{state} ({len(points):,})",
        mode="markers",
        marker=marker,
        hovertemplate="%{text}<br>" + state + "<extra></extra>",
    )


def _stretch(cells: Sequence[CellPoint]) -> float:
    latitudes = [cell.latitude or 0.0 for cell in cells] or [0.0]
    middle = (min(latitudes) + max(latitudes)) / 2
    # At the poles a degree of longitude has no length; 85 degrees is farther than any cell.
    return 1 / math.cos(math.radians(min(abs(middle), 85.0)))
