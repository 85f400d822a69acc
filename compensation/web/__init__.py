"""The console's pages on what customers are owed: policies, assessments, lookup, and a panel for incidents."""

from flask import url_for

from compensation.errands import ASSESS, RELEASE
from compensation.web.assess import assess_pages, incident_panel
from compensation.web.assessments import assessments
from compensation.web.lookup import lookup
from compensation.web.policies import policies
from foundation.web import NavigationItem, WebErrand

blueprints = [policies, assessments, assess_pages, lookup]
navigation = [
    NavigationItem("Policies", "policies.index", "policies.read"),
    NavigationItem("Assessments", "assessments.index", "assessments.read"),
    NavigationItem("Lookup", "lookup.index", "people.read"),
]


def _assessment_page(ref: str) -> str:
    return url_for("assessments.detail", ref=ref)


def _incident_page(ref: str) -> str:
    return url_for("incidents.show_incident", ref=ref)


errands = [
    WebErrand(ASSESS, page_of=_assessment_page, page_before=_incident_page),
    WebErrand(RELEASE, page_of=_assessment_page, page_before=_assessment_page),
]

__all__ = ["blueprints", "errands", "incident_panel", "navigation"]
