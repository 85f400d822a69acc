"""The two charts of an incident: elements without service over time, and the map of its cells by state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation.web.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED

# Colour and shape both tell the state: some eyes see no red, some screens are grey.
STATES: Mapping[str, tuple[str, str, int]] = {
    "up": (GREY, "circle", 4),
    "restored": (GREEN, "diamond", 7),
    "degraded": (ORANGE, "triangle-up", 8),
    "lost": (RED, "x", 8),
}
# Most outages take all services at once: thinner lines over broader ones leave each of them to be seen.
_SERVICES = {"voice": (BLUE, 7), "sms": (PURPLE, 4), "data": (ORANGE, 1.5)}
_FEW = 6


@dataclass(frozen=True, slots=True)
class CellPoint:
    """A cell on the map: its ref, where it stands (degrees), and its state (a key of STATES)."""

    ref: str
    longitude: float
    latitude: float
    state: str


def lost_service_chart(series: Mapping[str, Sequence[tuple[datetime, int]]]) -> Any:
    """Step lines, one per service: how many elements are without it from each instant on (UTC)."""
    import plotly.graph_objects as go

    chart = go.Figure(layout={"template": None})
    for service, points in series.items():
        colour, width = _SERVICES.get(service, (GREY, 2))
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
            "title": {"text": "Elements"},
            "automargin": True,
        },
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    return chart


def cell_map(cells: Iterable[CellPoint]) -> Any:
    """A map of cells by state, without tiles; one degree is as long both ways as at the cells' middle latitude."""
    import plotly.graph_objects as go

    by_state: dict[str, list[CellPoint]] = {state: [] for state in STATES}
    for cell in cells:
        by_state[cell.state].append(cell)
    chart = go.Figure(layout={"template": None})
    for state, (colour, symbol, size) in STATES.items():
        points = by_state[state]
        if points:
            chart.add_trace(_cell_trace(go, state, points, {"color": colour, "symbol": symbol, "size": size}))
    frame = _frame(by_state)
    chart.update_layout(
        margin={"l": 40, "r": 12, "t": 8, "b": 36},
        updatemenus=[_zoom_buttons(frame)] if frame else [],
        xaxis={
            "ticksuffix": "°",
            "zeroline": False,
            "nticks": 5,
            "automargin": True,
            "range": frame[0] if frame else None,
        },
        yaxis={
            "ticksuffix": "°",
            "zeroline": False,
            "scaleanchor": "x",
            "scaleratio": _stretch(by_state),
            "automargin": True,
            "range": frame[1] if frame else None,
        },
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemsizing": "constant"},
        hovermode="closest",
        dragmode="pan",
    )
    return chart


def _cell_trace(go: Any, state: str, points: Sequence[CellPoint], marker: dict[str, Any]) -> Any:
    # Not Scattergl: it compiles its shaders' code at run time, which the console's content policy forbids to everybody.
    return go.Scatter(
        x=[round(cell.longitude, 5) for cell in points],
        y=[round(cell.latitude, 5) for cell in points],
        text=[cell.ref for cell in points],
        name=f"{state} ({len(points):,})",
        mode="markers",
        marker={**marker, "opacity": 0.55 if state == "up" else 0.9},
        hovertemplate="%{text}<br>" + state + "<extra></extra>",
    )


def _stretch(by_state: Mapping[str, Sequence[CellPoint]]) -> float:
    latitudes = [cell.latitude for cells in by_state.values() for cell in cells]
    middle = (min(latitudes) + max(latitudes)) / 2 if latitudes else 0.0
    # At the poles a degree of longitude has no length; 85 degrees is farther than any cell.
    return 1 / math.cos(math.radians(min(abs(middle), 85.0)))


def _frame(by_state: Mapping[str, Sequence[CellPoint]]) -> tuple[list[float], list[float]] | None:
    """Longitudes and latitudes around the cells that are not simply up; None when all are."""
    touched = [cell for state, cells in by_state.items() if state != "up" for cell in cells]
    if not touched:
        return None
    return _around([cell.longitude for cell in touched]), _around([cell.latitude for cell in touched])


def _around(degrees: Sequence[float]) -> list[float]:
    margin = max(0.05, (max(degrees) - min(degrees)) * 0.1)
    return [min(degrees) - margin, max(degrees) + margin]


def _zoom_buttons(frame: tuple[list[float], list[float]]) -> dict[str, Any]:
    near = {"xaxis.range": frame[0], "yaxis.range": frame[1]}
    whole = {"xaxis.autorange": True, "yaxis.autorange": True}
    return {
        "type": "buttons",
        "direction": "right",
        "x": 1,
        "xanchor": "right",
        "y": 0.02,
        "yanchor": "bottom",
        "showactive": False,
        "buttons": [
            {"label": "Touched cells", "method": "relayout", "args": [near]},
            {"label": "All cells", "method": "relayout", "args": [whole]},
        ],
    }
