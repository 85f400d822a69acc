"""Samples of where a campaign stands, and the pace and forecast that follow from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foundation.db import Database
from notify.campaigns import plan_campaign
from notify.models import DeliveryKind
from notify.progress import list_samples, paces_of, sample_campaigns
from notify.waves import Plan
from tests.delivery_rows import CAMPAIGN, pairs, put
from tests.delivery_tools import Wire, later, run

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def sample(database: Database) -> int:
    with database.transaction() as session:
        return sample_campaigns(session)


def test_a_campaign_is_sampled_once_a_minute_while_it_moves_and_once_at_rest(database: Database):
    put(database, pairs(5))
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="mary")
    assert [sample(database), sample(database)] == [1, 0]
    with later(70):
        assert sample(database) == 0  # nothing changed
        run(database, {"book": Wire("book"), "spool": Wire("spool")})
        assert [sample(database), sample(database)] == [1, 0]
    with later(140):
        assert sample(database) == 0
    with database.reading() as session:
        samples = list_samples(session, CAMPAIGN)
    assert [counts for _, counts in samples] == [
        {"posting": {"pending": 5}, "message": {"waiting": 5}},
        {"posting": {"delivered": 5}, "message": {"delivered": 5}},
    ]


def test_the_forecast_is_what_is_left_at_the_pace_of_the_last_minutes():
    at = [START + timedelta(minutes=minute) for minute in (0, 20, 25, 30)]
    done = (0, 900, 1000, 1100)
    samples = [
        (instant, {"message": {"pending": 2000 - number, "delivered": number}})
        for instant, number in zip(at, done, strict=True)
    ]
    [pace] = paces_of(
        samples, {"message": {"pending": 800, "held": 50, "delivered": 1150}}, at[-1] + timedelta(minutes=2)
    )
    # Of the last ten minutes: from 1,000 at 10:25 to 1,200 - 50 held at 10:32.
    assert (pace.kind, pace.to_go, pace.held) == (DeliveryKind.MESSAGE, 800, 50)
    assert pace.per_minute == pytest.approx(150 / 7)
    assert pace.finishes_at == at[-1] + timedelta(minutes=2) + timedelta(seconds=int(800 / (150 / 7) * 60))


def test_without_a_pace_there_is_no_forecast_and_without_rest_no_pace():
    assert paces_of([], {"posting": {"delivered": 3}}, START) == []
    [pace] = paces_of([], {"posting": {"pending": 3}}, START)
    assert (pace.per_minute, pace.finishes_at) == (0.0, None)
