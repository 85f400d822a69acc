"""Deliveries that are written by a query: all of them new, counted, in waves."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Select, func, literal, null, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from foundation.db import Database, Document
from foundation.errors import RefusedError
from notify.counters import count_standings, recount_standings
from notify.loading import load
from notify.models import LAST_WAVE, Campaign, Delivery
from notify.outbox import waves_of
from tests.delivery_rows import CAMPAIGN, get, posting, put


def rows(numbers: range) -> Select[Any]:
    """Of each number a posting, and a text that waits for it."""
    return select(union_all(*(row(number, text) for number in numbers for text in (False, True))).subquery())


def row(number: int, text: bool) -> Select[Any]:
    group = f"{CAMPAIGN}:{number}"
    values: dict[str, Any] = {
        "key": f"{group}:text" if text else posting(number).key,
        "campaign": CAMPAIGN,
        "group_key": group,
        "kind": "message" if text else "posting",
        "channel": "spool" if text else "book",
        "address": f"A{number}",
        "amount_minor": null() if text else number + 1,
        "currency": null() if text else "GBP",
        "waiting": text,
        "priority": 7,
        "purpose": "compensation" if text else null(),
        "statutory": False,
        "zone": "Europe/London" if text else null(),
        "wave": waves_of([group], 2)[0],
    }
    columns = [value if hasattr(value, "label") else literal(value) for value in values.values()]
    named = [column.label(name) for name, column in zip(values, columns, strict=True)]
    return select(*named, literal({"reward": "credit"}, Document).label("payload"))


def test_what_is_loaded_is_pending_and_counted(database: Database) -> None:
    with database.transaction() as session:
        assert load(session, [rows(range(3)), rows(range(3, 5))]) == 10
    with database.reading() as session:
        assert sorted(count_standings(session, CAMPAIGN), key=str) == sorted(
            recount_standings(session, CAMPAIGN), key=str
        )
        assert session.get_one(Campaign, CAMPAIGN).state == "running"
    kept = get(database, posting(4))
    assert (kept.state, kept.amount_minor, kept.priority, kept.attempt) == ("pending", 5, 7, 0)
    assert (kept.payload, kept.wave, kept.any_hour) == ({"reward": "credit"}, LAST_WAVE, False)


def test_a_known_key_is_refused_and_nothing_is_left(database: Database) -> None:
    put(database, [posting(1)])
    with pytest.raises(IntegrityError), database.transaction() as session:
        load(session, [rows(range(2, 3)), rows(range(1, 2))])
    assert count(database) == 1


def test_more_rows_than_the_campaign_may_have_are_refused(database: Database) -> None:
    put(database, [posting(1)])
    with database.transaction() as session:
        session.get_one(Campaign, CAMPAIGN).ceiling = 4
    with pytest.raises(RefusedError, match="would have 5"), database.transaction() as session:
        load(session, [rows(range(2, 4))])
    assert count(database) == 1


def test_few_rows_go_at_once_and_many_in_waves_by_their_group() -> None:
    groups = [f"group {number}" for number in range(300)]
    assert set(waves_of(groups[:40], 80)) == {LAST_WAVE}
    assert set(waves_of(groups, 600)) == {0, 1, 2, 3, 4}
    assert waves_of(groups, 600) == waves_of(groups, 100)


def count(database: Database) -> int:
    with Session(database.engine) as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0
