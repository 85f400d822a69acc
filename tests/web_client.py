"""A browser without a screen for tests: the application, staff, and forms sent with their CSRF token."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import outage.web
from foundation import clock
from foundation.access import ROLES, StaffUser, add_token, get_user
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web import make_app, register
from foundation.web.access import Foundations, SignedIn
from foundation.web.errands import set_up_errands

Panel = Callable[[str], object]
PASSWORD = "correct horse battery"


_kept: dict[tuple[ModuleType, ...], Flask] = {}


def make_web(
    settings: Settings, database: Database, store: SnapshotStore, *packages: ModuleType, panels: Sequence[Panel] = ()
) -> Flask:
    """The shell with packages in it (`outage` unless given) over these records.

    One application serves all tests one after another: to make one, with its rules and templates, takes long.
    """
    packages = packages or (outage.web,)
    app = _kept.get(packages)
    if app is None:
        app = _kept[packages] = make_app(settings, database, store)
        register(app, *packages)
    app.config["SECRET_KEY"] = settings.secret_key
    app.extensions["foundations"] = Foundations(settings, database, store)
    app.extensions.update(incident_panels=list(panels), merge_guards=[])
    kinds = app.extensions["errands"].kinds
    set_up_errands(app)
    app.extensions["errands"].kinds.update(kinds)
    return app


def add_staff(database: Database, *roles: str) -> None:
    """Staff users named as their roles (all roles unless given), all with the same password."""
    with database.transaction() as session:
        session.add_all(
            StaffUser(
                name=role,
                display_name=role.title(),
                password_hash=_password_hash(),
                roles=[role],
                active=True,
                created_at=clock.now(),
            )
            for role in roles or ROLES
        )


@functools.cache
def _password_hash() -> str:
    # Made once for all tests: a good hash is slow on purpose.
    return PasswordHasher().hash(PASSWORD)


def token_of(database: Database, name: str) -> dict[str, str]:
    """The headers of a call with a fresh bearer token of that user."""
    with database.transaction() as session:
        user = get_user(session, name)
        return {"Authorization": f"Bearer {add_token(session, user, 'test', actor='system')}"}


def csrf_token(client: FlaskClient, page: str = "/sign-in") -> str:
    """The token of a page's first form."""
    answer = client.get(page, follow_redirects=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
    assert found is not None, f"{page} has no form: {answer.status}"
    return found[1]


def send(client: FlaskClient, address: str, fields: dict[str, Any] | None = None, *, back: str = "/") -> TestResponse:
    """POST a form as a page of this console would: with its CSRF token and the page it came from."""
    values = dict(fields or {})
    if "csrf_token" not in values:
        values["csrf_token"] = csrf_token(client)
    return client.post(address, data=values, headers={"Referer": f"http://localhost{back}"})


def sign_in(app: Flask, database: Database, name: str) -> FlaskClient:
    """A client with a session of that user, as signing in would have left it."""
    with database.reading() as session:
        user = get_user(session, name)
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = SignedIn(user).get_id()
        cookie["_fresh"] = True
    return client
