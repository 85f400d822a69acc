"""Records of adjustment files: the lines that await one, and the files that were written for a bill run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base, Document, Instant, Key


class AdjustmentFile(Base):
    """A file for the billing side: closed (its lines are fixed), then written; later acknowledged line by line.

    `totals` are minor units by currency; `sha256` is that of the whole file.
    """

    __tablename__ = "adjustment_files"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    ref: Mapped[str] = mapped_column(String(32), unique=True)
    lines: Mapped[int]
    totals: Mapped[dict[str, Any]] = mapped_column(Document)
    sha256: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime] = mapped_column(Instant)
    written_at: Mapped[datetime | None] = mapped_column(Instant)
    accepted: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)


class AdjustmentLine(Base):
    """One posting for a bill run, once per key; `file_id` is empty until a file is closed over it.

    `answer` is `accepted` or `rejected` once the billing side has said so.
    """

    __tablename__ = "adjustment_lines"
    __table_args__ = (
        Index(
            "ix_adjustment_lines_unfiled",
            "id",
            postgresql_where=text("file_id IS NULL"),
            sqlite_where=text("file_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    delivery_id: Mapped[int]
    attempt: Mapped[int]
    account: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(32))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    detail: Mapped[dict[str, Any]] = mapped_column(Document)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("adjustment_files.id"), index=True)
    answer: Mapped[str | None] = mapped_column(String(16))
