"""The page of texts: the current words of each in every language, and one copy to oneself before they are approved."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from foundation.web import actor, csv_response, permission, reading, transaction, wants_csv
from foundation.web.access import foundations
from notify.models import TextVersion
from notify.registry import make_routing
from notify.rehearsal import send_rehearsal
from notify.segments import count_parts
from notify.texts import list_current_texts

texts = Blueprint("texts", __name__, url_prefix="/texts", template_folder="templates")
_COLUMNS = ("name", "language", "version", "text", "parts", "may_have_links", "author", "saved_at")


@texts.get("/")
@permission("policies.read")
def index() -> str | Response:
    """The current version of every text; `?search=` finds by name or words, `?format=csv` is all that it finds."""
    search = request.args.get("search", "").strip()[:128]
    with reading() as session:
        found = [
            (version, count_parts(version.body).parts)
            for version in list_current_texts(session)
            if search.lower() in f"{version.name} {version.body}".lower()
        ]
    if wants_csv():
        return csv_response("texts", _COLUMNS, [_row(version, parts) for version, parts in found])
    return render_template("notify/texts.html", texts=found, search=search)


def _row(version: TextVersion, parts: int) -> list[object]:
    words = (version.name, version.language, version.number, version.body, parts, version.allows_links)
    return [*words, version.author, version.created_at]


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
