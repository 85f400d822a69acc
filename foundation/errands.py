"""Errands: long work that a person asked for, kept as rows, so that it survives whoever was to do it."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.audit import write_audit
from foundation.db import Base, Document, Instant, Key, choice
from foundation.errors import NotFoundError, RefusedError


class ErrandState(enum.StrEnum):
    """waiting -> running -> done | failed | stopped; one whose runner died or was told to end is run again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED = (ErrandState.DONE, ErrandState.FAILED, ErrandState.STOPPED)
_OPEN = "state IN ('waiting', 'running')"


class Errand(Base):
    """One piece of long work: what kind, on what, asked by whom, and what became of it.

    `key` is the hash of kind and arguments: the same errand is open once. `result` of a done errand and `reason` of
    a failed one are for people. `step`, `done`, `total` and `stop_asked` are used where several machines share the
    records (see `foundation.errand_board`).
    """

    __tablename__ = "errands"
    __table_args__ = (
        Index("ix_errands_open", "key", unique=True, postgresql_where=text(_OPEN), sqlite_where=text(_OPEN)),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(128), index=True)
    key: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[dict[str, Any]] = mapped_column(Document)
    state: Mapped[ErrandState] = mapped_column(choice(ErrandState), default=ErrandState.WAITING)
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(default=0)
    step: Mapped[str] = mapped_column(String(128), default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    stop_asked: Mapped[bool] = mapped_column(default=False)
    result: Mapped[dict[str, Any] | None] = mapped_column(Document)
    reason: Mapped[str | None] = mapped_column(Text)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


def ask_errand(session: Session, kind: str, subject: str, arguments: Mapping[str, Any], *, actor: str) -> Errand:
    """Ask for long work; the same kind and arguments still open give the errand that is there."""
    content = json.dumps([kind, arguments], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    open_one = session.scalars(select(Errand).where(Errand.key == key, text(_OPEN)).with_for_update()).one_or_none()
    if open_one is not None:
        return open_one
    errand = Errand(
        kind=kind, subject=subject, key=key, arguments=dict(arguments), asked_by=actor, asked_at=clock.now()
    )
    session.add(errand)
    session.flush()
    write_audit(session, actor=actor, action=f"asked to {kind}", subject=subject, after={"errand": errand.id})
    return errand


def get_errand(session: Session, errand_id: int) -> Errand:
    """The errand; raises NotFoundError."""
    errand = session.get(Errand, errand_id)
    if errand is None:
        raise NotFoundError("no such errand", value=errand_id)
    return errand


def list_errands(session: Session, *, limit: int = 50, offset: int = 0) -> Sequence[Errand]:
    """Errands, newest first."""
    return session.scalars(select(Errand).order_by(Errand.id.desc()).limit(limit).offset(offset)).all()


def count_errands(session: Session) -> int:
    """How many errands there are."""
    return session.scalar(select(func.count()).select_from(Errand)) or 0


def list_open(session: Session) -> Sequence[int]:
    """Errands that wait or run, oldest first, by number."""
    return session.scalars(select(Errand.id).where(text(_OPEN)).order_by(Errand.id)).all()


def stop_errand(session: Session, errand_id: int, *, actor: str, told: bool = False) -> Errand:
    """Ask that an errand be stopped: one that waits ends here, one that runs ends at its next step.

    `told`: its runner was told already, and may have stopped meanwhile. Raises RefusedError for one that has ended
    otherwise.
    """
    errand = session.get(Errand, errand_id, with_for_update=True)
    if errand is None:
        raise NotFoundError("no such errand", value=errand_id)
    if errand.is_ended and not (told and errand.state is ErrandState.STOPPED):
        raise RefusedError(f"the errand is {errand.state} already", accepted="an errand that waits or runs")
    errand.stop_asked = True
    if errand.state is ErrandState.WAITING:
        errand.state, errand.ended_at, errand.reason = ErrandState.STOPPED, clock.now(), f"stopped by {actor}"
    write_audit(session, actor=actor, action=f"asked to stop {errand.kind}", subject=errand.subject)
    return errand


def begin_errand(session: Session, errand_id: int) -> Errand | None:
    """Mark an open errand as running, for whoever holds its lock; None when it ended meanwhile."""
    errand = session.get(Errand, errand_id, with_for_update=True)
    if errand is None or errand.is_ended:
        return None
    errand.state, errand.started_at = ErrandState.RUNNING, clock.now()
    errand.attempts += 1
    return errand


def leave_errand(session: Session, errand_id: int) -> None:
    """Put a running errand back among those that wait: its runner ends, and did not die of it."""
    values = {"started_at": None, "attempts": Errand.attempts - 1, "step": "", "done": 0, "total": 0}
    running = update(Errand).where(Errand.id == errand_id, Errand.state == ErrandState.RUNNING)
    session.execute(running.values(values | {"state": ErrandState.WAITING}))


def end_errand(
    session: Session,
    errand_id: int,
    state: ErrandState,
    *,
    result: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write what became of a running errand; one that has ended stays as it is."""
    ended = {"state": state, "ended_at": clock.now(), "result": result, "reason": reason}
    session.execute(update(Errand).where(Errand.id == errand_id, Errand.state == ErrandState.RUNNING).values(ended))
