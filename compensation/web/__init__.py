"""The console's pages on what customers are owed: policies, assessments, lookup, and a panel for incidents."""

from compensation.web.assess import assess_pages, incident_panel
from compensation.web.assessments import assessments
from compensation.web.lookup import lookup
from compensation.web.policies import policies
from foundation.web import NavigationItem

blueprints = [policies, assessments, assess_pages, lookup]
navigation = [
    NavigationItem("Policies", "policies.index", "policies.read"),
    NavigationItem("Assessments", "assessments.index", "assessments.read"),
    NavigationItem("Lookup", "lookup.index", "people.read"),
]

__all__ = ["blueprints", "incident_panel", "navigation"]
