"""Texts are versioned, found with a fallback, and installed ready-made without replacing anybody's wording."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError
from notify.models import TextVersion
from notify.notice_texts import NOTICE_TEXTS
from notify.ready_texts import READY_TEXTS
from notify.texts import current_text, get_version, install_ready_texts, list_current_texts, save_text

READY = len(READY_TEXTS) + len(NOTICE_TEXTS)


def save(database: Database, body: str, name: str = "told", language: str = "en", **changes) -> TextVersion:
    with database.transaction() as session:
        return save_text(session, name, language, body, author="mary", **changes)


def test_a_changed_text_is_a_new_version_and_an_unchanged_one_is_not(database: Database):
    first = save(database, "{brand}: {credit}")
    assert (first.number, first.placeholders, first.author) == (1, ["brand", "credit"], "mary")
    assert save(database, "  {brand}: {credit}\n").id == first.id
    second = save(database, "{brand}: {credit}!")
    assert second.number == 2
    with database.reading() as session:
        assert get_version(session, first.id).body == "{brand}: {credit}"
        assert current_text(session, "told", "en").id == second.id
        audited = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.actor, entry.subject) for entry in audited] == [("mary", "text:told:en")] * 2
    assert audited[1].before == {"number": 1, "body": "{brand}: {credit}"}


def test_a_language_falls_back_to_its_base_then_to_english(database: Database):
    save(database, "english")
    save(database, "deutsch", language="de")
    save(database, "österreichisch", language="de-AT")
    with database.reading() as session:
        found = [current_text(session, "told", language).body for language in ("de-AT", "de-CH", "cy", "en-GB")]
        assert found == ["österreichisch", "deutsch", "english", "english"]
        with pytest.raises(NotFoundError, match="unheard_of"):
            current_text(session, "unheard_of", "en")
        with pytest.raises(NotFoundError):
            get_version(session, 12345)


@pytest.mark.parametrize(
    ("name", "language", "body", "said"),
    [
        ("Told!", "en", "x", "Told!"),
        ("told", "English", "x", "English"),
        ("told", "en", "", "empty"),
        ("told", "en", "{credti}", "credti"),
        ("told", "en", "see http://x", "links"),
    ],
)
def test_what_cannot_be_a_text_is_refused_and_nothing_is_saved(database: Database, name, language, body, said):
    with pytest.raises(InputError, match=said):
        save(database, body, name, language)
    with database.reading() as session:
        assert session.scalars(select(TextVersion)).all() == []


def test_a_link_is_saved_only_when_allowed(database: Database):
    assert save(database, "see https://example.com", allow_links=True).number == 1


def test_ready_texts_are_installed_once_and_never_over_own_wording(database: Database):
    own = save(database, "Our own words, {credit}", "credit_only")
    with database.transaction() as session:
        assert install_ready_texts(session, "system") == READY - 1
    with database.transaction() as session:
        assert install_ready_texts(session, "system") == 0
        assert current_text(session, "credit_only", "en").id == own.id
        assert len(list_current_texts(session)) == READY
