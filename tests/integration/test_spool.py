"""The spool: everything taken is kept, doubles would show, asked-about attempts are fenced."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import InputError
from foundation.settings import read_settings
from notify.carriers import CarrierError, Outgoing
from notify.channels.spool import Spool
from notify.models import DeliveryKind, DeliveryState
from notify.registry import make_spool


def text(key: str, attempt: int = 1, body: str = "Hello", address: str = "+447700900001") -> Outgoing:
    return Outgoing(1, key, attempt, DeliveryKind.MESSAGE, address, body=body)


@pytest.fixture
def spool(tmp_path: Path):
    spool = Spool(tmp_path / "deeper" / "spool.db")
    yield spool
    spool.close()


def test_texts_are_kept_as_sent_with_their_parts(spool: Spool):
    outcomes = spool.send([text("a"), text("b", body="ж" * 71)])
    assert [outcome.state for outcome in outcomes] == [DeliveryState.DELIVERED] * 2
    newest, oldest = spool.list_texts()
    assert (newest.key, newest.parts, newest.address, newest.attempt) == ("b", 2, "+447700900001", 1)
    assert oldest.body == "Hello"
    assert outcomes[0].provider_ref == f"spool:{oldest.id}"


def test_a_text_sent_twice_is_seen_twice(spool: Spool):
    spool.send([text("a"), text("b")])
    spool.send([text("a", attempt=2)])
    assert spool.count() == 3
    assert spool.doubles() == {"a": 2}


def test_asking_finds_what_is_there(spool: Spool):
    spool.send([text("a")])
    there, not_there = spool.ask([text("a"), text("b")])
    assert there is not None
    assert there.state is DeliveryState.DELIVERED
    assert not_there is not None
    assert not_there.state is DeliveryState.PENDING


def test_an_attempt_that_was_asked_about_is_refused_but_the_next_is_taken(spool: Spool):
    spool.ask([text("a")])
    late, other = spool.send([text("a"), text("b")])
    assert (late.state, other.state) == (DeliveryState.PENDING, DeliveryState.DELIVERED)
    assert spool.send([text("a", attempt=2)])[0].state is DeliveryState.DELIVERED
    assert spool.send([text("a")])[0].state is DeliveryState.PENDING
    assert spool.doubles() == {}
    assert spool.count() == 2


def test_two_openings_of_one_file_see_the_same(spool: Spool):
    other = Spool(spool.path)
    other.ask([text("a")])
    assert spool.send([text("a")])[0].state is DeliveryState.PENDING
    other.close()


def test_texts_are_found_by_parts_of_address_key_and_words_and_by_address(spool: Spool):
    spool.send([text("CR:1", body="10% off"), text("CR:2", address="+447700900002", body="sorry_")])
    assert [found.key for found in spool.list_texts("10%")] == ["CR:1"]
    assert [found.key for found in spool.list_texts("y_")] == ["CR:2"]
    assert [found.key for found in spool.list_texts("900002")] == ["CR:2"]
    assert spool.count("CR:") == 2
    assert spool.count("%") == 1
    assert [found.key for found in spool.by_address("+447700900001")] == ["CR:1"]
    assert [found.key for found in spool.list_texts(limit=1, offset=1)] == ["CR:1"]


def test_a_file_that_is_no_spool_is_said_so(tmp_path: Path):
    path = tmp_path / "spool.db"
    path.write_text("no database at all, and long enough to be read as one" * 30)
    with pytest.raises(CarrierError, match="spool"):
        Spool(path)
    with pytest.raises(InputError, match="OUTAGE_DATA"):
        make_spool(read_settings({"OUTAGE_DATA": str(tmp_path)}))


def test_a_disk_without_room_takes_nothing_for_certain_and_goes_on_when_there_is_some(spool: Spool):
    spool._connection.execute("PRAGMA max_page_count = 12")
    long = [text(str(number), body="word " * 300) for number in range(100)]
    with pytest.raises(CarrierError, match="full") as full:
        spool.send(long)
    assert full.value.nothing_sent
    assert spool.count() == 0
    spool._connection.execute("PRAGMA max_page_count = 100000")
    assert {outcome.state for outcome in spool.send(long)} == {DeliveryState.DELIVERED}
    assert spool.count() == 100
