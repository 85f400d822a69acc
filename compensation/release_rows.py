"""What a release writes for each line: credits, offers, postings and texts, from its case."""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from compensation.document.reading import PolicyDocument
from compensation.keys import account_key, group_key, line_key
from compensation.reward_json import is_offer, is_posted, reward_from_json
from compensation.rewards import Per
from notify.models import DeliveryKind, Purpose
from notify.outbox import NewDelivery
from notify.routing import Routing

CREDIT_COLUMNS = (
    "key",
    "assessment_id",
    "case_id",
    "case_number",
    "basis",
    "scope",
    "purse",
    "quantity",
    "subscriber_id",
    "account_id",
    "reward",
    "kind",
    "amount_minor",
    "currency",
    "created_at",
)
OFFER_COLUMNS = (
    "key",
    "group_key",
    "assessment_id",
    "case_number",
    "subscriber_id",
    "account_id",
    "account_ref",
    "name",
    "kind",
    "basis",
    "scope",
    "purse",
    "size",
    "reward",
    "state",
    "opened_at",
    "default_at",
    "closes_at",
)
_DAY = 86_400


class Line(NamedTuple):
    """A line of the release, as the join gives it; of cases kept in a snapshot with their rewards and text."""

    number: int
    line_id: int
    account_id: int
    account_ref: str
    msisdn: str
    language: str | None
    brand: str | None
    zone: str | None
    payment_type: str | None
    email: str | None
    texts_by: str | None
    rewards: str | None = None
    text_name: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One reward of a case, with all that its rows share."""

    name: str
    kind: str
    amount_minor: int | None
    currency: str | None
    basis: str
    scope: str
    purse: str
    quantity: str | None
    codes: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GivenCase:
    """What each line of a case gets: what is posted, what is offered, the name of its text."""

    case_id: int | None
    posted: tuple[Given, ...]
    offered: tuple[Given, ...]
    text_name: str | None

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of rewards that are posted, or will be when an option of a choice is taken."""
        options = [option for given in self.offered for option in given.payload.get("options", ())]
        return frozenset(given.kind for given in self.posted) | {
            str(option["kind"]) for option in options if is_posted(option)
        }

    @property
    def gives(self) -> bool:
        """Whether anything is to be written for its lines."""
        return bool(self.posted or self.offered) or self.text_name is not None


