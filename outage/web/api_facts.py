"""Late facts over HTTP: corrections, merging, what customers declared, and lists of accounts or lines."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import current_app, request
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.utils import secure_filename

from foundation.errors import InputError, NotFoundError
from foundation.logging import mask_msisdn
from foundation.web import ApiBlueprint, actor, has_permission, permission, reading, store, transaction
from outage.declarations import list_declarations, record_declaration, withdraw_declaration
from outage.incidents import corrections
from outage.incidents.incidents import get_incident
from outage.incidents.merging import Guard, merge_incidents
from outage.lifecycle import SERVICES
from outage.listings import list_listings, upload_listing, withdraw_listing
from outage.models import Incident
from outage.web.schemas import ChangedAnswer, ClosedAnswer, StrictSchema, instant_field

calls = ApiBlueprint(
    "outage_facts_api", __name__, description="Late facts about incidents, and what people say of them"
)
_NUMBER = "<int(max=2147483647):number>"


def _reason() -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, 2000))


class OutageOf(StrictSchema):
    """Which outage, and how it is known what was otherwise."""

    element = fields.String(required=True, validate=validate.Length(1, 128))
    service = fields.String(required=True, validate=validate.OneOf(SERVICES))
    which = instant_field("Entered as beginning; none: the only one.", load_default=None, allow_none=True)
    reason = _reason()


class CorrectionBody(OutageOf):
    """It began or ended at another time."""

    started_at = instant_field("None: as entered.", load_default=None, allow_none=True)
    ended_at = instant_field("None: as entered.", load_default=None, allow_none=True)


class SplitBody(OutageOf):
    """Service was back for a while in the middle."""

    restored_at = instant_field("Service was back from.", required=True)
    lost_at = instant_field("And lost again from.", required=True)


class MergeBody(StrictSchema):
    """Which incident is the same as this one, and why."""

    absorbed = fields.String(required=True, validate=validate.Length(1, 24))
    reason = fields.String(required=True, validate=validate.Length(1, 1000))


class DeclarationBody(StrictSchema):
    """What a customer said."""

    msisdn = fields.String(required=True, validate=validate.Length(1, 32))
    declared_at = instant_field("When the customer told us.", required=True)
    services = fields.List(fields.String(validate=validate.OneOf(SERVICES)), load_default=list(SERVICES))
    started_at = instant_field("None: the incident's.", load_default=None, allow_none=True)
    ended_at = instant_field("None: the incident's.", load_default=None, allow_none=True)


class WithdrawalBody(StrictSchema):
    """Why it counts no longer."""

    reason = _reason()


class DeclarationAnswer(Schema):
    """A declaration; the number is masked for those who may not see people."""

    id = fields.Integer()
    msisdn = fields.String()
    services = fields.List(fields.String())
    started_at = instant_field("UTC")
    ended_at = instant_field("UTC")
    declared_at = instant_field("UTC")
    recorded_by = fields.String()
    withdrawn_at = instant_field("UTC")


class DeclarationsAnswer(Schema):
    """The declarations on an incident, withdrawn ones too."""

    declarations = fields.List(fields.Nested(DeclarationAnswer))


class DeclaredAnswer(Schema):
    """A declaration's id, and whether it was recorded now."""

    id = fields.Integer()
    is_new = fields.Boolean()


class ListingAnswer(Schema):
    """A list of lines or accounts."""

    id = fields.Integer()
    file = fields.String()
    rows = fields.Integer()
    uploaded_by = fields.String()
    uploaded_at = instant_field("UTC")
    withdrawn_at = instant_field("UTC")


class ListingsAnswer(Schema):
    """The lists of an incident, withdrawn ones too."""

    listings = fields.List(fields.Nested(ListingAnswer))


class UploadAnswer(Schema):
    """What became of an uploaded list."""

    read = fields.Integer()
    added = fields.Integer()
    unchanged = fields.Integer()
    rejected = fields.Integer()


