"""The page of an incident's updates: what is due by its plan, what was told whom, and telling more."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from foundation import clock
from foundation.web import (
    Form,
    InstantField,
    actor,
    permission,
    read_form,
    reading,
    show_on_form,
    store,
    stripped,
    transaction,
)
from foundation.web.access import foundations
from notify.registry import make_routing
from notify.texts import list_current_texts
from outage.incidents.incidents import get_incident
from outage.models import Incident
from outage.runs.holding import holding_run
from outage.updates import updates
from outage.updates.cadence import OWN, PRESETS, Audience, UpdateKind
from outage.updates.texts import queue_texts
from outage.web.forms import WHEN, choices

pages = Blueprint("updates", __name__, url_prefix="/incidents/<ref>/updates")
_MAY = "incidents.write"
_SHOWN = 3


class AudiencesField(SelectMultipleField):  # type: ignore[misc]
    """Audiences as tick boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class UpdateForm(Form):
    """What is told whom."""

    kind = SelectField("What it says", choices=choices(UpdateKind))
    audiences = AudiencesField("Told to", choices=choices(Audience))
    text = TextAreaField("Words", [DataRequired("say what is told"), Length(max=4_000)], [stripped])
    at = InstantField("Given out at", [Optional()])


class PlanForm(Form):
    """By which cadence updates are due."""

    cadence = SelectField("Cadence")
    every_hours = IntegerField("Every so many hours", [Optional(), NumberRange(1, 168)])
    later_every_hours = IntegerField("After 24 hours every", [Optional(), NumberRange(1, 168)])
    grace_minutes = IntegerField("At once means within minutes", [Optional(), NumberRange(0, 1440)])

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        presets = [SelectChoice(one.name, f"{one.name}: {one.says}") for one in PRESETS]
        self.cadence.choices = [*presets, SelectChoice(OWN, "own: the hours below")]


class EstimateForm(Form):
    """When service is expected back."""

    estimated_at = InstantField("Expected back at", [Optional()])


class TextsForm(Form):
    """A text to all lines of the run that holds."""

    text_name = SelectField("Text")
    number = StringField("Update", [InputRequired()])

    def __init__(self, *args: object, names: list[str] | None = None, **options: object) -> None:
        super().__init__(*args, **options)
        self.text_name.choices = [SelectChoice(name, name) for name in names or ()]
        # Which texts there are is the use case's to say, with the words of the refusal.
        self.text_name.validate_choice = False


@pages.get("")
@permission("incidents.read")
def show_updates(ref: str) -> str:
    """The plan, what is due, and every update."""
    return _show(ref, None)


def _show(ref: str, form: UpdateForm | None) -> str:
    with reading() as session:
        incident = get_incident(session, ref)
        plan = updates.get_plan(session, incident)
        run = holding_run(session, incident.id)
        names = sorted({version.name for version in list_current_texts(session)})
    return render_template(
        "outage/updates.html",
        incident=incident,
        plan=plan,
        run=run,
        now=clock.now(),
        form=form or UpdateForm(formdata=None, kind=_likely(plan), audiences=[Audience.PUBLIC, Audience.AFFECTED]),
        plan_form=PlanForm(formdata=None, cadence=plan.cadence.name),
        estimate_form=EstimateForm(formdata=None, estimated_at=plan.estimated_at),
        texts_form=TextsForm(formdata=None, names=names),
        when=WHEN,
    )


def _likely(plan: updates.PlanView) -> str:
    if plan.due is not None:
        return plan.due.kind.value
    return (UpdateKind.UPDATE if plan.updates else UpdateKind.FIRST).value


def updates_panel(session: Session, incident: Incident) -> Markup:
    """What the incident's page shows of its updates."""
    plan = updates.get_plan(session, incident)
    page = render_template(
        "outage/updates_panel.html", incident=incident, plan=plan, now=clock.now(), shown=plan.updates[:_SHOWN]
    )
    return Markup(page)  # noqa: S704 - a template of ours, its values escaped


@pages.post("")
@permission(_MAY)
def post_update(ref: str) -> Response:
    """Note that somebody was told something, or show what was wrong with it, its words kept."""
    form = UpdateForm()
    if form.validate_on_submit():
        with show_on_form(form, otherwise="text"), transaction() as session:
            posted = updates.post_update(
                session,
                get_incident(session, ref),
                kind=UpdateKind(form.kind.data),
                text=form.text.data,
                audiences=[Audience(one) for one in form.audiences.data or ()],
                at=form.at.data,
                actor=actor(),
            )
            said = f"Update {posted.update.number} is on the timeline."
            return _back(ref, said if posted.is_new else "This was posted some minutes ago.", changed=posted.is_new)
    return make_response(_show(ref, form), 422)


@pages.post("/plan")
@permission(_MAY)
def set_plan(ref: str) -> Response:
    """Tell by another cadence from now on."""
    form = read_form(PlanForm)
    is_own = form.cadence.data == OWN
    hours = (form.every_hours.data, form.later_every_hours.data, form.grace_minutes.data) if is_own else (None,) * 3
    with transaction() as session:
        changed = updates.set_plan(
            session,
            get_incident(session, ref),
            form.cadence.data,
            every_hours=hours[0],
            later_every_hours=hours[1],
            grace_minutes=hours[2],
            actor=actor(),
        )
    return _back(ref, "The plan is set." if changed else "It was so already.", changed=changed)


@pages.post("/estimate")
@permission(_MAY)
def set_estimate(ref: str) -> Response:
    """Say when service is expected back."""
    form = read_form(EstimateForm)
    with transaction() as session:
        changed = updates.set_estimate(session, get_incident(session, ref), form.estimated_at.data, actor=actor())
    return _back(ref, "The estimate is set: an update is due." if changed else "It was so already.", changed=changed)


@pages.post("/texts")
@permission(_MAY)
def send_texts(ref: str) -> Response:
    """Enqueue a text to every line that the incident hit."""
    form = read_form(TextsForm)
    number = int(form.number.data) if form.number.data.isdecimal() and len(form.number.data) < 10 else 0
    with transaction() as session:
        incident = get_incident(session, ref)
        queued = queue_texts(
            session,
            store(),
            incident,
            updates.get_update(session, incident, number),
            form.text_name.data or "",
            routing=make_routing(foundations().settings),
            next_at=updates.get_plan(session, incident).next_at,
            actor=actor(),
        )
    said = f"{queued.texts:,} texts are enqueued." if queued.texts else "They were enqueued before."
    return _back(ref, said, changed=bool(queued.texts))


def _back(ref: str, message: str, *, changed: bool) -> Response:
    flash(message, "success" if changed else "info")
    return redirect(url_for("updates.show_updates", ref=ref), 303)
