"""The console's pages on what customers are owed: policies, assessments, lookup, and a panel for incidents."""

from flask import url_for

from compensation.errands import ASSESS, RELEASE
from compensation.web.assess import assess_pages, incident_panel
from compensation.web.assessments import assessments
from compensation.web.case_page import case_pages
from compensation.web.editor import editor
from compensation.web.editor_panes import panes
from compensation.web.facts import fact_pages
from compensation.web.history import history_pages
from compensation.web.liability import liability_pages, liability_panel
from compensation.web.lookup import lookup
from compensation.web.over_credited import over_pages
from compensation.web.policies import policies
from compensation.web.policy_api import calls as policy_calls
from compensation.web.policy_compare import compares
from compensation.web.policy_start import starts
from compensation.web.whatif import whatif_pages
from compensation.web.whatif_api import calls as whatif_calls
from foundation.web import NavigationItem, WebErrand

blueprints = [
    starts,
    fact_pages,
    policies,
    editor,
    panes,
    compares,
    policy_calls,
    assessments,
    case_pages,
    over_pages,
    assess_pages,
    lookup,
    whatif_pages,
    whatif_calls,
    history_pages,
    liability_pages,
]
navigation = [
    NavigationItem("Policies", "policies.index", "policies.read", ("marketing",)),
    NavigationItem("Assessments", "assessments.index", "assessments.read", ("approver",)),
    NavigationItem("Lookup", "lookup.index", "people.read", ("care",)),
]


def _assessment_page(ref: str) -> str:
    return url_for("assessments.detail", ref=ref)


def _incident_page(ref: str) -> str:
    return url_for("incidents.show_incident", ref=ref)


errands = [
    WebErrand(ASSESS, page_of=_assessment_page, page_before=_incident_page),
    WebErrand(RELEASE, page_of=_assessment_page, page_before=_assessment_page),
]

__all__ = ["blueprints", "errands", "incident_panel", "liability_panel", "navigation"]