@calls.call("POST", "/incidents/<ref>/corrections", answer=ChangedAnswer)
@calls.takes(CorrectionBody)
@permission("incidents.write")
def correct(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Say that an outage began or ended at another time; the next measurement makes a new run of it."""
    if body["started_at"] is None and body["ended_at"] is None:
        raise InputError("no other time was given", where="started_at", accepted="when it began or ended")
    with transaction() as session:
        found = corrections.correct_outage(session, get_incident(session, ref), **body, actor=actor())
    return {"changed": found is not None}


@calls.call("POST", "/incidents/<ref>/corrections/reopen", answer=ChangedAnswer)
@calls.takes(OutageOf)
@permission("incidents.write")
def reopen(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Say that an outage has not ended after all."""
    with transaction() as session:
        found = corrections.reopen_outage(session, get_incident(session, ref), **body, actor=actor())
    return {"changed": found is not None}


@calls.call("POST", "/incidents/<ref>/corrections/split", answer=ChangedAnswer)
@calls.takes(SplitBody)
@permission("incidents.write")
def split(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Say that service was back for a while in the middle of an outage."""
    with transaction() as session:
        corrections.split_outage(session, get_incident(session, ref), **body, actor=actor())
    return {"changed": True}


@calls.call("POST", "/incidents/<ref>/corrections/remove", answer=ChangedAnswer)
@calls.takes(OutageOf)
@permission("incidents.write")
def remove(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Take away an outage that was entered by mistake."""
    with transaction() as session:
        corrections.remove_outage(session, get_incident(session, ref), **body, actor=actor())
    return {"changed": True}


@calls.call("POST", "/incidents/<ref>/merge", answer=ClosedAnswer)
@calls.takes(MergeBody)
@permission("incidents.write")
def merge(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Merge another incident into this one. Again: no change."""
    with transaction() as session:
        keep, absorbed = get_incident(session, ref), get_incident(session, body["absorbed"])
        changed = merge_incidents(session, keep, absorbed, actor=actor(), reason=body["reason"], guard=_ask_guards)
    return {"changed": changed, "incident": keep}


def _ask_guards(session: Session, absorbed: Incident) -> None:
    guards: Sequence[Guard] = current_app.extensions["merge_guards"]
    for guard in guards:
        guard(session, absorbed)


@calls.call("GET", "/incidents/<ref>/declarations", answer=DeclarationsAnswer)
@permission("declarations.write")
def get_declarations(ref: str) -> dict[str, Any]:
    """What customers declared about an incident."""
    with reading() as session:
        found = list_declarations(session, ref)
    in_clear = has_permission("people.read")
    names = ("id", "services", "started_at", "ended_at", "declared_at", "recorded_by", "withdrawn_at")
    return {
        "declarations": [
            {**{name: getattr(one, name) for name in names}, "msisdn": msisdn if in_clear else mask_msisdn(msisdn)}
            for one, msisdn in found
        ]
    }


@calls.call("POST", "/incidents/<ref>/declarations", answer=DeclaredAnswer, status=201)
@calls.takes(DeclarationBody)
@permission("declarations.write")
def declare(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Record what a customer said; it counts from the next measurement on."""
    msisdn = body.pop("msisdn")
    with transaction() as session:
        found, is_new = record_declaration(session, store(), ref, msisdn, **body, actor=actor())
    return {"id": found.id, "is_new": is_new}


@calls.call("POST", f"/incidents/<ref>/declarations/{_NUMBER}/withdrawal", answer=ChangedAnswer)
@calls.takes(WithdrawalBody)
@permission("declarations.write")
def take_back_declaration(body: dict[str, Any], ref: str, number: int) -> dict[str, bool]:
    """Let a declaration count no longer. Again: no change."""
    with transaction() as session:
        if number not in [one.id for one, _ in list_declarations(session, ref)]:
            raise NotFoundError("no such declaration of this incident", where="declaration", value=number)
        return {"changed": withdraw_declaration(session, number, reason=body["reason"], actor=actor())}


@calls.call("GET", "/incidents/<ref>/listings", answer=ListingsAnswer)
@permission("incidents.read")
def get_listings(ref: str) -> dict[str, Any]:
    """The lists that staff uploaded for an incident."""
    names = ("id", "file", "uploaded_by", "uploaded_at", "withdrawn_at")
    with reading() as session:
        found = list_listings(session, ref)
    return {"listings": [{**{name: getattr(one, name) for name in names}, "rows": rows} for one, rows in found]}


@calls.call("POST", "/incidents/<ref>/listings", answer=UploadAnswer, status=201)
@calls.uploads("file", services={"type": "array", "items": {"type": "string", "enum": list(SERVICES)}})
@permission("incidents.write")
def upload(ref: str) -> Any:
    """Take a CSV file of lines (msisdn) or accounts (account) as touched by an incident; form field `file`."""
    sent = request.files.get("file")
    if not sent:
        raise InputError("no file", where="file", accepted="a CSV file in a multipart form")
    services = request.form.getlist("services") or list(SERVICES)
    unknown = [one for one in services if one not in SERVICES]
    if unknown:
        raise InputError("unknown service", where="services", value=unknown[0], accepted=", ".join(SERVICES))
    with tempfile.TemporaryDirectory() as folder, transaction() as session:
        path = Path(folder) / (secure_filename(sent.filename or "")[-120:] or "list.csv")
        sent.save(path)
        return upload_listing(
            session, store(), ref, path, actor=actor(), services=services, reject_dir=Path(folder) / "rejects"
        )


@calls.call("POST", f"/incidents/<ref>/listings/{_NUMBER}/withdrawal", answer=ChangedAnswer)
@calls.takes(WithdrawalBody)
@permission("incidents.write")
def take_back_listing(body: dict[str, Any], ref: str, number: int) -> dict[str, bool]:
    """Let a list count no longer. Again: no change."""
    with transaction() as session:
        if number not in [one.id for one, _ in list_listings(session, ref)]:
            raise NotFoundError("no such list of this incident", where="list", value=number)
        return {"changed": withdraw_listing(session, number, reason=body["reason"], actor=actor())}
