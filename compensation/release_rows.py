"""What a release writes for lines that nothing tells apart: credits, offers, postings and texts, from their case."""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from compensation.document.reading import PolicyDocument
from compensation.keys import KeyEnds, account_ends, group_ends, line_ends
from compensation.reward_json import is_offer, is_posted, reward_from_json
from compensation.rewards import Per
from notify.models import DeliveryKind, Purpose
from notify.routing import Routing

_DAY = 86_400
_JSON = json.JSONEncoder(separators=(",", ":"))


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
    priority: int
    rewards: str | None = None
    text_name: str | None = None


class KeyParts(NamedTuple):
    """A key but for the id in it, and whose id that is by its `scope`: the line's or the account's."""

    key_head: str
    key_tail: str
    scope: str


class CreditPart(NamedTuple):
    """A credit but for its line. Stored values, as in all parts."""

    key_head: str
    key_tail: str
    scope: str
    case_id: int | None
    basis: str
    purse: str
    quantity: str | None
    reward: str
    kind: str
    amount_minor: int | None
    currency: str | None


class OfferPart(NamedTuple):
    """An offer but for its line."""

    key_head: str
    key_tail: str
    scope: str
    name: str
    kind: str
    basis: str
    purse: str
    size: str
    reward: str
    default_at: int | None
    closes_at: int | None


class DeliveryPart(NamedTuple):
    """A posting or a text but for its line; without `address` it goes to the line's account, or to its number."""

    key_head: str
    key_tail: str
    scope: str
    kind: str
    channel: str
    address: str | None
    payload: str
    amount_minor: int | None
    currency: str | None
    waiting: bool
    purpose: str | None
    statutory: bool
    zone: str | None


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
    def gives_codes(self) -> bool:
        """Whether each of its lines gets a voucher code, which nobody else has."""
        return any(given.codes is not None for given in self.posted)

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

    @property
    def group(self) -> KeyEnds:
        """The groups of deliveries, around the line's id."""
        return group_ends(self.incident_ref, self.document.name, self.revision)

    def key(self, given: Given) -> KeyParts:
        """The business keys of a reward."""
        ends = account_ends if given.scope == Per.ACCOUNT else line_ends
        return KeyParts(*ends(self.incident_ref, self.document.name, given.name, self.revision), given.scope)

    def key_of(self, given: Given, line: Line) -> str:
        """The business key of a reward for one line."""
        head, tail, scope = self.key(given)
        return KeyEnds(head, tail).key(line.account_id if scope == Per.ACCOUNT else line.line_id)

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

    # --- parts

    def credits(self, case: GivenCase) -> Iterator[CreditPart]:
        """The credits of each line of a case."""
        for given in case.posted:
            yield CreditPart(
                *self.key(given),
                case.case_id,
                given.basis,
                given.purse,
                given.quantity,
                given.name,
                given.kind,
                given.amount_minor,
                given.currency,
            )

    def offers(self, case: GivenCase) -> Iterator[OfferPart]:
        """The offers to each line of a case."""
        for given in case.offered:
            yield OfferPart(
                *self.key(given),
                given.name,
                given.kind,
                given.basis,
                given.purse,
                str(reward_from_json(given.payload).size),
                json.dumps(given.payload),
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

    def postings(self, case: GivenCase, line: Line, codes: Mapping[str, str]) -> Iterator[DeliveryPart]:
        """The postings of lines like this one; `codes` are the voucher codes by the rewards that give one."""
        for given in case.posted:
            payload = given.payload if given.codes is None else {**given.payload, "code": codes[given.name]}
            yield DeliveryPart(
                *self.key(given),
                kind=DeliveryKind.POSTING.value,
                channel=self.routing.system_for(given.kind, payment=line.payment_type, brand=line.brand),
                address=None,
                payload=_JSON.encode(payload),
                amount_minor=given.amount_minor,
                currency=given.currency,
                waiting=False,
                purpose=None,
                statutory=False,
                zone=None,
            )

    def text(self, case: GivenCase, line: Line, version: tuple[str, int]) -> DeliveryPart:
        """The text to lines like this one, in the language and version that were found for it."""
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
        return DeliveryPart(
            *line_ends(self.incident_ref, self.document.name, "text", self.revision),
            Per.LINE.value,
            kind=DeliveryKind.MESSAGE.value,
            channel=way.channel,
            # Lines without an e-mail address are alike in all but their number.
            address=way.address if line.email else None,
            payload=_JSON.encode(payload),
            amount_minor=None,
            currency=None,
            waiting=bool(case.posted),
            purpose=Purpose.COMPENSATION.value,
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
