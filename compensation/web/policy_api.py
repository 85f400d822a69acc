"""Policies over HTTP: listed, read, checked, saved, compared, and taken through their states."""

from __future__ import annotations

from typing import Any

from compensation.document.outline import read_outline
from compensation.document.outline_diff import EntryChange
from compensation.geometry.policy import check_policy_tables
from compensation.models import PolicyState, PolicyVersion
from compensation.policies import (
    approve_policy,
    get_version,
    list_attribute_facts,
    list_versions,
    retire_policy,
    return_policy,
    save_policy,
    submit_policy,
)
from compensation.policy_blockers import list_blockers
from compensation.policy_check import check_policy
from compensation.policy_lists import PolicyFilter, count_policies, list_policies
from compensation.simulation.history_tests import try_on_history
from compensation.web import policy_schemas as schemas
from compensation.web.editor_view import report_json
from compensation.web.policy_compare import differences
from foundation import clock
from foundation.web import ApiBlueprint, Page, actor, permission, reading, store, transaction
from foundation.web.access import foundations

calls = ApiBlueprint("policy_api", __name__, description="Policies, their versions, and the steps to force")
_VERSION = "/policies/<name>/<int(max=1000000):number>"


@calls.call("GET", "/policies", answer=schemas.PoliciesAnswer)
@calls.takes(schemas.PoliciesQuery, "query")
@permission("policies.read")
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """Policies by their newest version."""
    page = Page(query["page"], query["page_size"])
    wanted = PolicyFilter(
        search=query["search"],
        states=(query["state"],) if query["state"] else (),
        basis=str(query["basis"] or ""),
        sort=query["sort"],
    )
    with reading() as session:
        found = list_policies(session, wanted, limit=page.size, offset=page.offset)
        count = count_policies(session, wanted)
    rows = [{**_version(row.newest), "versions": row.versions, "in_force": row.in_force} for row in found]
    return {"policies": rows, "count": count, "page": page.number, "pages": page.pages(count)}


@calls.call("POST", "/policies", answer=schemas.PolicySavedAnswer)
@calls.takes(schemas.PolicyTextCall)
@permission("policies.write")
def save(body: dict[str, Any]) -> dict[str, Any]:
    """Save a text as the next version of its policy, as a draft; the same text again is the same version."""
    with transaction() as session:
        saved = save_policy(session, body["text"], actor=actor())
        return {"version": _version(saved.version), "is_new": saved.is_new}


@calls.call("POST", "/policies/check", answer=schemas.PolicyCheckAnswer)
@calls.takes(schemas.PolicyTextCall)
@permission("policies.read")
def check(body: dict[str, Any]) -> dict[str, Any]:
    """Check a text without saving it: every problem with its place, the worked cases, gaps and overlaps."""
    text = body["text"]
    with reading() as session:
        facts = list_attribute_facts(session)
    report = check_policy(text, read_outline(text), attributes=facts)
    answer = report_json(report)
    if report.document is None:
        return {**answer, "findings": None}
    return {**answer, "findings": check_policy_tables(report.document, now=clock.monotonic).as_json()}


@calls.call("GET", _VERSION, answer=schemas.PolicyVersionDetailAnswer)
@permission("policies.read")
def get(name: str, number: int) -> dict[str, Any]:
    """One version with its text."""
    with reading() as session:
        version = get_version(session, name, number)
        numbers = [other.number for other in list_versions(session) if other.name == name]
        blockers = list_blockers(session, version) if version.state is PolicyState.DRAFTED else []
        return {**_version(version), "source": version.source, "numbers": numbers, "blockers": blockers}


@calls.call("GET", "/policies/<name>/compare", answer=schemas.PolicyCompareAnswer)
@calls.takes(schemas.PolicyCompareQuery, "query")
@permission("policies.read")
def compare(query: dict[str, Any], name: str) -> dict[str, Any]:
    """What differs between two versions: cell by cell, by regions of inputs, and in worked cases."""
    with reading() as session:
        before, after = (get_version(session, name, query[side]) for side in ("before", "after"))
        changes, diff, _ = differences(session, before, after)
    told = {} if diff is None else diff.as_json()
    return {
        "changes": [_change(change) for change in changes],
        "decisions": told.get("decisions"),
        "cases": told.get("cases"),
    }


def _change(change: EntryChange) -> dict[str, Any]:
    fields = [{"name": name, "before": cell.before, "after": cell.after} for name, cell in change.fields]
    return {"part": change.part, "name": change.name, "kind": change.kind, "fields": fields, "table": change.table}


@calls.call("POST", _VERSION + "/submit", answer=schemas.PolicyVersionAnswer)
@calls.takes(schemas.PolicyReasonCall)
@permission("policies.write")
def submit(body: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    """Ask a second person to approve it; it is tried on its tests over history first."""
    with reading() as session:
        version = get_version(session, name, number)
    try_on_history(foundations().database, store(), version.id, actor=actor())
    with transaction() as session:
        return _version(submit_policy(session, version.id, actor=actor(), reason=body["reason"]))


@calls.call("POST", _VERSION + "/approve", answer=schemas.PolicyVersionAnswer)
@calls.takes(schemas.PolicyReasonCall)
@permission("policies.approve")
def approve(body: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    """Put it in force for outages of its dates; its author cannot."""
    with transaction() as session:
        version = get_version(session, name, number)
        return _version(approve_policy(session, version.id, actor=actor(), reason=body["reason"]))


@calls.call("POST", _VERSION + "/return", answer=schemas.PolicyVersionAnswer)
@calls.takes(schemas.PolicyReasonCall)
@permission("policies.approve")
def give_back(body: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    """Give it back to its author as a draft; a reason is needed."""
    with transaction() as session:
        version = get_version(session, name, number)
        return _version(return_policy(session, version.id, actor=actor(), reason=body["reason"]))


@calls.call("POST", _VERSION + "/retire", answer=schemas.PolicyVersionAnswer)
@calls.takes(schemas.PolicyReasonCall)
@permission("policies.approve")
def retire(body: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    """Take it out of force."""
    with transaction() as session:
        version = get_version(session, name, number)
        return _version(retire_policy(session, version.id, actor=actor(), reason=body["reason"]))


def _version(version: PolicyVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "number": version.number,
        "title": version.title,
        "state": version.state,
        "basis": version.basis,
        "currency": version.currency,
        "content_hash": version.content_hash,
        "in_force_from": version.in_force_from,
        "in_force_to": version.in_force_to,
        "author": version.author,
        "created_at": version.created_at,
        "approved_by": version.approved_by,
        "approved_at": version.approved_at,
    }
