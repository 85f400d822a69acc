"""Who is asking, and may they: the guard in front of every route, and the session or token behind it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, redirect, request, url_for
from flask_login import LoginManager, current_user
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from foundation.access import StaffUser, check_permission, find_token_user, permissions_of
from foundation.db import Database
from foundation.errors import ForbiddenError
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore

API_PREFIX = "/api/"
View = TypeVar("View", bound=Callable[..., Any])

_csrf = CSRFProtect()
_login = LoginManager()


@dataclass(frozen=True)
class Foundations:
    """What every request stands on."""

    settings: Settings
    database: Database
    store: SnapshotStore


@dataclass(frozen=True)
class SignedIn:
    """A staff user with a session, in the form Flask-Login asks for."""

    staff: StaffUser
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """Id and a mark of the password, so that a new password ends all sessions."""
        return f"{self.staff.id}:{_mark(self.staff)}"


def permission(name: str) -> Callable[[View], View]:
    """Mark a view: only staff whose roles grant `name` may call it (the guard checks, before the view runs)."""

    def mark(view: View) -> View:
        cast("Any", view).permission = name
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that anybody may call, signed in or not."""
    cast("Any", view).public = True
    return view


def signed(view: View) -> View:
    """Mark a view that machines outside call with a signature of their own, which it checks itself."""
    cast("Any", view).public = True
    cast("Any", view).signed = True
    return view


def foundations() -> Foundations:
    """Settings, database and store of the running application."""
    return cast("Foundations", current_app.extensions["foundations"])


@contextlib.contextmanager
def transaction() -> Iterator[Session]:
    """A writing session of the running application, committed at the end."""
    with foundations().database.transaction() as session:
        yield session


@contextlib.contextmanager
def reading() -> Iterator[Session]:
    """A reading session of the running application."""
    with foundations().database.reading() as session:
        yield session


def store() -> SnapshotStore:
    """The snapshots of the running application."""
    return foundations().store


def find_staff() -> StaffUser | None:
    """The staff user behind this request, by token or by session, or None."""
    if "staff" not in g:
        g.staff = _token_staff() if _has_token() else _session_staff()
    return cast("StaffUser | None", g.staff)


def current_staff() -> StaffUser:
    """The staff user behind this request; raises Unauthorized (401) when there is none."""
    staff = find_staff()
    if staff is None:
        raise Unauthorized
    return staff


def actor() -> str:
    """The name that the audit will show for this request."""
    return current_staff().name


def has_permission(name: str) -> bool:
    """Whether the person asking holds a permission; templates hide what would be refused."""
    staff = find_staff()
    return staff is not None and name in permissions_of(staff)


def set_up_access(app: Flask) -> None:
    """Put the guard in front of every route of `app`."""
    # The guard calls it itself: a call with a bearer token carries no cookie that another site could ride on.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    _csrf.init_app(app)
    _login.init_app(app)
    _login.user_loader(_load_signed_in)
    app.before_request(_guard)


def view_of(app: Flask, endpoint: str) -> Any:
    """The view function of an endpoint, where `@permission` and `@public` left their marks."""
    return app.view_functions[endpoint]


def is_public(app: Flask, endpoint: str) -> bool:
    """Whether anybody may call an endpoint: marked so, or one of the packages' static files."""
    return endpoint.endswith(".static") or getattr(view_of(app, endpoint), "public", False)


def is_api() -> bool:
    """Whether this request is a call and not a page."""
    return request.path.startswith(API_PREFIX)


def _guard() -> Response | None:
    if request.endpoint is None:
        return None
    _refuse_forged_form()
    if is_public(current_app, request.endpoint):
        return None
    staff = find_staff()
    if staff is None:
        return _ask_to_sign_in()
    needed: str | None = getattr(view_of(current_app, request.endpoint), "permission", None)
    if needed is None:
        raise ForbiddenError("this address is closed: nobody has said who may use it", where=request.path)
    check_permission(staff, needed)
    return None


def _refuse_forged_form() -> None:
    if getattr(view_of(current_app, str(request.endpoint)), "signed", False):
        return
    if is_api() and (_has_token() or request.method == "GET"):
        return
    if is_api():
        # A session may read through the API; to write, a token is asked for.
        g.staff = None
        return
    _csrf.protect()


def _ask_to_sign_in() -> Response:
    if is_api():
        raise Unauthorized("a bearer token is needed: Authorization: Bearer TOKEN")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("shell.sign_in", next=wanted))


def _has_token() -> bool:
    return is_api() and request.headers.get("Authorization", "").lower().startswith("bearer ")


def _token_staff() -> StaffUser | None:
    token = request.headers["Authorization"][len("bearer ") :].strip()
    with reading() as session:
        return find_token_user(session, token)


def _session_staff() -> StaffUser | None:
    signed_in = current_user._get_current_object()
    return signed_in.staff if isinstance(signed_in, SignedIn) else None


def _load_signed_in(identity: str) -> SignedIn | None:
    number, _, mark = identity.partition(":")
    if not number.isdecimal():
        return None
    with reading() as session:
        staff = session.get(StaffUser, int(number))
    if staff is None or not staff.active or mark != _mark(staff):
        return None
    return SignedIn(staff)


def _mark(staff: StaffUser) -> str:
    return hashlib.sha256(staff.password_hash.encode()).hexdigest()[:16]
