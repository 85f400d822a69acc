"""Alertmanager's webhook: the bodies a real one sent, and each way in which a body can be wrong."""

from __future__ import annotations

import contextlib
import copy
import json
import pathlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.feeds.alertmanager import SEVERITIES, read_webhook
from outage.lifecycle import Severity

OBSERVED = pathlib.Path(__file__).resolve().parents[2].parent / "shared/data/alertmanager_0.25_webhooks_observed.jsonl"

BODY: dict[str, Any] = {
    "receiver": "noc",
    "status": "firing",
    "version": "4",
    "groupKey": '{}:{alertname="HSSDown"}',
    "truncatedAlerts": 0,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HSSDown", "ne": "hss-leeds-2", "severity": "critical"},
            "annotations": {"summary": "HSS hss-leeds-2 does not answer"},
            "startsAt": "2026-03-01T10:00:05.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "a1b2c3d4e5f60718",
        }
    ],
}


def body(**changes) -> dict[str, Any]:
    """BODY with changes to its one alert; a label is written `labels__ne`, and `...` takes the field away."""
    changed = copy.deepcopy(BODY)
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = changed["alerts"][0]
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return changed


def refused(wrong: object) -> InputError:
    with pytest.raises(InputError) as caught:
        read_webhook(wrong)
    return caught.value


def observed() -> list[dict[str, Any]]:
    if not OBSERVED.exists():
        pytest.skip("the observed webhooks of ../shared/data are not here")
    return [json.loads(line)["body"] for line in OBSERVED.read_text().splitlines()]


def test_the_observed_webhooks_are_read_as_they_were_meant():
    down, cell, odd_cell, up = [notice for one in observed() for notice in read_webhook(one)]
    assert (down.element, down.severity, down.summary) == (
        "hlr-slough-1",
        Severity.CRITICAL,
        "HLR hlr-slough-1 unreachable",
    )
    assert down.raised_at == datetime(2026, 11, 21, 23, 13, 56, tzinfo=UTC)
    assert down.cleared_at is None
    assert down.services is None
    assert (cell.element, cell.severity) == ("cell-234-10-16625-124", Severity.MAJOR)
    assert odd_cell.raised_at == datetime(2026, 11, 21, 23, 14, tzinfo=UTC)
    assert up.cleared_at == datetime(2026, 11, 21, 23, 14, 5, tzinfo=UTC)


def test_the_observed_clearing_names_the_alarm_it_clears_and_no_other():
    down, cell, odd_cell, up = [notice for one in observed() for notice in read_webhook(one)]
    assert up.external_id == down.external_id == "bb66f30b57dd3601@2026-11-21T23:13:56.279Z"
    assert len({down.external_id, cell.external_id, odd_cell.external_id}) == 3


def test_a_notice_carries_everything_the_alert_says():
    [notice] = read_webhook(body(labels__service="voice, DATA,voice", labels__probable_cause="powerProblem"))
    assert notice.source == "alertmanager"
    assert notice.external_id == "a1b2c3d4e5f60718@2026-03-01T10:00:05.123456789Z"
    assert notice.raised_at == datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)
    assert notice.services == ("voice", "data")
    assert notice.probable_cause == "powerProblem"
    assert notice.payload["alert"]["labels"]["ne"] == "hss-leeds-2"
    assert notice.payload["receiver"] == "noc"


def test_a_refired_alarm_is_another_alarm_and_a_repeat_is_the_same():
    first, repeat = read_webhook(body())[0], read_webhook(body())[0]
    refired = read_webhook(body(startsAt="2026-03-01T11:00:00Z"))[0]
    assert first == repeat
    assert refired.external_id != first.external_id


def test_instants_with_an_offset_become_utc_and_are_floored():
    [notice] = read_webhook(body(startsAt="2026-03-01T12:30:59.999999999+05:30"))
    assert notice.raised_at == datetime(2026, 3, 1, 7, 0, 59, tzinfo=UTC)
    assert notice.raised_at.tzinfo is UTC


def test_an_end_counts_only_when_the_alert_is_resolved():
    end = "2026-03-01T10:00:05.9Z"
    assert read_webhook(body(endsAt=end))[0].cleared_at is None
    assert read_webhook(body(endsAt=...))[0].cleared_at is None
    resolved = read_webhook(body(endsAt=end, status="resolved"))[0]
    assert resolved.cleared_at == resolved.raised_at == datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)


def test_alerts_that_alertmanager_left_out_are_kept_as_a_number_in_the_payload():
    assert read_webhook({**BODY, "truncatedAlerts": 12})[0].payload["truncatedAlerts"] == 12


def test_unknown_fields_are_kept_not_refused():
    [notice] = read_webhook({**body(silenceURL="x", labels__site="leeds"), "orgId": 1})
    assert notice.payload["orgId"] == 1
    assert notice.payload["alert"]["silenceURL"] == "x"
    assert notice.payload["alert"]["labels"]["site"] == "leeds"


