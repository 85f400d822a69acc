"""How a decision came about, as plain texts that can be stored as JSON and read out to a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FactRead:
    """A fact as it was: `value` as a FEEL literal, `said` as people read it, with its unit."""

    name: str
    value: str
    said: str


@dataclass(frozen=True, slots=True)
class ParameterRead:
    """A parameter with the value that held on the day of the outage, and since when it does."""

    name: str
    said: str
    since: str
    source: str


@dataclass(frozen=True, slots=True)
class DecisionStep:
    """One decision: a table with the numbers, conditions and notes of the rules that count, or an expression.

    `status` is `matched`, `default`, `no rule` or `conflict`; `results` are the outputs as people read them.
    """

    name: str
    kind: str
    hit_policy: str
    status: str
    rules: tuple[int, ...]
    conditions: tuple[str, ...]
    notes: tuple[str, ...]
    results: Mapping[str, str]
    calculation: str


@dataclass(frozen=True, slots=True)
class RewardStep:
    """One reward: whether it is given, why or why not, and each size with its numbers."""

    name: str
    kind: str
    given: bool
    why: str
    calculations: tuple[str, ...]


_STEPS = (FactRead, ParameterRead, DecisionStep, RewardStep)


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that led to one decision. All values are texts, so JSON and back loses nothing.

    `settled`: how layers, caps, others' credits, the account and earlier releases changed what the rules give.
    """

    policy: str
    title: str
    content_hash: str
    on: str
    facts: tuple[FactRead, ...]
    parameters: tuple[ParameterRead, ...]
    decisions: tuple[DecisionStep, ...]
    rewards: tuple[RewardStep, ...]
    text: str | None
    outcome: str
    reason: str | None
    settled: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object of strings, numbers of rules, lists and nulls."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trace:
        """The trace of an object that `to_json` made."""
        return cls(
            policy=data["policy"],
            title=data["title"],
            content_hash=data["content_hash"],
            on=data["on"],
            facts=tuple(FactRead(**item) for item in data["facts"]),
            parameters=tuple(ParameterRead(**item) for item in data["parameters"]),
            decisions=tuple(DecisionStep(**_tuples(item)) for item in data["decisions"]),
            rewards=tuple(RewardStep(**_tuples(item)) for item in data["rewards"]),
            text=data["text"],
            outcome=data["outcome"],
            reason=data["reason"],
            settled=tuple(data.get("settled", ())),
        )

    def explain(self) -> list[str]:
        """Sentences that a care agent can read out, in the order in which the decision was made."""
        said = [f"The policy is {self.title} ({self.policy}), for an outage on {self.on}."]
        said += [f"{fact.name}: {fact.said}." for fact in self.facts]
        said += [f"{p.name}: {p.said}, in force since {p.since} (source: {p.source})." for p in self.parameters]
        said += [_decision_said(step) for step in self.decisions]
        said += [_reward_said(step) for step in self.rewards]
        said += [f"{sentence}." for sentence in self.settled]
        said.append({"entitled": "The customer is owed this.", "nothing": "Nothing is owed."}.get(self.outcome, ""))
        if self.outcome == "undetermined":
            said[-1] = f"What is owed cannot be determined: {self.reason}."
        if self.text:
            said.append(f'The text to the customer is "{self.text}".')
        return said


def _decision_said(step: DecisionStep) -> str:
    results = ", ".join(f"{name} is {value}" for name, value in step.results.items())
    if step.kind == "expression":
        return f"{step.name}: {step.calculation}."
    if step.status == "no rule":
        return f"{step.name}: no rule of the table applies."
    if step.status == "default":
        return f"{step.name}: no rule of the table applies, so {results} by default."
    numbers = " and ".join(str(number) for number in step.rules)
    rules = f"rule {numbers}" if len(step.rules) == 1 else f"rules {numbers}"
    if step.status == "conflict":
        may = "they do not say the same" if step.hit_policy == "A" else "at most one may"
        return f"{step.name}: {rules} apply at once, but {may} (conflict)."
    because = f" because {'; '.join(step.conditions)}" if any(step.conditions) else ""
    notes = "; ".join(note for note in step.notes if note)
    return f"{step.name}: {rules}{because}, so {results}{f' ({notes})' if notes else ''}."


def _reward_said(step: RewardStep) -> str:
    verdict = "given" if step.given else "not given"
    details = "; ".join((step.why, *step.calculations) if step.why else step.calculations)
    return f"{step.name} ({step.kind.replace('_', ' ')}) is {verdict}{f': {details}' if details else ''}."


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, _STEPS):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value


def _tuples(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}
