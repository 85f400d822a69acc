"""The pages of the network: what it is, what breaks if a part fails, single points of failure, and its history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy import func, select
from wtforms import IntegerField
from wtforms.validators import AnyOf, Optional

from foundation import clock
from foundation.web import csv_response, permission, read_page, reading, show_on_form, store, wants_csv
from outage.incidents.incidents import get_incident
from outage.lifecycle import IncidentStatus
from outage.models import Incident, NetworkElement
from outage.network.failure import FailureReach, list_single_points, reach_of_failure
from outage.network.history import ADDED, CHANGED, DEPENDENCY, ELEMENT, RETIRED, Change, count_history, list_changes
from outage.network.inventory import current_version, valid_at
from outage.web import losses, placed
from outage.web.figures import STATES
from outage.web.forms import PickingForm, services_field

pages = Blueprint("network", __name__, url_prefix="/network")
_MAY = "inventory.read"
_ALL_CHANGES = 1_000_000
_WORST = {state: rank for rank, state in enumerate(STATES)}
_MOST_ON_MAP = 20_000
HOLD_HOURS = 6
_HOURS = AnyOf(range(337), "not whole hours from 0 to 336")


class WhatIfForm(PickingForm):
    """Elements that are thought to fail. Nothing is changed by it, so that its address may be kept and sent on."""

    class Meta:
        csrf = False

    services = services_field("Services that fail")
    hold_hours = IntegerField("A sighting holds for hours", [Optional(), _HOURS], default=HOLD_HOURS)


@pages.get("")
@permission(_MAY)
def overview() -> str:
    """How many elements of each kind there are, and the map of all cells as they are now."""
    now = clock.now()
    with reading() as session:
        counted = session.execute(
            select(NetworkElement.kind, func.count())
            .where(valid_at(NetworkElement, now))
            .group_by(NetworkElement.kind)
            .order_by(func.count().desc(), NetworkElement.kind)
        )
        kinds = [(kind, count) for kind, count in counted]
        version = current_version(session, "inventory")
        open_ones = list(session.scalars(select(Incident).where(Incident.status == IncidentStatus.OPENED)))
    return render_template("outage/network.html", kinds=kinds, version=version, open_ones=open_ones)


@pages.get("/map.json")
@permission(_MAY)
def draw_map() -> Response:
    """The cells that an open incident has out now, by their worst state."""
    with reading() as session:
        open_refs = session.scalars(select(Incident.ref).where(Incident.status == IncidentStatus.OPENED)).all()
        worst: dict[int, str] = {}
        for ref in open_refs:
            lost = losses.losses_now(session, get_incident(session, ref))
            found = losses.states_at(lost, clock.from_unix(lost.as_of))
            for key, state in found.items():
                if state != "restored" and _WORST[state] < _WORST[worst.get(key, "up")]:
                    worst[key] = state
        states = placed.refs_by_state(session, worst)
    return placed.compressed_json({"states": states})


@pages.route("/whatif", methods=["GET", "POST"])
@permission(_MAY)
def what_if() -> Response | str | tuple[str, int]:
    """What breaks if the chosen elements fail now, together; nothing is written."""
    form = WhatIfForm(formdata=request.form if request.method == "POST" else request.args)
    if request.method == "POST":
        form.elements_file.process(request.files)
    reach, version = None, 0
    cells: list[str] = []
    asked = bool(form.elements.data or form.elements_file.data)
    if (asked or request.method == "POST") and form.validate():
        with show_on_form(form, otherwise="elements"), reading() as session:
            version = current_version(session, "inventory")
            refs = form.pick(session)
            if refs is not None:
                reach = reach_of_failure(session, store(), refs, form.services.data or None, _hold(form))
                cells = placed.placed_refs(session, reach.without, most=_MOST_ON_MAP)
    if reach is not None and request.values.get("format") == "csv":
        return csv_response("what_breaks", ("kind", "elements", "services"), _reach_rows(reach))
    page = render_template(
        "outage/whatif.html",
        form=form,
        reach=reach,
        cells=cells,
        cells_version=version,
    )
    return (page, 422) if form.errors and reach is None else page


def _hold(form: WhatIfForm) -> int:
    return HOLD_HOURS if form.hold_hours.data is None else int(form.hold_hours.data)


def _reach_rows(reach: FailureReach) -> list[tuple[object, ...]]:
    groups = (("kind", reach.by_kind), ("area", reach.by_area), ("radio", reach.by_radio))
    return [
        (f"{what}: {one.name}", one.elements, "|".join(f"{name}={count}" for name, count in one.services.items()))
        for what, counts in groups
        for one in counts
    ]


@pages.get("/single-points")
@permission(_MAY)
def single_points() -> Response | str:
    """The elements whose failure alone takes service from others, those of most lines first."""
    with reading() as session:
        found = list_single_points(session, store(), limit=10_000 if wants_csv() else 200)
    if wants_csv():
        header = ("element", "kind", "lines", "elements", "cells", "services")
        rows = [(one.ref, one.kind, one.lines, one.others, one.cells, "|".join(one.services)) for one in found]
        return csv_response("single_points_of_failure", header, rows)
    most = max((one.lines or 0 for one in found), default=0)
    return render_template("outage/single_points.html", found=found, most=most)


@pages.get("/changes")
@permission(_MAY)
def list_history() -> Response | str:
    """What imports added, changed and retired, newest first; `?format=csv` for all that fit the filter."""
    wanted: dict[str, Any] = {
        "ref": request.args.get("ref", "").strip()[:384] or None,
        "version": _version(request.args.get("version", "")),
        "subject": _one_of(request.args.get("subject", ""), (ELEMENT, DEPENDENCY)),
        "change": _one_of(request.args.get("change", ""), (ADDED, CHANGED, RETIRED)),
    }
    page = read_page(100)
    with reading() as session:
        window = (_ALL_CHANGES, 0) if wants_csv() else (page.size, page.offset)
        found = list_changes(session, **wanted, limit=window[0], offset=window[1])
        count = 0 if wants_csv() else count_history(session, **wanted)
    if wants_csv():
        header = ("version", "at", "by", "file", "subject", "ref", "change", "before", "after")
        rows = [
            (one.version, one.at, one.actor, one.file, one.subject, one.ref, one.change, one.before, one.after)
            for one in found
        ]
        return csv_response("inventory_changes", header, rows)
    return render_template(
        "outage/changes.html",
        changes=[(one, differences(one)) for one in found],
        count=count,
        page=page,
        pages=page.pages(count),
        wanted=wanted,
        subjects=(ELEMENT, DEPENDENCY),
        kinds=(ADDED, CHANGED, RETIRED),
    )


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _one_of(text: str, known: tuple[str, ...]) -> str | None:
    return text if text in known else None


def differences(change: Change) -> list[tuple[str, object, object]]:
    """Which values of an element or dependency a change made other: name, before, after (None: there was none)."""
    before, after = change.before or {}, change.after or {}
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
