"""The steps that staff take from an incident's page: each reads a form, calls one use case, and goes back."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from foundation import clock
from foundation.access import get_user
from foundation.errors import InputError
from foundation.web import actor, permission, read_form, reading, start_errand, transaction
from outage.errands import MEASURE
from outage.incidents import incidents
from outage.lifecycle import CauseClass, ForceMajeure, IncidentKind, IncidentStatus, Severity
from outage.web.forms import CauseForm, NoteForm, OwnerForm, RestoreForm, SeverityForm, StepForm

pages = Blueprint("incident_steps", __name__, url_prefix="/incidents/<ref>")
_MAY = "incidents.write"
_AFTER_REOPENING = "Correct the outages that have not ended, or add the elements that are down."


def _back(ref: str, message: str, *, changed: bool = True) -> Response:
    flash(message, "success" if changed else "info")
    return redirect(url_for("incidents.show_incident", ref=ref), 303)


@pages.post("/restore")
@permission(_MAY)
def restore(ref: str) -> Response:
    """End outages of chosen elements, or all that are open."""
    form = read_form(RestoreForm)
    everything = bool(form.all_open.data)
    if not everything and not form.elements.data:
        raise InputError("no element was chosen", where="elements", accepted="at least one element, or all still open")
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        was = incident.status
        ended = incidents.restore_elements(
            session,
            incident,
            None if everything else form.elements.data,
            at=form.at.data,
            services=form.services.data or None,
            actor=actor(),
        )
        status, about_bills = incident.status, incident.kind == IncidentKind.BILLING
    if ended and about_bills:
        return _back(ref, f"The bills are right again. The incident is {status}.")
    if not ended and status != was:
        return _back(ref, f"The incident is {status}: all of its outages had ended.")
    if not ended:
        return _back(ref, "Nothing changed: these were restored before.", changed=False)
    return _back(ref, f"{_counted(ended)} ended. The incident is {status}.")


@pages.post("/notes")
@permission(_MAY)
def add_note(ref: str) -> Response:
    """Write on the timeline."""
    form = read_form(NoteForm)
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        incidents.add_note(session, incident, form.text.data, at=form.at.data, actor=actor())
    return _back(ref, "The note is on the timeline.")


@pages.post("/severity")
@permission(_MAY)
def change_severity(ref: str) -> Response:
    """Set another severity."""
    severity = Severity(read_form(SeverityForm).severity.data)
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        changed = incidents.change_severity(session, incident, severity, actor=actor())
    return _back(ref, f"Severity is {severity}." if changed else f"It was {severity} already.", changed=changed)


@pages.post("/cause")
@permission(_MAY)
def change_cause(ref: str) -> Response:
    """Set another class of cause; policies read it."""
    form = read_form(CauseForm)
    cause, kind = CauseClass(form.cause_class.data), form.force_majeure.data
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        changed = incidents.change_cause(session, incident, cause, actor=actor())
        force = ForceMajeure(kind) if kind else None
        changed |= incidents.change_force_majeure(session, incident, force, actor=actor())
    return _back(ref, f"The cause is {cause}." if changed else f"It was {cause} already.", changed=changed)


@pages.post("/owner")
@permission(_MAY)
def assign_owner(ref: str) -> Response:
    """Give the incident to a staff user, or to nobody."""
    owner = read_form(OwnerForm).owner.data or None
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        if owner is not None:
            get_user(session, owner)
        changed = incidents.assign_owner(session, incident, owner, actor=actor())
    return _back(ref, f"The owner is {owner or 'nobody'}." if changed else "It was so already.", changed=changed)


@pages.post("/close")
@permission(_MAY)
def close(ref: str) -> Response:
    """Close and freeze a restored incident."""
    read_form(StepForm)
    with transaction() as session:
        changed = incidents.close_incident(session, incidents.get_incident(session, ref), actor=actor())
    return _back(ref, "Closed. Its record is frozen." if changed else "It was closed already.", changed=changed)


@pages.post("/reopen")
@permission(_MAY)
def reopen(ref: str) -> Response:
    """Open a restored incident again."""
    read_form(StepForm)
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        changed = incidents.reopen_incident(session, incident, actor=actor())
        next_step = "" if incident.kind == IncidentKind.BILLING else f" {_AFTER_REOPENING}"
    return _back(ref, f"Open again.{next_step}" if changed else "It was open already.", changed=changed)


@pages.post("/dismiss")
@permission(_MAY)
def dismiss(ref: str) -> Response:
    """Dismiss an incident that was none."""
    read_form(StepForm)
    with transaction() as session:
        changed = incidents.dismiss_incident(session, incidents.get_incident(session, ref), actor=actor())
    return _back(ref, "Dismissed: it was no incident." if changed else "It was dismissed already.", changed=changed)


@pages.post("/runs")
@permission("impact.run")
def measure(ref: str) -> Response:
    """Measure whom the incident touched; the same inputs give the same run."""
    read_form(StepForm)
    with reading() as session:
        incident = incidents.get_incident(session, ref)
        # What has not begun is measured whole: as of the end of its window.
        as_of = incident.announced_end_at if incident.status == IncidentStatus.ANNOUNCED else None
    until = None if as_of is None else clock.to_unix(as_of)
    return start_errand(MEASURE.name, ref, {"incident": ref, "as_of": until})


def _counted(outages: int) -> str:
    return "1 outage" if outages == 1 else f"{outages} outages"
