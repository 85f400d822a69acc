"""One case's facts against a whole policy: what is owed, or why nothing is or can be said, with its trace."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal as OneOf

from compensation.decision.phrases import Phrases, result_names
from compensation.decision.settling import NO_STANDING, Settled, Settler, Standing
from compensation.decision.trace import DecisionStep, FactRead, ParameterRead, RewardStep, Trace
from compensation.document.model import ExpressionDecision, PolicyDocument, Reward, TableDecision
from compensation.facts import to_value
from compensation.feel import FeelType, Node, Value, evaluate, names, write_expression
from compensation.feel.values import write_value
from compensation.rewards import RewardLine, reward_line
from compensation.tables.table import HitPolicy, Status, evaluate_table
from foundation.errors import InputError
from foundation.money import Money, from_major

_NOTHING_TOLD: Mapping[str, str] = {}
_UNITS = {"percent": "%", "valid days": "days", "default after": "days"}
Outcome = OneOf["entitled", "nothing", "undetermined"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one line is owed. Undetermined means: pay nothing, look at `reason`; its rewards are empty, its text None.

    `text` is the name of the customer text to send, None for none. `over_minor` is what was credited before beyond
    what is owed now.
    """

    outcome: Outcome
    rewards: tuple[RewardLine, ...]
    text: str | None
    reason: str | None
    trace: Trace
    over_minor: int = 0
    caps: tuple[int, ...] = ()

    @property
    def cost_minor(self) -> int:
        """What the rewards cost as far as is known, in minor units; a bonus on a coming top-up counts 0."""
        return sum(line.spent_minor for line in self.rewards)


HELD_OUT = "held out"
"""The reason of a line that gets nothing because it is held out."""


def decide(
    document: PolicyDocument,
    facts: Mapping[str, Value | int],
    *,
    on: datetime.date,
    standing: Standing = NO_STANDING,
    told: Mapping[str, str] = _NOTHING_TOLD,
) -> Decision:
    """Evaluates a policy on the facts of one case; `on` is the date of the outage in the policy's zone.

    `standing`: what the line was given before and by others, and what its account gets (none of it without one).
    `told`: by the name of a fact, in words, what it was counted from; the trace says it beside the value.

    `facts` holds at least `document.facts_read()`: str, bool, int, Fraction, date, timedelta or None, money facts in
    int minor units; `currency` and `outage date` default to the policy's and `on`. Raises InputError when the policy
    is not in force on that day, or a fact is missing or of the wrong type.
    """
    if not document.is_in_force(on):
        until = f" until before {document.in_force_to}" if document.in_force_to else ""
        accepted = f"an outage date from {document.in_force_from}{until}"
        raise InputError("the policy is not in force", where=document.name, value=str(on), accepted=accepted)
    return _Case(document, facts, on, told).decide(standing)


