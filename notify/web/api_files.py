"""Suppressions and adjustment files over HTTP: listed, written, sent and fetched as files."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from foundation.web import ApiBlueprint, actor, permission, reading, transaction
from foundation.web.access import foundations
from notify.adjustments import list_files, write_adjustments
from notify.models import Scope
from notify.suppression import lift, list_suppressions, suppress
from notify.web.addresses import show_address
from notify.web.api_schemas import MOST, DeliveryListQuery, DeliveryReasonBody, RowsChangedAnswer, Strict
from notify.web.files import (
    adjustment_directory,
    download_adjustments,
    download_suppressions,
    take_acknowledgement,
    take_suppressions,
)

file_calls = ApiBlueprint("delivery_files_api", __name__, description="Who gets no texts, and files of adjustments")


class SuppressionsQuery(Strict):
    """Active suppressions behind an id; of one address, ended ones too."""

    address = fields.String(load_default=None, validate=validate.Length(1, 128))
    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**63 - 1))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MOST))


class SuppressBody(DeliveryReasonBody):
    """An address and what it gets no more."""

    address = fields.String(required=True, validate=validate.Length(1, 128))
    scope = fields.Enum(Scope, by_value=True, required=True)


class LiftBody(DeliveryReasonBody):
    """An address and what it gets again; without a scope everything."""

    address = fields.String(required=True, validate=validate.Length(1, 128))
    scope = fields.Enum(Scope, by_value=True, load_default=None, allow_none=True)


class SuppressionAnswer(Schema):
    """One suppression."""

    id = fields.Integer()
    address = fields.Function(lambda row: show_address(row.address))
    scope = fields.String()
    reason = fields.String()
    source = fields.String()
    since = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)


class RejectedLineAnswer(Schema):
    """A line of a file that was not taken, and why; line 1 is the header."""

    line = fields.Integer()
    complaint = fields.String()


class ImportedAnswer(Schema):
    """What an import of suppressions did."""

    read = fields.Integer()
    added = fields.Integer()
    unchanged = fields.Integer()
    rejected = fields.List(fields.Nested(RejectedLineAnswer))


class FileAnswer(Schema):
    """An adjustment file; totals in minor units by currency."""

    ref = fields.String()
    lines = fields.Integer()
    totals = fields.Dict()
    sha256 = fields.String(allow_none=True)
    accepted = fields.Integer()
    rejected = fields.Integer()
    closed_at = fields.AwareDateTime()


class AcknowledgedAnswer(Schema):
    """What an acknowledgement changed; `repeated` lines were answered so before."""

    ref = fields.String()
    accepted = fields.Integer()
    rejected = fields.Integer()
    repeated = fields.Integer()


@file_calls.call("GET", "/suppressions", answer=SuppressionAnswer(many=True))
@file_calls.takes(SuppressionsQuery, location="query")
@permission("deliveries.read")
def get_suppressions(query: dict[str, Any]) -> Any:
    """Who gets no texts."""
    with reading() as session:
        return list_suppressions(session, **query)


@file_calls.call("POST", "/suppressions", answer=RowsChangedAnswer)
@file_calls.takes(SuppressBody)
@permission("deliveries.write")
def add_suppression(body: dict[str, Any]) -> dict[str, int]:
    """Text an address no longer within a scope."""
    with transaction() as session:
        new = suppress(session, body["address"], body["scope"], reason=body["reason"], actor=actor())
    return {"changed": int(new)}


@file_calls.call("POST", "/suppressions/lift", answer=RowsChangedAnswer)
@file_calls.takes(LiftBody)
@permission("deliveries.write")
def lift_suppression(body: dict[str, Any]) -> dict[str, int]:
    """End the suppressions of an address."""
    with transaction() as session:
        ended = lift(session, body["address"], body["scope"], actor=actor(), reason=body["reason"])
    return {"changed": ended}


@file_calls.call("POST", "/suppressions/import", answer=ImportedAnswer)
@file_calls.uploads("file")
@permission("deliveries.write")
def import_file() -> dict[str, Any]:
    """Add the suppressions of a CSV file with the columns address and scope, and if there reason and since.

    Good lines are added, the others are told; again adds nothing.
    """
    taken = take_suppressions()
    rejected = [{"line": line, "complaint": complaint} for line, complaint in taken.rejected]
    return {"read": taken.read, "added": taken.added, "unchanged": taken.unchanged, "rejected": rejected}


@file_calls.csv("/suppressions/export")
@permission("people.read")
def export_file() -> Response:
    """All active suppressions, as an import reads them."""
    return download_suppressions()


@file_calls.call("GET", "/adjustment-files", answer=FileAnswer(many=True))
@file_calls.takes(DeliveryListQuery, location="query")
@permission("deliveries.read")
def get_files(query: dict[str, Any]) -> Any:
    """Adjustment files, newest first."""
    with reading() as session:
        return list_files(session, **query)


@file_calls.call("POST", "/adjustment-files", answer=FileAnswer(many=True))
@permission("deliveries.write")
def write_files() -> Any:
    """Close a file over what awaits one and write it; what was closed and not yet written is written too."""
    return write_adjustments(foundations().database, adjustment_directory(), actor=actor())


@file_calls.csv("/adjustment-files/<ref>.csv")
@permission("people.read")
def get_file_itself(ref: str) -> Response:
    """A written adjustment file."""
    return download_adjustments(ref)


@file_calls.call("POST", "/adjustment-files/acknowledgements", answer=AcknowledgedAnswer)
@file_calls.uploads("file")
@permission("deliveries.write")
def take_answers() -> Any:
    """Take an acknowledgement file: what it accepts is posted, what it rejects has failed; all of it or nothing."""
    return take_acknowledgement()
