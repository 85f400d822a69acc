"""What the delivery desk does on pages: steer a release, settle unknowns, retry failures, set a sender's pace."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from foundation.errors import InputError
from foundation.web import actor, permission, reading, transaction
from foundation.web.access import foundations
from notify import upkeep
from notify.campaigns import abort_campaign, pause_campaign, resume_campaign
from notify.decisions import Decision, decide_unknown, retry_failed
from notify.models import DeliveryKind
from notify.pacing import list_senders, resume_sender, set_pace

Choice = TypeVar("Choice", bound=StrEnum)
steering = Blueprint("steering", __name__, url_prefix="/releases", template_folder="templates")
_STEPS = {"pause": pause_campaign, "resume": resume_campaign, "abort": abort_campaign}
_DONE = {"pause": "It is paused.", "resume": "It goes on.", "abort": "It is aborted: what has not left is cancelled."}
_MOST_REASON = 500


@steering.post("/<campaign>/<any(pause, resume, abort):step>")
@permission("deliveries.write")
def steer(campaign: str, step: str) -> Response:
    """Pause a release, let it go on, or abort it for ever."""
    with transaction() as session:
        changed = _STEPS[step](session, campaign, actor=actor(), reason=_reason())
    if step == "abort":
        upkeep.cancel_aborted(foundations().database)
    flash(_DONE[step] if changed else "It was so already.", "success" if changed else "info")
    return redirect(url_for("releases.detail", campaign=campaign))


@steering.post("/<campaign>/decide")
@permission("deliveries.write")
def decide(campaign: str) -> Response:
    """Settle unknown attempts by a person's word: one (`key`), those of a kind with a reason (`because`), or all."""
    key, because = request.form.get("key"), request.form.get("because")
    with transaction() as session:
        settled = decide_unknown(
            session,
            campaign,
            _choice(Decision, "decision"),
            actor=actor(),
            reason=_reason(),
            keys=[key] if key else None,
            kind=_choice(DeliveryKind, "kind") if request.form.get("kind") else None,
            unknown_because=because,
        )
    flash(f"{settled:,} unknown attempts are settled.", "success" if settled else "info")
    return redirect(url_for("releases.detail", campaign=campaign))


@steering.post("/<campaign>/retry")
@permission("deliveries.write")
def retry(campaign: str) -> Response:
    """Let failed deliveries be tried again: those that failed with a reason, or all."""
    with transaction() as session:
        retried = retry_failed(
            session,
            campaign,
            actor=actor(),
            reason=_reason(),
            kind=_choice(DeliveryKind, "kind") if request.form.get("kind") else None,
            failed_with=request.form.get("failed_with"),
        )
    flash(f"{retried:,} deliveries will be tried again.", "success" if retried else "info")
    return redirect(url_for("releases.detail", campaign=campaign))


@steering.get("/senders/")
@permission("deliveries.read")
def senders() -> str:
    """Every sender with its pace, and those that their provider refused."""
    with reading() as session:
        return render_template("notify/senders.html", senders=list_senders(session))


@steering.post("/senders/pace")
@permission("deliveries.write")
def pace() -> Response:
    """Set a sender's pace for all workers; empty lifts the limit."""
    sender = request.form.get("sender", "")
    rate, burst = request.form.get("rate", "").strip(), request.form.get("burst", "1").strip()
    try:
        rows_per_second, most = float(rate) if rate else None, int(burst)
    except ValueError:
        accepted = "rows a second such as 20 or 0.5, and a whole number at once"
        raise InputError("not a pace", where="rate", value=f"{rate}, {burst}", accepted=accepted) from None
    with transaction() as session:
        set_pace(session, sender, rows_per_second=rows_per_second, burst=most, actor=actor())
    flash("The pace is set, from the next claim of each worker on.", "success")
    return redirect(url_for("steering.senders"))


@steering.post("/senders/resume")
@permission("deliveries.write")
def resume() -> Response:
    """Let a sender go on that its provider had refused."""
    with transaction() as session:
        changed = resume_sender(session, request.form.get("sender", ""), actor=actor(), reason=_reason())
    flash("It goes on." if changed else "It was not halted.", "success" if changed else "info")
    return redirect(url_for("steering.senders"))


def _reason() -> str:
    return request.form.get("reason", "").strip()[:_MOST_REASON]


def _choice(kind: type[Choice], name: str) -> Choice:
    said = request.form.get(name, "")
    try:
        return kind(said)
    except ValueError:
        raise InputError("not accepted", where=name, value=said, accepted=", ".join(kind)) from None
