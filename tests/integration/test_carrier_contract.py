"""Every way to the outside world is held to what it promises, against a counterpart that counts what took effect."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from foundation.db import Database
from notify.accounts.adjustment_file import AdjustmentFileSide
from notify.accounts.book import AccountBook
from notify.accounts.tmf654 import Tmf654, Tmf654Settings
from notify.adjustment_models import AdjustmentLine
from notify.book_models import BookEntry
from notify.carriers import Carrier, CarrierError, Outgoing
from notify.channels.email import Email, EmailSettings
from notify.channels.smpp import Smpp, SmppSettings
from notify.channels.smpp_bind import BindSettings
from notify.channels.spool import Spool
from notify.channels.twilio import Twilio, TwilioSettings
from notify.incoming import Incoming
from notify.models import DeliveryKind, DeliveryState
from tests.loopback_balances import loopback_balances
from tests.loopback_smsc import Smsc, loopback_smsc
from tests.loopback_smtp import loopback_smtp
from tests.loopback_twilio import ACCOUNT, TOKEN, loopback_twilio

S = DeliveryState
NOWHERE = "http://127.0.0.1:1"
THERE = {S.ACCEPTED, S.DELIVERED}


@dataclass
class Side:
    """A carrier, how often a row took effect on its other side, and the same carrier with nobody there."""

    carrier: Carrier
    effects: Callable[[Outgoing], int]
    unreachable: Carrier | None


def _posting(number: int) -> Outgoing:
    payload = {"kind": "balance_credit", "statement": "Outage"}
    key = f"INC-1:p:{number}:credit"
    return Outgoing(number, key, 1, DeliveryKind.POSTING, f"A-{number}", payload, 300, "GBP")


def _text(number: int, address: str = "+4477009{:05d}") -> Outgoing:
    key, body = f"INC-1:p:{number}:text", f"Sorry. Code {number}."
    return Outgoing(number, key, 1, DeliveryKind.MESSAGE, address.format(number), {}, None, None, body)


@contextlib.contextmanager
def spool(database: Database, directory: Path) -> Iterator[Side]:
    carrier = Spool(directory / "spool.db")
    yield Side(carrier, lambda row: carrier.count(row.key), None)
    carrier.close()


@contextlib.contextmanager
def book(database: Database, directory: Path) -> Iterator[Side]:
    yield Side(AccountBook(database), lambda row: _count(database, BookEntry, row), None)


@contextlib.contextmanager
def adjustment_file(database: Database, directory: Path) -> Iterator[Side]:
    yield Side(AdjustmentFileSide(database), lambda row: _count(database, AdjustmentLine, row), None)


def _count(database: Database, model: type[BookEntry] | type[AdjustmentLine], row: Outgoing) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model).where(model.key == row.key)) or 0


@contextlib.contextmanager
def twilio(database: Database, directory: Path) -> Iterator[Side]:
    with loopback_twilio() as provider:
        settings = TwilioSettings(
            account=ACCOUNT,
            tokens=(TOKEN,),
            api_key=None,
            senders=("+447700900000",),
            public_url="https://console.example",
            per_second=100.0,
            threads=2,
            timeout_seconds=2.0,
            api=provider.url,
        )
        carrier, nobody = Twilio(settings), Twilio(dataclasses.replace(settings, api=NOWHERE))
        yield Side(carrier, lambda row: provider.bodies(row.address).count(row.body), nobody)
        carrier.close()
        nobody.close()


@contextlib.contextmanager
def smpp(database: Database, directory: Path) -> Iterator[Side]:
    with loopback_smsc() as smsc:
        bind = BindSettings("127.0.0.1", smsc.port, "outage", Smsc.password, "", 4)
        settings = SmppSettings(bind=bind, sender="+447700900000", per_second=100.0, answer_seconds=2.0, id_form="same")
        nowhere = dataclasses.replace(settings, bind=dataclasses.replace(bind, port=1))
        carrier, nobody = Smpp(settings, Incoming(database)), Smpp(nowhere, Incoming(database))
        yield Side(carrier, lambda row: len(smsc.texts(row.address[1:])), nobody)
        carrier.close()


@contextlib.contextmanager
def email(database: Database, directory: Path) -> Iterator[Side]:
    with loopback_smtp() as server:
        settings = EmailSettings(
            host="127.0.0.1",
            port=server.port,
            security="none",
            user="",
            password="",
            sender="sorry@operator.example",
            sender_name="The operator",
            per_second=100.0,
            threads=2,
            timeout_seconds=2.0,
        )
        carrier, nobody = Email(settings), Email(dataclasses.replace(settings, port=1))
        yield Side(carrier, lambda row: len(server.to(row.address)), nobody)
        carrier.close()
        nobody.close()


def tmf654(*, unique: bool) -> Callable[[Database, Path], AbstractContextManager[Side]]:
    @contextlib.contextmanager
    def make(database: Database, directory: Path) -> Iterator[Side]:
        with loopback_balances() as balances:
            balances.unique = unique
            settings = Tmf654Settings(
                url=balances.url,
                token="",
                bucket="{account}",
                unique=unique,
                per_second=100.0,
                threads=2,
                timeout_seconds=2.0,
            )
            carrier, nobody = Tmf654(settings), Tmf654(dataclasses.replace(settings, url=NOWHERE))
            yield Side(carrier, lambda row: sum(one["reason"] == row.key for one in balances.kept), nobody)
            carrier.close()
            nobody.close()

    return make


SIDES = {
    "spool": (spool, _text),
    "twilio": (twilio, _text),
    "smpp": (smpp, _text),
    "email": (email, lambda number: _text(number, "line{}@example.org")),
    "book": (book, _posting),
    "adjustment_file": (adjustment_file, _posting),
    "tmf654": (tmf654(unique=False), _posting),
    "tmf654 unique": (tmf654(unique=True), _posting),
}


@pytest.fixture(params=SIDES)
def named(request):
    return request.param


@pytest.fixture
def side(named, sqlite_database, tmp_path) -> Iterator[Side]:
    with SIDES[named][0](sqlite_database, tmp_path) as side:
        yield side


@pytest.fixture
def row_of(named) -> Callable[[int], Outgoing]:
    return SIDES[named][1]


def test_a_batch_gets_one_outcome_a_row_in_order_and_each_takes_effect_once(side, row_of):
    size = min(4, side.carrier.in_flight)
    rows = [row_of(number) for number in range(1, size + 1)]
    outcomes = side.carrier.send(rows)
    assert len(outcomes) == size
    assert {outcome.state for outcome in outcomes} <= THERE
    assert all(outcome.provider_ref for outcome in outcomes)
    assert len({outcome.provider_ref for outcome in outcomes}) == size
    assert [side.effects(row) for row in rows] == [1] * size


def test_an_empty_batch_is_nothing(side):
    assert side.carrier.send([]) == []


def test_lanes_leave_room_for_a_row_each(side):
    assert 1 <= side.carrier.manner.lanes <= side.carrier.in_flight


def test_who_promises_to_be_idempotent_takes_a_key_once_however_often_it_is_sent(side, row_of):
    if not side.carrier.promises.idempotent:
        return
    row = row_of(1)
    states = {side.carrier.send([row._replace(attempt=attempt)])[0].state for attempt in (1, 1, 2, 3)}
    assert states <= THERE
    assert side.effects(row) == 1


def test_who_can_be_asked_knows_what_it_has_and_never_claims_what_it_has_not(side, row_of):
    sent, never = row_of(1), row_of(2)
    side.carrier.send([sent])
    known, unknown = side.carrier.ask([sent, never])
    if side.carrier.promises.can_be_asked:
        assert known is not None
        assert known.state in THERE
    assert unknown is None or unknown.state is S.PENDING
    assert side.effects(sent) == 1
    assert side.effects(never) == 0


def test_who_promises_to_fence_refuses_an_attempt_that_it_was_asked_about(side, row_of):
    if not side.carrier.promises.fences:
        return
    row = row_of(1)
    side.carrier.ask([row])
    assert side.carrier.send([row])[0].state is S.PENDING
    assert side.effects(row) == 0
    assert side.carrier.send([row._replace(attempt=2)])[0].state in THERE
    assert side.effects(row) == 1


def test_who_is_not_there_was_certainly_not_reached(side, row_of):
    if side.unreachable is None:
        return
    assert _state_of(side.unreachable, row_of(1)) is S.PENDING


def _state_of(carrier: Carrier, row: Outgoing) -> DeliveryState:
    """The state of one row sent alone; a call that failed with nothing sent leaves it pending."""
    try:
        return carrier.send([row])[0].state
    except CarrierError as error:
        return S.PENDING if error.nothing_sent else S.UNKNOWN


def test_every_kind_of_promise_is_held_by_somebody(sqlite_database, tmp_path):
    promises = []
    for make, _ in SIDES.values():
        with make(sqlite_database, tmp_path) as side:
            promises.append(side.carrier.promises)
    assert any(one.idempotent for one in promises)
    assert any(one.fences for one in promises)
    assert any(one.can_be_asked for one in promises)
    assert any(side.receipt_hours for side in promises)
