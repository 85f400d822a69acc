"""Twilio's calls to us, and the whole way of a text: sent, called back, answered with STOP."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from twilio.request_validator import RequestValidator

import notify.web
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web import make_app, register
from notify.channels.twilio import Twilio, TwilioSettings
from notify.models import Delivery, DeliveryState, Receipt, Scope
from notify.settling import settle_unknown
from notify.suppression import find_suppressed
from tests.delivery_rows import get, message, put
from tests.delivery_tools import later, run
from tests.loopback_twilio import ACCOUNT, TOKEN, Fault, Provider, loopback_twilio, post_signed
from tests.serving import serving

PUBLIC = "https://console.example"
SID = "SM" + "7" * 32
STATUS = "/hooks/twilio/status?delivery={}&attempt=1"
TEXT = message(1, channel="twilio", waiting=False, payload={"values": {"code": "K7", "brand": "O2"}})


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    adapters = {**settings.adapters, "OUTAGE_TWILIO_TOKEN": f"{TOKEN}, the token before"}
    app = make_app(dataclasses.replace(settings, public_url=PUBLIC, adapters=adapters), database, store)
    register(app, notify.web)
    return app


def call(app: Flask, path: str, form: dict[str, str], token: str = TOKEN, public: str = PUBLIC) -> int:
    signature = RequestValidator(token).compute_signature(public + path, form)
    answer = app.test_client().post(path, data=form, headers={"X-Twilio-Signature": signature})
    return answer.status_code


def accepted(database: Database) -> Delivery:
    put_text(database)
    with database.transaction() as session:
        row = session.query(Delivery).one()
        row.state, row.attempt, row.provider_ref = DeliveryState.ACCEPTED, 1, SID
    return row


def put_text(database: Database) -> None:
    put(database, [TEXT._replace(payload={"text": "plain", "language": "en", "values": {}})])


@pytest.fixture(autouse=True)
def plain_text(database: Database) -> None:
    from notify.texts import save_text

    with database.transaction() as session:
        save_text(session, "plain", "en", "We are sorry.", author="mary")


def test_a_status_callback_moves_its_delivery_and_is_kept(app, database):
    row = accepted(database)
    path = STATUS.format(row.id)
    assert call(app, path, {"MessageSid": SID, "MessageStatus": "sent"}) == 204
    assert call(app, path, {"MessageSid": SID, "MessageStatus": "delivered"}) == 204
    assert call(app, path, {"MessageSid": SID, "MessageStatus": "delivered"}) == 204
    assert get(database, TEXT).state is DeliveryState.DELIVERED
    with database.reading() as session:
        assert session.scalars(select(Receipt.provider_status).order_by(Receipt.id)).all() == ["sent", "delivered"]


def test_a_failure_is_told_in_words(app, database):
    row = accepted(database)
    form = {"MessageSid": SID, "MessageStatus": "undelivered", "ErrorCode": "30005"}
    assert call(app, STATUS.format(row.id), form) == 204
    failed = get(database, TEXT)
    assert failed.state is DeliveryState.FAILED
    assert failed.reason == "Twilio 30005: the number is not known or no longer in use"


def test_an_opt_out_that_is_told_only_by_a_callback_keeps_later_texts_away(app, database):
    row = accepted(database)
    form = {"MessageSid": SID, "MessageStatus": "undelivered", "ErrorCode": "21610", "To": row.address}
    assert call(app, STATUS.format(row.id), form) == 204
    assert call(app, STATUS.format(row.id), form | {"To": "nobody"}) == 204
    with database.reading() as session:
        assert set(find_suppressed(session, [row.address])[row.address]) == {Scope.ANY}


def test_a_callback_ties_a_text_whose_answer_never_came_to_its_row(app, database):
    row = accepted(database)
    with database.transaction() as session:
        lost = session.get_one(Delivery, row.id)
        lost.state, lost.provider_ref = DeliveryState.UNKNOWN, None
    assert call(app, STATUS.format(row.id), {"MessageSid": SID, "MessageStatus": "delivered"}) == 204
    found = get(database, TEXT)
    assert (found.state, found.provider_ref) == (DeliveryState.DELIVERED, SID)


def test_only_what_twilio_signed_for_our_public_address_is_taken(app, database):
    row = accepted(database)
    path, form = STATUS.format(row.id), {"MessageSid": SID, "MessageStatus": "delivered"}
    assert call(app, path, form, token="somebody else's") == 403
    assert call(app, path, form, public="http://localhost") == 403
    assert app.test_client().post(path, data=form).status_code == 403
    assert get(database, TEXT).state is DeliveryState.ACCEPTED
    assert call(app, path, form, token="the token before") == 204


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (STATUS.format(1), {"MessageStatus": "delivered"}, 400),
        (STATUS.format(1), {"MessageSid": SID, "MessageStatus": "a word of next year"}, 204),
        (STATUS.format("x" * 40), {"MessageSid": SID, "MessageStatus": "delivered"}, 204),
        ("/hooks/twilio/status", {"MessageSid": SID, "MessageStatus": "delivered", "ErrorCode": "no number"}, 204),
        ("/hooks/twilio/inbound", {"Body": "STOP"}, 400),
        ("/hooks/twilio/inbound", {"From": "12345", "Body": "STOP"}, 200),
    ],
)
def test_odd_calls_are_answered_and_break_nothing(app, path, form, status):
    assert call(app, path, form) == status


def test_without_a_token_there_is_nothing_to_call(settings, database, store):
    app = make_app(settings, database, store)
    register(app, notify.web)
    assert call(app, STATUS.format(1), {"MessageSid": SID, "MessageStatus": "sent"}) == 404


def test_stop_suppresses_and_start_takes_it_back(app, database):
    number = "+447700900123"

    def scopes() -> set[Scope]:
        with database.reading() as session:
            return set(find_suppressed(session, [number]).get(number, {}))

    answer = app.test_client().post(
        "/hooks/twilio/inbound",
        data={"From": number, "Body": " Stop. "},
        headers={
            "X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(
                PUBLIC + "/hooks/twilio/inbound", {"From": number, "Body": " Stop. "}
            )
        },
    )
    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/xml", "<Response/>")
    assert scopes() == {Scope.SERVICE, Scope.COMPENSATION, Scope.MARKETING}
    assert call(app, "/hooks/twilio/inbound", {"From": number, "Body": "x", "OptOutType": "START"}) == 200
    assert scopes() == set()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with loopback_twilio() as provider:
        yield provider


@pytest.fixture
def console(app: Flask) -> Iterator[str]:
    """The console on a free port, for a provider that really calls it."""
    with serving(app) as url:
        known = app.extensions["foundations"]
        app.extensions["foundations"] = dataclasses.replace(
            known, settings=dataclasses.replace(known.settings, public_url=url)
        )
        yield url


def carrier(provider: Provider, console: str, **others: Any) -> Twilio:
    settings = TwilioSettings(
        account=ACCOUNT,
        tokens=(TOKEN,),
        api_key=None,
        senders=("+447700900000",),
        public_url=console,
        per_second=1000.0,
        threads=4,
        timeout_seconds=5.0,
        api=provider.url,
    )
    return Twilio(dataclasses.replace(settings, **others))


def test_a_text_goes_out_and_its_callbacks_come_home_before_and_after_the_answer(provider, console, database):
    put_text(database)
    twilio = carrier(provider, console)
    provider.callbacks = lambda taken: [("sent", None), ("delivered", None), ("sent", None)]
    run(database, {"twilio": twilio})
    twilio.close()
    for _ in range(100):
        if len(provider.callback_statuses) == 3:
            break
        threading.Event().wait(0.05)
    assert provider.callback_statuses == [204, 204, 204]
    assert get(database, TEXT).state is DeliveryState.DELIVERED
    assert provider.bodies(TEXT.address) == ["We are sorry."]


def test_an_answer_that_never_came_is_settled_by_asking_and_nothing_is_sent_twice(provider, console, database):
    put_text(database)
    provider.fault_of = lambda to, before: Fault(True, 0)
    twilio = carrier(provider, console)
    counts = run(database, {"twilio": twilio})
    assert counts.unknown == 1
    provider.taken[0].status = "delivered"
    with later(3600):
        settle_unknown(database, {"twilio": twilio})
    twilio.close()
    settled = get(database, TEXT)
    assert (settled.state, settled.provider_ref) == (DeliveryState.DELIVERED, provider.taken[0].sid)
    assert provider.requests == 1


def test_a_stranger_cannot_call_the_console(console):
    assert post_signed(f"{console}/hooks/twilio/status?delivery=1&attempt=1", {"MessageSid": SID}, token="x") == 403
