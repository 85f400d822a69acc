"""The last look before a message goes: suppression, quiet hours where the recipient is, texts per recipient and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Row, Table, delete
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import dialect_of, insert_of
from notify.models import AddressDay, DeliveryKind, DeliveryState
from notify.quiet_hours import Window, allowed_from
from notify.suppression import find_suppressed, why_suppressed
from notify.transitions import end_unsent, put_off

DAYS: Table = AddressDay.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_KEPT_DAYS = 3


@dataclass(frozen=True, slots=True)
class Conduct:
    """How this operator texts: its quiet hours, the zone of recipients without one, and texts a day to one address.

    Statutory texts count but are never put off by the day's ceiling.
    """

    quiet: Window | None = None
    zone: str = "UTC"
    texts_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """The rows that may go, and how many were put off or suppressed."""

    rows: Sequence[Row[Any]]
    put_off: int = 0
    suppressed: int = 0


Counted = dict[int, tuple[str, date]]
"""By delivery id the address and day for which a text was counted."""


def screen(session: Session, rows: Sequence[Row[Any]], conduct: Conduct, *, worker: str) -> Screened:
    """Of claimed rows those that may go; the others are suppressed or sleep until their recipient may be texted.

    Credits are never touched: an opt-out stops the text, not the money.
    """
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    if not messages:
        return Screened(rows)
    refused = _refused(session, messages)
    later = _asleep(messages, conduct, refused.keys())
    suppressed = end_unsent(session, refused, DeliveryState.SUPPRESSED, worker=worker) if refused else 0
    asleep = put_off(session, later, worker=worker) if later else 0
    rest = [row for row in rows if row.id not in refused and row.id not in later]
    return Screened(rest, asleep, suppressed)


def count_texts(session: Session, rows: Sequence[Row[Any]], conduct: Conduct, *, worker: str) -> tuple[Counted, int]:
    """Count the texts about to go per address and day of its zone; put off what is above the ceiling.

    Returns what was counted, by delivery, and how many were put off to the next day.
    """
    messages = [row for row in rows if row.kind == DeliveryKind.MESSAGE]
    if conduct.texts_per_day is None or not messages:
        return {}, 0
    now = clock.now()
    days = {row.id: (row.address, now.astimezone(_zone(row, conduct)).date()) for row in messages}
    reached = _add(session, Counter(days.values()))
    over = _over(messages, days, reached, conduct.texts_per_day)
    tomorrow = {row.id: _next_day(days[row.id][1], _zone(row, conduct), conduct) for row in over}
    if over:
        _add(session, Counter(days[row.id] for row in over), sign=-1)
        put_off(session, tomorrow, worker=worker)
    return {number: day for number, day in days.items() if number not in tomorrow}, len(over)


def uncount_texts(session: Session, counted: Collection[tuple[str, date]]) -> None:
    """Take back what was counted for texts that certainly did not go."""
    if counted:
        _add(session, Counter(counted), sign=-1)


def forget_old_days(session: Session) -> int:
    """Delete the counts of days that nobody asks for any more; returns how many."""
    before = clock.now().date() - timedelta(days=_KEPT_DAYS)
    return len(session.scalars(delete(DAYS).where(DAYS.c.day < before).returning(DAYS.c.day)).all())


def _refused(session: Session, messages: Sequence[Row[Any]]) -> dict[int, str]:
    suppressed = find_suppressed(session, {row.address for row in messages})
    if not suppressed:
        return {}
    reasons = {
        row.id: why_suppressed(suppressed.get(row.address, {}), row.purpose, statutory=row.statutory)
        for row in messages
    }
    return {number: reason for number, reason in reasons.items() if reason is not None}


def _asleep(
    messages: Sequence[Row[Any]], conduct: Conduct, refused: Collection[int]
) -> dict[int, tuple[datetime, str]]:
    if conduct.quiet is None:
        return {}
    now = clock.now()
    later: dict[int, tuple[datetime, str]] = {}
    for row in messages:
        if row.any_hour or row.id in refused:
            continue
        zone = _zone(row, conduct)
        until = allowed_from(now, zone.key, conduct.quiet)
        if until > now:
            later[row.id] = until, f"quiet hours in {zone.key} until {until.astimezone(zone):%Y-%m-%d %H:%M}"
    return later


def _zone(row: Row[Any], conduct: Conduct) -> ZoneInfo:
    try:
        return ZoneInfo(row.zone or conduct.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(conduct.zone)


def _next_day(day: date, zone: ZoneInfo, conduct: Conduct) -> tuple[datetime, str]:
    morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=zone)
    reason = f"this recipient has had {conduct.texts_per_day} texts today"
    return clock.from_unix(clock.to_unix(morning)), reason


def _over(
    messages: Sequence[Row[Any]],
    days: Mapping[int, tuple[str, date]],
    reached: Mapping[tuple[str, date], int],
    ceiling: int,
) -> list[Row[Any]]:
    """The rows above the ceiling: of each address as many as are too many, the last ones first."""
    excess = {key: texts - ceiling for key, texts in reached.items() if texts > ceiling}
    over: list[Row[Any]] = []
    for row in reversed(messages):
        key = days[row.id]
        if excess.get(key, 0) > 0 and not row.statutory:
            excess[key] -= 1
            over.append(row)
    return over


def _add(session: Session, numbers: Counter[tuple[str, date]], *, sign: int = 1) -> dict[tuple[str, date], int]:
    """Change counts, in one order for all writers; returns what they came to."""
    rows = [
        {"address": address, "day": day, "texts": sign * number} for (address, day), number in sorted(numbers.items())
    ]
    if not rows:
        return {}
    insert = insert_of(dialect_of(session), DAYS).values(rows)
    upsert = insert.on_conflict_do_update(
        index_elements=["address", "day"], set_={"texts": DAYS.c.texts + insert.excluded.texts}
    )
    returned = session.execute(upsert.returning(DAYS.c.address, DAYS.c.day, DAYS.c.texts))
    return {(address, day): texts for address, day, texts in returned}
