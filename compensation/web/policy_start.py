"""Where a policy begins: an empty one, a ready-made scheme, a decision model, or a text that is there already."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response
from wtforms import DateField, SelectField, StringField, SubmitField, TextAreaField
from wtforms.validators import InputRequired, Length, Regexp

from compensation.dmn.exchange import fact_hints, model_to_policy
from compensation.dmn.reading import read_model
from compensation.document.outline import read_outline
from compensation.document.reading import Basis, PolicyError
from compensation.document.starter import SLUG, starter_text
from compensation.drafts import begin_draft, find_draft
from compensation.facts import with_attributes
from compensation.policies import find_newest, list_attribute_facts, save_policy
from compensation.policy_check import MOST_CHARACTERS
from compensation.scheme_library import get_scheme, list_schemes, missing_attributes
from compensation.web.policy_view import ShownProblem, in_force_text, show_problems
from foundation.errors import InputError
from foundation.web import Form, actor, permission, reading, transaction

starts = Blueprint("policy_start", __name__, url_prefix="/policies", template_folder="templates")


class BlankForm(Form):
    """What every policy says first."""

    title = StringField("Title", [InputRequired("give it a title"), Length(max=200)])
    name = StringField(
        "Short name",
        [InputRequired("give it a short name"), Length(max=64), Regexp(SLUG, message="small letters, digits and -")],
    )
    basis = SelectField("Why it is owed", choices=[str(one) for one in Basis])
    currency = StringField("Currency", [InputRequired("name the currency"), Length(min=3, max=3)])
    zone = StringField("Time zone", [InputRequired("name the zone in which days are counted")])
    since = DateField("In force for outages from", [InputRequired("name the first day")])
    submit = SubmitField("Begin")


class ModelForm(Form):
    """A decision model; its head is needed when the model did not come from here."""

    file = FileField("Decision model (DMN)")
    basis = SelectField("Why it is owed", choices=[str(one) for one in Basis])
    currency = StringField("Currency", [Length(max=3)])
    zone = StringField("Time zone")
    since = DateField("In force for outages from", [InputRequired("name the first day")])
    submit = SubmitField("Import")


class PolicyForm(Form):
    """A policy as a file or as text; the file wins."""

    file = FileField("Policy file")
    text = TextAreaField("Policy text")
    submit = SubmitField("Check and save as a draft")


@starts.route("/new", methods=["GET", "POST"])
@permission("policies.write")
def new() -> str | Response | tuple[str, int]:
    """The ways to begin; POST of a text or file saves it as a draft when nothing is wrong, else names every problem."""
    form = PolicyForm()
    if not form.validate_on_submit():
        return _render_new(form, [])
    try:
        text, source = _given_text(form)
        with transaction() as session:
            saved = save_policy(session, text, actor=actor(), source=source)
    except PolicyError as error:
        form.text.data = text
        return _render_new(form, show_problems(error, text)), 422
    except InputError as error:
        return _render_new(form, [ShownProblem(None, None, error.what, error.accepted, None)]), 422
    version = saved.version
    if saved.is_new:
        flash(f"Saved as a draft: {version.title}, version {version.number}.", "success")
    else:
        flash(f"Nothing changed: this text is version {version.number} already.", "info")
    return redirect(url_for("policies.detail", name=version.name, number=version.number))


@starts.post("/new/blank")
@permission("policies.write")
def begin_blank() -> Response | tuple[str, int]:
    """An empty policy with its head, opened in the editor."""
    blank = BlankForm()
    if not blank.validate_on_submit():
        return _render_new(PolicyForm(formdata=None), [], blank=blank), 422
    text = starter_text(
        name=blank.name.data,
        title=blank.title.data,
        basis=Basis(blank.basis.data),
        currency=blank.currency.data.upper(),
        zone=blank.zone.data.strip(),
        since=blank.since.data,
    )
    return _begin(blank.name.data, text)


@starts.get("/schemes")
@permission("policies.write")
def schemes() -> str:
    """The ready-made policies, searched by word."""
    search = request.args.get("search", "").strip()[:128]
    words = search.lower().split()
    shown = [one for one in list_schemes() if all(word in _scheme_words(one) for word in words)]
    with reading() as session:
        defined = list_attribute_facts(session)
    return render_template(
        "compensation/policy_schemes.html",
        schemes=[(one, [fact.name for fact in missing_attributes(one.document, defined)]) for one in shown],
        search=search,
        in_force=in_force_text,
    )


def _scheme_words(scheme: Any) -> str:
    document = scheme.document
    said = [scheme.name, document.title, str(document.basis), document.currency]
    return " ".join([*said, *(f"{source.what} {source.where}" for source in document.sources)]).lower()


@starts.post("/schemes/<name>")
@permission("policies.write")
def begin_scheme(name: str) -> Response:
    """A ready-made policy as one's working copy."""
    return _begin(name, get_scheme(name).text)


