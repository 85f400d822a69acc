"""The page of texts: the current words of each in every language, and one copy to oneself before they are approved."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from foundation.web import actor, permission, reading, transaction
from foundation.web.access import foundations
from notify.registry import make_routing
from notify.rehearsal import send_rehearsal
from notify.segments import count_parts
from notify.texts import list_current_texts

texts = Blueprint("texts", __name__, url_prefix="/texts", template_folder="templates")


@texts.get("/")
@permission("policies.read")
def index() -> str:
    """The current version of every text; `?search=` finds by name or words."""
    search = request.args.get("search", "").strip()[:128]
    with reading() as session:
        found = [
            (version, count_parts(version.body).parts)
            for version in list_current_texts(session)
            if search.lower() in f"{version.name} {version.body}".lower()
        ]
    return render_template("notify/texts.html", texts=found, search=search)


@texts.post("/rehearse")
@permission("policies.write")
def rehearse() -> Response:
    """Send one copy of a text with made-up values to oneself."""
    name, language = request.form.get("name", ""), request.form.get("language", "")
    routing = make_routing(foundations().settings)
    with transaction() as session:
        send_rehearsal(session, name, language, request.form.get("to", ""), routing=routing, actor=actor())
    flash(f"{name} ({language}) is on its way to you, with made-up values.", "success")
    return redirect(url_for("texts.index"))
