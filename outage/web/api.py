"""Incidents and alarms over HTTP: each call checks its body, calls one use case, and answers in JSON."""

from __future__ import annotations

from typing import Any

from flask import request

from foundation.errors import InputError
from foundation.web import ApiBlueprint, Page, actor, permission, reading, transaction
from outage import queries
from outage.feeds.alertmanager import read_webhook
from outage.incidents import incidents
from outage.incidents.alarms import record_alarms
from outage.incidents.outages import OutageStart
from outage.web import reads, schemas

calls = ApiBlueprint("outage_api", __name__, description="Incidents, their impact, and the alarms that open them")
_ALERTMANAGER_BODY = {
    "required": True,
    "description": "The webhook body that Alertmanager sends, version 4; the label `ne` names the network element.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@calls.call("POST", "/alarms/alertmanager", answer=schemas.AlarmsAnswer)
@calls.described(requestBody=_ALERTMANAGER_BODY)
@permission("alarms.write")
def take_alertmanager() -> dict[str, Any]:
    """Take a webhook of Prometheus Alertmanager; the same body twice is one alarm."""
    body = request.get_json(silent=True)
    if body is None:
        raise InputError("not a JSON body", where="body", accepted="an Alertmanager webhook as application/json")
    notices = read_webhook(body)
    with transaction() as session:
        recorded = record_alarms(session, notices, actor=actor())
    return {"alarms": recorded}


@calls.call("GET", "/incidents", answer=schemas.IncidentsAnswer)
@calls.takes(schemas.PageQuery, "query")
@permission("incidents.read")
def list_incidents(query: dict[str, Any]) -> dict[str, Any]:
    """Incidents, open ones by severity first, by page."""
    page = Page(query["page"], query["page_size"])
    wanted = reads.IncidentFilter(query["status"], (query["search"] or "").strip())
    with reading() as session:
        found = reads.list_incidents(session, wanted, limit=page.size, offset=page.offset)
        count = reads.count_incidents(session, wanted)
    return {"incidents": found, "count": count, "page": page.number, "pages": page.pages(count)}


@calls.call("POST", "/incidents", answer=schemas.IncidentAnswer, status=201)
@calls.takes(schemas.OpeningBody)
@permission("incidents.write")
def open_incident(body: dict[str, Any]) -> Any:
    """Open an incident with its first outages."""
    outages = [
        OutageStart(item["element"], tuple(item["services"] or ()) or None, item["started_at"], item["degree"])
        for item in body.pop("outages")
    ]
    beyond_control = body.pop("force_majeure")
    with transaction() as session:
        incident = incidents.open_incident(session, **body, outages=outages, actor=actor())
        incidents.change_force_majeure(session, incident, beyond_control, actor=actor())
        return incident


@calls.call("GET", "/incidents/<ref>", answer=schemas.IncidentDetailAnswer)
@permission("incidents.read")
def get_incident(ref: str) -> Any:
    """One incident with its outages."""
    with reading() as session:
        return queries.get_incident_view(session, ref)


@calls.call("POST", "/incidents/<ref>/restore", answer=schemas.RestoredAnswer)
@calls.takes(schemas.RestoreBody)
@permission("incidents.write")
def restore_incident(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """End outages of some elements or of all; the last one restores the incident. Again: 0 ended."""
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        ended = incidents.restore_elements(
            session, incident, body["elements"], at=body["at"], services=body["services"], actor=actor()
        )
    return {"ended": ended, "incident": incident}


@calls.call("POST", "/incidents/<ref>/cause", answer=schemas.CauseAnswer)
@calls.takes(schemas.CauseBody)
@permission("incidents.write")
def change_cause(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Set the class of cause and what was beyond anybody's control, which policies read. Again: no change."""
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        changed = "cause_class" in body and incidents.change_cause(
            session, incident, body["cause_class"], actor=actor()
        )
        if "force_majeure" in body:
            changed |= incidents.change_force_majeure(session, incident, body["force_majeure"], actor=actor())
    return {"changed": changed, "incident": incident}


@calls.call("POST", "/incidents/<ref>/close", answer=schemas.ClosedAnswer)
@permission("incidents.write")
def close_incident(ref: str) -> dict[str, Any]:
    """Close a restored incident and freeze it. Again: no change."""
    with transaction() as session:
        incident = incidents.get_incident(session, ref)
        changed = incidents.close_incident(session, incident, actor=actor())
    return {"changed": changed, "incident": incident}


@calls.call("GET", "/incidents/<ref>/runs", answer=schemas.RunsAnswer)
@permission("incidents.read")
def list_runs(ref: str) -> dict[str, Any]:
    """The impact runs of an incident, newest first."""
    with reading() as session:
        incident = incidents.get_incident(session, ref)
        return {"runs": reads.list_runs(session, incident)}
