"""The console's shell: the application every package's pages and calls are hung into, and what they share.

A page module needs little more than this::

    from foundation.web import actor, permission, reading, transaction

    @pages.get("/incidents")
    @permission("incidents.read")
    def list_incidents() -> str: ...

Write `@permission` or `@public` *below* the route decorator; a route with neither is refused to everybody.
"""

from foundation.web.access import (
    actor,
    current_staff,
    has_permission,
    permission,
    public,
    reading,
    signed,
    store,
    transaction,
)
from foundation.web.api import ApiBlueprint
from foundation.web.app import make_app, register
from foundation.web.errands import WebErrand, start_errand
from foundation.web.figures import figure
from foundation.web.forms import Form, InstantField, LinesField, read_form, show_on_form, stripped
from foundation.web.lists import Page, csv_response, read_page, wants_csv
from foundation.web.navigation import NavigationItem

__all__ = [
    "ApiBlueprint",
    "Form",
    "InstantField",
    "LinesField",
    "NavigationItem",
    "Page",
    "WebErrand",
    "actor",
    "csv_response",
    "current_staff",
    "figure",
    "has_permission",
    "make_app",
    "permission",
    "public",
    "read_form",
    "read_page",
    "reading",
    "register",
    "show_on_form",
    "signed",
    "start_errand",
    "store",
    "stripped",
    "transaction",
    "wants_csv",
]
