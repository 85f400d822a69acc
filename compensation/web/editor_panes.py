"""The slower answers of the editor: what the form of the tables leaves open, and what the draft would cost."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from marshmallow import Schema, fields, validate

from compensation.document.reading import load_policy
from compensation.geometry.policy import check_policy_tables
from compensation.history_checks import find_in_force
from compensation.policies import label, list_attribute_facts, load_document
from compensation.policy_check import MOST_CHARACTERS
from compensation.simulation.credited_before import is_at_hand
from compensation.simulation.places import get_place
from compensation.simulation.trials import Side
from compensation.simulation.whatif import simulate
from compensation.simulation.whatif_results import WhatIf
from compensation.web.editor import answers_json, read_body
from compensation.web.words import money_text
from foundation import clock
from foundation.web import permission, reading, store

panes = Blueprint("editor_panes", __name__, url_prefix="/policies")


class TextBody(Schema):
    """A policy's text."""

    text = fields.String(required=True, validate=validate.Length(max=MOST_CHARACTERS))


class WhatIfBody(TextBody):
    """A policy's text and the impact run to try it on; `patient`: also when every credit must be read first."""

    run = fields.Integer(required=True, strict=True)
    patient = fields.Boolean(load_default=False)


@panes.post("/<name>/edit/findings")
@permission("policies.write")
@answers_json
def findings(name: str) -> dict[str, Any]:  # noqa: ARG001 - the address is that of the policy
    """Gaps, overlaps, conflicts, dead and shadowed rules of every table, with an example each."""
    body = read_body(TextBody)
    with reading() as session:
        facts = list_attribute_facts(session)
    found = check_policy_tables(load_policy(body["text"], attributes=facts), now=clock.monotonic)
    return {"decisions": found.as_json(), "problems": found.problems(), "remarks": found.remarks()}


@panes.post("/<name>/edit/what-if")
@permission("policies.write")
@answers_json
def what_if(name: str) -> dict[str, Any]:
    """What the text would cost on a run, against the version in force."""
    body = read_body(WhatIfBody)
    with reading() as session:
        document = load_policy(body["text"], attributes=list_attribute_facts(session))
        rival = find_in_force(session, name)
        against = load_document(session, rival) if rival is not None else None
        _, incident = get_place(session, body["run"])
        sides = [one for one in (document, against) if one is not None]
        told = body["patient"] or all(is_at_hand(session, store(), one, incident) for one in sides)
        found = simulate(session, store(), document, body["run"], against=against, credited=told)
        return what_if_json(found, label(rival) if rival is not None else None, told=told)


def what_if_json(found: WhatIf, rival: str | None, *, told: bool = True) -> dict[str, Any]:
    """The totals of both sides with amounts as people read them.

    Unless `told` what would still be released is left out, for what was credited before was not looked at.
    """
    against = found.against
    difference = 0 if against is None else found.side.tally.cost_minor - against.tally.cost_minor
    sign = "+" if difference > 0 else ""
    return {
        "waits": not told,
        "side": _side(found.side, found.currency, told=told),
        "against": None if against is None else {**_side(against, found.currency, told=told), "policy": rival},
        "difference": None if against is None else sign + money_text(difference, found.currency),
        "shift": None
        if found.shift is None
        else {
            "winners": found.shift.winners.lines,
            "losers": found.shift.losers.lines,
            "unclear": found.shift.unclear.lines,
            "same": found.shift.same.lines,
        },
        "notes": list(found.notes),
    }


def _side(side: Side, currency: str, *, told: bool) -> dict[str, Any]:
    tally = side.tally
    return {
        "cost": money_text(tally.cost_minor, currency),
        "release": money_text(side.release.cost_minor, currency) if side.differs and told else None,
        "lines": tally.lines,
        "entitled": tally.entitled,
        "undetermined": tally.undetermined,
        "stopped": list(side.stopped),
    }
