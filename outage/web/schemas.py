"""The shapes of what calls send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from foundation import clock
from foundation.errors import InputError
from outage.lifecycle import SERVICES, CauseClass, Degree, ForceMajeure, IncidentStatus, Severity

MOST_ELEMENTS = 100_000


class InstantText(fields.Field[datetime]):
    """An instant as ISO 8601 with its offset; answers are always in UTC with a Z."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("Not a timestamp: a text in ISO 8601 with its offset is expected.")
        try:
            return clock.parse_instant(value)
        except InputError as error:
            raise ValidationError(error.message) from None


def instant_field(description: str, **options: Any) -> InstantText:
    return InstantText(metadata={"description": description, "format": "date-time", "type": "string"}, **options)


def _ref(**options: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, 128), **options)


def _force_majeure(**options: Any) -> fields.Enum[ForceMajeure]:
    said = {"description": "What was beyond anybody's control; policies read it. None: nothing was."}
    return fields.Enum(ForceMajeure, by_value=True, allow_none=True, metadata=said, **options)


def _services(description: str) -> fields.List[Any]:
    names = fields.String(validate=validate.OneOf(SERVICES))
    return fields.List(names, load_default=None, allow_none=True, metadata={"description": description})


class StrictSchema(Schema):
    """A body in which a field that nobody knows is a mistake."""

    class Meta:
        unknown = RAISE


class OutageBody(StrictSchema):
    """One element that is without service."""

    element = _ref(required=True)
    services = _services("None: those the element carries.")
    started_at = instant_field("None: the incident's start.", load_default=None, allow_none=True)
    degree = fields.Enum(Degree, by_value=True, load_default=Degree.LOST)


class OpeningBody(StrictSchema):
    """A new incident."""

    title = fields.String(required=True, validate=validate.Length(1, 256))
    severity = fields.Enum(Severity, by_value=True, required=True)
    cause_class = fields.Enum(CauseClass, by_value=True, load_default=CauseClass.UNKNOWN)
    force_majeure = _force_majeure(load_default=None)
    planned = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    started_at = instant_field("When the first service was lost.", required=True)
    outages = fields.List(fields.Nested(OutageBody), load_default=list, validate=validate.Length(max=MOST_ELEMENTS))


class CauseBody(StrictSchema):
    """What an incident was caused by; a field that is left out stays as it is."""

    cause_class = fields.Enum(CauseClass, by_value=True)
    force_majeure = _force_majeure()


class RestoreBody(StrictSchema):
    """Which elements are back."""

    elements = fields.List(
        _ref(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, MOST_ELEMENTS),
        metadata={"description": "None: all that are still open."},
    )
    services = _services("None: all services.")
    at = instant_field("When service came back.", required=True)


class PageQuery(StrictSchema):
    """Which part of a list."""

    status = fields.Enum(IncidentStatus, by_value=True, load_default=None)
    search = fields.String(load_default=None, validate=validate.Length(max=128))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    page_size = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class IncidentAnswer(Schema):
    """An incident."""

    ref = fields.String()
    title = fields.String()
    status = fields.Enum(IncidentStatus, by_value=True)
    severity = fields.Enum(Severity, by_value=True)
    cause_class = fields.Enum(CauseClass, by_value=True)
    force_majeure = fields.String(
        allow_none=True, metadata={"description": "What was beyond anybody's control, null when nothing was."}
    )
    planned = fields.Boolean()
    started_at = instant_field("UTC")
    known_at = instant_field("UTC; when the operator knew: the opening, or the start when that was later.")
    restored_at = instant_field("UTC")
    closed_at = instant_field("UTC")
    opened_by = fields.String()
    opened_at = instant_field("UTC")
    owner = fields.String(allow_none=True)


class IncidentsAnswer(Schema):
    """One page of incidents."""

    incidents = fields.List(fields.Nested(IncidentAnswer))
    page = fields.Integer()
    pages = fields.Integer()
    count = fields.Integer()


class OutageAnswer(Schema):
    """An outage of one service on one element; `ended_at` null while it is open."""

    element = fields.String()
    service = fields.String()
    degree = fields.Enum(Degree, by_value=True)
    started_at = instant_field("UTC")
    ended_at = instant_field("UTC")


class IncidentDetailAnswer(Schema):
    """An incident with its outages."""

    incident = fields.Nested(IncidentAnswer)
    outages = fields.List(fields.Nested(OutageAnswer))


class RestoredAnswer(Schema):
    """What a restore changed: 0 when all was restored before."""

    ended = fields.Integer()
    incident = fields.Nested(IncidentAnswer)


class ClosedAnswer(Schema):
    """Whether closing changed anything."""

    changed = fields.Boolean()
    incident = fields.Nested(IncidentAnswer)


class RunAnswer(Schema):
    """An impact run: an immutable measurement."""

    number = fields.Integer()
    as_of = instant_field("UTC")
    fingerprint = fields.String()
    counts = fields.Dict()
    measured_by = fields.String()
    measured_at = instant_field("UTC")


class RunsAnswer(Schema):
    """All runs of an incident, newest first."""

    runs = fields.List(fields.Nested(RunAnswer))


class AlarmAnswer(Schema):
    """What came of one alarm."""

    external_id = fields.Function(lambda recorded: recorded.alarm.external_id)
    element = fields.Function(lambda recorded: recorded.alarm.element_ref)
    received = fields.Function(lambda recorded: recorded.alarm.received)
    incident = fields.Function(lambda recorded: recorded.incident.ref if recorded.incident else None)
    is_new = fields.Boolean()
    opened = fields.Boolean()
    restored = fields.Boolean()
    reason = fields.String()


class AlarmsAnswer(Schema):
    """What came of a webhook, in the order of its alerts."""

    alarms = fields.List(fields.Nested(AlarmAnswer))


class CauseAnswer(Schema):
    """Whether the cause changed."""

    changed = fields.Boolean()
    incident = fields.Nested(IncidentAnswer)


class ChangedAnswer(Schema):
    """Whether anything changed."""

    changed = fields.Boolean()
