"""Who works: workers by what they hold and did last, and what lies before each channel and sender; for people only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from foundation import clock
from notify.counters import COUNTS
from notify.models import ATTEMPTS, DELIVERIES, CampaignState, DeliveryState
from notify.pacing import SenderView, list_senders
from notify.taken import in_hand
from notify.waves import CAMPAIGNS

# Attempts are found by their number, newest first: what is told of them costs the same whatever there is.
_NEWEST = 5_000
_SHOWN_FOR = timedelta(minutes=10)
STANDINGS = ("pending", "held", "waiting", "unknown", "orphaned", "accepted")


@dataclass(slots=True)
class WorkerView:
    """A worker: rows claimed and on their way, until when it holds them, its latest attempt, how many of the last
    ten minutes (at least that many: only the newest attempts of all workers are looked at)."""

    name: str
    claimed: int = 0
    sending: int = 0
    held_until: datetime | None = None
    last_began_at: datetime | None = None
    attempts: int = 0

    def is_dead(self, at: datetime) -> bool:
        """Whether it holds what it should have given back: whoever looks next takes that up."""
        return self.held_until is not None and self.held_until < at


@dataclass(slots=True)
class Queue:
    """What stands before one channel in running campaigns, by standing, and its senders."""

    channel: str
    rows: Counter[str] = field(default_factory=Counter)
    senders: list[SenderView] = field(default_factory=list)


def list_workers(session: Session) -> list[WorkerView]:
    """Workers that hold something or began an attempt in the last ten minutes, by name."""
    workers: dict[str, WorkerView] = {}
    held = (
        select(
            DELIVERIES.c.worker,
            DELIVERIES.c.state,
            func.count(),
            func.min(DELIVERIES.c.lease_until),
            func.max(DELIVERIES.c.changed_at),
        )
        .where(in_hand(session), DELIVERIES.c.worker.is_not(None))
        .group_by(DELIVERIES.c.worker, DELIVERIES.c.state)
    )
    for name, state, rows, until, changed_at in session.execute(held):
        one = workers.setdefault(name, WorkerView(name))
        if state == DeliveryState.CLAIMED:
            one.claimed = rows
        else:
            # Attempts on their way stand on their deliveries only.
            one.sending = one.attempts = rows
            one.last_began_at = changed_at
        one.held_until = min(filter(None, (one.held_until, until)), default=None)
    newest = select(ATTEMPTS.c.worker, ATTEMPTS.c.started_at).order_by(ATTEMPTS.c.id.desc()).limit(_NEWEST).subquery()
    since = clock.now() - _SHOWN_FOR
    did = select(newest.c.worker, func.max(newest.c.started_at), func.count()).where(newest.c.started_at >= since)
    for name, began_at, attempts in session.execute(did.group_by(newest.c.worker)):
        one = workers.setdefault(name, WorkerView(name))
        one.last_began_at = max(filter(None, (one.last_began_at, began_at)))
        one.attempts += attempts
    return [workers[name] for name in sorted(workers)]


def list_queues(session: Session) -> Sequence[Queue]:
    """Each channel that has anything before it in a running campaign, or a sender, by name; from the counters."""
    queues: dict[str, Queue] = {}
    rows = func.sum(COUNTS.c.rows)
    query = (
        select(COUNTS.c.channel, COUNTS.c.standing, rows)
        .join(CAMPAIGNS, CAMPAIGNS.c.campaign == COUNTS.c.campaign)
        .where(CAMPAIGNS.c.state == CampaignState.RUNNING, text("standing IN ('" + "', '".join(STANDINGS) + "')"))
        .group_by(COUNTS.c.channel, COUNTS.c.standing)
        .having(rows > 0)
    )
    for channel, standing, number in session.execute(query):
        queues.setdefault(channel, Queue(channel)).rows[str(standing)] += int(number)
    for sender in list_senders(session):
        # A sender's name begins with its channel (`notify.carriers.Manner`).
        channel = sender.sender.partition(":")[0]
        queues.setdefault(channel, Queue(channel)).senders.append(sender)
    return [queues[channel] for channel in sorted(queues)]
