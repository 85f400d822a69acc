"""What people say of an incident: customers who declare that they were without service, and lists that staff upload."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from foundation import clock
from foundation.audit import write_audit
from foundation.errors import NotFoundError
from foundation.logging import mask_msisdn
from foundation.web import (
    Form,
    InstantField,
    actor,
    has_permission,
    permission,
    read_form,
    reading,
    show_on_form,
    store,
    stripped,
    transaction,
)
from outage.declarations import list_declarations, record_declaration, withdraw_declaration
from outage.imports.importing import ImportResult
from outage.incidents.incidents import get_incident
from outage.lifecycle import SERVICES
from outage.listings import list_listings, upload_listing, withdraw_listing
from outage.models import Subscriber
from outage.web.forms import WHEN, services_field
from outage.web.planned import ReasonForm

pages = Blueprint("claims", __name__, url_prefix="/incidents/<ref>")
_NUMBER = "<int(max=2147483647):number>"
_SHOWN_REJECTS = 50


class DeclarationForm(Form):
    """What a customer said."""

    msisdn = StringField("Number", [InputRequired("enter the number"), Length(max=32)], [stripped])
    declared_at = InstantField("Said at", [InputRequired("say when the customer told us")])
    services = services_field("Without")
    started_at = InstantField("From", [Optional()])
    ended_at = InstantField("To", [Optional()])


class ListForm(Form):
    """A list of accounts or lines."""

    file = FileField("CSV file", [FileRequired("choose a file")])
    services = services_field("Services, where a row does not say")


@dataclass(frozen=True)
class Uploaded:
    """What became of an uploaded list, with its first rejects: line, field, value, reason."""

    result: ImportResult
    rejects: list[list[str]]


@pages.route("/declarations", methods=["GET", "POST"])
@permission("declarations.write")
def declarations(ref: str) -> Response:
    """What customers declared, and a form for another; whoever may not see people sees masked numbers."""
    form = DeclarationForm()
    with reading() as session:
        incident = get_incident(session, ref)
    if not form.is_submitted():
        form.declared_at.data = clock.now()
        form.msisdn.data = _asked_number()
    if form.validate_on_submit():
        with show_on_form(form, otherwise="msisdn"), transaction() as session:
            is_new = _declare(session, ref, form)
            told = "The declaration is recorded. It counts from the next measurement on."
            return _back("declarations", ref, told if is_new else "It was recorded already.", changed=is_new)
    with reading() as session:
        found = list_declarations(session, ref)
    in_clear = has_permission("people.read")
    rows = [(one, msisdn if in_clear else mask_msisdn(msisdn)) for one, msisdn in found]
    page = render_template("outage/declarations.html", incident=incident, form=form, rows=rows, when=WHEN)
    return make_response(page, 422 if form.is_submitted() else 200)


def _asked_number() -> str | None:
    """The number of the line that `?line=` names, for those who may see people: no number stands in an address."""
    text = request.args.get("line", "")
    if not has_permission("people.read") or not (text.isascii() and text.isdecimal() and len(text) < 19):
        return None
    with transaction() as session:
        write_audit(session, actor=actor(), action="person looked up", subject=f"subscriber:{int(text)}")
        return session.scalar(select(Subscriber.msisdn).where(Subscriber.id == int(text)))


def _declare(session: Session, ref: str, form: DeclarationForm) -> bool:
    _, is_new = record_declaration(
        session,
        store(),
        ref,
        form.msisdn.data,
        declared_at=form.declared_at.data,
        services=form.services.data or SERVICES,
        started_at=form.started_at.data,
        ended_at=form.ended_at.data,
        actor=actor(),
    )
    return is_new


@pages.post(f"/declarations/{_NUMBER}/withdrawal")
@permission("declarations.write")
def take_back_declaration(ref: str, number: int) -> Response:
    """Let a declaration count no longer."""
    reason = read_form(ReasonForm).reason.data
    with transaction() as session:
        if number not in [one.id for one, _ in list_declarations(session, ref)]:
            raise NotFoundError("no such declaration of this incident", where="declaration", value=number)
        changed = withdraw_declaration(session, number, reason=reason, actor=actor())
    return _back("declarations", ref, "It is withdrawn." if changed else "It was withdrawn before.", changed=changed)


@pages.route("/lists", methods=["GET", "POST"])
@permission("incidents.write")
def lists(ref: str) -> Response:
    """The lists of accounts and lines that staff uploaded, and a form for another; what was rejected is named."""
    form = ListForm()
    uploaded = None
    with reading() as session:
        incident = get_incident(session, ref)
    if form.validate_on_submit():
        with show_on_form(form, otherwise="file"):
            uploaded = _upload(ref, form)
    with reading() as session:
        rows = list_listings(session, ref)
    page = render_template("outage/lists.html", incident=incident, form=form, rows=rows, uploaded=uploaded)
    return make_response(page, 422 if form.is_submitted() and uploaded is None else 200)


def _upload(ref: str, form: ListForm) -> Uploaded:
    upload: FileStorage = form.file.data
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / (secure_filename(upload.filename or "")[-120:] or "list.csv")
        upload.save(path)
        with transaction() as session:
            result = upload_listing(
                session,
                store(),
                ref,
                path,
                actor=actor(),
                services=form.services.data or SERVICES,
                reject_dir=Path(directory) / "rejects",
            )
        return Uploaded(result, _first_rejects(result.reject_file))


def _first_rejects(path: Path | None) -> list[list[str]]:
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        return [row for row, _ in zip(rows, range(_SHOWN_REJECTS), strict=False)]


@pages.post(f"/lists/{_NUMBER}/withdrawal")
@permission("incidents.write")
def take_back_list(ref: str, number: int) -> Response:
    """Let a list count no longer."""
    reason = read_form(ReasonForm).reason.data
    with transaction() as session:
        if number not in [one.id for one, _ in list_listings(session, ref)]:
            raise NotFoundError("no such list of this incident", where="list", value=number)
        changed = withdraw_listing(session, number, reason=reason, actor=actor())
    return _back("lists", ref, "It is withdrawn." if changed else "It was withdrawn before.", changed=changed)


def _back(page: str, ref: str, message: str, *, changed: bool) -> Response:
    flash(message, "success" if changed else "info")
    return redirect(url_for(f"claims.{page}", ref=ref), 303)
