"""From an incident to its assessment: choose run and policy, assess; and the panel that an incident's page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, render_template, request
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from compensation.assessment_lists import AssessmentFilter, list_assessments
from compensation.errands import ASSESS
from compensation.models import PolicyState, PolicyVersion
from compensation.policies import list_versions, load_document
from compensation.web.policy_view import in_force_text
from foundation import clock
from foundation.errors import InputError
from foundation.web import Form, has_permission, permission, reading, start_errand
from foundation.web.formats import plain_instant
from outage.incidents.incidents import get_incident
from outage.lifecycle import IncidentStatus
from outage.models import ImpactRun, Incident

assess_pages = Blueprint("assess", __name__, url_prefix="/assessments", template_folder="templates")


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy version that answers for the day of an outage."""

    version: PolicyVersion
    in_force: str


class AssessForm(Form):
    """Which run to assess under which policy version."""

    incident = HiddenField()
    run = SelectField("Impact run", [InputRequired("choose a run")], coerce=int)
    version = RadioField("Policy version", [InputRequired("choose a policy version")], coerce=int)


@assess_pages.route("/new", methods=["GET", "POST"])
@permission("assessments.write")
def new() -> str | Response | tuple[str, int]:
    """Choose run and policy version; assessing shows every case and pays nothing."""
    ref = request.form.get("incident") or request.args.get("incident", "")
    with reading() as session:
        incident = get_incident(session, ref)
        runs = _list_runs(session, incident)
        choices = _list_choices(session, incident)
    form = AssessForm(incident=incident.ref)
    form.run.choices = [SelectChoice(run.id, _run_label(run)) for run in runs]
    form.version.choices = [SelectChoice(each.version.id, _version_label(each)) for each in choices]
    if not form.is_submitted() and choices:
        form.version.data = choices[0].version.id
    if form.validate_on_submit():
        return _assess(form)
    page = render_template("compensation/assess.html", form=form, incident=incident, runs=runs, choices=choices)
    return (page, 422) if form.is_submitted() else page


def _assess(form: AssessForm) -> Response:
    arguments = {"run": form.run.data, "version": form.version.data}
    return start_errand(ASSESS.name, form.incident.data, arguments)


def incident_panel(incident_ref: str) -> Markup:
    """The assessments of an incident and the button to make one; empty where none can be, or may be seen."""
    if not has_permission("assessments.read"):
        return Markup("")
    with reading() as session:
        rows = list_assessments(session, AssessmentFilter(incident_ref=incident_ref))
        incident = get_incident(session, incident_ref)
        measured = bool(_list_runs(session, incident))
    if not rows and incident.status in (IncidentStatus.DISMISSED, IncidentStatus.MERGED):
        return Markup("")
    page = render_template("compensation/incident_panel.html", rows=rows, incident_ref=incident_ref, measured=measured)
    return Markup(page)  # noqa: S704 - a template of ours, its values escaped


def _list_runs(session: Session, incident: Incident) -> Sequence[ImpactRun]:
    statement = select(ImpactRun).where(ImpactRun.incident_id == incident.id).order_by(ImpactRun.turn.desc())
    return session.scalars(statement).all()


def _list_choices(session: Session, incident: Incident) -> list[Choice]:
    """The versions in force on the day of the outage, approved ones first; a draft may be tried, not released."""
    found = []
    for version in list_versions(session):
        if version.state is PolicyState.RETIRED:
            continue
        try:
            document = load_document(session, version)
        except InputError:
            continue
        if document.is_in_force(clock.local_date(incident.started_at, document.zone)):
            found.append(Choice(version, in_force_text(version.in_force_from, version.in_force_to)))
    return sorted(found, key=lambda each: each.version.state is not PolicyState.APPROVED)


def _run_label(run: ImpactRun) -> str:
    lines = int(run.counts.get("lines", 0))
    return f"Run {run.number}: {lines:,} lines, as of {plain_instant(run.as_of)}"


def _version_label(choice: Choice) -> str:
    version = choice.version
    approved = version.state is PolicyState.APPROVED
    state = "approved" if approved else "not approved: to try out only"
    return f"{version.title}, version {version.number} ({state}; in force {choice.in_force})"
