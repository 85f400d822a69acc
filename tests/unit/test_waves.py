"""How far the canary reaches, when a wave opens, and what stops a campaign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.models import LAST_WAVE, WAVES
from notify.waves import Plan, Seen, Step, first_wave, judge

PLAN = Plan()


@pytest.mark.parametrize(
    ("rows", "plan", "wave"),
    [
        ({0: 1000, 1: 2000, 4: 97_000}, PLAN, 0),  # one per cent is enough
        ({0: 50, 1: 100, 4: 4850}, PLAN, 1),  # fewer than a hundred are none to judge by
        ({0: 5, 1: 10, 2: 35, 4: 450}, PLAN, LAST_WAVE),
        ({4: 20}, PLAN, LAST_WAVE),
        ({0: 1000, 1: 2000, 4: 97_000}, Plan(canary_percent=10), 2),
        ({0: 1000, 1: 2000, 4: 97_000}, Plan(canary_percent=100), LAST_WAVE),
    ],
)
def test_a_canary_is_large_enough_to_judge_by(rows, plan, wave):
    assert first_wave(rows, plan) == wave


@pytest.mark.parametrize(
    ("seen", "checked", "open_wave", "step"),
    [
        (Seen(0, 0, 100, 100), 0, 0, Step.WAIT),
        (Seen(89, 0, 100, 100), 0, 0, Step.WAIT),
        (Seen(90, 4, 100, 100), 0, 0, Step.OPEN),
        (Seen(100, 6, 100, 100), 0, 0, Step.STOP),
        (Seen(60, 0, 60, 100), 0, 0, Step.WAIT),  # forty are held: too few to judge by
        (Seen(0, 0, 0, 0), 0, 0, Step.OPEN),  # everybody of the canary is suppressed
        (Seen(5000, 0, 50_000, 50_000), 0, LAST_WAVE, Step.CHECKED),
        (Seen(5100, 10, 50_000, 50_000), 5000, LAST_WAVE, Step.STOP),  # ten of the last hundred
        (Seen(5050, 50, 50_000, 50_000), 5000, LAST_WAVE, Step.WAIT),
    ],
)
def test_outcomes_decide_what_becomes_of_a_gate(seen, checked, open_wave, step):
    assert judge(seen, checked=checked, checked_bad=0, open_wave=open_wave, plan=PLAN) is step


@given(st.integers(0, 10_000), st.integers(0, LAST_WAVE), st.integers(0, 10_000))
def test_without_a_failure_nothing_is_ever_stopped(outcomes: int, open_wave: int, expected: int):
    seen = Seen(outcomes, 0, max(outcomes, expected), max(outcomes, expected))
    assert judge(seen, checked=0, checked_bad=0, open_wave=open_wave, plan=PLAN) is not Step.STOP


def test_the_waves_end_with_everybody():
    assert WAVES[-1] == 100
    assert list(WAVES) == sorted(set(WAVES))
