"""Prepaid balances over TMF654 against a system on this machine: what was kept there is the truth."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from foundation.errors import InputError
from foundation.settings import read_settings
from notify.accounts.tmf654 import Tmf654, Tmf654Settings, adjustment_of, read_tmf654_settings
from notify.carriers import CarrierError, Outcome, Outgoing, Trouble
from notify.models import DeliveryKind, DeliveryState
from notify.settling import settle_unknown
from tests.conftest import SHARED
from tests.delivery_rows import get, posting, put
from tests.delivery_tools import later, run
from tests.loopback_balances import Balances, Fault, loopback_balances

S = DeliveryState


@pytest.fixture
def balances() -> Iterator[Balances]:
    with loopback_balances() as balances:
        yield balances


def make(balances: Balances, **others: Any) -> Tmf654:
    settings = Tmf654Settings(
        url=balances.url,
        token="a token",
        bucket="main-{account}",
        unique=False,
        per_second=1000.0,
        threads=4,
        timeout_seconds=2.0,
    )
    return Tmf654(dataclasses.replace(settings, **others))


@pytest.fixture
def carrier(balances: Balances) -> Iterator[Tmf654]:
    carrier = make(balances)
    yield carrier
    carrier.close()


def credit(number: int = 1, **others: Any) -> Outgoing:
    row = Outgoing(
        delivery_id=number,
        key=f"INC-1:p:{number}:credit",
        attempt=1,
        kind=DeliveryKind.POSTING,
        address=f"A-{number}",
        payload={"kind": "balance_credit", "statement": "Outage of 11 July"},
        amount_minor=307,
        currency="GBP",
    )
    return row._replace(**others)


def test_a_credit_is_put_on_the_accounts_bucket_with_our_key(balances, carrier):
    assert carrier.send([credit()]) == [Outcome(S.DELIVERED, "1")]
    [kept] = balances.kept
    assert kept["reason"] == "INC-1:p:1:credit"
    assert kept["amount"] == {"amount": 3.07, "units": "GBP"}
    assert kept["bucket"]["id"] == "main-A-1"
    assert balances.tokens == {"Bearer a token"}


GRANT = {"kind": "data_grant", "quantity": "3/2", "unit": "GB", "valid_from": "2026-05-01", "valid_to": "2026-05-08"}


@pytest.mark.parametrize("row", [credit(), credit(payload=GRANT, amount_minor=None, currency=None)])
def test_every_body_is_one_of_the_standards_own(row):
    path = SHARED / "data" / "tmf" / "TMF654-PrepayBalance-v4.0.0.swagger.json"
    if not path.exists():
        pytest.skip("the standard's document is not beside this checkout")
    definitions = json.loads(path.read_text())["definitions"]
    check(adjustment_of(row, "{account}"), definitions["AdjustBalance_Create"], definitions)


def check(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Holds a value to a Swagger schema: names, required, types and enumerations."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema["type"] == "object":
        assert value.keys() <= schema["properties"].keys()
        assert set(schema.get("required", [])) <= value.keys()
        for name, inner in value.items():
            check(inner, schema["properties"][name], definitions)
    elif schema["type"] == "number":
        assert isinstance(value, float | int)
    else:
        assert isinstance(value, str)
        assert value in schema.get("enum", [value])


def test_a_grant_says_how_much_of_what_and_until_when():
    body = adjustment_of(credit(payload=GRANT, amount_minor=None, currency=None), "{account}")
    assert (body["usageType"], body["amount"]) == ("data", {"amount": 1.5, "units": "GB"})
    assert body["validFor"] == {"startDateTime": "2026-05-01T00:00:00Z", "endDateTime": "2026-05-08T00:00:00Z"}


@pytest.mark.parametrize(
    ("payload", "why"), [({"kind": "voucher"}, "takes no voucher"), ({"kind": "data_grant"}, "without a quantity")]
)
def test_what_a_prepaid_balance_cannot_take_fails_and_says_so(balances, carrier, payload, why):
    [outcome] = carrier.send([credit(payload=payload)])
    assert outcome.state is S.FAILED
    assert why in (outcome.reason or "")
    assert balances.posted == {}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(False, 429), Outcome(S.PENDING, None, "tmf654: HTTP 429", Trouble.THROTTLED)),
        (Fault(False, 401), Outcome(S.PENDING, None, "tmf654: HTTP 401", Trouble.REFUSED_ALL)),
        (Fault(False, 307), Outcome(S.PENDING, None, "tmf654: HTTP 307", Trouble.REFUSED_ALL)),
        (Fault(False, 400), Outcome(S.FAILED, None, "tmf654: HTTP 400, code 77")),
        (Fault(True, 500), Outcome(S.UNKNOWN, None, "tmf654: HTTP 500")),
        (Fault(False, 503), Outcome(S.UNKNOWN, None, "tmf654: HTTP 503")),
        (Fault(True, 0), Outcome(S.UNKNOWN, None, "no answer from tmf654: ConnectionError")),
        (Fault(True, 201, 3.0), Outcome(S.UNKNOWN, None, "no answer from tmf654: ReadTimeout")),
    ],
)
def test_each_way_to_fail_means_what_it_means(balances, carrier, fault, expected):
    balances.fault_of = lambda key, before: fault
    assert carrier.send([credit()]) == [expected]


@pytest.mark.parametrize(("status", "state"), [("created", S.ACCEPTED), ("failed", S.FAILED), ("cancelled", S.FAILED)])
def test_what_the_system_says_later_counts(balances, carrier, status, state):
    balances.status = status
    assert carrier.send([credit()])[0].state is state
    balances.status = "completed"
    assert carrier.ask([credit()]) == [Outcome(S.DELIVERED, "1")]


def test_a_later_attempt_asks_before_it_posts(balances, carrier):
    balances.fault_of = lambda key, before: Fault(True, 0)
    carrier.send([credit()])
    assert carrier.send([credit(attempt=2)]) == [Outcome(S.DELIVERED, "1")]
    assert balances.posted == {"INC-1:p:1:credit": 1}


def test_a_system_that_refuses_a_second_adjustment_may_be_sent_it_again(balances):
    balances.unique = True
    carrier = make(balances, unique=True)
    assert carrier.promises.may_send_again
    assert carrier.send([credit(), credit()])[1].state is S.DELIVERED
    assert len(balances.kept) == 1
    carrier.close()


def test_a_system_that_is_not_there_was_certainly_not_reached_and_cannot_be_asked():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        carrier = make(Balances(url=f"http://127.0.0.1:{free.getsockname()[1]}"))
        assert carrier.send([credit()]) == [Outcome(S.PENDING, None, "tmf654 cannot be reached")]
        with pytest.raises(CarrierError, match="cannot be asked"):
            carrier.ask([credit()])
        carrier.close()


def test_an_answer_that_never_came_is_settled_and_the_balance_moves_once(balances, database):
    row = posting(1, channel="tmf654", payload={"kind": "balance_credit"})
    put(database, [row])
    balances.fault_of = lambda key, before: Fault(True, 0)
    carrier = make(balances)
    assert run(database, {"tmf654": carrier}).unknown == 1
    with later(3600):
        settle_unknown(database, {"tmf654": carrier})
    carrier.close()
    assert get(database, row).state is S.DELIVERED
    assert balances.total("main-A000001") == 3.0


GIVEN = {"OUTAGE_TMF654_URL": "https://balances.example/v4", "OUTAGE_TMF654_UNIQUE": "yes"}


def test_settings_are_read_by_name(tmp_path):
    read = read_tmf654_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN}))
    assert (read.url, read.unique, read.bucket) == ("https://balances.example/v4", True, "{account}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OUTAGE_TMF654_URL", ""), ("OUTAGE_TMF654_UNIQUE", "perhaps"), ("OUTAGE_TMF654_BUCKET", "main")],
)
def test_a_setting_that_is_missing_or_wrong_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        read_tmf654_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN, name: value}))
