"""The books of a release as rows: the same money at every station, and what differs."""

from __future__ import annotations

from dataclasses import dataclass

from compensation.queries import Books
from compensation.web.words import money_text


@dataclass(frozen=True, slots=True)
class Station:
    """One place where the money is counted; `difference` is empty when it equals what was decided."""

    name: str
    count: int | None
    amount: str
    difference: str


@dataclass(frozen=True, slots=True)
class ShownBooks:
    """All stations, whether they agree, and how many postings are not confirmed yet."""

    stations: tuple[Station, ...]
    agree: bool
    unconfirmed: int


def show_books(books: Books) -> ShownBooks:
    """Books as rows, each compared with what the cases decided."""
    rows = [
        ("Decided in the cases", None, books.cases_minor),
        ("Credits", books.credits, books.credits_minor),
        ("Accrued in the ledger", None, books.accrued_minor),
        ("Postings sent on their way", books.postings, books.postings_minor),
        ("Confirmed by the account side", books.confirmed, books.confirmed_minor),
        ("Posted in the ledger", None, books.posted_minor),
        ("In the account book", None, books.book_minor),
    ]
    return ShownBooks(
        stations=tuple(_station(books, name, count, amount) for name, count, amount in rows),
        agree=not books.differences,
        unconfirmed=books.postings - books.confirmed,
    )


def _station(books: Books, name: str, count: int | None, amount_minor: int) -> Station:
    said = []
    if amount_minor != books.cases_minor:
        word = "less" if amount_minor < books.cases_minor else "more"
        said.append(f"{money_text(abs(amount_minor - books.cases_minor), books.currency)} {word} than decided")
    if count is not None and count != books.credits:
        said.append(f"{abs(count - books.credits):,} {'fewer' if count < books.credits else 'more'} than credits")
    return Station(name, count, money_text(amount_minor, books.currency), "; ".join(said))
