"""What a mistake looks like: a page that says what to do, or for a call a JSON problem; never a bare 500."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, flash, jsonify, make_response, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from foundation.db import refusal_of
from foundation.errors import ForbiddenError, InputError, NotFoundError, RefusedError
from foundation.logging import get_logger
from foundation.web.access import find_staff, foundations, is_api

_STATUS: dict[type[InputError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    RefusedError: HTTPStatus.CONFLICT,
    ForbiddenError: HTTPStatus.FORBIDDEN,
}
_ADVICE: dict[int, str] = {
    400: "Check what was entered and try again.",
    403: "Ask an administrator for a role if you need it for your work.",
    404: "The address may be mistyped, or what it named may be gone.",
    405: "Open the page itself and use its buttons.",
    409: "Open the page again: somebody may have changed it meanwhile.",
    413: "Send less at once.",
    429: "Wait a minute, then try again.",
    503: "Nothing was changed. Try again in a minute.",
    500: "It was not your fault. It has been logged; trying again is safe.",
}
# Instead of what the framework says, which speaks of URLs and servers.
_WORDS: dict[int, str] = {
    404: "No page has this address.",
    405: "Nothing can be done this way at this address.",
    413: "What was sent is larger than this console takes.",
    429: "This was asked too often.",
}
_LONGEST_FLASH = 400


def set_up_errors(app: Flask) -> None:
    """Answer input errors, HTTP errors and crashes of `app` in one look."""
    app.register_error_handler(InputError, _answer_input_error)
    app.register_error_handler(CSRFError, _answer_forged)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(DBAPIError, _answer_database_error)
    app.register_error_handler(Exception, _answer_crash)


def status_of(error: InputError) -> HTTPStatus:
    """The status that an input error is answered with."""
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status
    return HTTPStatus.UNPROCESSABLE_ENTITY if is_api() else HTTPStatus.BAD_REQUEST


def _answer_input_error(error: InputError) -> BaseResponse:
    status = status_of(error)
    if is_api():
        return _problem(status, error.message, {error.where: error.message} if error.where else None)
    back = _page_before() if request.method == "POST" and find_staff() is not None else None
    if back is None or isinstance(error, ForbiddenError):
        return _page(status, error.message)
    flash(_short(error.message), "danger")
    return redirect(back, HTTPStatus.SEE_OTHER)


def _answer_forged(error: HTTPException) -> BaseResponse:
    why = error.description or "the form's token is missing"
    return _page(HTTPStatus.BAD_REQUEST, f"This form is too old or was not sent from here ({why}). Open it again.")


def _answer_http_error(error: HTTPException) -> BaseResponse:
    if error.response is not None:
        return cast("BaseResponse", error.response)
    status = HTTPStatus(error.code or 500)
    # webargs leaves what the schema complained about in `data`.
    data = getattr(error, "data", None) or {}
    message = data.get("message") or error.description or status.phrase
    if is_api():
        answer = _problem(status, message, data.get("errors") or data.get("messages"))
    else:
        ours = _WORDS.get(status) if message == type(error).description else None
        answer = _page(status, ours or message)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _answer_database_error(error: DBAPIError) -> BaseResponse:
    why = str(error.orig).partition("\n")[0]
    refusal = refusal_of(error)
    if refusal is not None:
        get_logger().warning("made_twice", endpoint=request.endpoint, error=why)
        return _answer_input_error(refusal)
    on_sqlite = foundations().database.is_sqlite
    # SQLite calls an unknown column operational too.
    away = "locked" in why if on_sqlite else error.connection_invalidated or isinstance(error, OperationalError)
    if not away:
        return _answer_crash(error)
    get_logger().warning("database_unreachable", endpoint=request.endpoint, error=why)
    answer = _say_unreachable(HTTPStatus.SERVICE_UNAVAILABLE, "The records cannot be reached at the moment.")
    answer.headers["Retry-After"] = "10"
    return answer


def _say_unreachable(status: HTTPStatus, message: str) -> BaseResponse:
    if is_api():
        return _problem(status, message, None)
    try:
        return _page(status, message)
    except DBAPIError:  # the page names who is signed in, and that is in the records
        return make_response((f"{message} {_ADVICE[status]}\n", status, {"Content-Type": "text/plain; charset=utf-8"}))


def _answer_crash(error: Exception) -> BaseResponse:
    get_logger().error("request_crashed", method=request.method, endpoint=request.endpoint, exc_info=error)
    message = "Something went wrong in the program."
    return _problem(HTTPStatus(500), message, None) if is_api() else _page(HTTPStatus(500), message)


def _problem(status: HTTPStatus, message: str, errors: object) -> Response:
    body: dict[str, object] = {"code": int(status), "status": status.phrase, "message": message}
    if errors:
        body["errors"] = errors
    answer = make_response(jsonify(body), status)
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _page(status: HTTPStatus, message: str) -> Response:
    advice = _ADVICE.get(status, "")
    return make_response(render_template("shell/error.html", status=status, message=message, advice=advice), status)


def _short(message: str) -> str:
    # A flash travels in the session's cookie, and browsers drop cookies over 4 KB: somebody may have pasted a novel.
    return message if len(message) <= _LONGEST_FLASH else f"{message[: _LONGEST_FLASH - 1]}…"


def _page_before() -> str | None:
    # Only a page of this very console; its address without the host, so that nobody can be sent elsewhere.
    before = urlsplit(request.referrer or "")
    if not before.netloc or before.netloc != request.host:
        return None
    return before.path + (f"?{before.query}" if before.query else "")