class _Case:
    """One evaluation: the values known so far, the results without a rule, the reasons for doubt, and the trace."""

    def __init__(
        self, document: PolicyDocument, facts: Mapping[str, Value | int], on: datetime.date, told: Mapping[str, str]
    ) -> None:
        self.document = document
        self.told = told
        self.on = on
        self.values: dict[str, Value] = {}
        self.without_rule: set[str] = set()
        self.reasons: list[str] = []
        self.phrases = Phrases(document.currency)
        self.facts_read = self.take_facts(facts)
        self.parameters_read = self.take_parameters()
        self.steps: list[DecisionStep] = []
        self.reward_steps: list[RewardStep] = []

    def decide(self, standing: Standing) -> Decision:
        self.check_currency()
        for decision in self.document.decisions:
            if isinstance(decision, TableDecision):
                self.table(decision)
            else:
                self.expression(decision)
        given = [line for reward in self.document.rewards if (line := self.reward(reward))]
        settler = Settler(self.document)
        raw = settler.offered(given)
        text = self.customer_text()
        caps = self.caps() if raw else []
        settled = settler.settle(raw, caps, standing) if not self.reasons else Settled((), ())
        lines = settled.lines
        self.check_limit(lines)
        if self.reasons:
            reason = "; ".join(dict.fromkeys(self.reasons))
            return Decision("undetermined", (), None, reason, self.trace("undetermined", None, reason))
        outcome: Outcome = "entitled" if lines else "nothing"
        held_out = HELD_OUT if raw and standing.held_out else None
        text = settler.text_of(text, raw, settled, standing)
        trace = self.trace(outcome, text, held_out, settled.said)
        return Decision(outcome, lines, text, held_out, trace, settled.over_minor, tuple(caps))

    def trace(self, outcome: Outcome, text: str | None, reason: str | None, settled: tuple[str, ...] = ()) -> Trace:
        return Trace(
            policy=self.document.name,
            title=self.document.title,
            content_hash=self.document.content_hash,
            on=self.on.isoformat(),
            facts=self.facts_read,
            parameters=self.parameters_read,
            decisions=tuple(self.steps),
            rewards=tuple(self.reward_steps),
            text=text,
            outcome=outcome,
            reason=reason,
            settled=settled,
        )

    def bind(self, name: str, value: Value, kind: FeelType, unit: str = "", item: FeelType | None = None) -> str:
        """Brings a name into scope and says its value; a list has items of type `item`."""
        self.values[name] = value
        self.phrases.types[name] = item or FeelType.UNKNOWN if kind is FeelType.LIST else kind
        self.phrases.units[name] = unit
        return self.phrases.named(name, value)

    def take_facts(self, facts: Mapping[str, Value | int]) -> tuple[FactRead, ...]:
        given = {"currency": self.document.currency, "outage date": self.on, **facts}
        wanted = self.document.facts_read()
        given |= {name: 0 for name in self.document.history_read() if given.get(name) is None}
        missing = [name for name in wanted if name not in given]
        if missing:
            raise InputError("facts are missing", where=self.document.name, value=missing, accepted=", ".join(wanted))
        read, counts = [], self.document.measures_said(self.on)
        for name in wanted:
            fact = self.document.catalogue[name]
            value = to_value(fact, given[name], self.document.currency)
            said = self.bind(name, value, fact.type, fact.unit)
            beside = "; ".join(words for words in (counts.get(name), self.told.get(name)) if words)
            read.append(FactRead(name, write_value(value), f"{said} ({beside})" if beside else said))
        return tuple(read)

    def take_parameters(self) -> tuple[ParameterRead, ...]:
        wanted = self.document.names_read()
        read = []
        for parameter in self.document.parameters:
            dated = parameter.on(self.on)
            if parameter.name in wanted and dated is not None:
                said = self.bind(parameter.name, dated.value, parameter.type, parameter.unit)
                read.append(ParameterRead(parameter.name, said, dated.since.isoformat(), parameter.source))
        return tuple(read)

    def check_currency(self) -> None:
        if "currency" in self.values and self.values["currency"] != self.document.currency:
            actual = self.phrases.value(self.values["currency"])
            self.reasons.append(f"the account's currency is {actual}, the policy pays {self.document.currency}")

    def table(self, decision: TableDecision) -> None:
        table = decision.table
        result = evaluate_table(table, self.values)
        scoped = result_names(result.outputs, decision.name)
        said = {}
        for output in table.outputs:
            name, value = scoped[output.name], result.outputs[output.name]
            text = self.bind(name, value, decision.results()[name].type, item=output.type)
            said[name] = "none" if value is None else text
        if result.status is Status.NO_RULE:
            self.without_rule.update(said)
        if result.status is Status.CONFLICT:
            numbers = " and ".join(map(str, result.rules))
            may = "and do not say the same" if table.hit_policy is HitPolicy.ANY else "at most one may"
            self.reasons.append(f"conflict: rules {numbers} of {decision.name} apply at once, {may}")
        step = DecisionStep(
            name=decision.name,
            kind="table",
            hit_policy=table.hit_policy.value,
            status=result.status.value,
            rules=result.rules,
            conditions=self.phrases.conditions(table, result, self.values),
            notes=tuple(table.rules[number - 1].note for number in result.rules),
            results=said if result.status in (Status.MATCHED, Status.DEFAULT) else {},
            calculation=self.output_calculations(decision, result.rules),
        )
        self.steps.append(step)

    def output_calculations(self, decision: TableDecision, rules: tuple[int, ...]) -> str:
        """The outputs that are computed rather than written out, with their numbers."""
        nodes = [node for number in rules for node in decision.table.rules[number - 1].outputs if names(node)]
        return "; ".join(f"{write_expression(node)} = {self.phrases.with_values(node, self.values)}" for node in nodes)

    def expression(self, decision: ExpressionDecision) -> None:
        value = evaluate(decision.expression, self.values)
        before = dict(self.values)
        said = self.bind(decision.name, value, decision.type)
        status = Status.MATCHED
        if value is None and self.reads_no_rule(decision.expression):
            self.without_rule.add(decision.name)
            status = Status.NO_RULE
        step = DecisionStep(
            name=decision.name,
            kind="expression",
            hit_policy="",
            status=status.value,
            rules=(),
            conditions=(),
            notes=(),
            results={decision.name: said},
            calculation=self.phrases.calculation(decision.expression, before, said),
        )
        self.steps.append(step)

    def reads_no_rule(self, node: Node) -> bool:
        return any(name in self.without_rule for name in names(node))

    def reward(self, reward: Reward) -> RewardLine | None:
        refusal = self.refusal(reward)
        values: dict[str, Value] = {}
        calculations = []
        for name, node in reward.fields.items() if refusal is None else ():
            notes: list[str] = []
            values[name] = value = evaluate(node, self.values, notes)
            refusal = self.field_refusal(reward, name, value, notes)
            if refusal is not None:
                break
            said = self.phrases.value(value, reward.kind.field(name).type, _UNITS.get(name, ""))
            calculations.append(f"{name} {self.phrases.calculation(node, self.values, said)}")
        if refusal is not None:
            self.reward_steps.append(RewardStep(reward.name, reward.kind.name, False, refusal, ()))
            return None
        why = f"{write_expression(reward.when)} holds" if reward.when else ""
        self.reward_steps.append(RewardStep(reward.name, reward.kind.name, True, why, tuple(calculations)))
        return reward_line(reward.name, reward.kind, values, self.document.currency, reward.per, reward.how)

    def field_refusal(self, reward: Reward, name: str, value: Value, notes: list[str]) -> str | None:
        """Why a field's value does not let the reward be given, None when it does; doubt is a reason too."""
        if value is None and self.reads_no_rule(reward.fields[name]):
            return f"no rule gives its {name}"
        field = reward.kind.field(name)
        if value is None and name != "cost":
            return self.doubt(reward, f"its {name} is null", notes)
        if not isinstance(value, Fraction):
            return None
        if value < 0 or (field.whole and value.denominator != 1):
            return self.doubt(reward, f"its {name} is {'below zero' if value < 0 else 'no whole number'}", notes)
        return f"its {name} comes to nothing" if value == 0 and (field.size or field.whole) else None

    def refusal(self, reward: Reward) -> str | None:
        """Why the condition does not let the reward be given, None when it does; doubt is a reason too."""
        if reward.when is None:
            return None
        notes: list[str] = []
        truth = evaluate(reward.when, self.values, notes)
        text = write_expression(reward.when)
        if truth is True:
            return None
        if truth is False:
            return f"{text} does not hold"
        if self.reads_no_rule(reward.when):
            return f"no rule answers {text}"
        return self.doubt(reward, f"its condition {text} is null", notes)

    def doubt(self, reward: Reward, what: str, notes: list[str]) -> str:
        """Notes why the line is undetermined, and gives it back."""
        why = f"{what} because {', '.join(notes)}" if notes else what
        self.reasons.append(f"{reward.name}: {why}")
        return why

    def customer_text(self) -> str | None:
        node = self.document.customer_text
        value = evaluate(node, self.values) if node else None
        return value if isinstance(value, str) else None

    def caps(self) -> list[int]:
        """The policy's caps in minor units, for this case."""
        found = []
        for cap in self.document.terms.caps:
            notes: list[str] = []
            value = evaluate(cap.amount, self.values, notes)
            if not isinstance(value, Fraction) or value < 0:
                why = f" because {', '.join(notes)}" if notes else ""
                self.reasons.append(f"the cap {cap.said} is {'null' if value is None else 'below zero'}{why}")
                continue
            found.append(from_major(value, self.document.currency))
        return found

    def check_limit(self, lines: tuple[RewardLine, ...]) -> None:
        limit = self.document.limits.amount_per_line_minor
        total = sum(line.amount_minor or 0 for line in lines)
        if limit is not None and total > limit:
            said = [str(Money(amount, self.document.currency)) for amount in (total, limit)]
            self.reasons.append("the rewards come to {}, but the limit per line is {}".format(*said))
