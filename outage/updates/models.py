"""Records of who was told what about an incident, and by which plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key, choice
from outage.updates.cadence import UpdateKind


class UpdatePlan(Base):
    """By which cadence an incident's updates are due, and when service is expected back; lengths for the own one.

    `cadence` None: nobody chose one, and what is usual for such an incident holds.
    `overdue_at`: the deadline whose passing stands on the timeline already.
    """

    __tablename__ = "update_plans"

    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), primary_key=True, autoincrement=False)
    cadence: Mapped[str | None] = mapped_column(String(32))
    every_hours: Mapped[int | None]
    later_every_hours: Mapped[int | None]
    grace_minutes: Mapped[int | None]
    estimated_at: Mapped[datetime | None] = mapped_column(Instant)
    estimate_set_at: Mapped[datetime | None] = mapped_column(Instant)
    overdue_at: Mapped[datetime | None] = mapped_column(Instant)
    set_by: Mapped[str] = mapped_column(String(64))
    set_at: Mapped[datetime] = mapped_column(Instant)


class IncidentUpdate(Base):
    """What was told whom about an incident, append-only but for its texts to lines.

    `facts`: lines, cause and expected return as they stood, by which material change is told. `text_name`: the text
    that lines are sent, in `campaign`, to the lines of run `run_id`; `texts`: how many. `freed_turn`: the run, by its
    turn, by which texts held for lines without service were let go last.
    """

    __tablename__ = "incident_updates"
    __table_args__ = (UniqueConstraint("incident_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    number: Mapped[int]
    kind: Mapped[UpdateKind] = mapped_column(choice(UpdateKind))
    audiences: Mapped[list[str]] = mapped_column(Document)
    text: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Document)
    posted_at: Mapped[datetime] = mapped_column(Instant)
    posted_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    text_name: Mapped[str | None] = mapped_column(String(64))
    campaign: Mapped[str | None] = mapped_column(String(64))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("impact_runs.id"))
    texts: Mapped[int] = mapped_column(server_default="0", default=0)
    freed_turn: Mapped[int | None]
