"""Late facts about an incident: an outage that was otherwise than entered, and two incidents that are one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from foundation.errors import InputError
from foundation.web import (
    Form,
    InstantField,
    actor,
    permission,
    read_form,
    reading,
    show_on_form,
    stripped,
    transaction,
)
from outage.incidents.corrections import correct_outage, remove_outage, reopen_outage, split_outage
from outage.incidents.incidents import get_incident
from outage.incidents.merging import Guard, merge_incidents
from outage.lifecycle import IncidentStatus
from outage.models import Alarm, Declaration, DutyFiling, Incident, Listing, Outage
from outage.web.forms import WHEN, services_field

pages = Blueprint("late_facts", __name__, url_prefix="/incidents/<ref>")
_MAY = "incidents.write"
_MOST_CANDIDATES = 100
HOW = {
    "times": "it began or ended at another time",
    "open": "it has not ended after all",
    "gap": "service was back for a while in the middle",
    "never": "it never was: it was entered by mistake",
}

_HOW = [SelectChoice(name, words) for name, words in HOW.items()]


class CorrectionForm(Form):
    """What was otherwise about the outages of one element that began together."""

    element = StringField("Element", [InputRequired("name the element"), Length(max=128)], [stripped])
    which = InstantField("Entered as beginning", [Optional()])
    services = services_field("Services")
    how = RadioField("What was otherwise?", choices=_HOW, default="times")
    started_at = InstantField("It began", [Optional()])
    ended_at = InstantField("It ended", [Optional()])
    restored_at = InstantField("Service was back from", [Optional()])
    lost_at = InstantField("and lost again from", [Optional()])
    reason = TextAreaField("Reason", [DataRequired("say how it is known"), Length(max=2000)], [stripped])


class MergeForm(Form):
    """Which incident is the same as this one, and why."""

    absorbed = StringField("The other incident", [InputRequired("name it"), Length(max=24)], [stripped])
    reason = StringField("Reason", [DataRequired("say why they are one"), Length(max=1000)], [stripped])


@pages.route("/corrections", methods=["GET", "POST"])
@permission(_MAY)
def correct(ref: str) -> Response:
    """Say that an outage was otherwise than entered; the next measurement makes a new run of it."""
    form = CorrectionForm(request.form if request.method == "POST" else request.args)
    with reading() as session:
        incident = get_incident(session, ref)
    if form.validate_on_submit():
        with show_on_form(form, otherwise="element"), transaction() as session:
            changed = _correct(session, get_incident(session, ref), form)
            told = "Corrected. Measure the impact again: the runs until now stay as they were."
            return _back(ref, told if changed else "It was entered so already.", changed=changed)
    status = 422 if form.is_submitted() else 200
    return make_response(render_template("outage/correcting.html", form=form, incident=incident, when=WHEN), status)


def _correct(session: Session, incident: Incident, form: CorrectionForm) -> bool:
    if not form.services.data:
        raise InputError("no service was ticked", where="services", accepted="at least one service of the outage")
    say = _saying(form)
    common = {"which": form.which.data, "actor": actor(), "reason": form.reason.data}
    answers = [say(session, incident, form.element.data, service, **common) for service in form.services.data]
    return any(answer is not None for answer in answers)


def _saying(form: CorrectionForm) -> Callable[..., Any]:
    how = form.how.data
    if how == "open":
        return reopen_outage
    if how == "never":
        return remove_outage
    if how == "gap":
        return partial(split_outage, restored_at=_needed(form.restored_at), lost_at=_needed(form.lost_at))
    if form.started_at.data is None and form.ended_at.data is None:
        raise InputError("no other time was given", where="started_at", accepted="when it began or ended")
    return partial(correct_outage, started_at=form.started_at.data, ended_at=form.ended_at.data)


def _needed(field: InstantField) -> datetime:
    if field.data is None:
        raise InputError("no time was given", where=field.name, accepted="a time inside the outage")
    at: datetime = field.data
    return at


@pages.get("/merging")
@permission(_MAY)
def choose_merge(ref: str) -> str:
    """Choose the incident that is the same as this one; with `?absorbed=` say what merging it would do, and ask."""
    wanted = request.args.get("absorbed", "").strip()[:24]
    with reading() as session:
        incident = get_incident(session, ref)
        candidates = _candidates(session, incident)
        absorbed = get_incident(session, wanted) if wanted else None
        moving = [] if absorbed is None else _moving(session, absorbed)
        refusal = None if absorbed is None else _refusal(session, absorbed)
    return render_template(
        "outage/merging.html",
        incident=incident,
        candidates=candidates,
        absorbed=absorbed,
        moving=moving,
        refusal=refusal,
        form=MergeForm(formdata=None),
    )


@pages.post("/merging")
@permission(_MAY)
def merge(ref: str) -> Response:
    """Merge another incident into this one."""
    form = read_form(MergeForm)
    with transaction() as session:
        keep, absorbed = get_incident(session, ref), get_incident(session, form.absorbed.data)
        reason = form.reason.data
        changed = merge_incidents(session, keep, absorbed, actor=actor(), reason=reason, guard=_ask_guards)
    told = f"{absorbed.ref} is merged into this incident. Measure the impact again."
    return _back(ref, told if changed else "They were merged already.", changed=changed)


def _ask_guards(session: Session, absorbed: Incident) -> None:
    """Ask what other packages know of the absorbed one; they register callables, so that nothing here knows them."""
    guards: Sequence[Guard] = current_app.extensions["merge_guards"]
    for guard in guards:
        guard(session, absorbed)


def _refusal(session: Session, absorbed: Incident) -> str | None:
    try:
        _ask_guards(session, absorbed)
    except InputError as error:
        return error.message
    return None


def _candidates(session: Session, incident: Incident) -> Sequence[Incident]:
    statement = select(Incident).where(
        Incident.id != incident.id,
        Incident.status.in_((IncidentStatus.OPENED, IncidentStatus.RESTORED)),
        Incident.kind == incident.kind,
        Incident.planned == incident.planned,
        Incident.announced_end_at.is_not_distinct_from(incident.announced_end_at),
    )
    newest = statement.order_by(Incident.started_at.desc(), Incident.id.desc())
    return session.scalars(newest.limit(_MOST_CANDIDATES)).all()


def _moving(session: Session, absorbed: Incident) -> list[tuple[str, int]]:
    """What of an incident would move, and how much of it there is."""
    kinds: tuple[tuple[str, Any], ...] = (
        ("outages", Outage),
        ("alarms", Alarm),
        ("declarations", Declaration),
        ("lists", Listing),
        ("notices to regulators", DutyFiling),
    )
    return [
        (name, session.scalar(select(func.count()).where(model.incident_id == absorbed.id)) or 0)
        for name, model in kinds
    ]


def _back(ref: str, message: str, *, changed: bool) -> Response:
    flash(message, "success" if changed else "info")
    return redirect(url_for("incidents.show_incident", ref=ref), 303)
