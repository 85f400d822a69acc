"""The public page on which anybody may check whether a text that bears our name is ours."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, render_template, request

from foundation.errors import InputError
from foundation.web import public, reading
from foundation.web.limits import Limit
from notify.code_check import find_own_text

check = Blueprint("check", __name__, template_folder="templates")
# Enough for a household behind one address; a code of 30 bits is not found by asking so often.
_TIMES, _SECONDS = 20, 600
LIMIT = "code_check_limit"
_TOO_MANY = 429


@check.get("/check")
@public
def show_form() -> str:
    """The form."""
    return render_template("notify/check.html", answer=None, complaint=None)


@check.post("/check")
@public
def answer() -> Response:
    """Whether the text with this code to this number is ours; the same "no" whatever was wrong."""
    limit: Limit = current_app.extensions.setdefault(LIMIT, Limit(_TIMES, _SECONDS))
    if not limit.allows(request.remote_addr or ""):
        complaint = "You have asked often in the last minutes. Try again later."
        return make_response(render_template("notify/check.html", answer=None, complaint=complaint), _TOO_MANY)
    address, code = request.form.get("address", "")[:128], request.form.get("code", "")[:20]
    try:
        with reading() as session:
            found = find_own_text(session, address.replace(" ", ""), code)
    except InputError as error:
        return make_response(render_template("notify/check.html", answer=None, complaint=error.message), 400)
    return make_response(render_template("notify/check.html", answer="yes" if found else "no", text=found))
