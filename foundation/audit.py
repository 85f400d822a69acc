"""The audit: who did what, when, before and after, as a chain of hashes that shows any later edit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
    session.execute(insert_ignoring(session, AuditHead), {"id": 1, "hash": _START})
    previous = session.scalars(select(AuditHead.hash).where(AuditHead.id == 1).with_for_update()).one()
    entry = AuditEntry(
        at=clock.now(),
        actor=actor,
        action=action,
        subject=subject,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        reason=reason,
        previous_hash=previous,
    )
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(hash=entry.hash))


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
