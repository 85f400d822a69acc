"""The audit as a page: who did what to which thing, when, before and after, and whether the chain is intact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, Response, render_template, request
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from foundation.audit import AuditEntry, find_broken_entry
from foundation.web.access import permission, reading
from foundation.web.lists import csv_response, read_page, wants_csv
from foundation.web.navigation import NavigationItem

pages = Blueprint("audit", __name__, template_folder="templates")
navigation = [NavigationItem("Audit", "audit.list_entries", "audit.read", ("auditor",))]
# Checking reads every entry: up to here at once, beyond it on request.
CHECKED_AT_ONCE = 5_000
_COLUMNS = ("id", "at", "actor", "action", "subject", "before", "after", "reason", "hash")


@dataclass(frozen=True)
class AuditFilter:
    """Which entries: text that actor, action and subject contain, and first and last day (UTC); empty means all."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    def query(self) -> dict[str, object]:
        """The filter as the arguments of an address."""
        values = {name: getattr(self, name) for name in ("actor", "action", "subject", "since", "until")}
        return {name: str(value) for name, value in values.items() if value}

    def apply(self, statement: Select[tuple[AuditEntry]]) -> Select[tuple[AuditEntry]]:
        """The statement with the conditions added."""
        for name in ("actor", "action", "subject"):
            wanted: str = getattr(self, name)
            if wanted:
                statement = statement.where(getattr(AuditEntry, name).icontains(wanted, autoescape=True))
        if self.since is not None:
            statement = statement.where(AuditEntry.at >= _midnight(self.since))
        if self.until is not None and self.until < date.max:
            statement = statement.where(AuditEntry.at < _midnight(self.until + timedelta(days=1)))
        return statement


@pages.get("/audit")
@permission("audit.read")
def list_entries() -> Response | str:
    """The entries, newest first; `?format=csv` is all that fit the filter, oldest first."""
    wanted = _read_filter()
    if wants_csv():
        return csv_response("audit", _COLUMNS, _rows(wanted))
    page = read_page()
    with reading() as session:
        statement = wanted.apply(select(AuditEntry))
        count = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
        newest = statement.order_by(AuditEntry.id.desc()).offset(page.offset).limit(page.size)
        entries = session.scalars(newest).all()
        chain = _chain(session)
    return render_template(
        "shell/audit.html", entries=entries, count=count, page=page, pages=page.pages(count), wanted=wanted, chain=chain
    )


def _read_filter() -> AuditFilter:
    texts = {name: request.args.get(name, "").strip()[:128] for name in ("actor", "action", "subject")}
    return AuditFilter(**texts, since=_day("since"), until=_day("until"))


def _day(name: str) -> date | None:
    """The day of that argument; what is none is no limit."""
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _rows(wanted: AuditFilter) -> Iterator[list[object]]:
    with reading() as session:
        statement = wanted.apply(select(AuditEntry)).order_by(AuditEntry.id)
        with session.scalars(statement.execution_options(yield_per=1000)) as entries:
            for entry in entries:
                yield [getattr(entry, name) for name in _COLUMNS]


def _chain(session: Session) -> dict[str, object]:
    count = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
    if count > CHECKED_AT_ONCE and request.args.get("check") != "chain":
        return {"checked": False, "entries": count}
    return {"checked": True, "entries": count, "broken": find_broken_entry(session)}
