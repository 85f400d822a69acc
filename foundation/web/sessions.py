"""How long somebody stays signed in: the session's cookie is sent anew with pages, and with nothing else."""

from __future__ import annotations

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin


class PageSessions(SecureCookieSessionInterface):
    """Flask's sessions in a signed cookie, lengthened only by pages that somebody opens.

    An answer to a picture, a script or a figure that refreshes itself must not lengthen them: a screen left open would
    stay signed in for ever, and an answer that arrives after the way out would sign that person in again.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether this answer carries the cookie: the session changed, or the browser opens a page."""
        # Browsers say what they ask for (Fetch Metadata, W3C) where the address is https or this machine.
        opens_page = request.headers.get("Sec-Fetch-Dest", "document") == "document"
        return session.modified or (opens_page and super().should_set_cookie(app, session))
