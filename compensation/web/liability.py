"""The liability clock of an open incident: a panel on its page, the whole of it on a page of its own, its curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
from flask import Blueprint, Response, render_template, request
from markupsafe import Markup

from compensation.simulation.liability import LONGEST_HOURS, Liability, PolicyClock, StillMakingError, find_liability
from compensation.simulation.liability_curve import Cliff
from compensation.web.words import money_text
from foundation import clock
from foundation.errors import NotFoundError, RefusedError
from foundation.money import Money
from foundation.web import csv_response, figure, has_permission, permission, reading, store, wants_csv
from foundation.web.figures import BLUE
from outage.incidents.incidents import get_incident
from outage.lifecycle import IncidentStatus

liability_pages = Blueprint("liability", __name__, url_prefix="/incidents", template_folder="templates")
HOURS = 24
# A page must not wait long; what is not looked at yet is looked at when the panel asks again.
_SECONDS = 0.2
_MOST_POINTS = 2_000
_NO_COST = Markup('<p class="small">It costs nothing in that time, whenever it is restored.</p>')
_PANEL_CLIFFS = 3
_MINUTES_OF_HOUR = 60


@dataclass(frozen=True, slots=True)
class ShownCliff:
    """A cliff in words: when from now, at which instant, what happens."""

    wait: str
    at: datetime
    lines: int
    why: str
    delta: str
    grows: bool


@dataclass(frozen=True)
class ShownPart:
    """One policy, or all of them together, with amounts as text; `owed`: the cost by rules alone, where it differs."""

    title: str
    now: str
    owed: str | None
    cliffs: Sequence[ShownCliff]
    points: Sequence[tuple[datetime, str]]
    until: str
    chart: Markup
    climbs: bool


@liability_pages.get("/<ref>/liability")
@permission("assessments.read")
def show(ref: str) -> str | Response:
    """What restoration costs now and later, and the next cliffs."""
    with reading() as session:
        found = find_liability(session, store(), ref, hours=_hours(), seconds=_SECONDS, waits=False)
    if wants_csv():
        return _download(found)
    parts = [_shown(found, part, _title(part)) for part in found.policies]
    total = found.total if found.total is not None and len(parts) > 1 else None
    return render_template(
        "compensation/liability.html",
        found=found,
        parts=parts,
        total=_shown(found, total, "All policies together") if total is not None else None,
        hours=_hours(),
        longest=LONGEST_HOURS,
    )


@liability_pages.get("/<ref>/liability/panel")
@permission("assessments.read")
def show_panel(ref: str) -> str:
    """The panel alone, as the incident's page asks for it again."""
    return render_template("compensation/liability_panel.html", **_panel(ref))


def liability_panel(incident_ref: str) -> Markup:
    """The clock on the incident's page while service is lost; empty for others, and for those who may not see money."""
    if not has_permission("assessments.read"):
        return Markup("")
    with reading() as session:
        incident = get_incident(session, incident_ref)
    if incident.status != IncidentStatus.OPENED or incident.planned:
        return Markup("")
    page = render_template("compensation/liability_card.html", **_panel(incident_ref))
    return Markup(page)  # noqa: S704 - a template of ours, its values escaped


def _panel(ref: str) -> dict[str, Any]:
    try:
        with reading() as session:
            found = find_liability(session, store(), ref, hours=HOURS, seconds=_SECONDS, waits=False)
    except (NotFoundError, RefusedError) as error:
        return {"ref": ref, "found": None, "why": error.what, "soon": isinstance(error, StillMakingError), "parts": []}
    shown = [found.total] if found.total is not None else list(found.policies)
    titles = ["All policies together"] if len(found.policies) > 1 and found.total is not None else None
    parts = [_shown(found, part, titles[0] if titles else _title(part), most=_PANEL_CLIFFS) for part in shown]
    return {"ref": ref, "found": found, "why": "", "parts": parts}


def _hours() -> int:
    text = request.args.get("hours", "")
    hours = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(LONGEST_HOURS)) + 1 else HOURS
    return min(max(hours, 1), LONGEST_HOURS)


def _title(part: PolicyClock) -> str:
    return f"{part.version.title}, version {part.version.number}"


def _shown(found: Liability, part: PolicyClock, title: str, *, most: int | None = None) -> ShownPart:
    points = [(clock.from_unix(point.at), money_text(point.cost_minor, part.currency)) for point in part.points]
    costs = any(point.cost_minor for point in part.points)
    return ShownPart(
        title=title,
        now=money_text(part.now_minor, part.currency),
        owed=money_text(part.owed_minor, part.currency) if part.owed_minor != part.now_minor else None,
        cliffs=[_cliff(cliff, found.at, part.currency) for cliff in part.cliffs[:most]],
        points=points[:_MOST_POINTS],
        until=points[-1][1],
        chart=figure(curve_figure(part), f"Cost of {title} if restored at each instant") if costs else _NO_COST,
        climbs=bool(part.curve.climbs),
    )


def _cliff(cliff: Cliff, now: datetime, currency: str) -> ShownCliff:
    minutes = max(0, -(-(cliff.at - clock.to_unix(now)) // 60))
    hours, rest = divmod(minutes, _MINUTES_OF_HOUR)
    return ShownCliff(
        wait=f"{hours} h {rest:02} min" if hours else f"{rest} min",
        at=clock.from_unix(cliff.at),
        lines=cliff.lines,
        why=cliff.why,
        delta=f"{'+' if cliff.delta_minor > 0 else ''}{money_text(cliff.delta_minor, currency)}",
        grows=cliff.delta_minor > 0,
    )


def curve_figure(part: PolicyClock) -> go.Figure:
    """The cost over the instant of restoration, with a mark at each cliff."""
    # A screen shows no more; the table and the download have every corner.
    step = -(-len(part.points) // _MOST_POINTS)
    points = [*part.points[::step], part.points[-1]]
    chart = go.Figure()
    chart.add_scatter(
        x=[_instant(point.at) for point in points],
        y=[_major(point.cost_minor, part.currency) for point in points],
        mode="lines",
        line={"color": BLUE, "width": 2},
        name="Cost",
    )
    for cliff in part.cliffs:
        chart.add_vline(x=_instant(cliff.at), line={"width": 1, "dash": "dot", "color": "#8a949e"})
    chart.update_layout(
        template=None,
        showlegend=False,
        margin={"l": 60, "r": 10, "t": 10, "b": 45},
        xaxis={"title": {"text": "Restored at (UTC)"}, "nticks": 6, "automargin": True},
        yaxis={"title": {"text": f"Cost ({part.currency})"}, "rangemode": "tozero", "automargin": True},
        hovermode="x unified",
    )
    return chart


def _instant(at: int) -> str:
    return clock.from_unix(at).strftime("%Y-%m-%d %H:%M:%S")


def _major(amount_minor: int, currency: str) -> float:
    return float(Money(amount_minor, currency).decimal)


def _download(found: Liability) -> Response:
    header = ["policy", "version", "restored_at", "cost_minor", "currency"]
    rows = [
        (part.version.name, part.version.number, clock.from_unix(point.at), point.cost_minor, part.currency)
        for part in found.policies
        for point in part.points
    ]
    return csv_response(f"{found.incident.ref}-liability", header, rows)
