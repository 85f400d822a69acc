"""What staff and machines see of outages: the pages of incidents, and their part of the REST API."""

from flask import url_for

from foundation.web import NavigationItem, WebErrand
from outage.errands import MEASURE
from outage.web import (
    actions,
    api,
    api_facts,
    api_network,
    api_planned,
    api_runs,
    api_updates,
    claims,
    facts,
    figures,
    network,
    obligations,
    opening,
    pages,
    picking,
    planned,
    runs,
    updates,
)

blueprints = [
    pages.pages,
    actions.pages,
    opening.pages,
    figures.pages,
    picking.pages,
    runs.pages,
    network.pages,
    planned.pages,
    facts.pages,
    claims.pages,
    obligations.pages,
    updates.pages,
    api.calls,
    api_runs.calls,
    api_updates.calls,
    api_network.calls,
    api_facts.calls,
    api_planned.calls,
]
navigation = [
    NavigationItem("Incidents", "incidents.list_incidents", "incidents.read", ("noc", "admin")),
    NavigationItem("Planned work", "planned_work.list_works", "incidents.read"),
    NavigationItem("Network", "network.overview", "inventory.read"),
]


def _incident_page(ref: str) -> str:
    return url_for("incidents.show_incident", ref=ref)


errands = [WebErrand(MEASURE, page_of=_incident_page, page_before=_incident_page)]

__all__ = ["blueprints", "errands", "navigation"]
