"""The pages of planned work: what is announced and under way, announcing more, and changing one's mind in time."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from foundation.web import (
    Form,
    InstantField,
    actor,
    csv_response,
    permission,
    read_form,
    read_page,
    reading,
    show_on_form,
    store,
    stripped,
    transaction,
    wants_csv,
)
from outage.incidents import planned_work
from outage.incidents.incidents import get_incident
from outage.lifecycle import CauseClass, Degree
from outage.models import Incident
from outage.network.failure import FailureReach, reach_of_failure
from outage.web import reads
from outage.web.forms import WHEN, PickingForm, StepForm, choices, services_field

pages = Blueprint("planned_work", __name__, url_prefix="/planned-work")
_MAY = "incidents.write"


class AnnouncingForm(PickingForm):
    """Planned work: what, when, and on which elements."""

    title = StringField("Title", [DataRequired("say in a few words what is done"), Length(max=256)], [stripped])
    starts_at = InstantField("Window opens", [InputRequired("say when the work begins")])
    ends_at = InstantField("Window closes", [InputRequired("say when it is done")])
    services = services_field("Services")
    degree = SelectField("How much", choices=choices(Degree), default=Degree.LOST.value)
    cause_class = SelectField("Cause", choices=choices(CauseClass), default=CauseClass.UNKNOWN.value)


class WindowForm(Form):
    """Another window."""

    starts_at = InstantField("Window opens", [InputRequired("say when the work begins")])
    ends_at = InstantField("Window closes", [InputRequired("say when it is done")])


class ReasonForm(Form):
    """Why."""

    reason = StringField("Reason", [DataRequired("say why"), Length(max=1000)], [stripped])


@pages.get("")
@permission("incidents.read")
def list_works() -> Response | str:
    """Planned work ahead and under way, the next first; `?past=1` all of it, newest first."""
    past = request.args.get("past") == "1"
    page = read_page()
    with reading() as session:
        every = planned_work.list_planned_work(session, past=past)
        rows = reads.rows_of(session, every if wants_csv() else every[page.offset : page.offset + page.size])
    if wants_csv():
        header = ("ref", "title", "status", "starts_at", "announced_end_at", "lines", "opened_by")
        return csv_response("planned_work", header, [_csv_row(row) for row in rows])
    return render_template(
        "outage/planned.html", rows=rows, count=len(every), past=past, page=page, pages=page.pages(len(every))
    )


def _csv_row(row: reads.IncidentRow) -> list[object]:
    work = row.incident
    return [work.ref, work.title, work.status, work.started_at, work.announced_end_at, row.lines, work.opened_by]


@pages.route("/new", methods=["GET", "POST"])
@permission(_MAY)
def announce() -> Response:
    """Announce work, or first look at what it would hit (`preview`); mistakes stand where they were made."""
    form = AnnouncingForm()
    reach = None
    preview = request.form.get("preview") == "yes"
    if preview and form.is_submitted():
        with show_on_form(form, otherwise="elements"), reading() as session:
            reach = _preview(session, form)
    elif form.validate_on_submit():
        with show_on_form(form, otherwise="elements"), transaction() as session:
            refs = form.pick(session)
            if refs is not None:
                return _announced(planned_work.announce_planned_work(session, elements=refs, **_plan(form)))
    status = 422 if form.is_submitted() and reach is None else 200
    return make_response(render_template("outage/announcing.html", form=form, reach=reach, when=WHEN), status)


def _preview(session: Session, form: AnnouncingForm) -> FailureReach | None:
    refs = form.pick(session)
    if form.starts_at.data and form.ends_at.data:
        planned_work.check_window((form.starts_at.data, form.ends_at.data))
    if refs is None:
        return None
    return reach_of_failure(session, store(), refs, form.services.data or None)


def _plan(form: AnnouncingForm) -> dict[str, Any]:
    return {
        "title": form.title.data,
        "window": (form.starts_at.data, form.ends_at.data),
        "services": form.services.data or None,
        "degree": Degree(form.degree.data),
        "cause_class": CauseClass(form.cause_class.data),
        "actor": actor(),
    }


def _announced(incident: Incident) -> Response:
    flash(f"{incident.ref} is announced. Measure its impact to see which lines it would hit.", "success")
    return redirect(url_for("incidents.show_incident", ref=incident.ref), 303)


@pages.post("/<ref>/window")
@permission(_MAY)
def reschedule(ref: str) -> Response:
    """Give announced work another window."""
    form = read_form(WindowForm)
    with transaction() as session:
        window = (form.starts_at.data, form.ends_at.data)
        planned_work.reschedule_planned_work(session, get_incident(session, ref), window=window, actor=actor())
    return _back(ref, "The work has another window.")


@pages.post("/<ref>/cancellation")
@permission(_MAY)
def cancel(ref: str) -> Response:
    """Cancel work that has not begun."""
    reason = read_form(ReasonForm).reason.data
    with transaction() as session:
        changed = planned_work.cancel_planned_work(session, get_incident(session, ref), reason=reason, actor=actor())
    return _back(ref, "The work is cancelled." if changed else "It was cancelled already.", changed=changed)


@pages.post("/<ref>/overrun")
@permission(_MAY)
def overrun(ref: str) -> Response:
    """Say that work is not done at its announced end: what lies after it is an incident."""
    read_form(StepForm)
    with transaction() as session:
        opened = planned_work.overrun_planned_work(session, get_incident(session, ref), actor=actor())
    told = (
        "At its announced end it becomes an incident." if opened is None else f"{opened.ref} counts from that end on."
    )
    return _back(ref, f"The work runs over. {told}")


def _back(ref: str, message: str, *, changed: bool = True) -> Response:
    flash(message, "success" if changed else "info")
    return redirect(url_for("incidents.show_incident", ref=ref), 303)
