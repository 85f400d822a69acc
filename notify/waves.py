"""Waves of a campaign: a canary goes first, each wave opens when the one before it went well, failures stop it."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, Select, Table, func, literal, select, update
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.db import database_now, insert_ignoring
from foundation.logging import get_logger
from notify.counters import COUNTS
from notify.models import LAST_WAVE, WAVES, Campaign, CampaignState, DeliveryKind, DeliveryState, Gate

CAMPAIGNS: Table = Campaign.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
GATES: Table = Gate.__table__  # type: ignore[assignment]
# Of the outcomes that can come now, this part must be in before more goes.
_IN_PERCENT = 90
# A provider that sends receipts is waited for so long before its acceptance alone counts as a good outcome.
_RECEIPT_WAIT_SECONDS = 900
log = get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a campaign goes out; see `notify.models.Campaign`. `canary_percent` 100 sends everything at once."""

    canary_percent: int = 1
    canary_rows: int = 100
    failure_percent: int = 5
    priority: int = 100
    ceiling: int | None = None

    def values(self) -> dict[str, Any]:
        """Its columns."""
        return asdict(self)


DEFAULT_PLAN = Plan()


class Step(enum.StrEnum):
    """What becomes of a gate after a look at its outcomes."""

    WAIT = "wait"
    CHECKED = "checked"
    OPEN = "open"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Seen:
    """Outcomes of the open waves of one kind: `expected` may still come now, `possible` is all that is not gone.

    `accepted` rows wait for a receipt, `asleep` ones for something else: a time, a condition, their credit.
    """

    outcomes: int
    bad: int
    expected: int
    possible: int
    accepted: int = 0
    asleep: int = 0

    def needed(self, canary_rows: int) -> int:
        """How many outcomes must be in before the next wave opens."""
        return -(-max(self.expected, min(canary_rows, self.possible)) * _IN_PERCENT // 100)


def first_wave(rows: Mapping[int, int], plan: Plan | Row[Any]) -> int:
    """The wave up to which the canary reaches, from the rows of each wave; pure."""
    total = 0
    for wave, percent in enumerate(WAVES):
        total += rows.get(wave, 0)
        if percent >= plan.canary_percent and total >= plan.canary_rows:
            return wave
    return LAST_WAVE


def judge(seen: Seen, *, checked: int, checked_bad: int, open_wave: int, plan: Plan | Row[Any]) -> Step:
    """Whether failures since the last look stop the campaign, and whether the next wave may open; pure."""
    outcomes, bad = seen.outcomes - checked, seen.bad - checked_bad
    enough = outcomes * 100 >= plan.canary_rows * _IN_PERCENT
    may_open = open_wave < LAST_WAVE and seen.outcomes >= seen.needed(plan.canary_rows)
    # The end of a wave is judged even if it is small, unless its outcomes were judged shortly before.
    judged = enough or (may_open and not checked)
    if judged and bad * 100 > plan.failure_percent * outcomes:
        return Step.STOP
    if may_open:
        return Step.OPEN
    return Step.CHECKED if enough else Step.WAIT


def open_canaries(session: Session, kinds: Iterable[tuple[str, DeliveryKind]]) -> None:
    """Make the gates of campaigns that have none, and open their canaries while nothing of that kind has gone yet."""
    for campaign, kind in kinds:
        gate = {"campaign": campaign, "kind": kind, "open_wave": 0, "opened_at": database_now(session)}
        session.execute(insert_ignoring(session, Gate).values(gate | {"checked": 0, "checked_bad": 0}))
        plan = session.execute(select(CAMPAIGNS).where(CAMPAIGNS.c.campaign == campaign)).one()
        rows: Counter[int] = Counter()
        gone = 0
        for wave, standing, number in _rows_of(session, campaign, kind):
            rows[wave] += int(number)
            gone += 0 if standing in ("pending", "waiting", "held") else int(number)
        if not gone:
            change = update(GATES).where(GATES.c.campaign == campaign, GATES.c.kind == kind)
            session.execute(change.values(open_wave=first_wave(rows, plan), opened_at=database_now(session)))


def advance(session: Session, final_channels: Collection[str]) -> int:
    """Open the next wave wherever the last went well, and stop campaigns that fail; returns how many gates opened.

    `final_channels` send no receipts: there `accepted` is an outcome at once.
    """
    pending = (
        select(COUNTS.c.campaign, COUNTS.c.kind)
        .where(COUNTS.c.standing == "pending")
        .group_by(COUNTS.c.campaign, COUNTS.c.kind)
        .having(func.sum(COUNTS.c.rows) > 0)
        .subquery()
    )
    query = (
        select(
            GATES,
            *(CAMPAIGNS.c[name] for name in ("canary_rows", "failure_percent")),
            (GATES.c.opened_at < database_now(session, -_RECEIPT_WAIT_SECONDS)).label("is_old"),
        )
        .join(pending, (GATES.c.campaign == pending.c.campaign) & (GATES.c.kind == pending.c.kind))
        .join(CAMPAIGNS, CAMPAIGNS.c.campaign == GATES.c.campaign)
        .where(CAMPAIGNS.c.state == CampaignState.RUNNING)
        .order_by(GATES.c.campaign, GATES.c.kind)
    )
    return sum(_move_gate(session, gate, final_channels) for gate in session.execute(query).all())


def look(session: Session, campaign: str) -> list[tuple[Row[Any], Seen]]:
    """The gates of a campaign by kind, with what came of their open waves; what is accepted is no outcome yet."""
    gates = select(GATES, literal(0).label("is_old")).where(GATES.c.campaign == campaign).order_by(GATES.c.kind)
    return [(gate, _see(session, gate, ())) for gate in session.execute(gates).all()]


def forgive(session: Session, campaign: str) -> None:
    """Judge a campaign only by what comes from now on."""
    for gate, seen in look(session, campaign):
        change = update(GATES).where(GATES.c.campaign == campaign, GATES.c.kind == gate.kind)
        session.execute(change.values(checked=seen.outcomes, checked_bad=seen.bad))


def _move_gate(session: Session, gate: Row[Any], final_channels: Collection[str]) -> int:
    seen = _see(session, gate, final_channels)
    step = judge(seen, checked=gate.checked, checked_bad=gate.checked_bad, open_wave=gate.open_wave, plan=gate)
    if step is Step.WAIT:
        return 0
    if step is Step.STOP:
        _stop(session, gate, seen)
        return 0
    values: dict[str, Any] = {"checked": seen.outcomes, "checked_bad": seen.bad}
    if step is Step.OPEN:
        values |= {"open_wave": gate.open_wave + 1, "opened_at": database_now(session)}
    change = update(GATES).where(
        GATES.c.campaign == gate.campaign,
        GATES.c.kind == gate.kind,
        # Another worker may have looked at the same moment.
        GATES.c.open_wave == gate.open_wave,
        GATES.c.checked == gate.checked,
    )
    session.execute(change.values(values))
    if step is Step.OPEN:
        log.info("wave_opened", campaign=gate.campaign, kind=str(gate.kind), wave=gate.open_wave + 1)
    return int(step is Step.OPEN)


def _see(session: Session, gate: Row[Any], final_channels: Collection[str]) -> Seen:
    of_gate = (COUNTS.c.campaign == gate.campaign, COUNTS.c.kind == gate.kind, COUNTS.c.wave <= gate.open_wave)
    query = (
        select(COUNTS.c.standing, COUNTS.c.channel, func.sum(COUNTS.c.rows))
        .where(*of_gate)
        .group_by(COUNTS.c.standing, COUNTS.c.channel)
    )
    found: Counter[str] = Counter()
    for standing, channel, rows in session.execute(query):
        is_final = standing == DeliveryState.ACCEPTED and (gate.is_old or channel in final_channels)
        found["delivered" if is_final else standing] += int(rows)
    bad = found["failed"] + found["unknown"]
    outcomes = bad + found["delivered"]
    expected = outcomes + found["pending"] + found["accepted"]
    possible = sum(found.values()) - found["cancelled"] - found["suppressed"]
    return Seen(outcomes, bad, expected, possible, found["accepted"], found["waiting"] + found["held"])


def _stop(session: Session, gate: Row[Any], seen: Seen) -> None:
    bad, outcomes = seen.bad - gate.checked_bad, seen.outcomes - gate.checked
    what = {"posting": "postings", "message": "texts"}[gate.kind]
    reason = f"{bad:,} of the last {outcomes:,} {what} failed or are unknown; the limit is {gate.failure_percent} %"
    change = update(CAMPAIGNS).where(CAMPAIGNS.c.campaign == gate.campaign, CAMPAIGNS.c.state == CampaignState.RUNNING)
    stopped = change.values(state=CampaignState.STOPPED, reason=reason, changed_at=database_now(session))
    if session.execute(stopped.returning(CAMPAIGNS.c.campaign)).first() is None:
        return
    log.error("campaign_stopped", campaign=gate.campaign, bad=bad, outcomes=outcomes)
    subject = f"campaign:{gate.campaign}"
    write_audit(session, actor="system", action="campaign.stopped", subject=subject, reason=reason)


def _rows_of(session: Session, campaign: str, kind: DeliveryKind) -> Sequence[Row[int, str, int]]:
    query: Select[int, str, int] = (
        select(COUNTS.c.wave, COUNTS.c.standing, func.sum(COUNTS.c.rows, type_=COUNTS.c.rows.type))
        .where(COUNTS.c.campaign == campaign, COUNTS.c.kind == kind)
        .group_by(COUNTS.c.wave, COUNTS.c.standing)
    )
    return session.execute(query).all()
