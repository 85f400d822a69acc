"""The page of suppressions: who gets no texts, added, ended, imported and exported."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from foundation.errors import InputError
from foundation.web import actor, permission, reading, transaction
from foundation.web.lists import PAGE_ROWS
from notify.models import Scope
from notify.suppression import get_suppression, lift, list_suppressions, suppress
from notify.web.addresses import show_address
from notify.web.files import download_suppressions, take_suppressions

suppressions = Blueprint("suppressions", __name__, url_prefix="/suppressions", template_folder="templates")


@suppressions.get("/")
@permission("deliveries.read")
def index() -> str:
    """Active suppressions in the order they began; of one address (`?address=`) ended ones too."""
    address = request.args.get("address", "").strip()[:128]
    said = request.args.get("after", "")
    after = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
    with reading() as session:
        rows = list_suppressions(session, address=address or None, after=after, limit=PAGE_ROWS)
    return render_template(
        "notify/suppressions.html",
        rows=rows,
        address=address,
        after=after,
        next_after=rows[-1].id if len(rows) == PAGE_ROWS and not address else None,
        scopes=list(Scope),
        show_address=show_address,
    )


@suppressions.get("/export")
@permission("people.read")
def export() -> Response:
    """All active suppressions as the CSV that an import reads."""
    return download_suppressions()


@suppressions.post("/add")
@permission("deliveries.write")
def add() -> BaseResponse:
    """Text an address no longer."""
    said = request.form.get("scope", "")
    if said not in list(Scope):
        raise InputError("not a scope", where="scope", value=said, accepted=", ".join(Scope))
    reason = request.form.get("reason", "").strip()[:500]
    if not reason:
        raise InputError("no reason given", where="reason", accepted="a sentence")
    with transaction() as session:
        new = suppress(session, request.form.get("address", ""), Scope(said), reason=reason, actor=actor())
    flash("No more texts go there." if new else "That holds already.", "success" if new else "info")
    return redirect(url_for("suppressions.index"))


@suppressions.post("/end")
@permission("deliveries.write")
def end() -> BaseResponse:
    """End one suppression."""
    said, reason = request.form.get("number", ""), request.form.get("reason", "").strip()[:500]
    if not reason:
        raise InputError("no reason given", where="reason", accepted="a sentence")
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
    with transaction() as session:
        found = get_suppression(session, number)
        ended = lift(session, found.address, found.scope, actor=actor(), reason=reason)
    flash("Texts go there again." if ended else "It had ended already.", "success" if ended else "info")
    return redirect(url_for("suppressions.index"))


@suppressions.post("/import")
@permission("deliveries.write")
def take_file() -> BaseResponse:
    """Add the suppressions of a CSV file."""
    taken = take_suppressions()
    flash(f"{taken.added:,} added, {taken.unchanged:,} held already.", "success" if taken.added else "info")
    for line, complaint in taken.rejected[:10]:
        flash(f"Line {line}: {complaint}", "warning")
    if len(taken.rejected) > 10:
        flash(f"{len(taken.rejected):,} lines were not taken in all.", "warning")
    return redirect(url_for("suppressions.index"))
