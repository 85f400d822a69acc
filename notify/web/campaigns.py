"""Campaigns counted for pages: how many deliveries stand in which state, and why some do not go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
from sqlalchemy import Subquery, func, select, text
from sqlalchemy.orm import Session

from foundation.money import Money
from foundation.web.figures import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, RED
from notify.models import Delivery, DeliveryKind, DeliveryState, stage_of
from notify.queries import list_campaign_totals, list_campaigns, select_newest

OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SENDING)
_TROUBLED = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.CANCELLED, DeliveryState.SUPPRESSED)
MOST_READ = 20_000
_MOST_REASONS = 50
_LEAST_SPAN = timedelta(minutes=1)
_STEPS = {
    "decided": GREY,
    "posted": PURPLE,
    "confirmed": BLUE,
    "texted": BROWN,
    "delivered": GREEN,
    "failed": RED,
    "unknown": ORANGE,
}
_COLOURS = {
    DeliveryState.PENDING: GREY,
    DeliveryState.CLAIMED: PURPLE,
    DeliveryState.SENDING: BROWN,
    DeliveryState.ACCEPTED: BLUE,
    DeliveryState.DELIVERED: GREEN,
    DeliveryState.FAILED: RED,
    DeliveryState.UNKNOWN: ORANGE,
}


@dataclass
class CampaignRow:
    """One campaign in the list; amounts are of confirmed postings, one per currency."""

    campaign: str
    begun_at: datetime
    postings: int = 0
    confirmed: int = 0
    messages: int = 0
    delivered: int = 0
    open: int = 0
    failed: int = 0
    unknown: int = 0
    confirmed_minor: dict[str, int] = field(default_factory=dict)

    @property
    def amounts(self) -> list[Money]:
        """What is confirmed, by currency."""
        return [Money(amount, currency) for currency, amount in sorted(self.confirmed_minor.items())]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deliveries that do not go on by themselves, by reason; `said` is the reason as it is kept, None for none."""

    kind: DeliveryKind
    state: DeliveryState
    said: str | None
    count: int

    @property
    def reason(self) -> str:
        """The reason in words."""
        return self.said or "no reason given"


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far a release has come: what was decided, and what of it got how far."""

    decided: int
    posted: int
    confirmed: int
    texted: int
    delivered: int
    failed: int
    unknown: int

    def steps(self) -> list[tuple[str, int]]:
        """Name and number of each step, in order."""
        return [(one.name, getattr(self, one.name)) for one in fields(self)]


def list_campaign_rows(
    session: Session, *, search: str = "", limit: int | None = None, offset: int = 0
) -> list[CampaignRow]:
    """Campaigns with `search` in their names, newest first, from their counters; all of them with `limit` None."""
    campaigns = list_campaigns(session, search=search, limit=limit, offset=offset)
    rows = {one.campaign: CampaignRow(one.campaign, one.created_at) for one in campaigns}
    for total in list_campaign_totals(session, list(rows)):
        row = rows[total.campaign]
        _add(row, total.kind, total.state, total.rows)
        if total.kind is DeliveryKind.POSTING and total.state is DeliveryState.DELIVERED and total.currency is not None:
            row.confirmed_minor[total.currency] = row.confirmed_minor.get(total.currency, 0) + total.amount_minor
    return list(rows.values())


def list_troubles(session: Session, campaign: str) -> list[Trouble]:
    """What failed, is unknown, cancelled or suppressed in a campaign, the most frequent reason first.

    Of each kind and state the newest MOST_READ rows are looked at: a page must not read millions.
    """
    said = (Delivery.kind, Delivery.state, Delivery.reason)
    newest = [
        select_newest(campaign, kind, stage_of(state), *said, limit=MOST_READ).subquery()
        for kind in DeliveryKind
        for state in _TROUBLED
    ]
    return _grouped(session, newest)


def list_waits(session: Session, campaign: str) -> list[Trouble]:
    """Why pending deliveries of a campaign do not go now: asleep, held, or behind a credit; as `list_troubles`."""
    conditions = (
        text("stage = 'pending' AND hold = 'time'"),
        text("stage = 'pending' AND hold IS NOT NULL AND hold <> 'time'"),
    )
    waits = [
        select(Delivery.kind, Delivery.state, Delivery.reason)
        .where(condition, Delivery.campaign == campaign)
        .limit(MOST_READ)
        .subquery()
        for condition in conditions
    ]
    return _grouped(session, waits)


def funnel_of(counts: Mapping[str, Mapping[str, int]]) -> Funnel:
    """The funnel of counts by kind and state (or standing)."""
    postings, messages = counts.get("posting", {}), counts.get("message", {})
    there = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
    return Funnel(
        decided=sum(postings.values()) or sum(messages.values()),
        posted=sum(postings.get(state, 0) for state in there),
        confirmed=postings.get(DeliveryState.DELIVERED, 0),
        texted=sum(messages.get(state, 0) for state in there),
        delivered=messages.get(DeliveryState.DELIVERED, 0),
        failed=postings.get(DeliveryState.FAILED, 0) + messages.get(DeliveryState.FAILED, 0),
        unknown=postings.get(DeliveryState.UNKNOWN, 0) + messages.get(DeliveryState.UNKNOWN, 0),
    )


def progress_figure(samples: Sequence[tuple[datetime, Funnel]]) -> go.Figure:
    """Each step of the funnel over time, a line each."""
    figure = go.Figure(layout={"template": None})
    at = [instant for instant, _ in samples]
    for name, colour in _STEPS.items():
        dash = "dot" if name == "decided" else "solid"
        line = {"color": colour, "dash": dash, "shape": "hv"}
        values = [getattr(funnel, name) for _, funnel in samples]
        figure.add_scatter(x=at, y=values, name=name, mode="lines+markers", line=line, marker={"size": 4})
    figure.update_layout(
        showlegend=True,
        hovermode="x unified",
        yaxis={"rangemode": "tozero"},
        xaxis={"showgrid": False, **_span(at)},
        legend={"orientation": "h", "y": -0.4, "yanchor": "top"},
        margin={"l": 60, "r": 20, "t": 10, "b": 40},
    )
    return figure


def _span(at: Sequence[datetime]) -> dict[str, Any]:
    """At least a minute is drawn: of one instant alone the axis would count parts of a second."""
    if not at or at[-1] - at[0] >= _LEAST_SPAN:
        return {}
    middle = at[0] + (at[-1] - at[0]) / 2
    return {"range": [middle - _LEAST_SPAN / 2, middle + _LEAST_SPAN / 2], "tickformat": "%H:%M:%S\n%d %b %Y"}


def _grouped(session: Session, parts: Sequence[Subquery]) -> list[Trouble]:
    found: list[Trouble] = []
    for part in parts:
        query = select(part.c.kind, part.c.state, part.c.reason, func.count())
        rows = session.execute(query.group_by(part.c.kind, part.c.state, part.c.reason)).all()
        found += [Trouble(*row) for row in rows]
    return sorted(found, key=lambda one: (-one.count, one.reason))[:_MOST_REASONS]


def funnel_figure(counts: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """One bar per kind, cut by state in the order deliveries take them."""
    figure = go.Figure(layout={"template": None})
    kinds = shown_kinds(counts)
    names = [{"posting": "Postings", "message": "Texts"}[kind] for kind in kinds]
    for state in DeliveryState:
        values = [counts.get(kind, {}).get(state, 0) for kind in kinds]
        if any(values):
            colour = _COLOURS.get(state, GREY)
            figure.add_bar(y=names, x=values, name=str(state), orientation="h", marker={"color": colour})
    figure.update_layout(
        barmode="stack",
        showlegend=True,
        xaxis={"rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": -0.3, "yanchor": "top"},
        margin={"l": 80, "r": 20, "t": 10, "b": 40},
    )
    return figure


def shown_kinds(counts: Iterable[str]) -> Sequence[str]:
    """The kinds that occur, postings first: the credit goes before its text."""
    return [kind for kind in ("posting", "message") if kind in counts]


def _add(row: CampaignRow, kind: DeliveryKind, state: DeliveryState, count: int) -> None:
    done = count if state is DeliveryState.DELIVERED else 0
    if kind is DeliveryKind.POSTING:
        row.postings += count
        row.confirmed += done
    else:
        row.messages += count
        row.delivered += done
    row.open += count if state in OPEN else 0
    row.failed += count if state is DeliveryState.FAILED else 0
    row.unknown += count if state is DeliveryState.UNKNOWN else 0
