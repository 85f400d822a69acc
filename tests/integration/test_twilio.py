"""Twilio's channel against a provider on this machine: what was taken there is the truth."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest

from foundation import clock
from foundation.errors import InputError
from foundation.settings import read_settings
from notify.carriers import CarrierError, Outcome, Outgoing, Trouble
from notify.channels.twilio import Twilio, TwilioSettings, read_twilio_settings
from notify.models import DeliveryKind, DeliveryState
from notify.settling import settle_unknown
from notify.texts import save_text
from tests.conftest import SHARED
from tests.delivery_rows import VALUES, get, message, put
from tests.delivery_tools import run
from tests.loopback_twilio import ACCOUNT, TOKEN, Fault, Provider, loopback_twilio

S = DeliveryState


@pytest.fixture
def provider() -> Iterator[Provider]:
    with loopback_twilio() as provider:
        yield provider


def settings_for(url: str, **others: Any) -> TwilioSettings:
    settings = TwilioSettings(
        account=ACCOUNT,
        tokens=(TOKEN,),
        api_key=None,
        senders=("+447700900000",),
        public_url="https://console.example",
        per_second=100.0,
        threads=8,
        timeout_seconds=2.0,
        api=url,
    )
    return dataclasses.replace(settings, **others)


@pytest.fixture
def twilio(provider: Provider) -> Iterator[Twilio]:
    carrier = Twilio(settings_for(provider.url))
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


def test_a_text_is_taken_with_our_row_in_its_callback(provider, twilio):
    outcomes = twilio.send([text(number) for number in range(1, 21)])
    assert {outcome.state for outcome in outcomes} == {S.ACCEPTED}
    by_recipient = {taken.to: taken for taken in provider.taken}
    assert len(by_recipient) == len(provider.taken) == 20
    taken = by_recipient["+447700900007"]
    assert outcomes[6].provider_ref == taken.sid
    assert taken.form["StatusCallback"] == "https://console.example/hooks/twilio/status?delivery=7&attempt=1"
    assert taken.form["From"] == "+447700900000"


def test_every_parameter_is_one_of_twilios_own(provider, twilio):
    path = SHARED / "data" / "twilio_api_v2010.messages_subset.openapi.json"
    if not path.exists():
        pytest.skip("Twilio's OpenAPI document is not beside this checkout")
    document = json.loads(path.read_text())
    post = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    schema = post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    twilio.send([text()])
    sent = provider.taken[0].form
    assert sent.keys() <= schema["properties"].keys()
    assert set(schema.get("required", [])) <= sent.keys()
    assert 1 <= int(sent["ValidityPeriod"]) <= 36000


def test_a_text_that_expires_says_so_to_the_provider(provider, twilio):
    twilio.send([text(expires_at=clock.now() + timedelta(hours=1))])
    assert 3500 < int(provider.taken[0].form["ValidityPeriod"]) <= 3600


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(False, 400, 21211), Outcome(S.FAILED, None, "Twilio 21211: the number is not valid")),
        (
            Fault(False, 400, 21610),
            Outcome(S.FAILED, None, "Twilio 21610: the recipient opted out", Trouble.OPTED_OUT),
        ),
        (Fault(False, 400, 99999), Outcome(S.FAILED, None, "Twilio 99999")),
        (
            Fault(False, 429, 20429),
            Outcome(S.PENDING, None, "Twilio 20429: too many requests at once", Trouble.THROTTLED),
        ),
        (
            Fault(False, 400, 21611),
            Outcome(S.PENDING, None, "Twilio 21611: the sender's queue is full", Trouble.THROTTLED),
        ),
        (
            Fault(False, 401, 20003),
            Outcome(S.PENDING, None, "Twilio 20003: the credentials are wrong", Trouble.REFUSED_ALL),
        ),
        (
            Fault(False, 400, 21606),
            Outcome(
                S.PENDING, None, "Twilio 21606: the sender number is not ours or cannot text there", Trouble.REFUSED_ALL
            ),
        ),
        (Fault(False, 404, None), Outcome(S.PENDING, None, "Twilio: HTTP 404", Trouble.REFUSED_ALL)),
        (Fault(False, 302, None), Outcome(S.PENDING, None, "Twilio: HTTP 302", Trouble.REFUSED_ALL)),
        (Fault(False, 500, 20500), Outcome(S.UNKNOWN, None, "Twilio 20500")),
        (Fault(True, 503, None), Outcome(S.UNKNOWN, None, "Twilio: HTTP 503")),
        (Fault(False, 0), Outcome(S.UNKNOWN, None, "the connection to Twilio was cut before its answer")),
        (Fault(True, 0), Outcome(S.UNKNOWN, None, "the connection to Twilio was cut before its answer")),
        (Fault(True, 201, None, 3.0), Outcome(S.UNKNOWN, None, "Twilio did not answer in time")),
    ],
)
def test_each_way_to_fail_means_what_it_means_and_is_requested_once(provider, twilio, fault, expected):
    provider.fault_of = lambda to, before: fault
    assert twilio.send([text()]) == [expected]
    assert provider.requests == 1
    assert len(provider.taken) == fault.take


def test_a_provider_that_is_not_there_was_certainly_not_reached():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        carrier = Twilio(settings_for(f"http://127.0.0.1:{free.getsockname()[1]}"))
        assert carrier.send([text()]) == [Outcome(S.PENDING, None, "Twilio cannot be reached")]
        carrier.close()


def test_no_more_requests_are_under_way_than_the_setting_says_although_more_rows_stand_ready(provider):
    carrier = Twilio(settings_for(provider.url, threads=4))
    assert (carrier.in_flight, carrier.manner.lanes) == (5, 5)
    provider.fault_of = lambda to, before: Fault(wait_seconds=0.05)
    with ThreadPoolExecutor(carrier.manner.lanes) as lanes:
        list(lanes.map(lambda number: carrier.send([text(number)]), range(15)))
    carrier.close()
    assert len(provider.taken) == 15
    assert provider.most_at_once == 4


@pytest.mark.parametrize(
    ("api", "environment", "expected"),
    [
        # A proxy is asked for the whole address; this one answers itself.
        ("http://twilio.invalid", {"HTTP_PROXY": "{provider}"}, S.ACCEPTED),
        ("{provider}", {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}, S.ACCEPTED),
        ("{provider}", {"TWILIO_EDGE": "dublin", "TWILIO_REGION": "ie1"}, S.ACCEPTED),
        ("https://twilio.invalid", {"HTTPS_PROXY": "{provider}"}, "the proxy before Twilio cannot be passed"),
        ("http://twilio.invalid", {"HTTP_PROXY": "http://127.0.0.1:1"}, "the proxy before Twilio cannot be passed"),
    ],
)
def test_the_way_goes_by_the_proxies_of_the_environment_to_the_configured_host(
    provider, monkeypatch, api, environment, expected
):
    for name in (*environment, "no_proxy", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(provider=provider.url))
    carrier = Twilio(settings_for(api.format(provider=provider.url)))
    [outcome] = carrier.send([text()])
    carrier.close()
    assert (outcome.state, outcome.reason) == ((S.ACCEPTED, None) if expected is S.ACCEPTED else (S.PENDING, expected))
    assert len(provider.taken) == (expected is S.ACCEPTED)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of nobody for 127.0.0.1, and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate by the command openssl")
    made = tmp_path / "own.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=own"
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made, "-out", tmp_path / "own.crt")
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (tmp_path / "own.crt").read_bytes())
    return made


def test_certificates_are_those_of_the_environment_and_checked(certificate, monkeypatch):
    with loopback_twilio(certificate) as provider:
        trusting = settings_for(provider.url)
        for bundle, expected in (
            (certificate, Outcome(S.ACCEPTED, "SM" + "0" * 32)),
            (certifi.where(), Outcome(S.PENDING, None, "the certificate of Twilio's address is not accepted")),
        ):
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
            carrier = Twilio(trusting)
            assert carrier.send([text()]) == [expected]
            carrier.close()
        assert len(provider.taken) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem"),
        ("REQUESTS_CA_BUNDLE", __file__),
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "http://mary:secret@"),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_before_any_text_and_no_password_is_shown(
    monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(InputError, match="environment: proxy or certificates cannot be used") as refused:
        Twilio(settings_for("https://twilio.invalid"))
    assert "secret" not in str(refused.value)


def test_an_address_that_is_none_is_refused_by_name():
    with pytest.raises(InputError, match="OUTAGE_TWILIO_API"):
        Twilio(settings_for("twilio.example"))


def test_one_bad_row_leaves_the_others_of_its_batch(provider, twilio):
    provider.fault_of = lambda to, before: Fault(True, 0) if to.endswith("3") else Fault()
    states = [outcome.state for outcome in twilio.send([text(number) for number in range(1, 6)])]
    assert states == [S.ACCEPTED, S.ACCEPTED, S.UNKNOWN, S.ACCEPTED, S.ACCEPTED]


def test_asking_finds_what_was_taken_without_an_answer_and_does_not_guess_about_the_rest(provider, twilio):
    provider.fault_of = lambda to, before: Fault(to.endswith("1"), 0)
    twilio.send([text(1), text(2)])
    provider.taken[0].status = "undelivered"
    provider.taken[0].error_code = 30003
    found, missing, unread = twilio.ask([text(1), text(2), text(1, body="Another text.")])
    reason = "Twilio 30003: the handset cannot be reached: off or out of range"
    assert found == Outcome(S.FAILED, provider.taken[0].sid, reason)
    assert missing is None
    assert unread is None


def test_what_twilio_named_itself_is_asked_for_by_that_name(provider, twilio):
    twilio.send([text(), text()])
    provider.taken[1].status = "delivered"
    asked = [text(provider_ref=taken.sid, body="") for taken in provider.taken]
    assert [answer.state for answer in twilio.ask(asked)] == [S.ACCEPTED, S.DELIVERED]
    assert twilio.ask([text(provider_ref="SM" + "f" * 32)]) == [None]


def test_a_question_without_an_answer_leaves_the_answers_to_the_others_alone(provider, twilio):
    twilio.send([text(1), text(2)])
    provider.deaf_to = {text(1).address}
    cut, known = twilio.ask([text(1), text(2)])
    assert cut == Outcome(S.UNKNOWN, None, "could not be asked: the connection to Twilio was cut before its answer")
    assert known.state is S.ACCEPTED
    with pytest.raises(CarrierError, match="was cut"):
        twilio.ask([text(1)] * 30)


def test_of_several_texts_with_the_same_words_only_that_of_the_attempts_time_and_sender_is_it(provider, twilio):
    now = clock.now()
    for minutes in (-60, -30, 0):
        twilio.send([text()])
        provider.taken[-1].created_at = now + timedelta(minutes=minutes)
    earlier, _, own = provider.taken
    another = Twilio(settings_for(provider.url, senders=("+447700900009",)))
    another.send([text()])
    another.close()
    assert twilio.ask([text(begun_at=now)]) == [Outcome(S.ACCEPTED, own.sid)]
    assert twilio.ask([text(begun_at=now - timedelta(minutes=60))]) == [Outcome(S.ACCEPTED, earlier.sid)]
    assert twilio.ask([text(begun_at=now - timedelta(hours=5))]) == [None]
    [guess] = twilio.ask([text(begun_at=None)])
    assert guess == Outcome(S.UNKNOWN, None, "Twilio has several texts with these words to this recipient")


def test_what_two_attempts_may_have_sent_is_left_to_a_person(provider, twilio, database):
    rows = [message(number, channel="twilio", address="+447700900001", waiting=False) for number in (1, 2, 3)]
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: service is back.", author="mary")
    put(database, [row._replace(payload={"text": "plain", "values": VALUES}) for row in rows])
    provider.fault_of = lambda to, before: Fault(take=before == 1, answer=201 if before == 1 else 0)
    run(database, {"twilio": twilio})
    states = Counter(get(database, row).state for row in rows)
    assert (states[S.UNKNOWN], states[S.ACCEPTED]) == (2, 1)
    with clock.moved_to(clock.now() + timedelta(minutes=5)):
        settle_unknown(database, {"twilio": twilio})
    unknown = [found for row in rows if (found := get(database, row)).state == S.UNKNOWN]
    assert [row.reason for row in unknown] == ["twilio has a text that may be this one or another of ours"] * 2


def test_several_senders_share_the_texts_and_one_recipient_keeps_his(provider):
    senders = tuple(f"+4477009999{number:02d}" for number in range(3))
    carrier = Twilio(settings_for(provider.url, senders=senders))
    for _ in range(2):
        carrier.send([text(number) for number in range(1, 31)])
    carrier.close()
    chosen: dict[str, set[str]] = {}
    for taken in provider.taken:
        chosen.setdefault(taken.to, set()).add(taken.sender)
    assert all(len(one) == 1 for one in chosen.values())
    assert set().union(*chosen.values()) == set(senders)
    assert carrier.manner.rows_per_second == 300.0


def test_a_messaging_service_sends_instead_of_numbers(provider):
    service = "MG" + "1" * 32
    carrier = Twilio(settings_for(provider.url, senders=(service,)))
    carrier.send([text()])
    carrier.close()
    assert provider.taken[0].form["MessagingServiceSid"] == service
    assert "From" not in provider.taken[0].form


GIVEN = {
    "OUTAGE_TWILIO_ACCOUNT": ACCOUNT,
    "OUTAGE_TWILIO_TOKEN": "new, old",
    "OUTAGE_TWILIO_SENDERS": "+447700900000, +447700900001",
    "OUTAGE_PUBLIC_URL": "https://console.example/",
}


def test_settings_are_read_by_name(tmp_path):
    read = read_twilio_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN}))
    assert (read.tokens, read.senders) == (("new", "old"), ("+447700900000", "+447700900001"))
    assert (read.public_url, read.threads) == ("https://console.example", 16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTAGE_TWILIO_TOKEN", ""),
        ("OUTAGE_TWILIO_SENDERS", ""),
        ("OUTAGE_TWILIO_SENDERS", "MG1, +447700900000"),
        ("OUTAGE_TWILIO_THREADS", "0"),
        ("OUTAGE_TWILIO_KEY", "SK1"),
        ("OUTAGE_TWILIO_TIMEOUT", "soon"),
        ("OUTAGE_PUBLIC_URL", ""),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        read_twilio_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN, name: value}))


@pytest.mark.parametrize("body", ["<html>", "[1]", "null", '{"sid": "SM1", "status": "a word of next year"}'])
def test_an_answer_that_cannot_be_read_is_unknown_and_says_whose_it_is(provider, twilio, body):
    provider.fault_of = lambda to, before: Fault(body=body)
    [outcome] = twilio.send([text()])
    assert outcome.state is S.UNKNOWN
    assert (outcome.reason or "").startswith("Twilio: a")
