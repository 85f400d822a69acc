"""The page of the account book: what it holds in all, and the statement of one account."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, render_template, request

from foundation.web import permission, reading
from notify.book_models import BookEntry
from notify.queries import book_statement, book_totals

book = Blueprint("book", __name__, url_prefix="/book", template_folder="templates")


@book.get("/")
@permission("deliveries.read")
def index() -> str:
    """Totals by kind; with `?account=` that account's balances and entries, oldest first."""
    account = request.args.get("account", "").strip()[:128]
    with reading() as session:
        statement = book_statement(session, account) if account else None
        totals = book_totals(session) if statement is None else []
    return render_template(
        "notify/book.html", account=account, statement=statement, totals=totals, show_window=show_window
    )


def show_window(entry: BookEntry) -> str:
    """The days on which a voucher or bonus holds, as `1 Sep 2012 to 30 Sep 2012`; empty for money."""
    if entry.valid_from is None or entry.valid_to is None:
        return ""
    # The stored end is the first day it no longer holds.
    return f"{_day(entry.valid_from)} to {_day(entry.valid_to - timedelta(days=1))}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