def test_what_is_said_falls_back_from_summary_to_description_to_the_alerts_name():
    assert read_webhook(body(annotations={"description": "dark"}))[0].summary == "dark"
    assert read_webhook(body(annotations=...))[0].summary == "HSSDown"
    nameless = read_webhook(body(annotations=..., labels__alertname=...))[0]
    assert (nameless.summary, nameless.probable_cause) == ("", None)


def test_every_known_severity_is_read_in_any_case():
    for label, severity in SEVERITIES.items():
        assert read_webhook(body(labels__severity=label.upper()))[0].severity is severity


@pytest.mark.parametrize(
    ("change", "where", "accepted"),
    [
        ({"labels__ne": ...}, "alerts[0].labels.ne", "network element"),
        ({"labels__ne": " "}, "alerts[0].labels.ne", "network element"),
        ({"labels__ne": 5}, "alerts[0].labels.ne", "network element"),
        ({"labels": None}, "alerts[0].labels", "ne and severity"),
        ({"labels": ...}, "alerts[0].labels", "ne and severity"),
        ({"labels__severity": ...}, "alerts[0].labels.severity", "critical"),
        ({"labels__severity": "purple"}, "alerts[0].labels.severity", "warning"),
        ({"labels__service": "voice,fax"}, "alerts[0].labels.service", "voice, sms, data"),
        ({"labels__service": "voice,"}, "alerts[0].labels.service", "voice, sms, data"),
        ({"labels__service": ["voice"]}, "alerts[0].labels.service", "string"),
        ({"annotations__summary": 5}, "alerts[0].annotations.summary", "string"),
        ({"status": "pending"}, "alerts[0].status", "firing or resolved"),
        ({"fingerprint": ...}, "alerts[0].fingerprint", "fingerprint"),
        ({"fingerprint": ""}, "alerts[0].fingerprint", "fingerprint"),
        ({"startsAt": ...}, "alerts[0].startsAt", "RFC 3339"),
        ({"startsAt": None}, "alerts[0].startsAt", "RFC 3339"),
        ({"startsAt": "2026-03-01T10:00:05"}, "alerts[0].startsAt", "with its offset"),
        ({"startsAt": "2026-03-01"}, "alerts[0].startsAt", "RFC 3339"),
        ({"startsAt": "2026-02-30T10:00:05Z"}, "alerts[0].startsAt", "RFC 3339"),
        ({"startsAt": "0001-01-01T00:00:00+01:00"}, "alerts[0].startsAt", "RFC 3339"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "alerts[0].startsAt", "RFC 3339"),
        ({"endsAt": "yesterday"}, "alerts[0].endsAt", "RFC 3339"),
        ({"status": "resolved"}, "alerts[0].endsAt", "at or after startsAt"),
        ({"status": "resolved", "endsAt": ...}, "alerts[0].endsAt", "at or after startsAt"),
        ({"status": "resolved", "endsAt": "2026-03-01T10:00:04Z"}, "alerts[0].endsAt", "at or after startsAt"),
        ({"labels__site": "a\0b"}, "alerts[0].labels.site", "Unicode"),
        ({"annotations__summary": "\ud800"}, "alerts[0].annotations.summary", "Unicode"),
        ({"value": float("nan")}, "alerts[0].value", "finite"),
    ],
)
def test_a_bad_alert_is_refused_by_its_path(change, where, accepted):
    error = refused(body(**change))
    assert error.where == where
    assert accepted in error.accepted
    error.message.encode()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (None, "body"),
        ([], "body"),
        ("firing", "body"),
        ({}, "version"),
        ({**BODY, "version": "3"}, "version"),
        ({**BODY, "version": 4}, "version"),
        ({**BODY, "alerts": []}, "alerts"),
        ({**BODY, "alerts": {}}, "alerts"),
        ({**BODY, "alerts": None}, "alerts"),
        ({**BODY, "alerts": [7]}, "alerts[0]"),
        ({**BODY, "truncatedAlerts": -1}, "truncatedAlerts"),
        ({**BODY, "truncatedAlerts": "many"}, "truncatedAlerts"),
    ],
)
def test_a_bad_body_is_refused_by_its_path(wrong, where):
    error = refused(wrong)
    assert error.where == where
    assert error.accepted


def test_one_bad_alert_refuses_the_whole_body_and_is_counted_from_zero():
    good, bad = body()["alerts"][0], body(labels__ne=...)["alerts"][0]
    assert refused({**BODY, "alerts": [good, good, bad]}).where == "alerts[2].labels.ne"


def test_the_callers_services_are_the_accepted_ones():
    assert read_webhook(body(labels__service="tv"), services=("voice", "tv"))[0].services == ("tv",)


def test_reading_does_not_change_the_body():
    sent = body(labels__service="voice")
    before = copy.deepcopy(sent)
    read_webhook(sent)
    assert sent == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "labels__ne", "labels__service"]


@given(st.sampled_from(FIELDS), JSON, JSON)
def test_whatever_json_is_sent_is_read_or_refused_and_never_fails_otherwise(path, value, whole):
    for sent in (whole, body(**{path: value}), {**BODY, "alerts": value}):
        with contextlib.suppress(InputError):
            assert read_webhook(sent)
