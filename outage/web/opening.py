"""The page on which staff open an incident."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from foundation import clock
from foundation.web import actor, permission, show_on_form, transaction
from outage.incidents import incidents
from outage.lifecycle import CauseClass, IncidentKind, Severity
from outage.web.forms import WHEN, OpeningForm

pages = Blueprint("incident_opening", __name__)


@pages.route("/incidents/new", methods=["GET", "POST"])
@permission("incidents.write")
def open_incident() -> Response:
    """Show the form; on POST open the incident and go to its page, or show what was wrong where it was wrong."""
    form = OpeningForm()
    if not form.is_submitted():
        form.started_at.data = clock.now()
    if form.validate_on_submit():
        with show_on_form(form, otherwise="elements"), transaction() as session:
            refs = form.pick(session)
            if refs is not None:
                return _open(session, form, refs)
    status = 422 if form.is_submitted() else 200
    return make_response(render_template("outage/opening.html", form=form, when=WHEN), status)


def _open(session: Session, form: OpeningForm, refs: list[str]) -> Response:
    incident = incidents.open_incident(
        session,
        title=form.title.data,
        severity=Severity(form.severity.data),
        cause_class=CauseClass(form.cause_class.data),
        planned=bool(form.planned.data),
        kind=IncidentKind(form.kind.data),
        started_at=form.started_at.data,
        outages=form.outages(refs),
        actor=actor(),
    )
    flash(f"{incident.ref} is open.", "success")
    return redirect(url_for("incidents.show_incident", ref=incident.ref), 303)
