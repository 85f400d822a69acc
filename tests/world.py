"""A small operator that lived through the demonstration's outage, for tests that start in mid-chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compensation.demo import money_chapters, outage_chapters
from compensation.demo.stage import Stage
from compensation.demo.world import DECIDED_AT, DemoInput
from foundation import clock
from foundation.cli import App
from foundation.settings import Settings, read_settings


@dataclass(frozen=True)
class World:
    """An incident that was measured; staff users as in the demonstration; the policy of 2012 in force."""

    app: App
    incident: str
    run_id: int


def make_world(settings: Settings, *, subscribers: int = 300, seed: int = 7) -> World:
    """Live through the outage up to the impact run, through the product's own doors."""
    app = App(settings)
    stage = Stage(app, DemoInput(subscribers, seed, "", ""))
    outage_chapters.set_up(stage)
    outage_chapters.load_operator(stage)
    incident = outage_chapters.live_through_outage(stage)
    return World(app, incident, money_chapters.measure(stage, incident))


def decide(world: World) -> str:
    """Assess, submit and approve; returns the assessment's reference, ready to be released."""
    stage = Stage(world.app, DemoInput(0, 0, "", ""))
    with clock.moved_to(DECIDED_AT):
        return money_chapters.propose_and_approve(stage, world.incident, world.run_id)


def lived_settings(data: Path, database_url: str) -> Settings:
    """Settings of a test's own over a data directory and a database."""
    # Pages wait for long work as long as a busy machine may take.
    # Nor may they hang on the time of day at which they run.
    quick = {"OUTAGE_LEASE_SECONDS": "2", "OUTAGE_WAIT_SECONDS": "120", "OUTAGE_QUIET_HOURS": "none"}
    return read_settings({"OUTAGE_DATA": str(data), "DATABASE_URL": database_url, **quick})
