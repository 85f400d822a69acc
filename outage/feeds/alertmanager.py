"""Prometheus Alertmanager's webhook body, version 4, read into alarm notices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from foundation.errors import InputError
from outage.feeds.bodies import TIMESTAMP_ACCEPTED, check_storable, read_timestamp, schema_refusal
from outage.feeds.notice import AlarmNotice
from outage.lifecycle import SERVICES, Severity

SOURCE = "alertmanager"

SEVERITIES: Mapping[str, Severity] = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "page": Severity.CRITICAL,
        "emergency": Severity.CRITICAL,
        "fatal": Severity.CRITICAL,
        "major": Severity.MAJOR,
        "error": Severity.MAJOR,
        "high": Severity.MAJOR,
        "minor": Severity.MINOR,
        "medium": Severity.MINOR,
        "warning": Severity.WARNING,
        "warn": Severity.WARNING,
        "low": Severity.WARNING,
        "info": Severity.WARNING,
    }
)

# Go's zero time: how Alertmanager writes "no end yet".
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)

_ACCEPTED: Mapping[str, str] = MappingProxyType(
    {
        "": "the JSON object of an Alertmanager webhook",
        "version": 'version "4"',
        "truncatedAlerts": "a whole number, 0 or more",
        "alerts": "a list of at least one alert",
        "alerts[]": "an alert object",
        "alerts[].status": "firing or resolved",
        "alerts[].labels": "an object of labels with at least ne and severity",
        "alerts[].labels.ne": "the name of a network element",
        "alerts[].labels.severity": ", ".join(SEVERITIES),
        "alerts[].annotations": "an object of annotations",
        "alerts[].startsAt": TIMESTAMP_ACCEPTED,
        "alerts[].endsAt": TIMESTAMP_ACCEPTED,
        "alerts[].fingerprint": "the alert's fingerprint, 1 to 128 characters",
    }
)


class _Labels(Schema):
    class Meta:
        unknown = INCLUDE

    ne = fields.Str(required=True, validate=validate.Regexp(r".*\S"))
    severity = fields.Str(required=True)
    service = fields.Str(load_default="")
    alertname = fields.Str(load_default="")
    probable_cause = fields.Str(load_default="")


class _Annotations(Schema):
    class Meta:
        unknown = INCLUDE

    summary = fields.Str(load_default="")
    description = fields.Str(load_default="")


class _Alert(Schema):
    class Meta:
        unknown = INCLUDE

    status = fields.Str(required=True, validate=validate.OneOf(["firing", "resolved"]))
    labels = fields.Nested(_Labels, required=True)
    annotations = fields.Nested(_Annotations, load_default=lambda: {"summary": "", "description": ""})
    startsAt = fields.Str(required=True)  # noqa: N815 - Alertmanager's name
    endsAt = fields.Str(load_default="")  # noqa: N815 - Alertmanager's name
    fingerprint = fields.Str(required=True, validate=validate.Length(1, 128))


class _Webhook(Schema):
    class Meta:
        unknown = INCLUDE

    version = fields.Str(required=True, validate=validate.Equal("4"))
    truncatedAlerts = fields.Int(strict=True, validate=validate.Range(min=0))  # noqa: N815 - Alertmanager's name
    alerts = fields.List(fields.Nested(_Alert), required=True, validate=validate.Length(min=1))


def read_webhook(body: object, *, services: Collection[str] = SERVICES) -> list[AlarmNotice]:
    """Read the JSON body of one webhook into notices, in the order of its alerts.

    Labels: `ne` names the network element, `severity` is mapped by `SEVERITIES`, `service` may list services
    by comma (of those in `services`), `probable_cause` may give the cause, else `alertname` stands for it. The
    external id is the fingerprint, "@", and `startsAt` as sent. Instants are floored to whole seconds.
    The payload is the alert (under "alert") and the body around it, `truncatedAlerts` included.
    All or nothing: one bad alert refuses the whole body. Raises InputError that names the field's path.
    Source: the bodies that a real Alertmanager 0.25 sent, and its documented webhook format.
    """
    if not isinstance(body, dict):
        raise InputError("not a webhook body", where="body", value=type(body).__name__, accepted=_ACCEPTED[""])
    check_storable(body)
    try:
        webhook: dict[str, Any] = _Webhook().load(body)
    except ValidationError as error:
        raise schema_refusal(error.messages, body, _ACCEPTED) from error
    envelope = {name: value for name, value in body.items() if name != "alerts"}
    return [
        _read_alert(alert, f"alerts[{index}]", {**envelope, "alert": body["alerts"][index]}, services)
        for index, alert in enumerate(webhook["alerts"])
    ]


def _read_alert(alert: dict[str, Any], where: str, payload: dict[str, Any], services: Collection[str]) -> AlarmNotice:
    labels, annotations = alert["labels"], alert["annotations"]
    raised_at = _raised_at(alert, where)
    return AlarmNotice(
        source=SOURCE,
        external_id=f"{alert['fingerprint']}@{alert['startsAt']}",
        element=labels["ne"],
        severity=_severity(labels["severity"], f"{where}.labels.severity"),
        probable_cause=labels["probable_cause"] or labels["alertname"] or None,
        summary=annotations["summary"] or annotations["description"] or labels["alertname"],
        raised_at=raised_at,
        cleared_at=_cleared_at(alert, raised_at, where),
        services=_services(labels["service"], services, f"{where}.labels.service"),
        payload=payload,
    )


def _raised_at(alert: dict[str, Any], where: str) -> datetime:
    raised_at = read_timestamp(alert["startsAt"], f"{where}.startsAt")
    if raised_at == _NO_TIME:
        raise InputError("no start", where=f"{where}.startsAt", value=alert["startsAt"], accepted=TIMESTAMP_ACCEPTED)
    return raised_at


def _cleared_at(alert: dict[str, Any], raised_at: datetime, where: str) -> datetime | None:
    # A sender may give a firing alert the time at which it would expire; only "resolved" makes it an end.
    ended_at = read_timestamp(alert["endsAt"], f"{where}.endsAt") if alert["endsAt"] else _NO_TIME
    if alert["status"] == "firing":
        return None
    if ended_at >= raised_at:
        return ended_at
    raise InputError(
        "a resolved alert without an end" if ended_at == _NO_TIME else "an alert that ends before it starts",
        where=f"{where}.endsAt",
        value=alert["endsAt"] or None,
        accepted=f"a timestamp at or after startsAt, {alert['startsAt']}",
    )


def _severity(label: str, where: str) -> Severity:
    severity = SEVERITIES.get(label.strip().lower())
    if severity is None:
        raise InputError("unknown severity", where=where, value=label, accepted=", ".join(SEVERITIES))
    return severity


def _services(label: str, known: Collection[str], where: str) -> tuple[str, ...] | None:
    if not label.strip():
        return None
    named = tuple(dict.fromkeys(part.strip().lower() for part in label.split(",")))
    if not set(named) <= set(known):
        raise InputError("unknown service", where=where, value=label, accepted=f"a comma list of {', '.join(known)}")
    return named
