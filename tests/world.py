"""A small operator that has lived through the demonstration's outage, for tests that start in the middle of the chain."""

from __future__ import annotations

from dataclasses import dataclass

from compensation.demo import Story
from compensation.demo_world import DECIDED_AT, DemoInput
from foundation import clock
from foundation.cli import App
from foundation.settings import Settings


@dataclass(frozen=True)
class World:
    """An incident that was measured; staff users as in the demonstration; the policy of 2012 in force."""

    app: App
    incident: str
    run_id: int


def make_world(settings: Settings, *, subscribers: int = 300, seed: int = 7) -> World:
    """Live through the outage up to the impact run, through the product's own doors."""
    app = App(settings)
    story = Story(app, DemoInput(subscribers, seed, "", ""))
    story.set_up()
    story.load_operator()
    incident = story.live_through_outage()
    return World(app, incident, story.measure(incident))


def decide(world: World) -> str:
    """Assess, submit and approve; returns the assessment's reference, ready to be released."""
    story = Story(world.app, DemoInput(0, 0, "", ""))
    with clock.moved_to(DECIDED_AT):
        return story.propose_and_approve(world.incident, world.run_id)
