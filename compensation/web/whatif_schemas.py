"""The shapes of the calls that try policies: what-if, tests over history, the liability clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from compensation.history_rules import BOUNDED, Expectation
from compensation.simulation.liability import LONGEST_HOURS
from compensation.simulation.whatif import DIMENSIONS

_MOST_CHARACTERS = 1_000_000
_MOST_EXAMPLES = 20
_MOST_REASON = 1000


class _UtcText(fields.Field[datetime]):
    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(description: str) -> _UtcText:
    return _UtcText(metadata={"description": description, "format": "date-time", "type": "string"})


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class WhatIfCall(_Strict):
    """A policy's text, or a saved version, and the incident that it is tried on."""

    text = fields.String(load_default=None, validate=validate.Length(1, _MOST_CHARACTERS))
    policy = fields.String(load_default=None, validate=validate.Length(1, 64))
    number = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))
    incident = fields.String(required=True, validate=validate.Length(1, 32))
    run = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))
    against = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=96),
        metadata={"description": "NAME, NAME@NUMBER, NUMBER or none; null: the version in force."},
    )
    by = fields.List(fields.String(validate=validate.OneOf(list(DIMENSIONS))), load_default=list)
    examples = fields.Integer(load_default=0, validate=validate.Range(0, _MOST_EXAMPLES))

    @validates_schema
    def check_one(self, data: dict[str, Any], **_: Any) -> None:
        """Either a text or a saved version."""
        if (data["text"] is None) == (data["policy"] is None):
            raise ValidationError("Give either a text or a policy.", "text")


class _Bin(Schema):
    least_minor = fields.Integer()
    most_minor = fields.Integer()
    lines = fields.Integer()
    cost_minor = fields.Integer()


class _Reward(Schema):
    name = fields.String()
    kind = fields.String()
    lines = fields.Integer()
    amount_minor = fields.Integer()


class _Tally(Schema):
    cases = fields.Integer()
    lines = fields.Integer()
    entitled = fields.Integer()
    nothing = fields.Integer()
    undetermined = fields.Integer()
    cost_minor = fields.Integer()
    most_per_line_minor = fields.Integer()
    texts = fields.Integer()
    amount_minor = fields.Integer(metadata={"description": "What would be credited at release."})
    over_lines = fields.Integer(metadata={"description": "Lines that were credited more before than they are owed."})
    over_minor = fields.Integer()
    bins = fields.List(fields.Nested(_Bin))
    rewards = fields.List(fields.Nested(_Reward))


class _Change(Schema):
    cases = fields.Integer()
    lines = fields.Integer()
    difference_minor = fields.Integer()


class _Withheld(Schema):
    held_out = fields.Nested(_Change)
    given = fields.Nested(_Change, metadata={"description": "For what was given before, by this policy or by others."})


class _Side(Schema):
    policy = fields.String()
    title = fields.String()
    tally = fields.Nested(
        _Tally, metadata={"description": "By the rules: nobody is held out, and nothing was given before."}
    )
    release = fields.Nested(_Tally, metadata={"description": "What an assessment would come to and release now."})
    withheld = fields.Nested(_Withheld, metadata={"description": "What lies between the two."})
    stopped = fields.List(fields.String(), metadata={"description": "Limits that would stop an assessment."})


class _Shift(Schema):
    winners = fields.Nested(_Change)
    losers = fields.Nested(_Change)
    otherwise = fields.Nested(_Change)
    unclear = fields.Nested(_Change)
    same = fields.Nested(_Change)


class _Part(Schema):
    dimension = fields.String()
    value = fields.String(allow_none=True)
    lines = fields.Integer()
    entitled = fields.Integer()
    cost_minor = fields.Integer()
    against_minor = fields.Integer(allow_none=True)
    release_minor = fields.Integer()


class _Example(Schema):
    kind = fields.String()
    lines = fields.Integer()
    facts = fields.Dict()
    now_minor = fields.Integer()
    before_minor = fields.Integer(allow_none=True)
    release_minor = fields.Integer()
    now = fields.List(fields.String())
    before = fields.List(fields.String())


class WhatIfAnswer(Schema):
    """What a policy comes to on a run, and against another; amounts are minor units of `currency`."""

    run_id = fields.Integer()
    currency = fields.String()
    side = fields.Nested(_Side)
    against = fields.Nested(_Side, allow_none=True)
    shift = fields.Nested(_Shift, allow_none=True)
    parts = fields.List(fields.Nested(_Part))
    examples = fields.List(fields.Nested(_Example))
    reasons = fields.List(fields.Tuple((fields.String(), fields.Integer())))
    notes = fields.List(fields.String())


class HistoryTestCall(_Strict):
    """A past run as a test of a policy."""

    incident = fields.String(required=True, validate=validate.Length(1, 32))
    run = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))
    expectation = fields.Enum(Expectation, by_value=True, required=True)
    bounds = fields.Dict(
        keys=fields.String(validate=validate.OneOf(BOUNDED)),
        values=fields.List(fields.Integer(allow_none=True), validate=validate.Length(equal=2)),
        load_default=None,
        allow_none=True,
        metadata={"description": "Only for `within`: lowest and highest of a total, null for no bound."},
    )
    number = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))


class AcceptCall(_Strict):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, _MOST_REASON))


class HistoryTestAnswer(Schema):
    """One test with what a version gave on it."""

    id = fields.Integer()
    incident = fields.String()
    run = fields.Integer()
    expectation = fields.String()
    bounds = fields.Dict(allow_none=True)
    pinned = fields.Dict(allow_none=True)
    state = fields.String(metadata={"description": "untried, stale, met, failed or accepted"})
    reasons = fields.List(fields.String())
    totals = fields.Dict(allow_none=True)
    against = fields.Dict(allow_none=True)
    shift = fields.Dict(allow_none=True)
    accepted_by = fields.String(allow_none=True)
    accepted_reason = fields.String(allow_none=True)


class HistoryAnswer(Schema):
    """The tests of a version's policy."""

    policy = fields.String()
    number = fields.Integer()
    tests = fields.List(fields.Nested(HistoryTestAnswer))


class LiabilityQuery(_Strict):
    """How far ahead."""

    hours = fields.Integer(load_default=24, validate=validate.Range(1, LONGEST_HOURS))


class _Point(Schema):
    at = _instant("Restored at.")
    cost_minor = fields.Integer()


class _Cliff(Schema):
    at = _instant("The first instant.")
    why = fields.String()
    lines = fields.Integer()
    delta_minor = fields.Integer()


class _Clock(Schema):
    policy = fields.String()
    number = fields.Integer()
    currency = fields.String()
    now_minor = fields.Integer(metadata={"description": "What an assessment would release if restored now."})
    owed_minor = fields.Integer(metadata={"description": "The same by the rules alone, whatever was given before."})
    cliffs = fields.List(fields.Nested(_Cliff))
    points = fields.List(fields.Nested(_Point))
    climbs = fields.Boolean(metadata={"description": "Whether the cost grows evenly between some of the points."})


class LiabilityAnswer(Schema):
    """The cost of an incident that goes on; nothing is said beyond `until`."""

    incident = fields.String()
    run = fields.Integer()
    as_of = _instant("What the run was measured to.")
    at = _instant("Now.")
    until = _instant("How far it was looked.")
    complete = fields.Boolean()
    open_lines = fields.Integer()
    warnings = fields.List(fields.String())
    policies = fields.List(fields.Nested(_Clock))
