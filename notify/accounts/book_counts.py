"""What the account book holds, counted as it is booked: appended by each writer, folded now and then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, Table, delete, func, insert, select
from sqlalchemy.orm import Session

from notify.accounts.statements import BookTotal
from notify.book_models import BookCount

COUNTS: Table = BookCount.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_PLACE = ("campaign", "kind", "currency")
_FOLD_AT_ONCE = 20_000
_SCATTERED = 8


def count_booked(session: Session, entries: Iterable[Mapping[str, Any]], campaigns: Mapping[str, str]) -> None:
    """Count entries in the transaction that books them; `campaigns` by key, none for what no campaign booked."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for entry in entries:
        total = sums[campaigns.get(entry["key"], ""), entry["kind"], entry["currency"]]
        total[0] += 1
        total[1] += entry["amount_minor"] or 0
    _append(session, sums)


def fold_book_counts(session: Session) -> int:
    """Replace appended counts by their sums; returns how many rows that saved. Many may fold at once."""
    place = [COUNTS.c[name] for name in _PLACE]
    scattered = select(COUNTS.c.campaign).group_by(*place).having(func.count() > _SCATTERED).distinct()
    campaigns = session.scalars(scattered).all()
    if not campaigns:
        return 0
    query = select(COUNTS).where(COUNTS.c.campaign.in_(campaigns)).order_by(COUNTS.c.id).limit(_FOLD_AT_ONCE)
    found = session.execute(query.with_for_update(skip_locked=True)).all()
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in found:
        total = sums[row.campaign, row.kind, row.currency]
        total[0] += row.entries
        total[1] += row.amount_minor
    if len(sums) < len(found):
        session.execute(delete(COUNTS).where(COUNTS.c.id.in_([row.id for row in found])))
        _append(session, sums)
    return len(found) - len(sums)


def count_book(session: Session, campaign: str | None = None) -> list[BookTotal]:
    """The book's entries by kind and currency, of one campaign or of all, from the counters."""
    place = (COUNTS.c.kind, COUNTS.c.currency)
    query: Select[Any] = select(*place, func.sum(COUNTS.c.entries), func.sum(COUNTS.c.amount_minor))
    if campaign is not None:
        query = query.where(COUNTS.c.campaign == campaign)
    rows = session.execute(query.group_by(*place).order_by(*place))
    return [BookTotal(kind, currency, int(entries), int(amount)) for kind, currency, entries, amount in rows]


def _append(session: Session, sums: Mapping[tuple[Any, ...], list[int]]) -> None:
    names = (*_PLACE, "entries", "amount_minor")
    if sums:
        session.execute(insert(COUNTS), [dict(zip(names, (*key, *total), strict=True)) for key, total in sums.items()])
