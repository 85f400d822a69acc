"""What happened to one line, as it is shown: lost time in the line's own zone, credits, and the text as it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from compensation.models import AssessmentState
from compensation.stories import DecisionStory, IncidentStory
from compensation.web.words import duration_text, evidence_text, money_text, reward_text, reward_when
from foundation import clock
from notify.models import Delivery
from outage.intervals import IntervalSet, total_seconds
from outage.lifecycle import SERVICES
from outage.models import Subscriber


@dataclass(frozen=True, slots=True)
class LostService:
    """Services that were lost at the same times: how long, and each interval in the line's zone."""

    services: str
    total: str
    intervals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownCredit:
    """One posting in words."""

    what: str
    when: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """The text of one message as it was sent (None before that), and its delivery."""

    body: str | None
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """What one assessment decided for the line."""

    decision: DecisionStory
    verdict: str
    credits: tuple[ShownCredit, ...]
    messages: tuple[ShownMessage, ...]


@dataclass(frozen=True, slots=True)
class ShownStory:
    """One incident's part."""

    story: IncidentStory
    lost: tuple[LostService, ...]
    evidence: str
    decisions: tuple[ShownDecision, ...]


def show_story(story: IncidentStory, line: Subscriber, sent: Mapping[str, str]) -> ShownStory:
    """A story in words; `sent` holds the texts as they were sent, by the key of their delivery."""
    impact = story.impact
    return ShownStory(
        story=story,
        lost=_lost(story.lost, line.zone),
        evidence=_evidence(impact.evidence, impact.sighting_age) if impact is not None else "",
        decisions=tuple(_decision(decision, sent) for decision in story.decisions),
    )


def _lost(lost: Mapping[str, IntervalSet], zone: str) -> tuple[LostService, ...]:
    together: dict[IntervalSet, list[str]] = {}
    for service in sorted(lost, key=lambda name: SERVICES.index(name) if name in SERVICES else len(SERVICES)):
        together.setdefault(lost[service], []).append(service)
    return tuple(
        LostService(
            ", ".join(services),
            duration_text(total_seconds(spans)),
            tuple(_interval(start, end, zone) for start, end in spans),
        )
        for spans, services in together.items()
        if spans
    )


def _interval(start: int, end: int, zone: str) -> str:
    first, last = (clock.from_unix(seconds).astimezone(ZoneInfo(zone)) for seconds in (start, end))
    until = _time(last) if last.date() == first.date() else f"{_day(last)} {_time(last)}"
    return f"{_day(first)} {_time(first)} to {until} ({duration_text(end - start)})"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _evidence(evidence: str, sighting_age: int | None) -> str:
    sentence = evidence_text(evidence)
    if sighting_age is None:
        return sentence
    if sighting_age == 0:
        return f"{sentence} It was seen there while service was lost."
    return f"{sentence} It had been seen there {duration_text(sighting_age)} before service was lost."


def _decision(decision: DecisionStory, sent: Mapping[str, str]) -> ShownDecision:
    return ShownDecision(
        decision=decision,
        verdict=_verdict(decision.outcome, decision.assessment.state),
        credits=tuple(_credit(delivery) for delivery in decision.postings),
        messages=tuple(ShownMessage(sent.get(delivery.key), delivery) for delivery in decision.messages),
    )


def _verdict(outcome: str, state: AssessmentState) -> str:
    """What may be told the customer: what nobody has approved is not owed yet."""
    if state in (AssessmentState.PROPOSED, AssessmentState.SUBMITTED):
        return {
            "entitled": "Proposed, not approved yet: this line would be owed something",
            "nothing": "Proposed, not approved yet: nothing would be owed to this line",
        }.get(outcome, "Proposed, not approved yet: what would be owed cannot be determined")
    return {
        "entitled": "This line is owed something",
        "nothing": "Nothing is owed to this line",
    }.get(outcome, "What is owed cannot be determined yet")


def _credit(delivery: Delivery) -> ShownCredit:
    reward = {**delivery.payload, "amount_minor": delivery.amount_minor, "currency": delivery.currency}
    return ShownCredit(reward_text(reward), reward_when(reward), delivery)


def total_confirmed(stories: Sequence[ShownStory]) -> list[str]:
    """All money confirmed for the line over the stories shown, one amount per currency."""
    sums: dict[str, int] = {}
    for shown in stories:
        for decision in shown.decisions:
            for credit in decision.credits:
                delivery = credit.delivery
                if delivery.state == "delivered" and delivery.amount_minor is not None and delivery.currency:
                    sums[delivery.currency] = sums.get(delivery.currency, 0) + delivery.amount_minor
    return [money_text(amount, currency) for currency, amount in sorted(sums.items())]
