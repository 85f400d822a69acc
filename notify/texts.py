"""Customer texts: versions per name and language, never edited, found with a fallback."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import Change, write_changes
from foundation.errors import InputError, NotFoundError
from notify.models import TextVersion
from notify.notice_texts import NOTICE_TEXTS
from notify.ready_texts import READY_TEXTS
from notify.wording import check_body

FALLBACK_LANGUAGE = "en"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?")


def save_text(
    session: Session, name: str, language: str, body: str, *, author: str, allow_links: bool = False
) -> TextVersion:
    """The current version when the body is the same, else a new one, audited.

    Raises InputError on a bad name, language or body (empty, too long, a link, an unknown placeholder).
    """
    _check_names(name, language)
    body = body.strip()
    check_body(body, allow_links=allow_links)
    before = _find_exact(session, name, language)
    if before is not None and (before.body, before.allows_links) == (body, allow_links):
        return before
    number = before.number + 1 if before is not None else 1
    version = _version(name, language, body, number=number, author=author, allow_links=allow_links)
    session.add(version)
    session.flush()
    write_changes(session, [_saved(version, before)])
    return version


def current_text(session: Session, name: str, language: str) -> TextVersion:
    """The newest version in the language, else in its base language, else in English; raises NotFoundError."""
    for candidate in dict.fromkeys((language, language.partition("-")[0], FALLBACK_LANGUAGE)):
        if (version := _find_exact(session, name, candidate)) is not None:
            return version
    raise NotFoundError("no such text", where="text", value=f"{name} in {language}", accepted="a name from the texts")


def get_version(session: Session, version_id: int) -> TextVersion:
    """A version by its id; raises NotFoundError."""
    version = session.get(TextVersion, version_id)
    if version is None:
        raise NotFoundError("no such text version", where="text", value=version_id)
    return version


def list_current_texts(session: Session, names: Iterable[str] | None = None) -> Sequence[TextVersion]:
    """The newest version of every name and language (or of the given names), by name and language."""
    newest = select(TextVersion.name, TextVersion.language, func.max(TextVersion.number).label("number"))
    newest_of = newest.group_by(TextVersion.name, TextVersion.language).subquery()
    query = select(TextVersion).join(
        newest_of,
        and_(
            TextVersion.name == newest_of.c.name,
            TextVersion.language == newest_of.c.language,
            TextVersion.number == newest_of.c.number,
        ),
    )
    if names is not None:
        query = query.where(TextVersion.name.in_(sorted(set(names))))
    versions = session.scalars(query).all()
    # Sorted here: the two databases put underscores in different places.
    return sorted(versions, key=lambda version: (version.name, version.language))


def install_ready_texts(session: Session, author: str) -> int:
    """Save the ready texts where no version exists, so that nobody's own wording is replaced; returns how many."""
    known = {tuple(one) for one in session.execute(select(TextVersion.name, TextVersion.language).distinct())}
    missing = [
        _version(name, language, body, number=1, author=author)
        for (name, language), body in {**READY_TEXTS, **NOTICE_TEXTS}.items()
        if (name, language) not in known
    ]
    session.add_all(missing)
    session.flush()
    write_changes(session, [_saved(version, None) for version in missing])
    return len(missing)


def _version(
    name: str, language: str, body: str, *, number: int, author: str, allow_links: bool = False
) -> TextVersion:
    return TextVersion(
        name=name,
        language=language,
        number=number,
        body=body,
        placeholders=list(check_body(body, allow_links=allow_links)),
        allows_links=allow_links,
        author=author,
        created_at=clock.now(),
    )


def _saved(version: TextVersion, before: TextVersion | None) -> Change:
    return Change(
        actor=version.author,
        action="text saved",
        subject=f"text:{version.name}:{version.language}",
        before={"number": before.number, "body": before.body} if before is not None else None,
        after={"number": version.number, "body": version.body}
        | ({"allows_links": True} if version.allows_links else {}),
    )


def _find_exact(session: Session, name: str, language: str) -> TextVersion | None:
    query = select(TextVersion).where(TextVersion.name == name, TextVersion.language == language)
    return session.scalars(query.order_by(TextVersion.number.desc()).limit(1)).one_or_none()


def _check_names(name: str, language: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError("not a text's name", where="name", value=name, accepted="lower-case letters, digits and _")
    if not _LANGUAGE.fullmatch(language):
        raise InputError("not a language", where="language", value=language, accepted="a code such as en, cy or pt-BR")