@starts.post("/new/model")
@permission("policies.write")
def begin_model() -> Response | tuple[str, int]:
    """The decisions of a DMN model as one's working copy; what no policy can hold is named."""
    form = ModelForm()
    try:
        if not form.validate_on_submit():
            raise InputError("the form is not filled in", accepted="a file and the first day in force")
        if not form.file.data:
            raise InputError("no file was chosen", accepted="a decision model in DMN XML")
        text = _model_text(form)
    except InputError as error:
        return _render_new(PolicyForm(formdata=None), [], model=form, model_problem=error.message), 422
    outline = read_outline(text)
    return _begin(str((outline or {"head": {}})["head"].get("policy") or "imported"), text)


def _model_text(form: ModelForm) -> str:
    with form.file.data.stream as stream:
        model = read_model(stream.read(MOST_CHARACTERS + 1))
    head = {"basis": form.basis.data, "currency": (form.currency.data or "").upper(), "zone": form.zone.data or ""}
    text = model_to_policy(model, {**head, "from": form.since.data.isoformat()})
    with reading() as session:
        hints = fact_hints(model, with_attributes(list_attribute_facts(session)))
    for said in (*model.warnings, *hints)[:8]:
        flash(str(said), "warning")
    return text


def _begin(name: str, text: str) -> Response:
    """Open a text in the editor; a working copy or a policy that is there already is never overwritten."""
    with transaction() as session:
        existing = find_draft(session, name, author=actor())
        newest = find_newest(session, name)
        if existing is None and newest is None:
            begin_draft(session, name, text, author=actor())
    if newest is not None and existing is None:
        flash(f"{name} is there already: this is its newest version.", "info")
        return redirect(url_for("policies.detail", name=name, number=newest.number), 303)
    if existing is not None:
        flash(f"You are working on {name} already: this is your working copy as you left it.", "info")
    return redirect(url_for("editor.edit", name=name), 303)


def _render_new(
    form: PolicyForm,
    problems: list[ShownProblem],
    *,
    blank: BlankForm | None = None,
    model: ModelForm | None = None,
    model_problem: str = "",
) -> str:
    return render_template(
        "compensation/policy_new.html",
        form=form,
        problems=problems,
        blank=blank or BlankForm(formdata=None),
        model=model or ModelForm(formdata=None),
        model_problem=model_problem,
    )


def _given_text(form: PolicyForm) -> tuple[str, str]:
    file = form.file.data
    if not file:
        return form.text.data or "", "policy"
    with file.stream:
        content: bytes = file.read(MOST_CHARACTERS + 1)
    if len(content) > MOST_CHARACTERS:
        raise InputError("the file is too long", accepted=f"at most {MOST_CHARACTERS:,} bytes")
    try:
        return content.decode("utf-8-sig"), str(file.filename)
    except UnicodeDecodeError as error:
        raise InputError(f"the file is not text (byte {error.start + 1})", accepted="a YAML file in UTF-8") from None
