"""Runs over HTTP: one, two compared, the scale of an incident, and what regulators are to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from foundation import clock
from foundation.errors import InputError
from foundation.web import ApiBlueprint, actor, permission, reading, store, transaction
from outage import queries
from outage.incidents.incidents import get_incident
from outage.runs.comparison import compare_runs
from outage.runs.holding import holding_run
from outage.scale import duties
from outage.scale.measure import scale_of
from outage.steps import Steps
from outage.web.schemas import ChangedAnswer, InstantText, RunAnswer, StrictSchema, instant_field

calls = ApiBlueprint("outage_runs_api", __name__, description="Impact runs, the size of incidents, regulator duties")
_NUMBER = "<int(max=2147483647):number>"


class AtQuery(StrictSchema):
    """As of when."""

    at = instant_field("None: now.", load_default=None)


class RunCompareQuery(StrictSchema):
    """Which two runs."""

    before = fields.Integer(
        load_default=None, validate=validate.Range(1), metadata={"description": "None: the one that held before."}
    )
    after = fields.Integer(
        load_default=None, validate=validate.Range(1), metadata={"description": "None: the one that holds."}
    )


class DutiesQuery(AtQuery):
    """Which regulator, as of when."""

    regulator = fields.String(load_default=None, validate=validate.Length(1, 32))


class FilingBody(StrictSchema):
    """A notice or report that a regulator was given."""

    regulator = fields.String(required=True, validate=validate.Length(1, 32))
    what = fields.String(required=True, validate=validate.Length(1, 128))
    filed_at = instant_field("When it was given.", required=True)
    reference = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=128))


class HeldRunAnswer(RunAnswer):
    """A run, and whether it is the one that holds."""

    held_at = instant_field("Since when it holds, or last held.")
    holds = fields.Boolean()


class RunChangeAnswer(Schema):
    """Lines of one kind of change: how many, by how many seconds together, and the masked numbers of the first."""

    lines = fields.Integer()
    seconds = fields.Integer()
    sample = fields.List(fields.String())


class RunChangesAnswer(Schema):
    """What one run says that another does not, of one service or of any."""

    added = fields.Nested(RunChangeAnswer)
    removed = fields.Nested(RunChangeAnswer)
    longer = fields.Nested(RunChangeAnswer)
    shorter = fields.Nested(RunChangeAnswer)
    moved = fields.Nested(RunChangeAnswer)
    unchanged = fields.Integer()


class ComparisonAnswer(Schema):
    """Two runs compared."""

    before = fields.Integer()
    after = fields.Integer()
    lines_before = fields.Integer()
    lines_after = fields.Integer()
    changes = fields.Nested(RunChangesAnswer)
    services = fields.Dict(keys=fields.String(), values=fields.Nested(RunChangesAnswer))
    evidence = fields.Nested(RunChangeAnswer)
    facts = fields.Nested(RunChangeAnswer)


class SeriesField(fields.Field[Steps]):
    """A level over time: pairs of an instant and the level from then on."""

    def _serialize(self, value: Steps | None, *_: Any, **__: Any) -> list[list[object]]:
        shape = InstantText()
        return [[shape._serialize(clock.from_unix(at)), level] for at, level in value or ()]


def _series() -> SeriesField:
    return SeriesField(metadata={"type": "array", "items": {"type": "array", "items": {}}})


class LinesAnswer(Schema):
    """The lines that lost a service (null: any one)."""

    service = fields.String(allow_none=True)
    lines = fields.Integer()
    user_minutes = fields.Integer()
    user_hours = fields.Integer()
    now = fields.Integer()
    worst = fields.Integer()
    worst_at = instant_field("UTC")
    series = _series()


class ElementsAnswer(Schema):
    """Elements of one kind."""

    kind = fields.String()
    all = fields.Integer()
    ever = fields.Integer()
    now = fields.Integer()
    worst = fields.Integer()
    worst_at = instant_field("UTC")
    minutes = fields.Integer()
    series = _series()


class GroupAnswer(Schema):
    """The lines of one segment, brand or payment type."""

    name = fields.String(allow_none=True)
    lines = fields.Integer()
    seconds = fields.Integer()


class AreaAnswer(Schema):
    """One area: its cells, and its lines where it is known who lives there."""

    area = fields.String()
    cells = fields.Nested(ElementsAnswer)
    lines = fields.Integer(allow_none=True)
    lines_all = fields.Integer(allow_none=True)
    lines_seconds = fields.Integer(allow_none=True)


class ScaleAnswer(Schema):
    """How big an incident is."""

    incident = fields.String()
    at = instant_field("UTC")
    run = fields.Integer(allow_none=True)
    measured_to = instant_field("UTC")
    lines_all = fields.Integer(allow_none=True)
    any = fields.Nested(LinesAnswer)
    services = fields.List(fields.Nested(LinesAnswer))
    segments = fields.List(fields.Nested(GroupAnswer))
    brands = fields.List(fields.Nested(GroupAnswer))
    payment_types = fields.List(fields.Nested(GroupAnswer))
    cells = fields.Nested(ElementsAnswer)
    sites = fields.Nested(ElementsAnswer)
    kinds = fields.List(fields.Nested(ElementsAnswer))
    areas = fields.List(fields.Nested(AreaAnswer))
    not_known = fields.List(fields.String())


class DistanceAnswer(Schema):
    """How far one measure of a threshold has come."""

    measure = fields.String()
    have = fields.Raw()
    need = fields.Raw()
    unit = fields.String()


class DeadlineAnswer(Schema):
    """What is due when; `due_at` null: as the note says."""

    what = fields.String()
    due_at = instant_field("UTC")
    seconds_left = fields.Integer(allow_none=True)
    note = fields.String()
    filed_at = instant_field("UTC")


class ThresholdAnswer(Schema):
    """One threshold held against an incident."""

    regulator = fields.String()
    rule = fields.String()
    says = fields.String()
    standing = fields.String()
    source = fields.String()
    state = fields.String()
    crossed_at = instant_field("UTC")
    expected_at = instant_field("UTC")
    distances = fields.List(fields.Nested(DistanceAnswer))
    not_known = fields.List(fields.String())
    deadlines = fields.List(fields.Nested(DeadlineAnswer))


class DutiesAnswer(Schema):
    """Every threshold, as of one instant."""

    at = instant_field("UTC")
    thresholds = fields.List(fields.Nested(ThresholdAnswer))


@calls.call("GET", f"/incidents/<ref>/runs/{_NUMBER}", answer=HeldRunAnswer)
@permission("incidents.read")
def get_run(ref: str, number: int) -> dict[str, Any]:
    """One impact run, and whether it holds."""
    with reading() as session:
        incident = get_incident(session, ref)
        run = queries.get_run(session, incident.id, number)
        names = ("number", "as_of", "fingerprint", "counts", "measured_by", "measured_at", "held_at")
        return {**{name: getattr(run, name) for name in names}, "holds": holding_run(session, incident.id) is run}


@calls.call("GET", "/incidents/<ref>/runs/compare", answer=ComparisonAnswer)
@calls.takes(RunCompareQuery, "query")
@permission("incidents.read")
def compare(query: dict[str, Any], ref: str) -> Any:
    """What one run says that another does not; the one that holds and the one before it, unless both are named."""
    with reading() as session:
        incident = get_incident(session, ref)
        runs = sorted(queries.list_runs(session, ref), key=lambda run: -run.turn)
        if len(runs) < 2 and (query["before"] is None or query["after"] is None):
            raise InputError("there are no two runs to compare", where="incident", value=ref, accepted="two runs")
        before = queries.get_run(session, incident.id, query["before"] or runs[1].number)
        after = queries.get_run(session, incident.id, query["after"] or runs[0].number)
    found = compare_runs(store(), before, after)
    with reading() as session:
        return found.told(queries.numbers_of(session, found.sampled, in_clear=False))


@calls.call("GET", "/incidents/<ref>/scale", answer=ScaleAnswer)
@calls.takes(AtQuery, "query")
@permission("incidents.read")
def get_scale(query: dict[str, Any], ref: str) -> Any:
    """How big an incident is, as of an instant: lines by the run that holds, elements by its outages."""
    with reading() as session:
        run = holding_run(session, get_incident(session, ref).id)
        return scale_of(session, store(), ref, run, _at(query))


@calls.call("GET", "/incidents/<ref>/duties", answer=DutiesAnswer)
@calls.takes(DutiesQuery, "query")
@permission("incidents.read")
def get_duties(query: dict[str, Any], ref: str) -> dict[str, Any]:
    """Every regulator's thresholds held against an incident, with deadlines."""
    with reading() as session:
        found = duties.duties_of(session, store(), ref, at=_at(query), regulator=query["regulator"])
    return {"at": found.scale.at, "thresholds": found.thresholds}


@calls.call("POST", "/incidents/<ref>/duties", answer=ChangedAnswer)
@calls.takes(FilingBody)
@permission("incidents.write")
def file_duty(body: dict[str, Any], ref: str) -> dict[str, bool]:
    """Note that a regulator was given a notice or report. Again: no change."""
    if body["filed_at"] > clock.now():
        raise InputError("in the future", where="filed_at", accepted="when it was given")
    with transaction() as session:
        changed = duties.record_filing(session, get_incident(session, ref), **body, actor=actor())
    return {"changed": changed}


def _at(query: dict[str, Any]) -> datetime:
    at: datetime | None = query["at"]
    return at or clock.now()
