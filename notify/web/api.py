"""Delivery over HTTP: releases and their steering, decisions, senders."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from foundation import clock
from foundation.web import ApiBlueprint, actor, permission, reading, transaction
from foundation.web.access import foundations
from notify import upkeep
from notify.campaigns import abort_campaign, get_campaign, list_gates, pause_campaign, resume_campaign
from notify.decisions import Decision, decide_unknown, retry_failed
from notify.models import DeliveryKind, DeliveryState
from notify.pacing import list_senders, resume_sender, set_pace
from notify.progress import counts_of, list_samples, paces_of
from notify.queries import list_campaigns, list_deliveries
from notify.web.addresses import show_address
from notify.web.api_schemas import MOST, DeliveryListQuery, DeliveryReasonBody, RowsChangedAnswer, Strict
from notify.web.campaigns import list_troubles

calls = ApiBlueprint("delivery_api", __name__, description="What goes out, how it goes, and what people decide")
_STEPS = {"pause": pause_campaign, "resume": resume_campaign, "abort": abort_campaign}


class DeliveriesQuery(Strict):
    """Which deliveries of a release, newest first; page by `before`, the id of the last one seen."""

    kind = fields.Enum(DeliveryKind, by_value=True, load_default=None)
    state = fields.Enum(DeliveryState, by_value=True, load_default=None)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MOST))
    before = fields.Integer(load_default=None, validate=validate.Range(1, 2**63 - 1))


class DecideBody(DeliveryReasonBody):
    """What is true of unknown attempts: all, those of `keys`, of a kind, or with exactly the reason `because`."""

    decision = fields.Enum(Decision, by_value=True, required=True)
    keys = fields.List(fields.String(), load_default=None, allow_none=True, validate=validate.Length(1, 1000))
    kind = fields.Enum(DeliveryKind, by_value=True, load_default=None, allow_none=True)
    because = fields.String(load_default=None, allow_none=True)


class RetryBody(DeliveryReasonBody):
    """Which failures are tried again: all, of a kind, or those that failed with exactly this reason."""

    kind = fields.Enum(DeliveryKind, by_value=True, load_default=None, allow_none=True)
    failed_with = fields.String(load_default=None, allow_none=True)


class PaceBody(Strict):
    """A sender's pace; null lifts the limit."""

    rows_per_second = fields.Float(required=True, allow_none=True)
    burst = fields.Integer(load_default=1)


class ReleaseAnswer(Schema):
    """A release and how it is steered."""

    campaign = fields.String()
    state = fields.String()
    reason = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


class PaceAnswer(Schema):
    """How one kind of a release goes, rows a minute."""

    kind = fields.String()
    to_go = fields.Integer()
    held = fields.Integer()
    per_minute = fields.Float()
    finishes_at = fields.AwareDateTime(allow_none=True)


class TroubleAnswer(Schema):
    """Deliveries that do not go on by themselves, by reason."""

    kind = fields.String()
    state = fields.String()
    reason = fields.String()
    count = fields.Integer()


class GateAnswer(Schema):
    """How far one kind is open, and what the next wave waits for."""

    kind = fields.String()
    open_percent = fields.Integer()
    is_open = fields.Boolean()
    outcomes = fields.Integer()
    needed = fields.Integer()
    waits_for = fields.String()


class StandingAnswer(ReleaseAnswer):
    """Where a release stands: counts by kind and standing, pace, waves, and what does not go on."""

    counts = fields.Dict()
    paces = fields.List(fields.Nested(PaceAnswer))
    gates = fields.List(fields.Nested(GateAnswer))
    troubles = fields.List(fields.Nested(TroubleAnswer))


class DeliveryAnswer(Schema):
    """One delivery; numbers are masked for all who may not read people."""

    id = fields.Integer()
    key = fields.String()
    kind = fields.String()
    channel = fields.String()
    address = fields.Function(lambda row: show_address(row.address, row.kind))
    state = fields.String()
    reason = fields.String(allow_none=True)
    attempt = fields.Integer()
    amount_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    changed_at = fields.AwareDateTime()


