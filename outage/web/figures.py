"""What an incident's page fetches after it is shown: the states on the map, and the table of its cells."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from foundation import clock
from foundation.errors import RefusedError
from foundation.web import csv_response, permission, read_page, reading, wants_csv
from outage.incidents.incidents import get_incident
from outage.web import losses, placed
from outage.web.cell_figure import MOST_CELLS, cell_figure

pages = Blueprint("incident_figures", __name__)
STATES = ("lost", "degraded", "restored", "up")


@pages.get("/incidents/<ref>/map.json")
@permission("incidents.read")
def draw_map(ref: str) -> Response:
    """The cells that are not simply up, by state; where all cells stand is `network.list_cells`."""
    with reading() as session:
        incident = get_incident(session, ref)
        lost = losses.losses_now(session, incident)
        states = placed.refs_by_state(session, losses.states_at(lost, losses.map_moment(incident, lost)))
    return placed.compressed_json({"states": states})


@pages.get("/incidents/<ref>/map-figure.json")
@permission("incidents.read")
def draw_figure(ref: str) -> Response:
    """The same map as a Plotly figure, to be saved as a picture; refused for a network too large to draw so."""
    with reading() as session:
        incident = get_incident(session, ref)
        lost = losses.losses_now(session, incident)
        states = losses.states_at(lost, losses.map_moment(incident, lost))
        if placed.count_placed(session, clock.now()) > MOST_CELLS:
            raise RefusedError("too many cells for a figure", where=ref, accepted=f"at most {MOST_CELLS:,} cells")
        cells = [*placed.list_up(session, states), *placed.touched_cells(session, states)]
    return Response(cell_figure(cells).to_json(), mimetype="application/json")


@pages.get("/incidents/<ref>/cells")
@permission("incidents.read")
def list_cells(ref: str) -> Response | str:
    """The cells of that map as a table: those of one state, or all that are not simply up."""
    asked = request.args.get("state", "")
    wanted = asked if asked in STATES else None
    page = read_page(200)
    with reading() as session:
        incident = get_incident(session, ref)
        lost = losses.losses_now(session, incident)
        moment = losses.map_moment(incident, lost)
        states = losses.states_at(lost, moment)
        chosen = placed.choose_cells(session, states, wanted)
        shown = chosen if wants_csv() else chosen[page.offset : page.offset + page.size]
        cells = placed.touched_cells(session, {key: states.get(key, "up") for key in shown})
    if wants_csv():
        rows = [(cell.ref, cell.state, cell.latitude, cell.longitude) for cell in cells]
        return csv_response(f"{incident.ref}_cells", ("cell", "state", "latitude", "longitude"), rows)
    return render_template(
        "outage/cells.html",
        incident=incident,
        moment=moment,
        cells=cells,
        count=len(chosen),
        page=page,
        pages=page.pages(len(chosen)),
        states=STATES,
        wanted=wanted,
    )
