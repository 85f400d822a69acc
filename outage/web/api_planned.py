"""Planned work over HTTP: announcing it, changing one's mind in time, and saying when it was done."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from foundation.web import ApiBlueprint, actor, permission, reading, transaction
from outage.incidents import planned_work
from outage.incidents.incidents import get_incident
from outage.lifecycle import SERVICES, CauseClass, Degree, Severity
from outage.web.schemas import MOST_ELEMENTS, ClosedAnswer, IncidentAnswer, StrictSchema, instant_field

calls = ApiBlueprint("outage_planned_api", __name__, description="Planned work: announced outages")


def _elements(**options: Any) -> fields.List[Any]:
    ref = fields.String(validate=validate.Length(1, 128))
    return fields.List(ref, validate=validate.Length(1, MOST_ELEMENTS), **options)


def _services() -> fields.List[Any]:
    names = fields.String(validate=validate.OneOf(SERVICES))
    return fields.List(names, load_default=None, allow_none=True)


class PlannedWorkBody(StrictSchema):
    """Work that is announced."""

    title = fields.String(required=True, validate=validate.Length(1, 256))
    starts_at = instant_field("Window opens.", required=True)
    ends_at = instant_field("Window closes.", required=True)
    elements = _elements(required=True)
    services = _services()
    degree = fields.Enum(Degree, by_value=True, load_default=Degree.LOST)
    cause_class = fields.Enum(CauseClass, by_value=True, load_default=CauseClass.UNKNOWN)
    severity = fields.Enum(Severity, by_value=True, load_default=Severity.MINOR)


class RescheduleBody(StrictSchema):
    """Another window, or other elements; what is not given stays."""

    starts_at = instant_field("None: as announced.", load_default=None, allow_none=True)
    ends_at = instant_field("None: as announced.", load_default=None, allow_none=True)
    elements = _elements(load_default=None, allow_none=True)
    services = _services()


class ReasonBody(StrictSchema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, 1000))


class OverrunBody(StrictSchema):
    """On which elements it is not done."""

    elements = _elements(load_default=None, allow_none=True)


class DoneBody(StrictSchema):
    """When it was done."""

    at = instant_field("When it was done.", required=True)


class WorksQuery(StrictSchema):
    """Which work."""

    past = fields.Boolean(load_default=False)


class WorkAnswer(IncidentAnswer):
    """Planned work."""

    announced_end_at = instant_field("UTC")


class WorksAnswer(Schema):
    """Planned work, the next to begin first."""

    work = fields.List(fields.Nested(WorkAnswer))


class OverrunAnswer(Schema):
    """The incident that counts what lies after the announced end; null when nothing did."""

    incident = fields.Nested(IncidentAnswer, allow_none=True)


@calls.call("GET", "/planned-work", answer=WorksAnswer)
@calls.takes(WorksQuery, "query")
@permission("incidents.read")
def list_work(query: dict[str, Any]) -> dict[str, Any]:
    """Planned work that is announced or under way; with `past` all of it, newest first."""
    with reading() as session:
        return {"work": planned_work.list_planned_work(session, past=query["past"])}


@calls.call("POST", "/planned-work", answer=WorkAnswer, status=201)
@calls.takes(PlannedWorkBody)
@permission("incidents.write")
def announce(body: dict[str, Any]) -> Any:
    """Announce work on elements in a window."""
    window = body.pop("starts_at"), body.pop("ends_at")
    with transaction() as session:
        return planned_work.announce_planned_work(session, window=window, **body, actor=actor())


@calls.call("POST", "/planned-work/<ref>/reschedule", answer=ClosedAnswer)
@calls.takes(RescheduleBody)
@permission("incidents.write")
def reschedule(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Give announced work another window, or other elements and services."""
    with transaction() as session:
        incident = get_incident(session, ref)
        starts_at, ends_at = body.pop("starts_at"), body.pop("ends_at")
        end = incident.announced_end_at if ends_at is None else ends_at
        is_new = starts_at is not None or ends_at is not None
        window = (starts_at or incident.started_at, end) if is_new and end is not None else None
        changed = planned_work.reschedule_planned_work(session, incident, window=window, **body, actor=actor())
    return {"changed": changed, "incident": incident}


@calls.call("POST", "/planned-work/<ref>/cancel", answer=ClosedAnswer)
@calls.takes(ReasonBody)
@permission("incidents.write")
def cancel(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Cancel work that has not begun. Again: no change."""
    with transaction() as session:
        incident = get_incident(session, ref)
        changed = planned_work.cancel_planned_work(session, incident, **body, actor=actor())
    return {"changed": changed, "incident": incident}


@calls.call("POST", "/planned-work/<ref>/overrun", answer=OverrunAnswer)
@calls.takes(OverrunBody)
@permission("incidents.write")
def overrun(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Say that work will not be done at its announced end."""
    with transaction() as session:
        work = get_incident(session, ref)
        return {"incident": planned_work.overrun_planned_work(session, work, **body, actor=actor())}


@calls.call("POST", "/planned-work/<ref>/done", answer=ClosedAnswer)
@calls.takes(DoneBody)
@permission("incidents.write")
def finish(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Say that work under way was done before its announced end. Again: no change."""
    with transaction() as session:
        incident = get_incident(session, ref)
        changed = planned_work.finish_planned_work(session, incident, **body, actor=actor())
    return {"changed": changed, "incident": incident}
