"""Pure: a case as texts by which lists put it in order and find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def rules_of(trace: Mapping[str, Any]) -> tuple[str, ...]:
    """Which rules decided, by a trace as JSON, one text per table: `promise: rule 2`."""
    said = []
    for step in trace.get("decisions", ()):
        if step["kind"] == "expression":
            continue
        numbers = ", ".join(str(number) for number in step["rules"])
        word = "rules" if len(step["rules"]) > 1 else "rule"
        said.append(f"{step['name']}: {f'{word} {numbers}' if numbers else 'no rule'}")
    return tuple(said)


def searched_text(
    outcome: str, reason: str | None, rewards: Sequence[Mapping[str, Any]], trace: Mapping[str, Any]
) -> str:
    """The values of the facts as people read them, rules, outcome, reason and rewards, in small letters."""
    facts = [str(fact["said"]) for fact in trace.get("facts", ())]
    given = [f"{reward['name']} {str(reward['kind']).replace('_', ' ')}" for reward in rewards]
    return " ".join([*facts, *rules_of(trace), outcome, reason or "", *given]).lower()
