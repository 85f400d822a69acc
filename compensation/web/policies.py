"""Pages of policy versions: list, one version as readable tables, a new version, and the steps to force."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SubmitField, TextAreaField

from compensation.document import PolicyDocument, PolicyError
from compensation.models import PolicyState, PolicyVersion
from compensation.policies import (
    approve_policy,
    get_version,
    list_versions,
    load_document,
    retire_policy,
    save_policy,
    submit_policy,
)
from compensation.policy_tests import TestResult, run_tests
from compensation.web.policy_view import ShownProblem, in_force_text, show_policy, show_problems
from foundation.errors import InputError
from foundation.web import Form, actor, has_permission, permission, reading, transaction

MOST_CHARACTERS = 1_000_000
policies = Blueprint("policies", __name__, url_prefix="/policies", template_folder="templates")
_VERSION = "/<name>/<int(max=1000000):number>"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A line of the list; `tests` is None when the version can no longer be read."""

    version: PolicyVersion
    in_force: str
    tests: list[TestResult] | None


class PolicyForm(Form):
    """A policy as a file or as text; the file wins."""

    file = FileField("Policy file")
    text = TextAreaField("Policy text")
    submit = SubmitField("Check and save as a draft")


@policies.get("/")
@permission("policies.read")
def index() -> str:
    """All versions with their state, dates and tests."""
    with reading() as session:
        rows = [
            PolicyRow(version, in_force_text(version.in_force_from, version.in_force_to), _run_tests(session, version))
            for version in list_versions(session)
        ]
    return render_template("compensation/policies.html", rows=rows)


@policies.route("/new", methods=["GET", "POST"])
@permission("policies.write")
def new() -> str | Response | tuple[str, int]:
    """Upload or paste a version: saved as a draft when nothing is wrong, else every problem with line and column."""
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


@policies.get(_VERSION)
@permission("policies.read")
def detail(name: str, number: int) -> str:
    """One version: its tables, parameters, rewards, limits, tests and text."""
    with reading() as session:
        version = get_version(session, name, number)
        document, problem = _find_document(session, version)
        others = [other for other in list_versions(session) if other.name == name]
    return render_template(
        "compensation/policy.html",
        version=version,
        document=document,
        problem=problem,
        shown=show_policy(document) if document is not None else None,
        tests=run_tests(document) if document is not None else None,
        in_force=in_force_text(version.in_force_from, version.in_force_to),
        others=others,
        steps=_steps(version),
    )


@policies.post(_VERSION + "/submit")
@permission("policies.write")
def submit(name: str, number: int) -> Response:
    """Ask a second person to approve it."""
    with transaction() as session:
        submit_policy(session, get_version(session, name, number).id, actor=actor())
    flash("In review: another person approves it.", "success")
    return redirect(url_for("policies.detail", name=name, number=number))


@policies.post(_VERSION + "/approve")
@permission("policies.approve")
def approve(name: str, number: int) -> Response:
    """Put it in force for outages of its dates."""
    with transaction() as session:
        approve_policy(session, get_version(session, name, number).id, actor=actor())
    flash("Approved: it answers for outages of its dates.", "success")
    return redirect(url_for("policies.detail", name=name, number=number))


@policies.post(_VERSION + "/retire")
@permission("policies.approve")
def retire(name: str, number: int) -> Response:
    """Take it out of force."""
    with transaction() as session:
        retire_policy(session, get_version(session, name, number).id, actor=actor())
    flash("Retired: no further assessment can use it.", "success")
    return redirect(url_for("policies.detail", name=name, number=number))


def _render_new(form: PolicyForm, problems: list[ShownProblem]) -> str:
    return render_template("compensation/policy_new.html", form=form, problems=problems)


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


def _find_document(session: Session, version: PolicyVersion) -> tuple[PolicyDocument | None, str | None]:
    # An attribute that a saved version reads may have been taken away since.
    try:
        return load_document(session, version), None
    except InputError as error:
        return None, error.message


def _run_tests(session: Session, version: PolicyVersion) -> list[TestResult] | None:
    document, _ = _find_document(session, version)
    return None if document is None else list(run_tests(document))


def _steps(version: PolicyVersion) -> dict[str, str | None]:
    """The steps its state offers, each with why this staff user cannot take it (None: may)."""
    offered = {
        PolicyState.DRAFTED: {"submit": "policies.write"},
        PolicyState.SUBMITTED: {"approve": "policies.approve"},
        PolicyState.APPROVED: {"retire": "policies.approve"},
    }.get(version.state, {})
    return {step: _hindrance(step, needed, version) for step, needed in offered.items()}


def _hindrance(step: str, needed: str, version: PolicyVersion) -> str | None:
    if not has_permission(needed):
        return "Your role does not allow this step."
    if step == "approve" and version.author == actor():
        return "You wrote this version; another person approves it."
    return None
