"""The page of the spool: every text that went out, newest first, as it was sent."""

from __future__ import annotations

import contextlib

from flask import Blueprint, Response, render_template, request

from foundation.audit import write_audit
from foundation.web import actor, csv_response, permission, read_page, transaction, wants_csv
from foundation.web.access import foundations
from notify.registry import make_spool
from notify.web.addresses import show_address

MOST_CSV_ROWS = 100_000
_PERSONAL_DIGITS = 5
spool = Blueprint("spool", __name__, url_prefix="/spool", template_folder="templates")


@spool.get("/")
@permission("deliveries.read")
def index() -> str | Response:
    """The texts sent, found by address, key or words; a search by number is a look at a person and is audited."""
    search = _search()
    page = read_page()
    with contextlib.closing(make_spool(foundations().settings)) as box:
        if wants_csv():
            texts = box.list_texts(search, limit=MOST_CSV_ROWS)
            rows = [(text.accepted_at, show_address(text.address), text.body, text.parts, text.key) for text in texts]
            return csv_response("spool", ("accepted_at", "address", "body", "parts", "key"), rows)
        texts = box.list_texts(search, limit=page.size, offset=page.offset)
        found = box.count(search)
        doubles = box.doubles()
    return render_template(
        "notify/spool.html",
        texts=texts,
        found=found,
        doubles=doubles,
        search=search,
        page=page,
        pages=page.pages(found),
        show_address=show_address,
    )


def _search() -> str:
    search = request.args.get("q", "").strip()[:128]
    number = search.replace(" ", "")
    if not number.removeprefix("+").isdecimal():
        return search
    if len(number) >= _PERSONAL_DIGITS:
        with transaction() as session:
            write_audit(session, actor=actor(), action="spool searched by number", subject="spool")
    return number