class SenderAnswer(Schema):
    """A sender, its full pace and the one it goes at now."""

    sender = fields.String()
    rows_per_second = fields.Float(allow_none=True)
    pace_now = fields.Float(allow_none=True)
    burst = fields.Integer()
    halted_at = fields.AwareDateTime(allow_none=True)
    halted_reason = fields.String(allow_none=True)


@calls.call("GET", "/releases", answer=ReleaseAnswer(many=True))
@calls.takes(DeliveryListQuery, location="query")
@permission("deliveries.read")
def list_releases(query: dict[str, Any]) -> Any:
    """Releases, newest first."""
    with reading() as session:
        return list_campaigns(session, **query)


@calls.call("GET", "/releases/<campaign>", answer=StandingAnswer)
@permission("deliveries.read")
def get_release(campaign: str) -> dict[str, Any]:
    """Where a release stands."""
    with reading() as session:
        found = get_campaign(session, campaign)
        counts = counts_of(session, [campaign]).get(campaign, {})
        return {
            **{name: getattr(found, name) for name in ("campaign", "state", "reason", "created_at")},
            "counts": counts,
            "paces": paces_of(list_samples(session, campaign), counts, clock.now()),
            "gates": list_gates(session, campaign),
            "troubles": list_troubles(session, campaign),
        }


@calls.call("GET", "/releases/<campaign>/deliveries", answer=DeliveryAnswer(many=True))
@calls.takes(DeliveriesQuery, location="query")
@permission("deliveries.read")
def list_of_release(query: dict[str, Any], campaign: str) -> Any:
    """Deliveries of a release, newest first."""
    with reading() as session:
        get_campaign(session, campaign)
        return list_deliveries(session, campaign=campaign, **query)


@calls.call("POST", "/releases/<campaign>/<any(pause, resume, abort):step>", answer=RowsChangedAnswer)
@calls.takes(DeliveryReasonBody)
@permission("deliveries.write")
def steer(body: dict[str, Any], campaign: str, step: str) -> dict[str, int]:
    """Pause a release, let it go on, or abort it for ever."""
    with transaction() as session:
        changed = _STEPS[step](session, campaign, actor=actor(), reason=body["reason"])
    if step == "abort":
        upkeep.cancel_aborted(foundations().database)
    return {"changed": int(changed)}


@calls.call("POST", "/releases/<campaign>/decide", answer=RowsChangedAnswer)
@calls.takes(DecideBody)
@permission("deliveries.write")
def decide(body: dict[str, Any], campaign: str) -> dict[str, int]:
    """Settle unknown attempts by a person's word."""
    with transaction() as session:
        changed = decide_unknown(
            session,
            campaign,
            body["decision"],
            actor=actor(),
            reason=body["reason"],
            keys=body["keys"],
            kind=body["kind"],
            unknown_because=body["because"],
        )
    return {"changed": changed}


@calls.call("POST", "/releases/<campaign>/retry", answer=RowsChangedAnswer)
@calls.takes(RetryBody)
@permission("deliveries.write")
def retry(body: dict[str, Any], campaign: str) -> dict[str, int]:
    """Let failed deliveries be tried again: nothing of them took effect."""
    with transaction() as session:
        return {"changed": retry_failed(session, campaign, actor=actor(), **body)}


@calls.call("GET", "/senders", answer=SenderAnswer(many=True))
@permission("deliveries.read")
def get_senders() -> Any:
    """Every sender with its pace."""
    with reading() as session:
        return list_senders(session)


@calls.call("PUT", "/senders/<path:sender>/pace", answer=RowsChangedAnswer)
@calls.takes(PaceBody)
@permission("deliveries.write")
def put_pace(body: dict[str, Any], sender: str) -> dict[str, int]:
    """Set a sender's pace for all workers, from their next claim on."""
    with transaction() as session:
        set_pace(session, sender, actor=actor(), **body)
    return {"changed": 1}


@calls.call("POST", "/senders/<path:sender>/resume", answer=RowsChangedAnswer)
@calls.takes(DeliveryReasonBody)
@permission("deliveries.write")
def resume(body: dict[str, Any], sender: str) -> dict[str, int]:
    """Let a sender go on that its provider had refused."""
    with transaction() as session:
        return {"changed": int(resume_sender(session, sender, actor=actor(), reason=body["reason"]))}
