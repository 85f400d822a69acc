"""What an incident's page fetches after it is shown: the map, its table, and the search for elements."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template, request

from foundation.web import csv_response, permission, read_page, reading, wants_csv
from outage.incidents import get_incident
from outage.web import charts, losses, reads

pages = Blueprint("incident_figures", __name__)


@pages.get("/incidents/<ref>/map.json")
@permission("incidents.read")
def draw_map(ref: str) -> Response:
    """The map of all cells by state, as a Plotly figure."""
    with reading() as session:
        incident = get_incident(session, ref)
        lost = losses.read_losses(session, incident)
        cells = losses.cells_by_state(session, lost, losses.map_moment(incident, lost))
    return Response(charts.cell_map(cells).to_json(), mimetype="application/json")


@pages.get("/incidents/<ref>/cells")
@permission("incidents.read")
def list_cells(ref: str) -> Response | str:
    """The cells of that map as a table: those of one state, or all that are not simply up."""
    wanted = request.args.get("state", "")
    page = read_page(200)
    with reading() as session:
        incident = get_incident(session, ref)
        lost = losses.read_losses(session, incident)
        moment = losses.map_moment(incident, lost)
        cells = losses.cells_by_state(session, lost, moment)
    chosen = [cell for cell in cells if (cell.state == wanted if wanted in charts.STATES else cell.state != "up")]
    if wants_csv():
        rows = [(cell.ref, cell.state, cell.latitude, cell.longitude) for cell in chosen]
        return csv_response(f"{incident.ref}_cells", ("cell", "state", "latitude", "longitude"), rows)
    return render_template(
        "outage/cells.html",
        incident=incident,
        moment=moment,
        cells=chosen[page.offset : page.offset + page.size],
        count=len(chosen),
        page=page,
        pages=page.pages(len(chosen)),
        states=list(charts.STATES),
        wanted=wanted if wanted in charts.STATES else None,
    )


@pages.get("/elements.json")
@permission("incidents.read")
def search_elements() -> Response:
    """The first network elements that fit `?search=`."""
    text = request.args.get("search", "").strip()[:128]
    if not text:
        return jsonify(elements=[])
    with reading() as session:
        found = reads.search_elements(session, text)
    return jsonify(elements=[{"ref": element.ref, "name": element.name, "kind": element.kind} for element in found])
