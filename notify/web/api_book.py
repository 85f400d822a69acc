"""The account book over HTTP: what an account has, and top-ups that arrive for it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from foundation.money import check_currency
from foundation.web import ApiBlueprint, actor, permission, reading, transaction
from foundation.web.access import foundations
from notify.accounts.top_ups import record_top_up
from notify.queries import book_statement
from notify.web.api_schemas import Strict

book_calls = ApiBlueprint("book_api", __name__, description="The account book: statements and top-ups")


class TopUpBody(Strict):
    """A top-up that was made; `key` is its own reference, of which the same again adds nothing."""

    key = fields.String(required=True, validate=validate.Length(1, 128))
    amount_minor = fields.Integer(required=True, strict=True, validate=validate.Range(1, 10**12))
    currency = fields.String(required=True, validate=validate.Length(3, 3))
    at = fields.AwareDateTime(required=True)


class TopUpAnswer(Schema):
    """The bonus that a top-up earned; 0 without one, and for a repeated top-up."""

    bonus_minor = fields.Integer()
    currency = fields.String()


class BalanceAnswer(Schema):
    """What is on an account in one currency."""

    amount_minor = fields.Integer()
    currency = fields.String()


class EntryAnswer(Schema):
    """One entry; `valid_to` is the first day on which a voucher or bonus no longer holds."""

    key = fields.String()
    kind = fields.String()
    amount_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    valid_from = fields.Date(allow_none=True)
    valid_to = fields.Date(allow_none=True)
    used_at = fields.AwareDateTime(allow_none=True)
    booked_at = fields.AwareDateTime()


class StatementAnswer(Schema):
    """One account of the book, entries oldest first."""

    account = fields.String()
    balances = fields.List(fields.Nested(BalanceAnswer))
    entries = fields.List(fields.Nested(EntryAnswer))


@book_calls.call("GET", "/book/<account>", answer=StatementAnswer)
@permission("deliveries.read")
def get_statement(account: str) -> Any:
    """What the book has on an account; empty when it has nothing."""
    with reading() as session:
        return book_statement(session, account)


@book_calls.call("POST", "/book/<account>/top-ups", answer=TopUpAnswer)
@book_calls.takes(TopUpBody)
@permission("deliveries.write")
def post_top_up(body: dict[str, Any], account: str) -> dict[str, Any]:
    """Add a top-up, and the bonus that the first one within the days of an unused bonus earns."""
    currency = check_currency(body["currency"], where="currency")
    with transaction() as session:
        bonus = record_top_up(
            session,
            account,
            body["amount_minor"],
            currency,
            body["at"],
            body["key"],
            zone=foundations().settings.zone,
            actor=actor(),
        )
    return {"bonus_minor": bonus, "currency": currency}
