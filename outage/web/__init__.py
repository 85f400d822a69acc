"""What staff and machines see of outages: the pages of incidents, and their part of the REST API."""

from foundation.web import NavigationItem
from outage.web import actions, api, figures, opening, pages

blueprints = [pages.pages, actions.pages, opening.pages, figures.pages, api.calls]
navigation = [NavigationItem("Incidents", "incidents.list_incidents", "incidents.read")]

__all__ = ["blueprints", "navigation"]
