"""Campaigns counted for pages: how many deliveries stand in which state, and why some do not go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import plotly.graph_objects as go
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation.money import Money
from foundation.web.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from notify.models import Delivery, DeliveryKind, DeliveryState

OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SENDING)
_TROUBLED = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.CANCELLED, DeliveryState.SUPPRESSED)
_COLOURS = {
    DeliveryState.PENDING: GREY,
    DeliveryState.CLAIMED: PURPLE,
    DeliveryState.SENDING: ORANGE,
    DeliveryState.ACCEPTED: BLUE,
    DeliveryState.DELIVERED: GREEN,
    DeliveryState.FAILED: RED,
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
    """Deliveries that do not go on by themselves, by reason."""

    kind: DeliveryKind
    state: DeliveryState
    reason: str
    count: int


def list_campaigns(session: Session) -> list[CampaignRow]:
    """All campaigns, newest first."""
    query = select(
        Delivery.campaign,
        Delivery.kind,
        Delivery.state,
        Delivery.currency,
        func.count(),
        func.coalesce(func.sum(Delivery.amount_minor), 0),
        func.min(Delivery.created_at, type_=Delivery.created_at.type),
    ).group_by(Delivery.campaign, Delivery.kind, Delivery.state, Delivery.currency)
    rows: dict[str, CampaignRow] = {}
    for campaign, kind, state, currency, count, amount, begun_at in session.execute(query):
        row = rows.setdefault(campaign, CampaignRow(campaign, begun_at))
        row.begun_at = min(row.begun_at, begun_at)
        _add(row, kind, state, count)
        if kind is DeliveryKind.POSTING and state is DeliveryState.DELIVERED and currency is not None:
            row.confirmed_minor[currency] = row.confirmed_minor.get(currency, 0) + int(amount or 0)
    return sorted(rows.values(), key=lambda row: (row.begun_at, row.campaign), reverse=True)


def list_troubles(session: Session, campaign: str) -> list[Trouble]:
    """What failed, is unknown, cancelled or suppressed in a campaign, the most frequent reason first."""
    query = (
        select(Delivery.kind, Delivery.state, Delivery.reason, func.count())
        .where(Delivery.campaign == campaign, Delivery.state.in_(_TROUBLED))
        .group_by(Delivery.kind, Delivery.state, Delivery.reason)
        .order_by(func.count().desc())
        .limit(50)
    )
    return [
        Trouble(kind, state, reason or "no reason given", count)
        for kind, state, reason, count in session.execute(query)
    ]


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
        legend={"orientation": "h", "y": 1.2},
        margin={"l": 80, "r": 20, "t": 40, "b": 40},
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
