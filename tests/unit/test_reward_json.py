"""Reward lines as JSON: what is kept with a case and sent with a posting reads back as it was."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.reward_json import is_offer, is_posted, reward_from_json, reward_to_json
from compensation.rewards import Per, RewardLine

LINES = st.builds(
    RewardLine,
    name=st.just("r"),
    kind=st.sampled_from(["bill_credit", "data_grant", "choice", "apology", "discretionary"]),
    amount_minor=st.none() | st.integers(1, 10_000),
    currency=st.just("GBP"),
    percent=st.none() | st.fractions(0, 100),
    valid_from=st.none() | st.dates(),
    quantity=st.none() | st.fractions(0, 50),
    valid_days=st.none() | st.integers(1, 90),
    per=st.sampled_from(list(Per)),
    basis=st.none() | st.just("statutory"),
)


@settings(max_examples=60, deadline=None)
@given(LINES, LINES)
def test_a_reward_survives_json_and_back(line, option):
    whole = replace(line, options=(option,), default=option.name, default_after=3)
    kept = reward_to_json(whole)
    assert reward_from_json(kept) == whole
    assert (is_posted(kept), is_offer(kept)) == (whole.is_posted, whole.is_offer)
