"""The editor of a policy: its page, the check while somebody types, and the working copy that loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from compensation.document.outline import read_outline, write_outline
from compensation.document.reading import PolicyError
from compensation.drafts import MovedError, begin_draft, discard_draft, find_draft, keep_draft, list_drafts, save_draft
from compensation.models import PolicyDraft
from compensation.policies import find_newest, get_version, list_attribute_facts
from compensation.policy_check import MOST_CHARACTERS, check_policy
from compensation.simulation.places import list_places
from compensation.web.editor_forms import form_specs
from compensation.web.editor_view import problems_json, report_json
from foundation.errors import InputError
from foundation.web import actor, permission, reading, transaction
from foundation.web.errors import status_of

editor = Blueprint(
    "editor",
    __name__,
    url_prefix="/policies",
    template_folder="templates",
    static_folder="static/policies",
    static_url_path="/static",
)


class WorkBody(Schema):
    """The policy as the editor holds it: the text it knows, and the outline edited since (null: the text itself)."""

    text = fields.String(required=True, validate=validate.Length(max=MOST_CHARACTERS))
    outline = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    revision = fields.Integer(required=True, strict=True)
    based_on = fields.Integer(load_default=None, allow_none=True, strict=True)
    newest = fields.Integer(load_default=None, allow_none=True, strict=True)


def answers_json(view: Callable[..., Any]) -> Callable[..., Response]:
    """Answer what a person got wrong as JSON: these calls are made by the page's own script."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Response:
        try:
            return jsonify(view(*args, **kwargs))
        except InputError as error:
            status = status_of(error)
            status = HTTPStatus.UNPROCESSABLE_ENTITY if status == HTTPStatus.BAD_REQUEST else status
            found = problems_json(error, "") if isinstance(error, PolicyError) else []
            now = error.now if isinstance(error, MovedError) else None
            body = jsonify(message=error.message, what=error.what, accepted=error.accepted, problems=found, now=now)
            body.status_code = status
            return body

    return answer


def read_body(schema: type[Schema]) -> dict[str, Any]:
    """The JSON body by a schema; raises InputError."""
    try:
        loaded: dict[str, Any] = schema().load(request.get_json(silent=True) or {})
    except ValidationError as error:
        raise InputError("the request has the wrong shape", value=error.messages) from None
    return loaded


@editor.get("/<name>/edit")
@permission("policies.write")
def edit(name: str) -> str:
    """The editor on one's working copy, or on the newest version (`?version=` another one) when there is none."""
    with reading() as session:
        draft = find_draft(session, name, author=actor())
        text, based_on, revision = _start(session, name, draft)
        newest = find_newest(session, name)
        facts = list_attribute_facts(session)
        places = list_places(session)
        others = [other for other in list_drafts(session, name) if other.author != actor()]
    outline = read_outline(text)
    report = check_policy(text, outline, attributes=facts)
    data = {
        "name": name,
        "text": text,
        "outline": outline,
        "revision": revision,
        "based_on": based_on,
        "newest": newest.number if newest else None,
        "report": report_json(report),
        "forms": form_specs(),
        "places": [{"run": place.run_id, "label": _place_label(place)} for place in places],
    }
    title = (outline or {"head": {}})["head"].get("title") or name
    return render_template(
        "compensation/policy_edit.html",
        name=name,
        title=title,
        data=data,
        draft=draft,
        based_on=based_on,
        others=others,
    )


def _start(session: Session, name: str, draft: PolicyDraft | None) -> tuple[str, int | None, int]:
    """Text, number of the version it was begun from, and revision (0: nothing is kept yet)."""
    if draft is not None:
        return draft.text, draft.based_on, draft.revision
    wanted = request.args.get("version", "")
    version = get_version(session, name, int(wanted) if wanted.isascii() and wanted.isdecimal() else None)
    return version.source, version.number, 0


def _place_label(place: Any) -> str:
    running = ", still open" if place.is_open else ""
    return f"{place.incident_ref}, {place.title}: {place.lines:,} lines ({place.started_at:%Y-%m-%d}{running})"


@editor.post("/<name>/edit/check")
@permission("policies.write")
@answers_json
def check(name: str) -> dict[str, Any]:
    """Put the edits into the text, keep it as the working copy, and say what is wrong where."""
    body = read_body(WorkBody)
    text = _text_of(body)
    with transaction() as session:
        draft = _keep(session, name, text, body)
        facts = list_attribute_facts(session)
        answer = {"revision": draft.revision, "kept_at": draft.kept_at.isoformat(), "text": text}
    outline = read_outline(text)
    return {**answer, "outline": outline, "report": report_json(check_policy(text, outline, attributes=facts))}


def _text_of(body: dict[str, Any]) -> str:
    text: str = body["text"]
    return text if body["outline"] is None else write_outline(text, body["outline"])


def _keep(session: Session, name: str, text: str, body: dict[str, Any]) -> PolicyDraft:
    if body["revision"] > 0:
        return keep_draft(session, name, text, author=actor(), revision=body["revision"])
    return begin_draft(session, name, text, author=actor(), based_on=body["based_on"])


@editor.post("/<name>/edit/save")
@permission("policies.write")
@answers_json
def save(name: str) -> dict[str, Any]:
    """Save the working copy as the policy's next version."""
    body = read_body(WorkBody)
    with transaction() as session:
        draft = _keep(session, name, _text_of(body), body)
        saved = save_draft(session, name, author=actor(), revision=draft.revision, newest=body["newest"])
        version, is_new = saved.version, saved.is_new
    said = (
        f"Saved as version {version.number}, a draft." if is_new else f"Nothing changed since version {version.number}."
    )
    flash(said, "success" if is_new else "info")
    return {"location": url_for("policies.detail", name=version.name, number=version.number)}


@editor.post("/<name>/edit/discard")
@permission("policies.write")
def discard(name: str) -> Response:
    """Throw one's working copy away; saved versions stay as they are."""
    with transaction() as session:
        was_there = discard_draft(session, name, author=actor())
        newest = find_newest(session, name)
    flash("Your working copy is gone." if was_there else "There was no working copy.", "info")
    if newest is None:
        return redirect(url_for("policies.index"), 303)
    return redirect(url_for("policies.detail", name=name, number=newest.number), 303)
