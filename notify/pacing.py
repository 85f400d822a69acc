"""The pace of senders: one token bucket each in the database, by its clock, shared by all workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, select, update
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.db import database_microseconds, database_now, insert_ignoring
from foundation.errors import InputError, NotFoundError
from foundation.logging import get_logger
from notify.carriers import Carrier, Manner
from notify.models import Sender

SENDERS: Table = Sender.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
MILLION = 1_000_000
# After throttling a sender goes at half its pace and gains this part of its full pace every second.
_RECOVERY_PER_SECOND = 0.02
# A sender without a pace of its own starts here after throttling, and is let off again when it came to the end.
_ASSUMED_RATE, _LET_OFF_RATE = 100_000, 1_000_000
_SLOWEST_RATE = 100
# Several workers hear of the same throttling; it counts once.
_ONE_STORM = MILLION
log = get_logger()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A sender's bucket: rates in rows per thousand seconds, tokens in millionths of a row, times in microseconds."""

    rate: int | None
    burst: int
    tokens: int
    refilled_at: int
    slow_rate: int | None = None
    slowed_at: int | None = None
    blocked_until: int | None = None

    def pace_at(self, now: int) -> int | None:
        """The rate that holds now: the full one, or what it has recovered to since it was slowed."""
        if self.slow_rate is None or self.slowed_at is None:
            return self.rate
        full = self.rate or _LET_OFF_RATE
        recovered = self.slow_rate + int(full * _RECOVERY_PER_SECOND * (now - self.slowed_at) / MILLION)
        return self.rate if recovered >= full else recovered

    def refilled(self, now: int) -> Bucket:
        """The bucket at `now`; a clock that went back fills nothing."""
        rate = self.pace_at(now)
        if rate is None:
            return replace(self, tokens=0, refilled_at=now)
        gained = max(0, now - self.refilled_at) * rate // 1000
        # Room for at least a tenth of a second, or a worker would have to come back for every single row.
        room = max(self.burst, rate // 10_000)
        return replace(self, tokens=min(self.tokens + gained, room * MILLION), refilled_at=now)

    def slowed(self, now: int, retry_after_seconds: int | None) -> Bucket:
        """The bucket after the provider throttled: half the pace, and nothing before it said."""
        if self.slowed_at is not None and now - self.slowed_at < _ONE_STORM:
            return self
        half = max(_SLOWEST_RATE, (self.pace_at(now) or 2 * _ASSUMED_RATE) // 2)
        blocked = None if retry_after_seconds is None else now + retry_after_seconds * MILLION
        return replace(self.refilled(now), tokens=0, slow_rate=half, slowed_at=now, blocked_until=blocked)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What senders may take now: rows by sender, None without limit; and in how many seconds one of the others may."""

    rows: Mapping[str, int | None]
    wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class SenderView:
    """A sender as people see it: its full pace and the one it goes at now, in rows a second (None: no limit)."""

    sender: str
    rows_per_second: float | None
    burst: int
    pace_now: float | None
    halted_at: datetime | None
    halted_reason: str | None

    @property
    def is_slowed(self) -> bool:
        """Whether its provider throttled it and it has not recovered."""
        return self.pace_now != self.rows_per_second


def sender_of(carrier: Carrier) -> str:
    """Whose pace a carrier keeps."""
    return carrier.manner.sender or carrier.name


def allow(session: Session, manners: Mapping[str, Manner]) -> Allowance:
    """How many rows each sender may take now; a paced sender is locked until the caller's transaction ends."""
    rows: dict[str, int | None] = {}
    waits: list[float] = []
    for found in _find(session, manners):
        if found.halted_at is not None:
            continue
        if found.rate is None and found.slow_rate is None:
            rows[found.sender] = None
            continue
        wait = _refill(session, found.sender, rows)
        waits += [] if wait is None else [wait]
    return Allowance(rows, min(waits, default=None))


def find_halted(session: Session, senders: Iterable[str]) -> set[str]:
    """Which of these senders are halted."""
    query = select(SENDERS.c.sender).where(SENDERS.c.sender.in_(sorted(senders)), SENDERS.c.halted_at.is_not(None))
    return set(session.scalars(query))


def charge(session: Session, sender: str, rows: int) -> None:
    """Take tokens for rows, or for the further parts of long texts; a bucket may so get into debt."""
    if rows:
        paced = (SENDERS.c.rate.is_not(None)) | (SENDERS.c.slow_rate.is_not(None))
        change = update(SENDERS).where(SENDERS.c.sender == sender, paced)
        session.execute(change.values(tokens=SENDERS.c.tokens - rows * MILLION))


def slow_down(session: Session, sender: str, retry_after_seconds: int | None) -> None:
    """The provider throttled this sender: half the pace at once, from which it recovers by itself."""
    row = _lock(session, sender)
    now = database_microseconds(session)
    before = _bucket(row)
    after = before.slowed(now, retry_after_seconds)
    if after != before:
        _write(session, sender, after)
        log.warning("sender_slowed", sender=sender, rows_per_second=(after.slow_rate or 0) / 1000)


def halt(session: Session, sender: str, reason: str) -> None:
    """The provider takes nothing from this sender: nothing goes until a person lets it."""
    row = _lock(session, sender)
    if row.halted_at is None:
        change = update(SENDERS).where(SENDERS.c.sender == sender)
        session.execute(change.values(halted_at=database_now(session), halted_reason=reason))
        write_audit(session, actor="system", action="sender.halted", subject=f"sender:{sender}", reason=reason)
        log.error("sender_halted", sender=sender)


def list_senders(session: Session) -> list[SenderView]:
    """Every sender that was ever used, with the pace that holds now."""
    now = database_microseconds(session)
    return [
        SenderView(
            sender=row.sender,
            rows_per_second=None if row.rate is None else row.rate / 1000,
            burst=row.burst,
            pace_now=None if (pace := _bucket(row).pace_at(now)) is None else pace / 1000,
            halted_at=row.halted_at,
            halted_reason=row.halted_reason,
        )
        for row in session.execute(select(SENDERS).order_by(SENDERS.c.sender))
    ]


def resume_sender(session: Session, sender: str, *, actor: str, reason: str) -> bool:
    """Let a halted sender go on; False when it was not halted. Raises NotFoundError."""
    row = _lock(session, sender)
    if row.halted_at is None:
        return False
    change = update(SENDERS).where(SENDERS.c.sender == sender)
    session.execute(change.values(halted_at=None, halted_reason=None, slow_rate=None, slowed_at=None))
    write_audit(session, actor=actor, action="sender.resumed", subject=f"sender:{sender}", reason=reason)
    return True


def set_pace(session: Session, sender: str, *, rows_per_second: float | None, burst: int, actor: str) -> None:
    """Set a sender's pace for all workers from their next claim on; None lifts the limit.

    Raises NotFoundError, and InputError on a pace below one row in ten seconds or a burst below one.
    """
    if rows_per_second is not None and not 0.1 <= rows_per_second <= MILLION:
        accepted = "rows a second from 0.1 to 1,000,000"
        raise InputError("not a pace", where="rows_per_second", value=rows_per_second, accepted=accepted)
    if not 1 <= burst <= MILLION:
        raise InputError("not a burst", where="burst", value=burst, accepted="rows from 1 to 1,000,000")
    row = _lock(session, sender)
    after = {"rate": _stored(rows_per_second), "burst": burst}
    change = update(SENDERS).where(SENDERS.c.sender == sender)
    reset = {"tokens": min(row.tokens, burst * MILLION), "refilled_at": database_microseconds(session)}
    session.execute(change.values(**after, **reset, slow_rate=None, slowed_at=None, blocked_until=None))
    before = {"rate": row.rate, "burst": row.burst}
    write_audit(session, actor=actor, action="sender.paced", subject=f"sender:{sender}", before=before, after=after)


def _find(session: Session, manners: Mapping[str, Manner]) -> list[Row[Any]]:
    # One order for all workers, so that two of them cannot wait for each other's senders.
    query = select(SENDERS).where(SENDERS.c.sender.in_(sorted(manners))).order_by(SENDERS.c.sender)
    found = list(session.execute(query))
    missing = manners.keys() - {row.sender for row in found}
    if not missing:
        return found
    now = database_microseconds(session)
    for sender in sorted(missing):
        manner = manners[sender]
        values = {"sender": sender, "rate": _stored(manner.rows_per_second), "burst": manner.burst}
        full = {"tokens": manner.burst * MILLION, "refilled_at": now}
        session.execute(insert_ignoring(session, Sender), values | full)
    return list(session.execute(query))


def _refill(session: Session, sender: str, rows: dict[str, int | None]) -> float | None:
    """Refill one locked bucket and note what it gives; in how many seconds it gives one row, None when it does now."""
    bucket = _bucket(_lock(session, sender))
    now = database_microseconds(session)
    if bucket.blocked_until is not None and bucket.blocked_until > now:
        return (bucket.blocked_until - now) / MILLION
    full = bucket.refilled(now)
    pace = full.pace_at(now)
    if pace is None:
        rows[sender] = None
        _write(session, sender, replace(full, slow_rate=None, slowed_at=None, blocked_until=None))
        return None
    _write(session, sender, full)
    if full.tokens >= MILLION:
        rows[sender] = full.tokens // MILLION
        return None
    return (MILLION - full.tokens) * 1000 / pace / MILLION


def _lock(session: Session, sender: str) -> Row[Any]:
    row = session.execute(select(SENDERS).where(SENDERS.c.sender == sender).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("no such sender", where="sender", value=sender)
    return row


def _bucket(row: Row[Any]) -> Bucket:
    return Bucket(row.rate, row.burst, row.tokens, row.refilled_at, row.slow_rate, row.slowed_at, row.blocked_until)


def _write(session: Session, sender: str, bucket: Bucket) -> None:
    values = {
        "tokens": bucket.tokens,
        "refilled_at": bucket.refilled_at,
        "slow_rate": bucket.slow_rate,
        "slowed_at": bucket.slowed_at,
        "blocked_until": bucket.blocked_until,
    }
    session.execute(update(SENDERS).where(SENDERS.c.sender == sender).values(values))


def _stored(rows_per_second: float | None) -> int | None:
    return None if rows_per_second is None else round(rows_per_second * 1000)
