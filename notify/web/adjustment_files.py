"""The page of adjustment files: written, listed, downloaded, and the billing side's answers taken."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from foundation.web import actor, permission, reading
from foundation.web.access import foundations
from notify.adjustments import count_unfiled, list_files, write_adjustments
from notify.web.files import adjustment_directory, download_adjustments, take_acknowledgement

adjustments = Blueprint("adjustments", __name__, url_prefix="/adjustment-files", template_folder="templates")
_SHOWN = 200


@adjustments.get("/")
@permission("deliveries.read")
def index() -> str:
    """The newest files with what was answered, and how many credits await one."""
    with reading() as session:
        rows, unfiled = list_files(session, limit=_SHOWN), count_unfiled(session)
    return render_template("notify/adjustments.html", rows=rows, unfiled=unfiled)


@adjustments.post("/write")
@permission("deliveries.write")
def write() -> Response:
    """Close a file over what awaits one and write it."""
    written = write_adjustments(foundations().database, adjustment_directory(), actor=actor())
    said = ", ".join(f"{file.ref} with {file.lines:,} lines" for file in written)
    flash(f"Written: {said}." if written else "No credit awaits a file.", "success" if written else "info")
    return redirect(url_for("adjustments.index"))


@adjustments.get("/<ref>.csv")
@permission("people.read")
def download(ref: str) -> Response:
    """A written file."""
    return download_adjustments(ref)


@adjustments.post("/answer")
@permission("deliveries.write")
def take_answer() -> Response:
    """Take an acknowledgement file: what it accepts is posted, what it rejects has failed."""
    taken = take_acknowledgement()
    said = f"{taken.ref}: {taken.accepted:,} accepted, {taken.rejected:,} rejected, {taken.repeated:,} known before."
    flash(said, "success" if taken.accepted or taken.rejected else "info")
    return redirect(url_for("adjustments.index"))
