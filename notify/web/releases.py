"""Pages of releases: campaigns, one campaign's funnel and deliveries, one delivery with its attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from foundation.errors import NotFoundError
from foundation.web import csv_response, figure, permission, read_page, reading, wants_csv
from foundation.web.lists import PAGE_ROWS
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.queries import (
    campaign_counts,
    count_campaigns,
    count_deliveries,
    list_attempts,
    list_deliveries,
)
from notify.receipts import list_receipts
from notify.web.addresses import show_address
from notify.web.campaigns import CampaignRow, funnel_figure, list_campaign_rows, shown_kinds
from notify.web.standing import show_standing

Choice = TypeVar("Choice", bound=StrEnum)
MOST_CSV_ROWS = 100_000
releases = Blueprint("releases", __name__, url_prefix="/releases", template_folder="templates")


@releases.get("/")
@permission("deliveries.read")
def index() -> str | Response:
    """All campaigns with where their deliveries stand; `?format=csv` for all that fit."""
    search, page = request.args.get("search", "").strip()[:64], read_page()
    with reading() as session:
        if wants_csv():
            return csv_response("releases", _CSV_INDEX, map(_index_row, list_campaign_rows(session, search=search)))
        rows = list_campaign_rows(session, search=search, limit=page.size, offset=page.offset)
        count = count_campaigns(session, search=search)
    return render_template(
        "notify/releases.html", rows=rows, count=count, page=page, pages=page.pages(count), search=search
    )


def _index_row(row: CampaignRow) -> list[object]:
    confirmed = " ".join(f"{amount.amount_minor} {amount.currency}" for amount in row.amounts)
    postings = [row.postings, row.confirmed, confirmed]
    return [row.campaign, row.begun_at, *postings, row.messages, row.delivered, row.open, row.failed, row.unknown]


@releases.get("/<campaign>")
@permission("deliveries.read")
def detail(campaign: str) -> str | Response:
    """One campaign: its funnel, what does not go on and why, and its deliveries."""
    kind = _choice(DeliveryKind, "kind")
    state = _choice(DeliveryState, "state")
    search = request.args.get("q", "").strip()[:128]
    with reading() as session:
        counts = campaign_counts(session, campaign)
        if not counts:
            raise NotFoundError("no such release", value=campaign, accepted="a campaign from the list of releases")
        if wants_csv():
            rows = list(_csv_rows(session, campaign, kind, state, search))
            return csv_response(f"{campaign}-deliveries", _CSV_HEADER, rows)
        wanted = {"campaign": campaign, "kind": kind, "state": state, "search": search}
        before = _read_before()
        deliveries = list_deliveries(session, **wanted, limit=PAGE_ROWS, before=before)  # type: ignore[arg-type]
        found = count_deliveries(session, **wanted)  # type: ignore[arg-type]
        standing = show_standing(session, campaign)
    return render_template(
        "notify/release.html",
        campaign=campaign,
        counts=counts,
        kinds=shown_kinds(counts),
        states=[state for state in DeliveryState if any(state in counts[kind] for kind in counts)],
        every_state=list(DeliveryState),
        standing=standing,
        deliveries=deliveries,
        found=found,
        older=deliveries[-1].id if len(deliveries) == PAGE_ROWS else None,
        is_first=before is None,
        kind=kind,
        state=state,
        search=search,
        show_address=show_address,
        chart=figure(funnel_figure(counts), "Deliveries by kind and state", height=220),
    )


@releases.get("/deliveries/<int(max=9223372036854775807):number>")
@permission("deliveries.read")
def delivery(number: int) -> str:
    """One delivery: what it carries, where it stands and why, every attempt, and what its provider said later."""
    with reading() as session:
        found = session.get(Delivery, number)
        if found is None:
            raise NotFoundError("no such delivery", value=number)
        said = {"attempts": list_attempts(session, found.id), "receipts": list_receipts(session, found.id)}
    return render_template("notify/delivery.html", delivery=found, show_address=show_address, **said)


_CSV_INDEX = (
    *("campaign", "begun_at", "postings", "confirmed", "confirmed_minor", "texts", "delivered"),
    *("on_the_way", "failed", "unknown"),
)
_CSV_HEADER = ("key", "kind", "channel", "address", "amount_minor", "currency", "state", "reason", "changed_at")


def _csv_rows(
    session: Session, campaign: str, kind: DeliveryKind | None, state: DeliveryState | None, search: str
) -> Iterator[Sequence[object]]:
    found = list_deliveries(session, campaign=campaign, kind=kind, state=state, search=search, limit=MOST_CSV_ROWS)
    for row in found:
        yield [
            row.key,
            str(row.kind),
            row.channel,
            show_address(row.address, row.kind),
            row.amount_minor,
            row.currency,
            str(row.state),
            row.reason,
            row.changed_at,
        ]


def _read_before() -> int | None:
    """The delivery behind which the list goes on, from `?before=`."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _choice(kind: type[Choice], name: str) -> Choice | None:
    """A filter from the address; anything unknown means all."""
    try:
        return kind(request.args.get(name, ""))
    except ValueError:
        return None
