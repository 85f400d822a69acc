"""Every route says who may use it; what is open to everybody is a short list."""

from __future__ import annotations

from foundation.access import ROLES
from foundation.settings import read_settings
from foundation.web.access import is_public, view_of
from wsgi import create_app

OPEN_TO_ALL = {
    "api-docs.openapi_json",
    "bootstrap.static",
    "check.answer",
    "check.show_form",
    "shell.check_health",
    "shell.home",
    "shell.serve_plotly",
    "shell.sign_in",
    "shell.sign_out",
    "shell.static",
    "twilio_hooks.record_answer",
    "twilio_hooks.record_status",
}


def test_every_route_has_a_permission_or_is_on_the_short_public_list(sqlite_database, tmp_path):
    app = create_app(read_settings({"OUTAGE_DATA": str(tmp_path / "data"), "DATABASE_URL": sqlite_database.url}))
    granted = frozenset().union(*ROLES.values())
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    for endpoint in endpoints:
        needed = getattr(view_of(app, endpoint), "permission", None)
        assert (needed in granted) != is_public(app, endpoint), f"{endpoint} needs exactly one of the two"
    static_of_rooms = {name for name in endpoints if name.endswith(".static")}
    assert {name for name in endpoints if is_public(app, name)} <= OPEN_TO_ALL | static_of_rooms
    assert endpoints >= OPEN_TO_ALL
    app.extensions["foundations"].database.dispose()
