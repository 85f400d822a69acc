"""Choosing network elements: search, a list to be looked up, where cells stand, and the pages that add and restore."""

from __future__ import annotations

from flask import Blueprint, Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from foundation import clock
from foundation.errors import InputError
from foundation.web import actor, permission, reading, show_on_form, transaction
from outage.incidents import incidents
from outage.lifecycle import IncidentStatus
from outage.models import Incident
from outage.network.inventory import find_elements
from outage.web import placed, reads
from outage.web.forms import WHEN, ElementsForm, RestoreSomeForm
from outage.web.ref_files import read_refs, split_refs

pages = Blueprint("picking", __name__)
_ONE_HOUR = 3600


@pages.get("/elements.json")
@permission("incidents.read")
def search_elements() -> Response:
    """The first network elements that fit `?search=`; with `?incident=` only those that it has open outages on."""
    text = request.args.get("search", "").strip()[:128]
    if not text:
        return jsonify(elements=[])
    with reading() as session:
        found = reads.search_elements(session, text, incident=_incident_asked())
    return jsonify(elements=[{"ref": element.ref, "name": element.name, "kind": element.kind} for element in found])


@pages.post("/elements/check")
@permission("incidents.read")
def check_elements() -> tuple[Response, int] | Response:
    """Look up a pasted list (`text`) and a `file`: what of it is known, and what is not; nothing is written."""
    upload = request.files.get("file")
    try:
        refs = split_refs(request.form.get("text", ""))
        if upload is not None and upload.filename:
            refs = list(dict.fromkeys([*refs, *read_refs(upload.filename, upload.read())]))
    except InputError as error:
        return jsonify(error=error.message), 400
    with reading() as session:
        wanted = _incident_asked()
        known = find_elements(session, refs).keys() if wanted is None else reads.open_elements(session, wanted)
    return jsonify(found=[ref for ref in refs if ref in known], unknown=[ref for ref in refs if ref not in known])


@pages.get("/elements/cells.json")
@permission("incidents.read")
def list_cells() -> Response:
    """Where every cell stands; its address changes with the inventory, so that browsers may keep it."""
    with reading() as session:
        document = placed.cells_document(session)
    return placed.compressed_json(document, seconds=_ONE_HOUR if "v" in request.args else 0)


@pages.route("/incidents/<ref>/outages", methods=["GET", "POST"])
@permission("incidents.write")
def add_outages(ref: str) -> BaseResponse:
    """Name elements that are down too; on POST add them, or show what was wrong where it was wrong."""
    form = ElementsForm()
    with reading() as session:
        incident = incidents.get_incident(session, ref)
    if form.validate_on_submit():
        with show_on_form(form, otherwise="elements"), transaction() as session:
            refs = form.pick(session)
            if refs is not None:
                added = incidents.add_outages(
                    session, incidents.get_incident(session, ref), form.outages(_some(refs)), actor=actor()
                )
                return _back(ref, f"{_counted(len(added))} added.")
    return _show("outage/adding.html", form, incident)


@pages.route("/incidents/<ref>/restoring", methods=["GET", "POST"])
@permission("incidents.write")
def restore_some(ref: str) -> BaseResponse:
    """Name elements that are back; on POST end their outages, or show what was wrong where it was wrong."""
    form = RestoreSomeForm()
    if not form.is_submitted():
        form.at.data = clock.now()
    with reading() as session:
        incident = incidents.get_incident(session, ref)
    if form.validate_on_submit():
        with show_on_form(form, otherwise="elements"), transaction() as session:
            refs = form.pick(session)
            if refs is not None:
                current = incidents.get_incident(session, ref)
                services = form.services.data or None
                ended = incidents.restore_elements(
                    session, current, _some(refs), at=form.at.data, services=services, actor=actor()
                )
                return _restored(current, ended)
    return _show("outage/restoring.html", form, incident)


def _restored(incident: Incident, ended: int) -> BaseResponse:
    if not ended:
        return _back(incident.ref, "Nothing changed: these were restored before.", kind="info")
    still_open = "" if incident.status == IncidentStatus.RESTORED else ", with others still out"
    return _back(incident.ref, f"{_counted(ended)} ended. The incident is {incident.status}{still_open}.")


def _incident_asked() -> str | None:
    return request.args.get("incident", "")[:64] or None


def _some(refs: list[str]) -> list[str]:
    if not refs:
        raise InputError("no element was named", where="elements", accepted="at least one network element")
    return refs


def _back(ref: str, message: str, *, kind: str = "success") -> BaseResponse:
    flash(message, kind)
    return redirect(url_for("incidents.show_incident", ref=ref), 303)


def _show(template: str, form: ElementsForm | RestoreSomeForm, incident: Incident) -> BaseResponse:
    status = 422 if form.is_submitted() else 200
    return make_response(render_template(template, form=form, incident=incident, when=WHEN), status)


def _counted(outages: int) -> str:
    return "1 outage" if outages == 1 else f"{outages:,} outages"
