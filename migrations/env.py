"""Alembic's entry: runs the numbered migrations over the connection it is handed."""

from __future__ import annotations

from alembic import context

import compensation.models
import compensation.offer_models
import foundation.access
import foundation.audit
import foundation.errands
import foundation.schedule
import foundation.snapshots
import notify.adjustment_models
import notify.book_models
import notify.models
import notify.progress_models
import outage.models
import outage.updates.models
from foundation.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
