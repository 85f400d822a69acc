"""Updates of incidents over HTTP: what is due by plan, what was told whom, and telling more."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from foundation import clock
from foundation.web import ApiBlueprint, actor, permission, reading, store, transaction
from foundation.web.access import foundations
from notify.registry import make_routing
from outage.incidents.incidents import get_incident
from outage.updates import updates
from outage.updates.cadence import Audience, UpdateKind
from outage.updates.texts import queue_texts
from outage.web.schemas import ChangedAnswer, StrictSchema, instant_field

calls = ApiBlueprint("outage_updates_api", __name__, description="Who is told what and when while service is out")
_NUMBER = "<int(max=2147483647):number>"


class UpdateBody(StrictSchema):
    """What was told whom."""

    kind = fields.Enum(UpdateKind, by_value=True, required=True)
    text = fields.String(required=True, validate=validate.Length(1, 4_000))
    audiences = fields.List(fields.Enum(Audience, by_value=True), required=True, validate=validate.Length(1, 4))
    at = instant_field("When it was given out; none: now.", load_default=None, allow_none=True)


class PlanBody(StrictSchema):
    """A cadence; the hours are of an own one."""

    cadence = fields.String(required=True, validate=validate.Length(1, 32))
    every_hours = fields.Integer(load_default=None, allow_none=True)
    later_every_hours = fields.Integer(load_default=None, allow_none=True)
    grace_minutes = fields.Integer(load_default=None, allow_none=True)


class EstimateBody(StrictSchema):
    """When service is expected back."""

    estimated_at = instant_field("Null: nobody can say.", required=True, allow_none=True)


class TextsBody(StrictSchema):
    """Which text goes to the lines."""

    text_name = fields.String(required=True, validate=validate.Length(1, 64))


class UpdateAnswer(Schema):
    """One update."""

    number = fields.Integer()
    kind = fields.Enum(UpdateKind, by_value=True)
    audiences = fields.List(fields.String())
    text = fields.String()
    posted_at = instant_field("UTC")
    posted_by = fields.String()
    text_name = fields.String(allow_none=True)
    campaign = fields.String(allow_none=True)
    texts = fields.Integer()


class DueAnswer(Schema):
    """What is due next."""

    kind = fields.Enum(UpdateKind, by_value=True)
    due_at = instant_field("UTC")
    overdue_at = instant_field("UTC")
    reason = fields.String()
    is_due = fields.Function(lambda due: due.is_due(clock.now()), metadata={"type": "boolean"})
    is_overdue = fields.Function(lambda due: due.is_overdue(clock.now()), metadata={"type": "boolean"})


class PlanAnswer(Schema):
    """An incident's plan and its updates, newest first."""

    cadence = fields.Function(lambda plan: plan.cadence.name, metadata={"type": "string"})
    says = fields.Function(lambda plan: plan.cadence.says, metadata={"type": "string"})
    source = fields.Function(lambda plan: plan.cadence.source, metadata={"type": "string"})
    is_chosen = fields.Boolean()
    estimated_at = instant_field("UTC")
    due = fields.Nested(DueAnswer, allow_none=True)
    updates = fields.List(fields.Nested(UpdateAnswer))


class PostedAnswer(Schema):
    """An update, and whether it was written now."""

    update = fields.Nested(UpdateAnswer)
    is_new = fields.Boolean()


class QueuedAnswer(Schema):
    """How many texts were enqueued now."""

    texts = fields.Integer()


@calls.call("GET", "/incidents/<ref>/updates", answer=PlanAnswer)
@permission("incidents.read")
def get_plan(ref: str) -> Any:
    """The plan of an incident, what is due by it, and its updates."""
    with reading() as session:
        return updates.get_plan(session, get_incident(session, ref))


@calls.call("POST", "/incidents/<ref>/updates", answer=PostedAnswer, status=201)
@calls.takes(UpdateBody)
@permission("incidents.write")
def post_update(body: dict[str, Any], ref: str) -> Any:
    """Note that somebody was told something. The same within some minutes: `is_new` false."""
    with transaction() as session:
        return updates.post_update(session, get_incident(session, ref), **body, actor=actor())


@calls.call("POST", "/incidents/<ref>/updates/plan", answer=ChangedAnswer)
@calls.takes(PlanBody)
@permission("incidents.write")
def set_plan(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Tell by another cadence from now on."""
    cadence = body.pop("cadence")
    with transaction() as session:
        return {"changed": updates.set_plan(session, get_incident(session, ref), cadence, **body, actor=actor())}


@calls.call("POST", "/incidents/<ref>/updates/estimate", answer=ChangedAnswer)
@calls.takes(EstimateBody)
@permission("incidents.write")
def set_estimate(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Say when service is expected back; a new estimate is to be told at once."""
    with transaction() as session:
        incident = get_incident(session, ref)
        return {"changed": updates.set_estimate(session, incident, body["estimated_at"], actor=actor())}


@calls.call("POST", f"/incidents/<ref>/updates/{_NUMBER}/texts", answer=QueuedAnswer)
@calls.takes(TextsBody)
@permission("incidents.write")
def send_texts(body: dict[str, Any], ref: str, number: int) -> dict[str, int]:
    """Enqueue a text to every line of the run that holds. Again: 0."""
    with transaction() as session:
        incident = get_incident(session, ref)
        update = updates.get_update(session, incident, number)
        plan = updates.get_plan(session, incident)
        routing, name = make_routing(foundations().settings), body["text_name"]
        queued = queue_texts(
            session, store(), incident, update, name, routing=routing, next_at=plan.next_at, actor=actor()
        )
    return {"texts": queued.texts}
