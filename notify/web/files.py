"""Files that come and go over HTTP, for pages and calls alike: suppressions, adjustment files and their answers."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from flask import Response, request, send_file
from werkzeug.datastructures import FileStorage

from foundation.errors import InputError, NotFoundError
from foundation.web import actor, reading, transaction
from foundation.web.access import foundations
from notify.adjustments import Acknowledged, acknowledge, get_file
from notify.suppression import Imported, export_suppressions, import_suppressions

_LONGEST_NAME = 100


def adjustment_directory() -> Path:
    """Where adjustment files are written."""
    return foundations().settings.data / "adjustments"


def download_adjustments(ref: str) -> Response:
    """A written adjustment file; raises NotFoundError."""
    with reading() as session:
        # Only what the records know: a name from an address must not become a path.
        written = get_file(session, ref).written_at is not None
    path = adjustment_directory() / f"{ref}.csv"
    if not written or not path.is_file():
        raise NotFoundError("is not written yet", value=ref, accepted="a written file from the list")
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=path.name)


def take_acknowledgement() -> Acknowledged:
    """Take the acknowledgement file of the request (form field `file`); raises InputError or NotFoundError."""
    sent = _sent("an acknowledgement file")
    with tempfile.TemporaryDirectory() as directory:
        # By its own name, for complaints name the file; the name alone, whatever path it came with.
        path = Path(directory) / (Path(sent.filename or "").name[-_LONGEST_NAME:] or "answer.csv")
        sent.save(path)
        with transaction() as session:
            return acknowledge(session, path, actor=actor())


def take_suppressions() -> Imported:
    """Add the suppressions of the request's CSV file (form field `file`); raises InputError."""
    sent = _sent("a CSV file")
    name = (sent.filename or "")[-_LONGEST_NAME:]
    try:
        lines = io.StringIO(sent.read().decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise InputError("not UTF-8", where="file", value=name, accepted="a CSV file in UTF-8") from None
    with transaction() as session:
        return import_suppressions(session, lines, actor=actor(), source=name)


def download_suppressions() -> Response:
    """All active suppressions as the CSV that an import reads."""
    with reading() as session:
        file = io.StringIO(newline="")
        export_suppressions(session, file)
    headers = {"Content-Disposition": 'attachment; filename="suppressions.csv"'}
    return Response(file.getvalue(), mimetype="text/csv", headers=headers)


def _sent(accepted: str) -> FileStorage:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InputError("no file was sent", where="file", accepted=f"{accepted}, in a multipart form")
    return file
