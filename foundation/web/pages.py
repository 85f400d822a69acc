"""The shell's own pages: the way in, the way out, the first page, the health check, and Plotly's script."""

from __future__ import annotations

import functools
import gzip
from importlib.resources import files
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from foundation.access import StaffUser
from foundation.access import sign_in as check_sign_in
from foundation.errors import RefusedError
from foundation.web.access import SignedIn, find_staff, public, reading, transaction
from foundation.web.forms import Form, stripped
from foundation.web.navigation import find_first

pages = Blueprint(
    "shell", __name__, template_folder="templates", static_folder="static/shell", static_url_path="/shell"
)
_ONE_YEAR = 31_536_000


class SignInForm(Form):
    """Name and password."""

    name = StringField("Name", [InputRequired("enter your name"), Length(max=64)], [stripped])
    password = PasswordField("Password", [InputRequired("enter your password"), Length(max=1024)])


@pages.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> BaseResponse | str:
    """Sign in by name and password; a person who is already in goes on."""
    wanted = safe_address(request.args.get("next"))
    if request.method == "GET" and find_staff() is not None:
        return redirect(wanted)
    form = SignInForm()
    if not form.validate_on_submit():
        return _show_sign_in(form, 422 if form.is_submitted() else 200)
    try:
        staff = _check(form.name.data, form.password.data)
    except RefusedError as error:
        flash(error.message[:1].upper() + error.message[1:] + ".", "danger")
        return _show_sign_in(form, 429)
    if staff is None:
        flash("This name and password do not fit together.", "danger")
        return _show_sign_in(form, 401)
    session.clear()
    session.permanent = True
    login_user(SignedIn(staff))
    return redirect(wanted, 303)


def _check(name: str, password: str) -> StaffUser | None:
    # A use case that refuses must not undo the count of failures: the transaction ends normally either way.
    refusal: RefusedError | None = None
    with transaction() as records:
        try:
            staff = check_sign_in(records, name, password)
        except RefusedError as error:
            refusal = error
    if refusal is not None:
        raise refusal
    return staff


def _show_sign_in(form: SignInForm, status: int) -> Response:
    return make_response(render_template("shell/sign_in.html", form=form), status)


@pages.post("/sign-out")
@public
def sign_out() -> BaseResponse:
    """End the session."""
    logout_user()
    session.clear()
    flash("You are signed out.", "info")
    return redirect(url_for("shell.sign_in"), 303)


@pages.get("/")
@public
def home() -> BaseResponse | str:
    """Go to the page where this person's work begins."""
    if find_staff() is None:
        return redirect(url_for("shell.sign_in"))
    item = find_first()
    return redirect(url_for(item.endpoint)) if item is not None else render_template("shell/home.html")


@pages.get("/healthz")
@public
def check_health() -> tuple[dict[str, str], int]:
    """Whether this process can reach its records: 200, or 503."""
    try:
        with reading() as records:
            records.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return {"status": "the records cannot be reached"}, 503
    return {"status": "ok"}, 200


@pages.get("/shell/plotly.min.js")
@public
def serve_plotly() -> Response:
    """Plotly's script from its own package, compressed once; its address changes with its version."""
    response = Response(_plotly_gzip(), mimetype="text/javascript")
    if request.accept_encodings["gzip"] > 0:
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.set_data(gzip.decompress(_plotly_gzip()))
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={_ONE_YEAR}, immutable"
    return response


@functools.cache
def _plotly_gzip() -> bytes:
    return gzip.compress((files("plotly") / "package_data" / "plotly.min.js").read_bytes(), 6)


def safe_address(wanted: str | None) -> str:
    """An address of this console to go on to: `wanted` when it is one, else the first page."""
    home_address = url_for("shell.home")
    if not wanted or not wanted.startswith("/") or wanted[1:2] in ("/", "\\"):
        return home_address
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or "\\" in wanted or not wanted.isprintable():
        return home_address
    return wanted
