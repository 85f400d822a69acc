"""Where one campaign stands, for its page: steering, waves, funnel over time, pace, what waits and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from sqlalchemy.orm import Session

from foundation import clock
from foundation.web import figure
from notify.campaigns import GateView, list_gates
from notify.models import Campaign
from notify.progress import Counts, Pace, counts_of, list_samples, paces_of
from notify.queries import campaign_amounts, count_held, count_waiting, find_campaign
from notify.web.campaigns import Funnel, Trouble, funnel_of, list_troubles, list_waits, progress_figure

_SHOWN_SAMPLES = 12


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """What the page of a campaign tells, beside the list of its deliveries."""

    steering: Campaign | None
    gates: Sequence[GateView]
    funnel: Funnel
    over_time: Markup
    samples: Sequence[tuple[datetime, Funnel]]
    paces: Sequence[Pace]
    amounts: Mapping[str, Mapping[str, int]]
    waiting: int
    held: int
    waits: Sequence[Trouble]
    troubles: Sequence[Trouble]


def show_standing(session: Session, campaign: str) -> CampaignStanding:
    """Everything but the deliveries themselves; from counters and samples, whatever the number of rows."""
    now = clock.now()
    samples = list_samples(session, campaign)
    counts: Counts = counts_of(session, [campaign]).get(campaign, {})
    funnel = funnel_of(counts)
    over_time = [(at, funnel_of(before)) for at, before in samples if at < now] + [(now, funnel)]
    held = count_held(session, campaign)
    return CampaignStanding(
        steering=find_campaign(session, campaign),
        gates=list_gates(session, campaign),
        funnel=funnel,
        over_time=figure(progress_figure(over_time), "Steps of the release over time"),
        samples=over_time[-_SHOWN_SAMPLES:][::-1],
        paces=paces_of(samples, counts, now),
        amounts=campaign_amounts(session, campaign),
        waiting=count_waiting(session, campaign),
        held=held,
        waits=list_waits(session, campaign) if held else [],
        troubles=list_troubles(session, campaign),
    )
