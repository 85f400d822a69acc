"""The e-mail channel against a mail server on this machine: what was kept there is the truth."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from foundation.errors import InputError
from foundation.settings import read_settings
from notify.carriers import Outcome, Outgoing, Trouble
from notify.channels.email import Email, EmailSettings, read_email_settings
from notify.models import DeliveryKind, DeliveryState
from tests.loopback_smtp import MailServer, loopback_smtp

S = DeliveryState


@pytest.fixture
def server() -> Iterator[MailServer]:
    with loopback_smtp() as server:
        yield server


def settings_for(port: int, **others: Any) -> EmailSettings:
    settings = EmailSettings(
        host="127.0.0.1",
        port=port,
        security="none",
        user="",
        password="",
        sender="sorry@operator.example",
        sender_name="The operator",
        per_second=100.0,
        threads=4,
        timeout_seconds=2.0,
    )
    return dataclasses.replace(settings, **others)


@pytest.fixture
def carrier(server: MailServer) -> Iterator[Email]:
    carrier = Email(settings_for(server.port))
    yield carrier
    carrier.close()


def text(number: int = 1, **others: Any) -> Outgoing:
    row = Outgoing(
        delivery_id=number,
        key=f"INC-1:p:{number}:text",
        attempt=2,
        kind=DeliveryKind.MESSAGE,
        address=f"line{number}@example.org",
        body="We are sorry for 11 July. You get £3.00. Código K7.",
    )
    return row._replace(**others)


def test_each_row_is_one_mail_with_our_row_in_its_id(server, carrier):
    outcomes = carrier.send([text(number) for number in range(1, 21)])
    assert {outcome.state for outcome in outcomes} == {S.ACCEPTED}
    assert len(server.kept) == 20
    assert server.connections <= 4
    [kept] = server.to("line7@example.org")
    mail = email.message_from_string(kept, policy=email.policy.default)
    assert outcomes[6].provider_ref == mail["Message-ID"] == "<7.2@operator.example>"
    assert mail["Subject"] == "We are sorry for 11 July."
    assert mail["From"] == "The operator <sorry@operator.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().strip() == text().body


def test_a_subject_is_the_texts_own_or_a_short_first_line(server, carrier):
    carrier.send([text(1, payload={"subject": "Your credit"}), text(2, body="word " * 40)])
    subjects = [
        email.message_from_string(content, policy=email.policy.default)["Subject"] for _, content in server.kept
    ]
    assert "Your credit" in subjects
    assert max(map(len, subjects)) <= 78


@pytest.mark.parametrize(
    ("rcpt", "data", "expected"),
    [
        ("550 5.1.1 no such user line1@example.org", "250 ok", Outcome(S.FAILED, None, "mail server 550 5.1.1")),
        ("452 4.2.2 mailbox full", "250 ok", Outcome(S.PENDING, None, "mail server 452 4.2.2")),
        ("421 4.7.0 slow down", "250 ok", Outcome(S.PENDING, None, "mail server 421 4.7.0", Trouble.THROTTLED)),
        ("530 5.7.0 sign in first", "250 ok", Outcome(S.PENDING, None, "mail server 530 5.7.0", Trouble.REFUSED_ALL)),
        ("250 ok", "554 5.7.1 spam", Outcome(S.FAILED, None, "mail server 554 5.7.1")),
        ("250 ok", "451 4.3.0 later", Outcome(S.PENDING, None, "mail server 451 4.3.0")),
        ("250 ok", "", Outcome(S.UNKNOWN, None, "no answer from the mail server: SMTPServerDisconnected")),
    ],
)
def test_each_answer_means_what_it_means(server, carrier, rcpt, data, expected):
    server.rcpt, server.data = (lambda to: rcpt), (lambda to: data)
    assert carrier.send([text()]) == [expected]
    server.rcpt, server.data = (lambda to: "250 ok"), (lambda to: "250 ok")
    assert carrier.send([text(2)])[0].state == S.ACCEPTED


def test_a_server_that_hung_up_while_idle_costs_nothing(server, carrier):
    carrier.send([text(1)])
    server.hang_up = True
    for connection in list(carrier._all):
        connection.close()
    server.hang_up = False
    assert carrier.send([text(2)])[0].state == S.ACCEPTED


def test_a_server_that_is_not_there_was_certainly_not_reached():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        carrier = Email(settings_for(free.getsockname()[1]))
        assert carrier.send([text()]) == [Outcome(S.PENDING, None, "the mail server cannot be reached")]
        carrier.close()


GIVEN = {"OUTAGE_EMAIL_HOST": "mail.example:587", "OUTAGE_EMAIL_SENDER": "sorry@operator.example"}


def test_settings_are_read_by_name(tmp_path):
    read = read_email_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN}))
    assert (read.host, read.port, read.security, read.domain) == ("mail.example", 587, "starttls", "operator.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTAGE_EMAIL_HOST", "mail.example"),
        ("OUTAGE_EMAIL_SENDER", "nobody"),
        ("OUTAGE_EMAIL_SECURITY", "perhaps"),
        ("OUTAGE_EMAIL_THREADS", "0"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        read_email_settings(read_settings({"OUTAGE_DATA": str(tmp_path), **GIVEN, name: value}))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("451 4.7.1 greylisted", Outcome(S.PENDING, None, "mail server 451 4.7.1")),
        ("421 4.7.0 too many", Outcome(S.PENDING, None, "mail server 421 4.7.0", Trouble.THROTTLED)),
        (
            "550 5.7.1 not you",
            Outcome(S.PENDING, None, "mail server 550 5.7.1: the sender is refused", Trouble.REFUSED_ALL),
        ),
    ],
)
def test_a_server_that_does_not_take_the_sender_fails_no_recipient(server, carrier, said, expected):
    server.mail = said
    assert carrier.send([text()]) == [expected]
    server.mail = "250 ok"
    assert carrier.send([text()])[0].state is S.ACCEPTED


def test_an_address_that_mail_cannot_be_sent_to_has_failed_so_that_another_way_is_taken(server, carrier):
    [outcome] = carrier.send([text(address="grün@example.org")])
    assert outcome == Outcome(S.FAILED, None, "not an address that mail can be sent to")
    assert server.connections == 0
