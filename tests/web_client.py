"""A browser without a screen for tests: the application, staff, and forms sent with their CSRF token."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import outage.web
from foundation.access import ROLES, add_token, add_user, find_user
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web import make_app, register

PASSWORD = "correct horse battery"


def make_web(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    """The shell with the rooms of `outage` in it."""
    app = make_app(settings, database, store)
    register(app, outage.web)
    return app


def add_staff(database: Database, *roles: str) -> None:
    """Staff users named as their roles, all with the same password."""
    with database.transaction() as session:
        for role in roles or ROLES:
            add_user(session, name=role, display_name=role.title(), password=PASSWORD, roles=[role], actor="system")


def token_of(database: Database, name: str) -> dict[str, str]:
    """The headers of a call with a fresh bearer token of that user."""
    with database.transaction() as session:
        user = find_user(session, name)
        assert user is not None
        return {"Authorization": f"Bearer {add_token(session, user, 'test', actor='system')}"}


def csrf_token(client: FlaskClient, page: str = "/sign-in") -> str:
    """The token of a page's first form."""
    answer = client.get(page, follow_redirects=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
    assert found is not None, f"{page} has no form: {answer.status}"
    return found[1]


def send(client: FlaskClient, address: str, fields: dict[str, Any] | None = None, *, back: str = "/") -> TestResponse:
    """POST a form as a page of this console would: with its CSRF token and the page it came from."""
    values = {"csrf_token": csrf_token(client), **(fields or {})}
    return client.post(address, data=values, headers={"Referer": f"http://localhost{back}"})


def sign_in(app: Flask, name: str, password: str = PASSWORD) -> FlaskClient:
    """A client with the session of that user."""
    client = app.test_client()
    answer = send(client, "/sign-in", {"name": name, "password": password})
    assert answer.status_code == 303, answer.text
    return client
