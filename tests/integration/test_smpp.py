"""SMPP's channel against an SMSC on this machine: what was taken there is the truth."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from foundation import clock
from foundation.errors import InputError
from foundation.settings import read_settings
from notify.carriers import CarrierError, Outcome, Outgoing, Trouble
from notify.channels.smpp import Smpp, SmppSettings, read_smpp_settings
from notify.channels.smpp_bind import BindSettings
from notify.incoming import Incoming
from notify.models import Delivery, DeliveryKind, DeliveryState, Scope
from notify.suppression import find_suppressed
from notify.texts import save_text
from notify.usable import UsableCarriers
from tests.delivery_rows import get, message, put
from tests.delivery_tools import Wire, run
from tests.loopback_smsc import TAKES_AND_DROPS, THROTTLED, Smsc, loopback_smsc

S = DeliveryState


class Kept:
    """Who keeps what comes in, for a test: in lists."""

    def __init__(self) -> None:
        self.receipts: list[tuple[Any, ...]] = []
        self.answers: list[tuple[str, str]] = []
        self.fails = 0

    def keep_receipts(self, channel, receipts) -> None:  # noqa: ARG002
        if self.fails:
            self.fails -= 1
            raise RuntimeError
        self.receipts += receipts

    def keep_answer(self, channel, address, words) -> None:  # noqa: ARG002
        self.answers.append((address, words))


def settings_for(smsc: Smsc, *, window: int = 10, password: str = Smsc.password, **others: Any) -> SmppSettings:
    settings = SmppSettings(
        bind=BindSettings("127.0.0.1", smsc.port, "outage", password, "", window),
        sender="+447700900000",
        per_second=1000.0,
        answer_seconds=5.0,
        id_form="same",
    )
    return dataclasses.replace(settings, **others)


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    with loopback_smsc() as smsc:
        yield smsc


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def smpp(smsc: Smsc, kept: Kept) -> Iterator[Smpp]:
    carrier = Smpp(settings_for(smsc), kept)
    yield carrier
    carrier.close()


def text(number: int = 1, **others: Any) -> Outgoing:
    row = Outgoing(
        delivery_id=number,
        key=f"INC-1:p:{number}:text",
        attempt=1,
        kind=DeliveryKind.MESSAGE,
        address=f"+4477009{number:05d}",
        body=f"Sorry. Code {number}.",
    )
    return row._replace(**others)


def wait_until(holds) -> None:
    for _ in range(200):
        if holds():
            return
        threading.Event().wait(0.02)
    pytest.fail("it did not come about")


def test_texts_are_taken_once_each_with_a_receipt_asked_for(smsc, smpp):
    outcomes = smpp.send([text(number) for number in range(1, 11)])
    assert [outcome.state for outcome in outcomes] == [S.ACCEPTED] * 10
    assert {part.to for part in smsc.taken} == {f"4477009{number:05d}" for number in range(1, 11)}
    assert len(smsc.taken) == 10
    assert smsc.texts("447700900003") == [b"Sorry. Code 3."]
    part = smsc.taken[0]
    assert (part.source, part.registered, part.data_coding, part.esm_class) == ("447700900000", 1, 0, 0)
    assert outcomes[0].provider_ref == part.message_id
    assert smsc.binds == 1


def test_a_long_text_goes_in_joined_parts_and_asks_for_one_receipt(smsc, smpp):
    [outcome] = smpp.send([text(body="ж" * 100)])
    assert [(part.data_coding, part.esm_class, part.registered) for part in smsc.taken] == [(8, 0x40, 0), (8, 0x40, 1)]
    assert outcome == Outcome(S.ACCEPTED, smsc.taken[1].message_id)


def test_a_text_that_expires_says_so(smsc, smpp):
    smpp.send([text(expires_at=clock.now() + timedelta(hours=26, seconds=30))])
    assert smsc.taken[0].validity.startswith("0000010200")
    assert smsc.taken[0].validity.endswith("000R")


def test_the_window_is_used_and_never_passed(smsc, kept):
    smsc.latency_seconds = 0.05
    smsc.status_of = lambda to, number: THROTTLED if number % 3 == 0 else 0
    carrier = Smpp(settings_for(smsc, window=8, answer_seconds=10.0), kept)
    outcomes = carrier.send([text(number) for number in range(1, 61)])
    carrier.close()
    assert smsc.most_at_once == 8
    throttled = [outcome for outcome in outcomes if outcome.trouble is Trouble.THROTTLED]
    assert len(throttled) == 20
    assert len(smsc.taken) == 40


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (THROTTLED, Outcome(S.PENDING, None, "SMSC 0x58: throttled", Trouble.THROTTLED)),
        (0x14, Outcome(S.PENDING, None, "SMSC 0x14: the message queue is full", Trouble.THROTTLED)),
        (0x08, Outcome(S.PENDING, None, "SMSC 0x08: a system error")),
        (0x0B, Outcome(S.FAILED, None, "SMSC 0x0B: the number is not valid")),
        (0x0A, Outcome(S.PENDING, None, "SMSC 0x0A: the source address is not valid", Trouble.REFUSED_ALL)),
        (0x403, Outcome(S.FAILED, None, "SMSC 0x403")),
    ],
)
def test_each_refusal_means_what_it_means(smsc, smpp, status, expected):
    smsc.status_of = lambda to, number: status
    assert smpp.send([text()]) == [expected]
    assert smsc.taken == []


def test_no_answer_is_unknown_and_frees_the_window(smsc, kept):
    smsc.silent = True
    carrier = Smpp(settings_for(smsc, window=2, answer_seconds=0.2), kept)
    assert [one.state for one in carrier.send([text(1), text(2)])] == [S.UNKNOWN, S.UNKNOWN]
    smsc.silent = False
    assert [one.state for one in carrier.send([text(3), text(4)])] == [S.ACCEPTED, S.ACCEPTED]
    carrier.close()


def test_a_bind_that_is_dropped_leaves_unknown_what_was_under_way_and_is_made_anew(smsc, smpp):
    smsc.status_of = lambda to, number: TAKES_AND_DROPS if number == 3 else 0
    states = [outcome.state for outcome in smpp.send([text(number) for number in range(1, 7)])]
    # An answer on its way may be lost with the connection.
    assert set(states[:2]) <= {S.ACCEPTED, S.UNKNOWN}
    assert states[2] == S.UNKNOWN
    # What never left may be sent again; what left without an answer must not.
    assert {number for number, state in enumerate(states, start=1) if state == S.PENDING}.isdisjoint(
        int(part.to[-5:]) for part in smsc.taken
    )
    smsc.status_of = lambda to, number: 0
    assert smpp.send([text(9)])[0].state == S.ACCEPTED
    assert smsc.binds == 2


def test_a_refused_part_makes_the_whole_text_unknown(smsc, smpp):
    smsc.status_of = lambda to, number: 0x0B if number == 2 else 0
    [outcome] = smpp.send([text(body="ж" * 100)])
    assert outcome == Outcome(S.UNKNOWN, None, "a part was refused: SMSC 0x0B: the number is not valid")


def test_a_part_that_was_too_quick_slows_the_sender_down(smsc, smpp):
    smsc.status_of = lambda to, number: THROTTLED if number == 2 else 0
    [outcome] = smpp.send([text(body="ж" * 100)])
    assert (outcome.state, outcome.trouble) == (S.UNKNOWN, Trouble.THROTTLED)


def test_a_wrong_password_halts_the_sender_and_an_smsc_that_is_not_there_does_not(smsc, kept):
    with pytest.raises(CarrierError) as refused:
        Smpp(settings_for(smsc, password="wrong"), kept).send([text()])
    assert (refused.value.nothing_sent, refused.value.trouble) == (True, Trouble.REFUSED_ALL)
    nowhere = settings_for(smsc)
    nowhere = dataclasses.replace(nowhere, bind=dataclasses.replace(nowhere.bind, port=1))
    with pytest.raises(CarrierError) as absent:
        Smpp(nowhere, kept).send([text()])
    assert (absent.value.nothing_sent, absent.value.trouble) == (True, None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"id:77 sub:001 dlvrd:001 stat:DELIVRD err:000 text:Sorry", ("77", S.DELIVERED, "DELIVRD", None)),
        (b"id:77 stat:ENROUTE err:000", ("77", S.ACCEPTED, "ENROUTE", None)),
        (b"id:77 stat:UNDELIV err:034", ("77", S.FAILED, "UNDELIV", "SMSC UNDELIV: it cannot be delivered, error 34")),
    ],
)
def test_a_receipt_is_kept_and_then_answered(smsc, smpp, kept, said, expected):
    smpp.bound()
    smsc.deliver(said)
    wait_until(lambda: smsc.delivered_answers)
    assert kept.receipts == [expected]
    assert smsc.delivered_answers == [0]


def test_a_receipt_that_could_not_be_kept_is_asked_for_again(smsc, smpp, kept):
    kept.fails = 1
    smpp.bound()
    smsc.deliver(b"id:77 stat:DELIVRD err:000")
    wait_until(lambda: smsc.delivered_answers)
    assert smsc.delivered_answers == [0x64]
    smsc.deliver(b"id:77 stat:DELIVRD err:000")
    wait_until(lambda: len(smsc.delivered_answers) == 2)
    assert kept.receipts == [("77", S.DELIVERED, "DELIVRD", None)]


def test_ids_given_in_hex_match_receipts_that_write_them_decimal(smsc, kept):
    smsc.hex_ids = True
    carrier = Smpp(settings_for(smsc, id_form="decimal"), kept)
    [outcome] = carrier.send([text()])
    assert smsc.taken[0].message_id == "ABC1"
    smsc.deliver(f"id:{0xABC1:010d} stat:DELIVRD err:000".encode())
    wait_until(lambda: kept.receipts)
    carrier.close()
    assert outcome.provider_ref == kept.receipts[0][0] == str(0xABC1)


def test_a_recipients_words_are_read_in_their_coding(smsc, smpp, kept):
    smpp.bound()
    smsc.deliver(b"STOP", esm_class=0)
    smsc.deliver("СТОП".encode("utf-16-be"), esm_class=0, coding=8)
    wait_until(lambda: len(kept.answers) == 2)
    assert kept.answers == [("+447700900001", "STOP"), ("+447700900001", "СТОП")]


TEXT = message(1, channel="smpp", waiting=False, payload={"text": "plain", "language": "en", "values": {}})


def test_a_text_goes_out_its_receipt_comes_home_and_stop_is_heeded(smsc, database):
    with database.transaction() as session:
        save_text(session, "plain", "en", "We are sorry.", author="mary")
    put(database, [TEXT])
    carrier = Smpp(settings_for(smsc), Incoming(database))
    run(database, {"smpp": carrier})
    assert get(database, TEXT).state is S.ACCEPTED
    smsc.deliver(f"id:{smsc.taken[0].message_id} stat:DELIVRD err:000".encode())
    smsc.deliver(b"Stop", esm_class=0)
    wait_until(lambda: len(smsc.delivered_answers) == 2)
    carrier.close()
    row: Delivery = get(database, TEXT)
    assert row.state is S.DELIVERED
    with database.reading() as session:
        assert Scope.COMPENSATION in find_suppressed(session, ["+447700900001"])["+447700900001"]


def test_one_process_holds_the_bind_and_another_takes_over(smsc, database, tmp_path, kept):
    with UsableCarriers({"smpp": Smpp(settings_for(smsc), kept), "spool": Wire("spool")}, database, tmp_path) as first:
        assert set(first) == {"smpp", "spool"}
        assert smsc.binds == 1
        other = UsableCarriers({"smpp": Smpp(settings_for(smsc), kept)}, database, tmp_path)
        assert list(other) == []
    with UsableCarriers({"smpp": Smpp(settings_for(smsc), kept)}, database, tmp_path) as heir:
        assert list(heir) == ["smpp"]
        assert smsc.binds == 2


GIVEN = {
    "OUTAGE_SMPP_HOST": "smsc.example:2775",
    "OUTAGE_SMPP_SYSTEM_ID": "outage",
    "OUTAGE_SMPP_PASSWORD": "secret",
    "OUTAGE_SMPP_SENDER": "12345",
}


def test_settings_are_read_by_name(tmp_path):
    read = read_smpp_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN}))
    assert (read.bind.host, read.bind.port, read.bind.window, read.sender) == ("smsc.example", 2775, 10, "12345")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTAGE_SMPP_HOST", ""),
        ("OUTAGE_SMPP_HOST", "smsc.example"),
        ("OUTAGE_SMPP_WINDOW", "0"),
        ("OUTAGE_SMPP_RECEIPT_IDS", "octal"),
        ("OUTAGE_SMPP_PASSWORD", ""),
        ("OUTAGE_SMPP_PASSWORD", "nine-long"),
        ("OUTAGE_SMPP_SYSTEM_ID", "sixteen-letters-"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        read_smpp_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN, name: value}))
