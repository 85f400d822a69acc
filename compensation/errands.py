"""Errands of this package: assessing a run, releasing an assessment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compensation.assessment import assess
from compensation.credits import release_credits
from foundation.errand_board import Watch
from foundation.errand_runner import Done, ErrandKind, Surroundings
from foundation.money import Money
from notify.registry import make_routing


def _assess(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    assessed = assess(
        surroundings.database,
        surroundings.store,
        arguments["run"],
        arguments["version"],
        actor=actor,
        progress=lambda done, total: watch("deciding cases", done, total),
    )
    ref = assessed.assessment.ref
    if not assessed.is_new:
        return Done(f"This run was assessed under this version before: {ref}.", ref)
    return Done(f"{ref}: every case is below. Nothing is paid until it is submitted, approved and released.", ref)


def _release(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    released = release_credits(
        surroundings.database,
        surroundings.store,
        arguments["assessment"],
        actor=actor,
        routing=make_routing(surroundings.settings),
        progress=lambda done, total: watch("writing credits, postings and texts", done, total),
    )
    ref = released.assessment.ref
    if not released.is_new:
        return Done(f"{ref} was released before: nothing was written again.", ref)
    amount = Money(released.amount_minor, released.assessment.currency).text()
    return Done(
        f"Released: {released.credits:,} credits of {amount} and {released.texts:,} texts are on their way.", ref
    )


ASSESS = ErrandKind("assess", "Assess", "assessments.write", _assess)
RELEASE = ErrandKind("release", "Release", "assessments.release", _release)
