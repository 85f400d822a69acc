"""A text is rehearsed to one's own number; a link goes only in a text that may have one."""

from __future__ import annotations

import pytest

from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from notify.models import Delivery, DeliveryState
from notify.registry import EMBEDDED
from notify.rehearsal import send_rehearsal
from notify.texts import get_version, install_ready_texts, save_text
from tests.delivery_tools import Wire, run

ME = "+447700900123"


def rehearse(database: Database, name: str, to: str = ME, language: str = "de") -> str:
    with database.transaction() as session:
        return send_rehearsal(session, name, language, to, routing=EMBEDDED, actor="mary")


def sent(database: Database) -> list[str]:
    wire = Wire("spool")
    run(database, {"spool": wire})
    return [row.body for batch in wire.sent for row in batch]


def test_a_rehearsal_goes_at_once_with_sample_values_in_the_texts_language(database: Database):
    with database.transaction() as session:
        install_ready_texts(session, author="mary")
    rehearse(database, "credit_only")
    rehearse(database, "notice_first", language="en")
    credit, notice = sent(database)
    assert "£3.00" in credit
    assert "22. November 2026" in credit
    assert "Ihre Rechnung für Dezember 2026" in credit
    assert "data, voice" in notice
    assert "{" not in credit + notice


def test_what_cannot_be_rehearsed_is_refused(database: Database):
    with pytest.raises(NotFoundError):
        rehearse(database, "nothing")
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: hello.", author="mary")
    with pytest.raises(InputError, match="not an address"):
        rehearse(database, "plain", "me")
    with pytest.raises(RefusedError, match="no channel"):
        rehearse(database, "plain", "mary@example.org")


def test_a_link_is_refused_on_save_unless_the_text_may_have_one(database: Database):
    body = "{brand}: see www.example.org/outage."
    with database.transaction() as session, pytest.raises(InputError, match="links are not allowed"):
        save_text(session, "linked", "en", body, author="mary")
    with database.transaction() as session:
        version = save_text(session, "linked", "en", body, author="mary", allow_links=True)
        assert save_text(session, "linked", "en", body, author="mary", allow_links=True).number == version.number
        assert get_version(session, version.id).allows_links
    key = rehearse(database, "linked")
    assert sent(database) == ["Our brand: see www.example.org/outage."]
    with database.reading() as session:
        assert session.query(Delivery).filter_by(key=key).one().state == DeliveryState.DELIVERED
