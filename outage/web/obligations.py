"""The page of regulator duties: which thresholds an incident crossed, what is due by when, and what was told."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length

from foundation import clock
from foundation.errors import InputError
from foundation.web import Form, InstantField, actor, permission, read_form, reading, store, stripped, transaction
from outage.incidents.incidents import get_incident
from outage.models import Incident
from outage.scale.duties import IncidentDuties, duties_of, list_filings, record_filing
from outage.scale.regulators import RULES
from outage.scale.thresholds import Crossing, ThresholdStatus
from outage.web.forms import WHEN

pages = Blueprint("obligations", __name__, url_prefix="/incidents/<ref>/duties")
_ORDER = {Crossing.CROSSED: 0, Crossing.NOT_KNOWN: 1, Crossing.NOT_CROSSED: 2, Crossing.EXEMPT: 3}
_BETWEEN = " · "


class FilingForm(Form):
    """A notice or report that a regulator was given."""

    duty = SelectField("What was given to whom", [InputRequired("choose one")])
    filed_at = InstantField("Given at", [InputRequired("say when it was given")])
    reference = StringField("Their reference", [Length(max=128)], [stripped])

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        named = dict.fromkeys((rule.regulator, duty.what) for rule in RULES for duty in rule.duties)
        self.duty.choices = [SelectChoice(_BETWEEN.join(pair), _BETWEEN.join(pair)) for pair in named]


@pages.get("")
@permission("incidents.read")
def show_duties(ref: str) -> str:
    """Every threshold held against the incident as it stands now; crossed ones first, with their countdowns."""
    with reading() as session:
        incident = get_incident(session, ref)
        has_begun = incident.started_at <= clock.now()
        duties = duties_of(session, store(), ref) if has_begun else None
        filings = list_filings(session, incident)
    return render_template(
        "outage/duties.html",
        incident=incident,
        duties=duties,
        thresholds=[] if duties is None else _in_order(duties),
        filings=filings,
        form=FilingForm(formdata=None, filed_at=clock.now()),
        when=WHEN,
    )


def _in_order(duties: IncidentDuties) -> list[ThresholdStatus]:
    return sorted(duties.thresholds, key=lambda one: (_ORDER[one.state], one.regulator, one.rule))


@pages.post("")
@permission("incidents.write")
def file_duty(ref: str) -> Response:
    """Note that a regulator was given a notice or report."""
    form = read_form(FilingForm)
    regulator, _, what = form.duty.data.partition(_BETWEEN)
    if form.filed_at.data > clock.now():
        raise InputError("in the future", where="filed_at", accepted="when it was given")
    with transaction() as session:
        incident: Incident = get_incident(session, ref)
        is_new = record_filing(
            session,
            incident,
            regulator=regulator,
            what=what,
            filed_at=form.filed_at.data,
            reference=form.reference.data or None,
            actor=actor(),
        )
    flash("It is noted." if is_new else "It was noted already.", "success" if is_new else "info")
    return redirect(url_for("obligations.show_duties", ref=ref), 303)
