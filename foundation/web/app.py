"""The application itself: its configuration, what is registered in it, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from types import ModuleType

from flask import Blueprint, Flask, request
from flask_bootstrap import Bootstrap5
from werkzeug.wrappers import Response

from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web import access, audit_pages, errands, errors, formats, pages
from foundation.web.access import Foundations, set_up_access
from foundation.web.api import ApiBlueprint, make_api
from foundation.web.junk import refuse_junk
from foundation.web.navigation import NavigationItem, list_navigation
from foundation.web.sessions import PageSessions

# One pasted list of every cell of an operator is about 2 MB.
MOST_FORM_BYTES = 16_000_000
SESSION_LASTS = timedelta(hours=12)

# Plotly sets inline styles; scripts are files of our own only.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def make_app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    """The shell alone: sign-in, error pages, audit, `/healthz`; packages are added by `register`."""
    app = Flask("foundation.web", static_folder=None, static_url_path="/static")
    _configure(app, settings)
    app.session_interface = PageSessions()
    app.extensions["foundations"] = Foundations(settings, database, store)
    app.extensions["navigation"] = [*errands.navigation, *audit_pages.navigation]
    app.extensions["incident_panels"] = []
    app.extensions["merge_guards"] = []
    errands.set_up_errands(app)
    Bootstrap5(app)
    app.before_request(refuse_junk)
    set_up_access(app)
    errors.set_up_errors(app)
    formats.set_up_formats(app)
    app.extensions["api"] = make_api(app)
    app.context_processor(_template_values)
    app.after_request(_add_headers)
    for blueprint in (pages.pages, errands.pages, audit_pages.pages):
        app.register_blueprint(blueprint)
    return app


def register(app: Flask, *packages: ModuleType) -> None:
    """Add the pages, calls and menu entries of packages: each exports `blueprints` and
    `navigation`, and `errands` when its pages ask for long work."""
    for package in packages:
        blueprints: Sequence[Blueprint] = package.blueprints
        navigation: Sequence[NavigationItem] = package.navigation
        for blueprint in blueprints:
            if isinstance(blueprint, ApiBlueprint):
                app.extensions["api"].register_blueprint(blueprint)
            else:
                app.register_blueprint(blueprint)
        # Errands and the audit stay last.
        app.extensions["navigation"][-2:-2] = navigation
        errands.add_errands(app, getattr(package, "errands", ()))


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="outage_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PERMANENT_SESSION_LIFETIME=SESSION_LASTS,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open over a shift must still go through
        WTF_CSRF_SSL_STRICT=settings.https,
        BOOTSTRAP_SERVE_LOCAL=True,
        MAX_CONTENT_LENGTH=MOST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_FORM_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.jinja_env.globals["plotly_version"] = version("plotly")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _template_values() -> dict[str, object]:
    return {
        "staff": access.find_staff(),
        "may": access.has_permission,
        "navigation": list_navigation(),
    }


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if access.foundations().settings.https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint and not request.endpoint.endswith(".static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
