"""What staff and machines see of outages: the pages of incidents, and their part of the REST API."""

from foundation.web import NavigationItem
from outage.web import (
    actions,
    api,
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
    api.calls,
]
navigation = [
    NavigationItem("Incidents", "incidents.list_incidents", "incidents.read"),
    NavigationItem("Planned work", "planned_work.list_works", "incidents.read"),
    NavigationItem("Network", "network.overview", "inventory.read"),
]

__all__ = ["blueprints", "navigation"]
