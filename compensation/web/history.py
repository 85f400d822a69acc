"""Tests over history of a policy: chosen past incidents, what a version gives on them, and what was accepted."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from compensation.history_checks import TriedTest, find_in_force, list_tried
from compensation.history_rules import BOUNDED, Expectation, Totals, shift_from_json
from compensation.models import PolicyState, PolicyVersion
from compensation.policies import get_version, label
from compensation.simulation.history_tests import accept_difference, replay, set_test, withdraw_test
from compensation.simulation.places import list_places
from compensation.web.words import money_text
from foundation.errors import InputError
from foundation.money import parse_minor
from foundation.web import Form, actor, permission, reading, show_on_form, store, stripped, transaction
from foundation.web.access import foundations

history_pages = Blueprint("history", __name__, url_prefix="/policies", template_folder="templates")
_VERSION = "/<name>/<int(max=1000000):number>/history"
_LONGEST = 16


class TestForm(Form):
    """A past incident and what is expected of every version on it."""

    run = SelectField("Incident", [InputRequired("choose an incident")], coerce=int)
    expectation = SelectField("Expected", [InputRequired()])
    pinned = SelectField("Result of", coerce=int)
    cost_from = StringField("Cost at least", filters=[stripped])
    cost_to = StringField("Cost at most", filters=[stripped])
    entitled_from = StringField("Entitled lines at least", filters=[stripped])
    entitled_to = StringField("Entitled lines at most", filters=[stripped])


@history_pages.get(_VERSION)
@permission("policies.read")
def show(name: str, number: int) -> str:
    """The tests with what a version gave on them, and a form for one more."""
    with reading() as session:
        version = get_version(session, name, number)
        form = _form(session, version)
        return _render(session, version, form)


@history_pages.post(_VERSION)
@permission("policies.write")
def add(name: str, number: int) -> Response | tuple[str, int]:
    """Set a test, or change what is expected."""
    with reading() as session:
        version = get_version(session, name, number)
        form = _form(session, version)
    if form.validate_on_submit():
        with show_on_form(form, otherwise="run"):
            _set(version, form)
            flash("The test is set; try the version on it.", "success")
            return _back(version)
    with reading() as session:
        return _render(session, version, form), 422


def _form(session: Session, version: PolicyVersion) -> TestForm:
    rival = find_in_force(session, version.name)
    form = TestForm()
    form.run.choices = [
        SelectChoice(place.run_id, f"{place.incident_ref}: {place.title[:60]}") for place in list_places(session)
    ]
    form.expectation.choices = [SelectChoice(one.value, one.said) for one in Expectation]
    form.pinned.choices = [SelectChoice(version.number, f"version {version.number}")]
    if rival is not None and rival.id != version.id:
        form.pinned.choices.insert(0, SelectChoice(rival.number, f"version {rival.number}, in force"))
    return form


def _render(session: Session, version: PolicyVersion, form: TestForm) -> str:
    rival = find_in_force(session, version.name)
    return render_template(
        "compensation/history.html",
        version=version,
        tried=[_shown(one) for one in list_tried(session, version)],
        form=form,
        can_try=version.state in (PolicyState.DRAFTED, PolicyState.SUBMITTED),
        rival=label(rival) if rival is not None else None,
    )


def _set(version: PolicyVersion, form: TestForm) -> None:
    foundation, expectation = foundations(), Expectation(form.expectation.data)
    bounds = {
        "cost_minor": (_money(form.cost_from, version.currency), _money(form.cost_to, version.currency)),
        "entitled": (_count(form.entitled_from), _count(form.entitled_to)),
    }
    set_test(
        foundation.database,
        store(),
        version.name,
        form.run.data,
        expectation,
        bounds=bounds if expectation is Expectation.WITHIN else None,
        number=form.pinned.data if expectation is Expectation.PINNED else None,
        actor=actor(),
    )


def _money(field: StringField, currency: str) -> int | None:
    return parse_minor(field.data, currency, where=field.name) if field.data else None


def _count(field: StringField) -> int | None:
    text = (field.data or "").replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST:
        raise InputError("not a number of lines", where=field.name, value=text, accepted="a whole number")
    return int(text)


@history_pages.post(_VERSION + "/replay")
@permission("policies.write")
def try_all(name: str, number: int) -> Response:
    """Try the version on all tests now."""
    with reading() as session:
        version = get_version(session, name, number)
    failed = replay(foundations().database, store(), version.id, actor=actor())
    if failed:
        flash(f"{failed} {'test fails' if failed == 1 else 'tests fail'}.", "warning")
    else:
        flash("All tests are met.", "success")
    return _back(version)


@history_pages.post(_VERSION + "/<int(max=1000000000):test>/accept")
@permission("policies.write")
def accept(name: str, number: int, test: int) -> Response:
    """Say that a difference is meant."""
    with transaction() as session:
        version = get_version(session, name, number)
        accept_difference(session, version.id, test, actor=actor(), reason=request.form.get("reason", ""))
    flash("Accepted: who approves sees your reason.", "success")
    return _back(version)


@history_pages.post(_VERSION + "/<int(max=1000000000):test>/withdraw")
@permission("policies.write")
def withdraw(name: str, number: int, test: int) -> Response:
    """Take a test away."""
    with transaction() as session:
        version = get_version(session, name, number)
        withdraw_test(session, name, test, actor=actor(), reason=request.form.get("reason", ""))
    flash("The test is withdrawn.", "info")
    return _back(version)


def _back(version: PolicyVersion) -> Response:
    return redirect(url_for("history.show", name=version.name, number=version.number), 303)


def _shown(tried: TriedTest) -> dict[str, object]:
    result = tried.result
    test = tried.test
    return {
        "tried": tried,
        "totals": Totals.from_json(result.totals) if result is not None else None,
        "against": Totals.from_json(result.against) if result is not None and result.against is not None else None,
        "shift": shift_from_json(result.shift) if result is not None and result.shift is not None else None,
        "bounds": {name: test.bounds[name] for name in BOUNDED if name in test.bounds} if test.bounds else {},
        "pinned": Totals.from_json(test.pinned) if test.pinned is not None else None,
    }


def bound_text(name: str, bound: list[int | None], currency: str) -> str:
    """A bound in words."""
    said = [None if end is None else money_text(end, currency) if name == "cost_minor" else f"{end:,}" for end in bound]
    lowest, highest = said
    if lowest is not None and highest is not None:
        return f"{lowest} to {highest}"
    return f"at least {lowest}" if lowest is not None else f"at most {highest}"


history_pages.add_app_template_global(bound_text)