@dataclass(frozen=True, kw_only=True)
class Release:
    """What all rows of one release share. `today` is its day in the policy's zone, `at` its instant, Unix seconds."""

    assessment_id: int
    campaign: str
    incident_ref: str
    document: PolicyDocument
    revision: int
    outage_date: datetime.date
    today: datetime.date
    at: int
    routing: Routing

    @functools.cached_property
    def purses(self) -> Mapping[str, str]:
        """The purse of each reward."""
        return {reward.name: reward.purse for reward in self.document.rewards}

    def group(self, line_id: int) -> str:
        """The group of a line's deliveries."""
        return group_key(self.incident_ref, self.document.name, line_id, self.revision)

    def key(self, given: Given, line: Line) -> str:
        """The business key of a reward for a line."""
        if given.scope == Per.ACCOUNT:
            return account_key(self.incident_ref, self.document.name, line.account_id, given.name, self.revision)
        return line_key(self.incident_ref, self.document.name, line.line_id, given.name, self.revision)

    def given(self, reward: Mapping[str, Any]) -> Given:
        """What the rows of a reward of a case share."""
        amount = reward["amount_minor"]
        posting = functools.partial(posting_payload, reward, self.document, self.incident_ref, self.today)
        return Given(
            name=reward["name"],
            kind=reward["kind"],
            amount_minor=amount,
            currency=reward["currency"] if amount is not None else None,
            basis=reward.get("basis", self.document.basis),
            scope=reward.get("per", Per.LINE),
            purse=self.purses[reward["name"]],
            quantity=quantity_of(reward),
            codes=reward.get("codes"),
            payload=dict(reward) if is_offer(reward) else posting(self.revision),
        )

    def given_case(self, case_id: int | None, rewards: Sequence[Mapping[str, Any]], text_name: str | None) -> GivenCase:
        """What each line of a case gets."""
        posted = tuple(self.given(reward) for reward in rewards if is_posted(reward))
        offered = tuple(self.given(reward) for reward in rewards if is_offer(reward))
        return GivenCase(case_id, posted, offered, text_name)

    # --- rows

    def credits(self, case: GivenCase, line: Line) -> Iterator[tuple[Any, ...]]:
        """The rows of `CREDIT_COLUMNS` of one line."""
        for given in case.posted:
            yield (
                self.key(given, line),
                self.assessment_id,
                case.case_id,
                line.number,
                given.basis,
                given.scope,
                given.purse,
                given.quantity,
                line.line_id,
                line.account_id,
                given.name,
                given.kind,
                given.amount_minor,
                given.currency,
                self.at,
            )

    def offers(self, case: GivenCase, line: Line) -> Iterator[tuple[Any, ...]]:
        """The rows of `OFFER_COLUMNS` of one line."""
        for given in case.offered:
            yield (
                self.key(given, line),
                self.group(line.line_id),
                self.assessment_id,
                line.number,
                line.line_id,
                line.account_id,
                line.account_ref,
                given.name,
                given.kind,
                given.basis,
                given.scope,
                given.purse,
                str(reward_from_json(given.payload).size),
                json.dumps(given.payload),
                "open",
                self.at,
                self._default_at(given.payload),
                self._closes_at(given.payload),
            )

    def _default_at(self, reward: Mapping[str, Any]) -> int | None:
        days = reward.get("default_after")
        return None if days is None else self.at + int(days) * _DAY

    def _closes_at(self, reward: Mapping[str, Any]) -> int | None:
        """The end of the day after which what has a window can no longer be taken, as UTC counts days."""
        if reward["valid_to"] is None:
            return None
        end = datetime.datetime.fromisoformat(reward["valid_to"]).replace(tzinfo=datetime.UTC)
        return int(end.timestamp())

    def postings(self, case: GivenCase, line: Line, codes: Mapping[str, str]) -> Iterator[NewDelivery]:
        """The postings of one line; `codes` are the voucher codes by the keys of their credits."""
        group = self.group(line.line_id) if case.posted else ""
        for given in case.posted:
            key = self.key(given, line)
            payload = given.payload if given.codes is None else {**given.payload, "code": codes[key]}
            yield NewDelivery(
                key=key,
                campaign=self.campaign,
                group_key=group,
                kind=DeliveryKind.POSTING,
                channel=self.routing.system_for(given.kind, payment=line.payment_type, brand=line.brand),
                address=line.account_ref,
                payload=payload,
                amount_minor=given.amount_minor,
                currency=given.currency,
            )

    def text(self, case: GivenCase, line: Line, version: tuple[str, int]) -> NewDelivery:
        """The text of one line, in the language and version that were found for it."""
        language, version_id = version
        # Amounts are not said here: the text is filled from what was really posted.
        values = {"brand": line.brand or "", "outage_date": self.outage_date.isoformat()}
        payload: dict[str, Any] = {
            "text": case.text_name,
            "language": language,
            "version": version_id,
            "values": values,
        }
        way, *others = self.routing.ways_for(
            Purpose.COMPENSATION, number=line.msisdn, email=line.email, prefers=line.texts_by, brand=line.brand
        )
        if others:
            payload["ways"] = others
        if case.offered:
            payload["offers"] = [given.payload for given in case.offered]
        return NewDelivery(
            key=line_key(self.incident_ref, self.document.name, line.line_id, "text", self.revision),
            campaign=self.campaign,
            group_key=self.group(line.line_id),
            kind=DeliveryKind.MESSAGE,
            channel=way.channel,
            address=way.address,
            payload=payload,
            waiting=bool(case.posted),
            statutory=self.document.basis == "statutory",
            zone=line.zone,
        )


def posting_payload(
    reward: Mapping[str, Any], document: PolicyDocument, incident_ref: str, today: datetime.date, revision: int
) -> dict[str, Any]:
    """What the account side is told of a reward as JSON; days that run from its giving begin `today`."""
    valid_from, valid_to = window_of(reward, today)
    more = {name: said for name in ("quantity", "unit", "what", "stacking") if (said := reward.get(name)) is not None}
    if revision > 1:
        more["revision"] = revision
    return {
        "reward": reward["name"],
        "kind": reward["kind"],
        "percent": reward["percent"],
        "valid_from": valid_from,
        "valid_to": valid_to,
        "pays_on": reward["pays_on"],
        "incident": incident_ref,
        "statement": f"{document.title} ({incident_ref})",
        **more,
    }


def window_of(reward: Mapping[str, Any], today: datetime.date) -> tuple[str | None, str | None]:
    """The days on which a reward as JSON holds; those that run from its giving begin `today`."""
    days = reward.get("valid_days")
    if days is None:
        return reward["valid_from"], reward["valid_to"]
    return today.isoformat(), (today + datetime.timedelta(days=int(days))).isoformat()


def quantity_of(reward: Mapping[str, Any]) -> str | None:
    """The exact size of what has no amount."""
    if reward["amount_minor"] is not None:
        return None
    size = reward_from_json(reward).size
    return str(Fraction(size))
