"""The page of adjustment files: written, listed, downloaded, and the billing side's answers taken."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from foundation.errors import InputError, NotFoundError
from foundation.web import actor, permission, reading, transaction
from foundation.web.access import foundations
from notify.adjustments import acknowledge, count_unfiled, list_files, write_adjustments

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
    written = write_adjustments(foundations().database, _directory(), actor=actor())
    said = ", ".join(f"{file.ref} with {file.lines:,} lines" for file in written)
    flash(f"Written: {said}." if written else "No credit awaits a file.", "success" if written else "info")
    return redirect(url_for("adjustments.index"))


@adjustments.get("/<ref>.csv")
@permission("people.read")
def download(ref: str) -> Response:
    """A written file."""
    with reading() as session:
        known = {file.ref for file in list_files(session, limit=_SHOWN) if file.written_at is not None}
    path = _directory() / f"{ref}.csv"
    # Only what is in the list: a name from an address must not become a path.
    if ref not in known or not path.is_file():
        raise NotFoundError("no such file", value=ref, accepted="a written file from the list")
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=path.name)


@adjustments.post("/answer")
@permission("deliveries.write")
def take_answer() -> Response:
    """Take an acknowledgement file: what it accepts is posted, what it rejects has failed."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InputError("no file was sent", where="file", accepted="an acknowledgement file")
    with tempfile.TemporaryDirectory() as directory:
        # By its own name, for complaints name the file; the name alone, whatever path it came with.
        path = Path(directory) / (Path(file.filename).name[:100] or "answer.csv")
        file.save(path)
        with transaction() as session:
            taken = acknowledge(session, path, actor=actor())
    said = f"{taken.ref}: {taken.accepted:,} accepted, {taken.rejected:,} rejected, {taken.repeated:,} known before."
    flash(said, "success" if taken.accepted or taken.rejected else "info")
    return redirect(url_for("adjustments.index"))


def _directory() -> Path:
    return foundations().settings.data / "adjustments"
