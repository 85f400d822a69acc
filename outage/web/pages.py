"""The pages that show incidents: the list, and one with all that happened to it."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request
from markupsafe import Markup

from foundation import clock
from foundation.web import csv_response, figure, permission, read_page, reading, wants_csv
from outage.incidents import get_incident
from outage.lifecycle import IncidentStatus, allowed_from
from outage.models import Incident
from outage.web import charts, losses, reads
from outage.web.forms import WHEN, ElementsForm, NoteForm, OwnerForm, RestoreForm, SeverityForm

pages = Blueprint(
    "incidents", __name__, template_folder="templates", static_folder="static", static_url_path="/incidents/static"
)
_COLUMNS = (
    *("ref", "title", "status", "severity", "cause", "planned", "started_at", "restored_at", "closed_at"),
    *("seconds", "elements_down", "lines", "owner"),
)
_SHOWN_STEPS = 300


def _filter() -> reads.IncidentFilter:
    status, sort = request.args.get("status", ""), request.args.get("sort", "")
    return reads.IncidentFilter(
        status=IncidentStatus(status) if status in list(IncidentStatus) else None,
        search=request.args.get("search", "").strip()[:128],
        sort=sort if sort in reads.SORTS else "urgency",
    )


@pages.get("/incidents")
@permission("incidents.read")
def list_incidents() -> Response | str:
    """All incidents, open ones by severity first; `?format=csv` for all that fit the filter."""
    wanted = _filter()
    page = read_page()
    with reading() as session:
        rows = reads.list_rows(session, wanted, None if wants_csv() else page)
        count = reads.count_incidents(session, wanted)
    if wants_csv():
        return csv_response("incidents", _COLUMNS, [_csv_row(row) for row in rows])
    return render_template(
        "outage/incidents.html",
        rows=rows,
        count=count,
        page=page,
        pages=page.pages(count),
        wanted={"status": wanted.status, "search": wanted.search or None, "sort": wanted.sort},
        statuses=list(IncidentStatus),
        sorts=reads.SORTS,
    )


def _csv_row(row: reads.IncidentRow) -> list[object]:
    incident = row.incident
    lasted = int(row.lasted.total_seconds())
    return [
        incident.ref,
        incident.title,
        incident.status,
        incident.severity,
        incident.cause_class,
        incident.planned,
        incident.started_at,
        incident.restored_at,
        incident.closed_at,
        lasted,
        row.elements_down,
        row.lines,
        incident.owner,
    ]


@pages.get("/incidents/<ref>")
@permission("incidents.read")
def show_incident(ref: str) -> str:
    """One incident: its state, the steps it allows, its charts, outages, timeline, alarms and runs."""
    page = read_page(100)
    with reading() as session:
        incident = get_incident(session, ref)
        view = reads.get_view(session, incident, page)
        lost = losses.read_losses(session, incident)
        moment = losses.map_moment(incident, lost)
        states = _count_states(losses.cells_by_state(session, lost, moment))
    series = losses.series_of(lost)
    return render_template(
        "outage/incident.html",
        incident=incident,
        view=view,
        lasted=reads.lasted(incident),
        allowed=allowed_from(incident.status),
        page=page,
        pages=page.pages(view.stage_count),
        series=series,
        series_rows=_series_rows(series),
        time_chart=figure(charts.lost_service_chart(series), "Elements without service over time") if series else "",
        states=states,
        moment=moment,
        forms=_forms(incident),
        when=WHEN,
        now_text=clock.now().strftime("%Y-%m-%d %H:%M:%SZ"),
        incident_panels=_panels(ref),
    )


def _forms(incident: Incident) -> dict[str, object]:
    return {
        "restore": RestoreForm(formdata=None, at=clock.now(), prefix=""),
        "elements": ElementsForm(formdata=None),
        "note": NoteForm(formdata=None),
        "severity": SeverityForm(formdata=None, severity=incident.severity.value),
        "owner": OwnerForm(formdata=None, owner=incident.owner),
    }


def _panels(ref: str) -> list[Markup]:
    """What packages above have to say about an incident; they register callables, so that nothing here knows them."""
    return [panel(ref) for panel in current_app.extensions["incident_panels"]]


def _series_rows(series: losses.Series) -> list[dict[str, object]]:
    """The series as a table: one row per instant at which any count changed."""
    instants = sorted({at for points in series.values() for at, _ in points})
    current = dict.fromkeys(series, 0)
    changes = {service: dict(points) for service, points in series.items()}
    rows: list[dict[str, object]] = []
    for at in instants[:_SHOWN_STEPS]:
        current.update({service: changes[service][at] for service in series if at in changes[service]})
        rows.append({"at": at, "counts": list(current.values())})
    return rows


def _count_states(cells: list[charts.CellPoint]) -> dict[str, int]:
    counts = dict.fromkeys(("lost", "degraded", "restored", "up"), 0)
    for cell in cells:
        counts[cell.state] += 1
    return {state: count for state, count in counts.items() if count}
