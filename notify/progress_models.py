"""The record of where campaigns stood over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant


class CampaignSample(Base):
    """Where a campaign's deliveries stood at one instant: `counts` by kind and standing, from the counters.

    `is_open` only in a campaign's newest sample, while anything of it may still move.
    """

    __tablename__ = "campaign_samples"
    __table_args__ = (
        Index("ix_campaign_samples_open", "campaign", postgresql_where=text("is_open"), sqlite_where=text("is_open")),
    )

    campaign: Mapped[str] = mapped_column(String(64), ForeignKey("campaigns.campaign"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    is_open: Mapped[bool]
    counts: Mapped[dict[str, Any]] = mapped_column(Document)
