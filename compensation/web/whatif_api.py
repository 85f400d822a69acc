"""Trying policies over HTTP: what-if, tests over history, the liability clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from compensation.document.reading import load_policy
from compensation.history_checks import TriedTest, list_tried
from compensation.policies import get_version, list_attribute_facts, load_document
from compensation.simulation.history_tests import accept_difference, replay, set_test, withdraw_test
from compensation.simulation.liability import Liability, PolicyClock, find_liability
from compensation.simulation.places import find_rival
from compensation.simulation.whatif import simulate
from compensation.web import whatif_schemas as schemas
from foundation import clock
from foundation.web import ApiBlueprint, actor, permission, reading, store, transaction
from foundation.web.access import foundations
from outage.incidents.incidents import get_incident
from outage.queries import get_run

calls = ApiBlueprint("whatif_api", __name__, description="What-if, tests over history, the liability clock")
_HISTORY = "/policies/<name>/<int(max=1000000):number>/history"
_SECONDS = 2.0


@calls.call("POST", "/policies/what-if", answer=schemas.WhatIfAnswer)
@calls.takes(schemas.WhatIfCall)
@permission("policies.read")
def what_if(body: dict[str, Any]) -> Any:
    """Try a text or a saved version on an incident; nothing is written."""
    with reading() as session:
        run = get_run(session, get_incident(session, body["incident"]).id, body["run"])
        if body["text"] is not None:
            document = load_policy(body["text"], attributes=list_attribute_facts(session))
        else:
            document = load_document(session, get_version(session, body["policy"], body["number"]))
        rival = find_rival(session, document.name, body["against"])
        other = load_document(session, rival) if rival is not None else None
        return simulate(session, store(), document, run.id, against=other, by=body["by"], examples=body["examples"])


@calls.call("GET", _HISTORY, answer=schemas.HistoryAnswer)
@permission("policies.read")
def list_history(name: str, number: int) -> dict[str, Any]:
    """The tests of a policy and what a version gave on them."""
    with reading() as session:
        return _history(session, name, number)


@calls.call("POST", "/policies/<name>/history-tests", answer=schemas.HistoryTestAnswer)
@calls.takes(schemas.HistoryTestCall)
@permission("policies.write")
def set_history_test(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Choose a past run as a test of a policy, or change what is expected of it."""
    with reading() as session:
        run = get_run(session, get_incident(session, body["incident"]).id, body["run"])
        number = get_version(session, name).number
    foundation, bounds = foundations(), body["bounds"]
    test = set_test(
        foundation.database,
        store(),
        name,
        run.id,
        body["expectation"],
        bounds={total: (low, high) for total, (low, high) in bounds.items()} if bounds is not None else None,
        number=body["number"],
        actor=actor(),
    )
    with reading() as session:
        return next(one for one in _history(session, name, number)["tests"] if one["id"] == test.id)


@calls.call("POST", "/policies/<name>/history-tests/<int(max=1000000000):test>/withdraw", answer=schemas.HistoryAnswer)
@calls.takes(schemas.AcceptCall)
@permission("policies.write")
def withdraw_history_test(body: dict[str, Any], name: str, test: int) -> dict[str, Any]:
    """Take a test away; what is left is answered."""
    with transaction() as session:
        withdraw_test(session, name, test, actor=actor(), reason=body["reason"])
        return _history(session, name, get_version(session, name).number)


@calls.call("POST", _HISTORY + "/replay", answer=schemas.HistoryAnswer)
@permission("policies.write")
def replay_history(name: str, number: int) -> dict[str, Any]:
    """Try a version on all tests of its policy and keep what it gives."""
    with reading() as session:
        version = get_version(session, name, number)
    replay(foundations().database, store(), version.id, actor=actor())
    with reading() as session:
        return _history(session, name, number)


@calls.call("POST", _HISTORY + "/<int(max=1000000000):test>/accept", answer=schemas.HistoryAnswer)
@calls.takes(schemas.AcceptCall)
@permission("policies.write")
def accept_history(body: dict[str, Any], name: str, number: int, test: int) -> dict[str, Any]:
    """Say that a difference is meant; somebody else approves."""
    with transaction() as session:
        version = get_version(session, name, number)
        accept_difference(session, version.id, test, actor=actor(), reason=body["reason"])
        return _history(session, name, number)


@calls.call("GET", "/incidents/<ref>/liability", answer=schemas.LiabilityAnswer)
@calls.takes(schemas.LiabilityQuery, "query")
@permission("assessments.read")
def get_liability(query: dict[str, Any], ref: str) -> dict[str, Any]:
    """What restoration of an open incident costs now and later; ask again where it is not complete."""
    with reading() as session:
        found = find_liability(session, store(), ref, hours=query["hours"], seconds=_SECONDS)
    return _liability(found)


def _history(session: Session, name: str, number: int) -> dict[str, Any]:
    version = get_version(session, name, number)
    return {"policy": name, "number": version.number, "tests": [_test(one) for one in list_tried(session, version)]}


def _test(tried: TriedTest) -> dict[str, Any]:
    test, result = tried.test, tried.result
    return {
        "id": test.id,
        "incident": tried.incident.ref,
        "run": tried.run.number,
        "expectation": test.expectation,
        "bounds": test.bounds,
        "pinned": test.pinned,
        "state": _state(tried),
        "reasons": result.reasons if result is not None else [],
        "totals": result.totals if result is not None else None,
        "against": result.against if result is not None else None,
        "shift": result.shift if result is not None else None,
        "accepted_by": result.accepted_by if result is not None else None,
        "accepted_reason": result.accepted_reason if result is not None else None,
    }


def _state(tried: TriedTest) -> str:
    if tried.result is None:
        return "untried"
    if tried.is_stale:
        return "stale"
    if tried.passed:
        return "met"
    return "accepted" if tried.accepted else "failed"


def _liability(found: Liability) -> dict[str, Any]:
    return {
        "incident": found.incident.ref,
        "run": found.run.number,
        "as_of": found.run.as_of,
        "at": found.at,
        "until": found.until,
        "complete": found.is_complete,
        "open_lines": found.open_lines,
        "warnings": found.warnings,
        "policies": [_clock(part) for part in found.policies],
    }


def _clock(part: PolicyClock) -> dict[str, Any]:
    return {
        "policy": part.version.name,
        "number": part.version.number,
        "currency": part.currency,
        "now_minor": part.now_minor,
        "owed_minor": part.owed_minor,
        "cliffs": [
            {
                "at": clock.from_unix(cliff.at),
                "why": cliff.why,
                "lines": cliff.lines,
                "delta_minor": cliff.delta_minor,
            }
            for cliff in part.cliffs
        ],
        "points": [{"at": clock.from_unix(point.at), "cost_minor": point.cost_minor} for point in part.points],
        "climbs": bool(part.curve.climbs),
    }
