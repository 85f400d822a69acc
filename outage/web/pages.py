"""The pages that show incidents: the list, and one with all that happened to it."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, current_app, render_template, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from foundation import clock
from foundation.web import csv_response, figure, permission, read_page, reading, wants_csv
from outage.incidents.incidents import get_incident
from outage.lifecycle import IncidentStatus, allowed_from
from outage.models import Incident
from outage.network.inventory import current_version
from outage.web import charts, losses, placed, reads, series
from outage.web.cell_figure import MOST_CELLS
from outage.web.figures import STATES
from outage.web.forms import WHEN, CauseForm, NoteForm, OwnerForm, RestoreForm, SeverityForm
from outage.web.planned import ReasonForm, WindowForm
from outage.web.updates import updates_panel

pages = Blueprint(
    "incidents", __name__, template_folder="templates", static_folder="static", static_url_path="/incidents/static"
)
_COLUMNS = (
    *("ref", "title", "status", "severity", "cause", "planned", "started_at", "restored_at", "closed_at"),
    *("seconds", "elements_down", "lines", "owner", "next_update", "next_update_due_at"),
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
        now=clock.now(),
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
        None if row.due is None else row.due.kind,
        None if row.due is None else row.due.due_at,
    ]


@pages.get("/incidents/<ref>")
@permission("incidents.read")
def show_incident(ref: str) -> str:
    """One incident: its state, the steps it allows, its charts, outages, timeline, alarms and runs."""
    page = read_page(100)
    with reading() as session:
        incident = get_incident(session, ref)
        merged_into = reads.merged_into(session, incident)
        view = reads.get_view(session, incident, page)
        panel = updates_panel(session, incident)
        lost = losses.losses_now(session, incident)
        moment = losses.map_moment(incident, lost)
        states = _count_states(session, lost, moment)
        cells_version = current_version(session, "inventory")
    lost_over_time = losses.series_of(lost)
    return render_template(
        "outage/incident.html",
        incident=incident,
        merged_into=merged_into,
        view=view,
        lasted=reads.lasted(incident),
        allowed=allowed_from(incident.status),
        page=page,
        pages=page.pages(view.stage_count),
        series=lost_over_time,
        series_rows=series.rows_of(lost_over_time, _SHOWN_STEPS),
        time_chart=_time_chart(lost_over_time),
        states=states,
        most_in_figure=MOST_CELLS,
        cells_version=cells_version,
        moment=moment,
        forms=_forms(incident),
        when=WHEN,
        now_text=clock.now().strftime("%Y-%m-%d %H:%M:%SZ"),
        updates_panel=panel,
        incident_panels=_panels(ref),
    )


def _time_chart(lost_over_time: losses.Series) -> Markup:
    if not lost_over_time:
        return Markup()
    return figure(charts.lost_service_chart(lost_over_time), "Elements without service over time")


def _forms(incident: Incident) -> dict[str, object]:
    return {
        "restore": RestoreForm(formdata=None, at=clock.now(), prefix=""),
        "note": NoteForm(formdata=None),
        "severity": SeverityForm(formdata=None, severity=incident.severity.value),
        "cause": CauseForm(
            formdata=None, cause_class=incident.cause_class.value, force_majeure=incident.force_majeure or ""
        ),
        "window": WindowForm(formdata=None, starts_at=incident.started_at, ends_at=incident.announced_end_at),
        "reason": ReasonForm(formdata=None),
        "owner": OwnerForm(formdata=None, owner=incident.owner),
    }


def _panels(ref: str) -> list[Markup]:
    """What packages above have to say about an incident; they register callables, so that nothing here knows them."""
    return [panel(ref) for panel in current_app.extensions["incident_panels"]]


def _count_states(session: Session, lost: losses.Losses, moment: datetime) -> dict[str, int]:
    counts, with_place = losses.count_cells(lost, moment)
    counts["up"] = placed.count_up(session, with_place)
    return {state: counts[state] for state in STATES if counts[state]}
