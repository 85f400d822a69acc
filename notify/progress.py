"""The progress of campaigns: samples of where their deliveries stand, and from these pace and time to finish."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Table, func, select, text, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import insert_ignoring
from notify.counters import COUNTS, HELD, ORPHANED, WAITING, list_standings
from notify.models import Campaign, CampaignState, DeliveryKind, DeliveryState
from notify.progress_models import CampaignSample

SAMPLES: Table = CampaignSample.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_EVERY = timedelta(seconds=60)
# A pace is what was done in the last minutes, so that it follows a sender that was slowed.
_PACE_OVER = timedelta(minutes=10)
_AT_ONCE = 500
_OPEN = (str(DeliveryState.PENDING), WAITING, HELD, str(DeliveryState.ACCEPTED))
_TO_GO = (str(DeliveryState.PENDING), WAITING)
_LEFT = (str(DeliveryState.PENDING), WAITING, HELD)
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one kind goes out, in rows a minute over the last minutes, what is to go, and when that is done.

    `held` rows wait for a time or a condition and are no part of the forecast. `finishes_at` is None without a pace.
    """

    kind: DeliveryKind
    to_go: int
    held: int
    per_minute: float
    finishes_at: datetime | None


def sample_campaigns(session: Session) -> int:
    """Note where the campaigns stand that move, at most once a minute each; returns how many were noted.

    The last sample of a campaign is taken when it has come to rest. Any number of processes may do this at once.
    """
    now = clock.now()
    campaigns = _moving(session)
    if not campaigns:
        return 0
    newest = _newest(session, campaigns)
    due = [campaign for campaign in campaigns if campaign not in newest or newest[campaign].at <= now - _EVERY]
    noted = 0
    for campaign, counts in counts_of(session, due).items():
        before = newest.get(campaign)
        if before is not None and before.counts == counts:
            continue
        is_open = any(counts[kind].get(standing) for kind in counts for standing in _OPEN)
        session.execute(update(SAMPLES).where(SAMPLES.c.campaign == campaign, SAMPLES.c.is_open).values(is_open=False))
        values = {"campaign": campaign, "at": now, "is_open": is_open, "counts": counts}
        insert = insert_ignoring(session, CampaignSample).values(values)
        noted += session.scalar(insert.returning(SAMPLES.c.campaign)) is not None
    return noted


def counts_of(session: Session, campaigns: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Deliveries by kind and standing of each campaign, now, from the counters; an orphaned one counts as unknown."""
    found: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for campaign, one in list_standings(session, campaigns):
        standing = str(DeliveryState.UNKNOWN) if one.standing == ORPHANED else one.standing
        found[campaign][str(one.kind)][standing] += one.rows
    return {campaign: {kind: dict(standings) for kind, standings in kinds.items()} for campaign, kinds in found.items()}


def list_samples(session: Session, campaign: str, *, most: int = 400) -> list[tuple[datetime, Counts]]:
    """A campaign's samples, oldest first, thinned out evenly to `most`; the newest is always among them."""
    total = session.scalar(select(func.count()).where(SAMPLES.c.campaign == campaign)) or 0
    step = max(1, -(-total // most))
    rows = session.execute(
        select(SAMPLES.c.at, SAMPLES.c.counts).where(SAMPLES.c.campaign == campaign).order_by(SAMPLES.c.at.desc())
    )
    thinned = [(row.at, row.counts) for place, row in enumerate(rows) if place % step == 0]
    return thinned[::-1]


def paces_of(samples: Sequence[tuple[datetime, Counts]], counts: Counts, now: datetime) -> list[Pace]:
    """The pace and forecast of each kind that has something left, from samples (oldest first) and counts now; pure."""
    paces = []
    for kind in (DeliveryKind.POSTING, DeliveryKind.MESSAGE):
        standings = counts.get(kind, {})
        to_go = sum(standings.get(standing, 0) for standing in _TO_GO)
        held = standings.get(HELD, 0)
        if not to_go and not held:
            continue
        per_minute = _per_minute(samples, counts, kind, now)
        ahead = timedelta(minutes=to_go / per_minute) if per_minute > 0 and to_go else None
        finishes_at = None if ahead is None or ahead > timedelta(days=365) else (now + ahead).replace(microsecond=0)
        paces.append(Pace(kind, to_go, held, per_minute, finishes_at))
    return paces


def _per_minute(samples: Sequence[tuple[datetime, Counts]], counts: Counts, kind: DeliveryKind, now: datetime) -> float:
    earlier = [(at, before) for at, before in samples if at < now]
    recent = [one for one in earlier if one[0] >= now - _PACE_OVER]
    # With no sample so recent the last one before has to do: nothing moved since then until now.
    start = recent[0] if recent else earlier[-1] if earlier else None
    if start is None:
        return 0.0
    at, before = start
    gone = _gone(counts.get(kind, {})) - _gone(before.get(kind, {}))
    return max(0, gone) / ((now - at).total_seconds() / 60)


def _gone(standings: Mapping[str, int]) -> int:
    return sum(rows for standing, rows in standings.items() if standing not in _LEFT)


def _moving(session: Session) -> list[str]:
    """The campaigns with anything open now, and those whose last sample still had something open."""
    rows = func.sum(COUNTS.c.rows)
    now_open = (
        select(COUNTS.c.campaign)
        .join(Campaign, Campaign.campaign == COUNTS.c.campaign)
        .where(COUNTS.c.standing.in_(_OPEN), Campaign.state != CampaignState.ABORTED)
        .group_by(COUNTS.c.campaign)
        .having(rows > 0)
    )
    # Written out: only then do both databases use the partial index.
    last_open = select(SAMPLES.c.campaign).where(text("is_open"))
    both = set(session.scalars(now_open)) | set(session.scalars(last_open))
    return sorted(both)[:_AT_ONCE]


def _newest(session: Session, campaigns: Sequence[str]) -> dict[str, CampaignSample]:
    newest = (
        select(SAMPLES.c.campaign, func.max(SAMPLES.c.at).label("at"))
        .where(SAMPLES.c.campaign.in_(campaigns))
        .group_by(SAMPLES.c.campaign)
        .subquery()
    )
    query = select(CampaignSample).join(
        newest, (newest.c.campaign == CampaignSample.campaign) & (newest.c.at == CampaignSample.at)
    )
    return {one.campaign: one for one in session.scalars(query)}
