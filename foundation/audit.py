"""The audit: who did what, when, before and after, as a chain of hashes that shows any later edit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.db import Base, Document, Instant, Key, insert_ignoring

_START = "0" * 64


class AuditEntry(Base):
    """One change: immutable, linked to the one before by its hash."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(128), index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(Document)
    after: Mapped[dict[str, Any] | None] = mapped_column(Document)
    reason: Mapped[str | None] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The hash of the last entry; its row lock puts writers in line."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an entry says: who did what to which reference or `kind:id`, before and after (JSON), and why."""

    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None


def write_audit(
    session: Session,
    *,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Add an entry in the caller's transaction. `subject` is a reference or `kind:id`; values must be JSON.

    Call it late in a long transaction: it holds the chain's lock until the end.
    """
    write_changes(
        session,
        [Change(actor=actor, action=action, subject=subject, before=before, after=after, reason=reason)],
    )


def write_changes(session: Session, changes: Sequence[Change]) -> None:
    """Add an entry for each change, in their order, as `write_audit` does for one."""
    if not changes:
        return
    previous, at, entries = _lock_head(session), clock.now(), []
    for change in changes:
        entry = AuditEntry(
            at=at,
            actor=change.actor,
            action=change.action,
            subject=change.subject,
            before=dict(change.before) if change.before is not None else None,
            after=dict(change.after) if change.after is not None else None,
            reason=change.reason,
            previous_hash=previous,
        )
        entry.hash = previous = _hash(entry)
        entries.append(entry)
    session.add_all(entries)
    session.flush()
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(hash=previous))


def _lock_head(session: Session) -> str:
    """The hash of the last entry, which nobody else follows until the transaction ends."""
    head = select(AuditHead.hash).where(AuditHead.id == 1).with_for_update()
    found = session.scalars(head).one_or_none()
    if found is None:
        # Two may begin the chain at once: whoever comes second waits for the first, and then follows it.
        session.execute(insert_ignoring(session, AuditHead), {"id": 1, "hash": _START})
        found = session.scalars(head).one()
    return found


def find_broken_entry(session: Session) -> AuditEntry | None:
    """The first entry that no longer fits the chain, or None when the chain is intact."""
    previous = _START
    statement = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)
    with session.scalars(statement) as entries:
        for entry in entries:
            if entry.previous_hash != previous or entry.hash != _hash(entry):
                return entry
            previous = entry.hash
    return None


def _hash(entry: AuditEntry) -> str:
    content = [
        entry.previous_hash,
        clock.to_unix(entry.at),
        entry.actor,
        entry.action,
        entry.subject,
        entry.before,
        entry.after,
        entry.reason,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
