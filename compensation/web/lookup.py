"""Lookup: one line or account by its number, with all that happened to it and why; each look is audited."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from compensation.stories import line_story
from compensation.web.story_view import show_story, total_confirmed
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError
from foundation.web import Form, actor, permission, read_page, reading, show_on_form, store, stripped, transaction
from foundation.web.access import foundations
from notify.registry import make_spool
from outage.lifecycle import IncidentKind, IncidentStatus
from outage.models import Account, ImpactRun, Incident, Subscriber
from outage.msisdn import E164_ACCEPTED, check_msisdn

MOST_LINES = 200
_MOST_UNMEASURED = 5
lookup = Blueprint("lookup", __name__, url_prefix="/lookup", template_folder="templates")
_ID = "<int(max=9223372036854775807):number>"
_DECORATION = re.compile(r"\(0\)|[\s().\-/\u00a0\u2009\u202f]")


class LookupForm(Form):
    """A number or an account; sent as a form, so that no number stands in an address or a log."""

    wanted = StringField(
        "Number or account", [InputRequired("enter a number or an account"), Length(max=64)], [stripped]
    )


@lookup.route("/", methods=["GET", "POST"])
@permission("people.read")
def index() -> str | Response | tuple[str, int]:
    """Ask for a number or account, and go to what was found."""
    form = LookupForm()
    if form.validate_on_submit():
        with show_on_form(form, otherwise="wanted"), reading() as session:
            return redirect(_find(session, form.wanted.data), 303)
    page = render_template("compensation/lookup.html", form=form)
    return (page, 422) if form.is_submitted() else page


@lookup.get(f"/lines/{_ID}")
@permission("people.read")
def line(number: int) -> str:
    """One line: who it is, and per incident what it lost, what it gets, and why."""
    with transaction() as session:
        subscriber = session.get(Subscriber, number)
        if subscriber is None:
            raise NotFoundError("no such line", value=number)
        _audit(session, f"subscriber:{number}")
    with reading() as session:
        account = session.get_one(Account, subscriber.account_id)
        siblings = session.scalar(select(func.count()).where(Subscriber.account_id == account.id)) or 0
        stories = line_story(session, store(), subscriber)
        sent = _sent_texts(subscriber)
        shown = [show_story(story, subscriber, sent) for story in stories]
        unmeasured = _list_unmeasured(session)
    return render_template(
        "compensation/line.html",
        line=subscriber,
        account=account,
        siblings=siblings,
        stories=shown,
        unmeasured=unmeasured,
        confirmed=total_confirmed(shown),
        form=LookupForm(),
    )


@lookup.get(f"/accounts/{_ID}")
@permission("people.read")
def account(number: int) -> str:
    """One account: its place in the tree and its lines."""
    with transaction() as session:
        found = session.get(Account, number)
        if found is None:
            raise NotFoundError("no such account", value=number)
        _audit(session, f"account:{number}")
    page = read_page(MOST_LINES)
    with reading() as session:
        lines = select(Subscriber).where(Subscriber.account_id == number).order_by(Subscriber.msisdn)
        children = select(Account).where(Account.parent_id == number).order_by(Account.ref).limit(MOST_LINES)
        context = {
            "account": found,
            "parents": _parents(session, found),
            "lines": session.scalars(lines.limit(page.size).offset(page.offset)).all(),
            "children": session.scalars(children).all(),
        }
        count = session.scalar(select(func.count()).where(Subscriber.account_id == number)) or 0
    return render_template(
        "compensation/account.html", **context, count=count, page=page, pages=page.pages(count), form=LookupForm()
    )


def read_number(text: str) -> str | None:
    """The MSISDN that a person typed (`+44 7700 900123`, `0044...`, `447700900123`), or None when it is no number.

    Raises InputError when it begins like an international number and is none.
    """
    compact = _DECORATION.sub("", text)
    if compact.startswith("00"):
        compact = f"+{compact[2:]}"
    if compact.startswith("+"):
        return check_msisdn(compact, where="wanted")
    return f"+{compact}" if compact.isascii() and compact.isdecimal() and compact[0] != "0" else None


def _find(session: Session, wanted: str) -> str:
    """The address of what was found; raises NotFoundError or InputError."""
    found_account = session.scalar(select(Account.id).where(Account.ref == wanted))
    if found_account is not None:
        return url_for("lookup.account", number=found_account)
    number = read_number(wanted)
    if number is None:
        accepted = f"{E164_ACCEPTED}, 00 instead of +, spaces as you like; or an account's reference"
        raise InputError("neither a number nor an account we know", where="wanted", value=wanted, accepted=accepted)
    found = session.scalar(select(Subscriber.id).where(Subscriber.msisdn == number))
    if found is None:
        raise NotFoundError(
            "no line has this number", where="wanted", value=number, accepted="a number of the customer base"
        )
    return url_for("lookup.line", number=found)


def _audit(session: Session, subject: str) -> None:
    write_audit(session, actor=actor(), action="person looked up", subject=subject)


def _sent_texts(subscriber: Subscriber) -> dict[str, str]:
    with contextlib.closing(make_spool(foundations().settings)) as spool:
        return {text.key: text.body for text in spool.by_address(subscriber.msisdn)}


def _list_unmeasured(session: Session) -> Sequence[Incident]:
    """Open incidents of the network that no run tells about yet, the newest first."""
    measured = select(ImpactRun.id).where(ImpactRun.incident_id == Incident.id).exists()
    is_open = (Incident.status == IncidentStatus.OPENED, Incident.kind == IncidentKind.NETWORK)
    newest = select(Incident).where(*is_open, ~measured).order_by(Incident.started_at.desc())
    return session.scalars(newest.limit(_MOST_UNMEASURED)).all()


def _parents(session: Session, start: Account) -> list[Account]:
    """The accounts above, the topmost first; an endless tree is cut."""
    above: list[Account] = []
    current = start
    while current.parent_id is not None and len(above) < 20:
        current = session.get_one(Account, current.parent_id)
        above.insert(0, current)
    return above
