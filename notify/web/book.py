"""The page of the account book: what it holds in all, and the statement of one account."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from foundation.web import permission, reading
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
    return render_template("notify/book.html", account=account, statement=statement, totals=totals)
