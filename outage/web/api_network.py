"""The network over HTTP: what breaks if elements fail, how the inventory changed, and what a file would change."""

from __future__ import annotations

import tempfile
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from foundation.errors import InputError
from foundation.web import ApiBlueprint, Page, actor, permission, reading, store, transaction
from outage.lifecycle import SERVICES
from outage.network.failure import list_single_points, reach_of_failure
from outage.network.history import ADDED, CHANGED, DEPENDENCY, ELEMENT, RETIRED, list_changes
from outage.network.importing import NetworkResult, import_network
from outage.web.schemas import MOST_ELEMENTS, StrictSchema, instant_field

calls = ApiBlueprint(
    "outage_network_api", __name__, description="The network: what depends on what, and how it changed"
)


class WhatIfBody(StrictSchema):
    """Elements that are thought to fail, together, now."""

    elements = fields.List(
        fields.String(validate=validate.Length(1, 128)), required=True, validate=validate.Length(1, MOST_ELEMENTS)
    )
    services = fields.List(fields.String(validate=validate.OneOf(SERVICES)), load_default=None, allow_none=True)
    hold_hours = fields.Integer(load_default=6, validate=validate.Range(0, 336))


class CountAnswer(Schema):
    """Elements of one kind, area or radio without service."""

    name = fields.String()
    elements = fields.Integer()
    services = fields.Dict(keys=fields.String(), values=fields.Integer())


class ProtectionAnswer(Schema):
    """Redundancy that holds."""

    group = fields.String()
    lost = fields.List(fields.String())
    left = fields.List(fields.String())
    services = fields.List(fields.String())
    elements = fields.Integer()


class LineReachAnswer(Schema):
    """Lines without any service."""

    lines = fields.Integer()
    services = fields.Dict(keys=fields.String(), values=fields.Integer())
    evidence = fields.Dict(keys=fields.String(), values=fields.Integer())
    is_current = fields.Boolean()


class ReachAnswer(Schema):
    """What breaks; `lines` null while the base has no mirror."""

    at = instant_field("UTC")
    failed = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    others = fields.Integer()
    cells = fields.Integer()
    breaks_nothing = fields.Boolean()
    by_kind = fields.List(fields.Nested(CountAnswer))
    by_area = fields.List(fields.Nested(CountAnswer))
    by_radio = fields.List(fields.Nested(CountAnswer))
    protections = fields.List(fields.Nested(ProtectionAnswer))
    lines = fields.Nested(LineReachAnswer, allow_none=True)


class PointsQuery(StrictSchema):
    """How many."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 10_000))


class PointAnswer(Schema):
    """An element that fails alone with others."""

    ref = fields.String()
    kind = fields.String()
    others = fields.Integer()
    cells = fields.Integer()
    services = fields.List(fields.String())
    lines = fields.Integer(allow_none=True)


class PointsAnswer(Schema):
    """Single points of failure, those of most lines first."""

    points = fields.List(fields.Nested(PointAnswer))


class ChangesQuery(StrictSchema):
    """Which changes of the inventory."""

    ref = fields.String(load_default=None, validate=validate.Length(1, 384))
    version = fields.Integer(load_default=None, validate=validate.Range(0, 1_000_000_000))
    subject = fields.String(load_default=None, validate=validate.OneOf((ELEMENT, DEPENDENCY)))
    change = fields.String(load_default=None, validate=validate.OneOf((ADDED, CHANGED, RETIRED)))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 10_000))
    page_size = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class InventoryChangeAnswer(Schema):
    """One change of an element or dependency."""

    version = fields.Integer()
    at = instant_field("UTC")
    actor = fields.String()
    file = fields.String()
    subject = fields.String()
    ref = fields.String()
    change = fields.String()
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)


class InventoryChangesAnswer(Schema):
    """Changes, newest first."""

    changes = fields.List(fields.Nested(InventoryChangeAnswer))


class DiffAnswer(Schema):
    """What a file would change, and what of it would be rejected."""

    file = fields.String()
    read = fields.Integer()
    added = fields.Integer()
    changed = fields.Integer()
    unchanged = fields.Integer()
    rejected = fields.Integer()
    details = fields.Dict(keys=fields.String(), values=fields.Integer())
    samples = fields.List(fields.Nested(InventoryChangeAnswer))
    refused = fields.List(fields.List(fields.Raw()), metadata={"description": "line, field, value, reason"})


class DryRunAnswer(Schema):
    """One diff per file."""

    files = fields.List(fields.Nested(DiffAnswer))


@calls.call("POST", "/network/whatif", answer=ReachAnswer)
@calls.takes(WhatIfBody)
@permission("inventory.read")
def what_if(body: dict[str, Any]) -> Any:
    """What breaks if these elements fail now, together; nothing is written."""
    with reading() as session:
        return reach_of_failure(session, store(), body["elements"], body["services"], body["hold_hours"])


@calls.call("GET", "/network/single-points", answer=PointsAnswer)
@calls.takes(PointsQuery, "query")
@permission("inventory.read")
def single_points(query: dict[str, Any]) -> dict[str, Any]:
    """The elements whose failure alone takes service from others."""
    with reading() as session:
        return {"points": list_single_points(session, store(), limit=query["limit"])}


@calls.call("GET", "/network/changes", answer=InventoryChangesAnswer)
@calls.takes(ChangesQuery, "query")
@permission("inventory.read")
def get_changes(query: dict[str, Any]) -> dict[str, Any]:
    """What imports added, changed and retired, newest first, by page."""
    page = Page(query.pop("page"), query.pop("page_size"))
    with reading() as session:
        found = list_changes(session, **query, limit=page.offset + page.size)
    return {"changes": found[page.offset :]}


@calls.call("POST", "/network/dry-run", answer=DryRunAnswer)
@calls.uploads("elements", "dependencies", full={"type": "boolean"})
@permission("inventory.write")
def dry_run() -> dict[str, Any]:
    """What files of elements and dependencies (CSV, in form fields of these names) would change; nothing is written."""
    if not request.files.get("elements"):
        raise InputError("no file of elements", where="elements", accepted="a CSV file in a multipart form")
    full = request.form.get("full", "false").lower()
    if full not in ("true", "false"):
        raise InputError("neither true nor false", where="full", value=full[:20], accepted="true or false")
    with tempfile.TemporaryDirectory() as folder, transaction() as session:
        results = import_network(
            session,
            _saved(Path(folder), "elements"),
            _saved(Path(folder), "dependencies") if request.files.get("dependencies") else None,
            actor=actor(),
            reject_dir=Path(folder),
            full=full == "true",
            dry_run=True,
        )
    return {"files": [_plain(result) for result in results]}


def _saved(folder: Path, name: str) -> Path:
    path = folder / f"{name}.csv"
    request.files[name].save(path)
    return path


def _plain(result: NetworkResult) -> dict[str, Any]:
    # A file is named by what it holds: where it lay is nobody's business.
    plain = {one.name: getattr(result, one.name) for one in fields_of(result)}
    return {**plain, "file": Path(result.file).stem}
