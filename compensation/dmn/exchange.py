"""A policy as a decision model, and a model as the text of a policy: its tables and expressions are the same trees."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from fractions import Fraction

from compensation.dmn.model import MONEY, Decision, InputData, ItemType, Model
from compensation.document.explained import write_explained
from compensation.document.parts import parameter_names, scalar, with_decisions, without_decisions
from compensation.document.reading import ExpressionDecision, Parameter, PolicyDecision, PolicyDocument
from compensation.facts import Fact
from compensation.feel import FeelType, Literal, Node, UnaryTests, Value, suggestion, write_expression
from compensation.feel.nodes import Binary, Equals, If, Name
from compensation.feel.values import write_number
from compensation.tables.table import Table
from compensation.tables.text import write_table
from foundation.errors import InputError

_NAMESPACE = "urn:outage-compensation:policy"
_OUTAGE_DATE = "outage date"


def policy_to_model(document: PolicyDocument) -> Model:
    """The model of a policy: facts become inputs, parameters decisions on the outage date, and decisions stay.

    What DMN has no place for (rewards, sources, tests) travels along as text. Money is in major units there.
    """
    wanted = document.names_read()
    parameters = [one for one in document.parameters if one.name in wanted]
    decided = {decision.name: decision for decision in document.decisions}
    decisions = [_parameter(one) for one in parameters]
    decisions += [_decision(decision, decided) for decision in document.decisions]
    read = [*document.facts_read(), *(name for one in decisions for name in one.requires)]
    facts = [document.catalogue[name] for name in dict.fromkeys(read) if name in document.catalogue]
    items = [ItemType(MONEY, "number"), *(_item(fact) for fact in facts if fact.allowed)]
    return Model(
        name=document.title,
        namespace=f"{_NAMESPACE}:{document.name}",
        items=tuple(items),
        inputs=tuple(InputData(fact.name, _type_ref(fact)) for fact in facts),
        decisions=tuple(decisions),
        policy=without_decisions(document.text),
    )


def _item(fact: Fact) -> ItemType:
    values = tuple(Equals(Literal(value)) for value in fact.allowed or ())
    return ItemType(_type_name(fact), str(fact.type), UnaryTests(values))


def _type_name(fact: Fact) -> str:
    return "t" + "".join(word.capitalize() for word in fact.name.split())


def _type_ref(fact: Fact) -> str:
    return _type_name(fact) if fact.allowed else str(fact.type)


def _parameter(parameter: Parameter) -> Decision:
    """The value by the date of the outage; the first holds before its day too, for the policy is not in force then."""
    latest = parameter.values[0]
    node = _value(latest.value)
    for dated in parameter.values[1:]:
        since = Binary(">=", Name(_OUTAGE_DATE), Literal(dated.since))
        node = If(since, _value(dated.value), node)
    requires = (_OUTAGE_DATE,) if len(parameter.values) > 1 else ()
    meaning = " ".join(f"{parameter.unit}; source: {parameter.source}".split())
    return Decision(parameter.name, node, str(parameter.type), requires, meaning=meaning)


def _value(value: Value) -> Node:
    """A value as it is written; a fraction that does not end, such as a third, as its division."""
    if isinstance(value, Fraction) and "/" in write_number(value):
        return Binary("/", Literal(Fraction(value.numerator)), Literal(Fraction(value.denominator)))
    return Literal(value)


def _decision(decision: PolicyDecision, decided: Mapping[str, PolicyDecision]) -> Decision:
    requires = {_owner(name, decided): None for name in decision.names_read()}
    meaning = " ".join(decision.meaning.split())
    if isinstance(decision, ExpressionDecision):
        # An amount on its way to a rounding has no declared type: declared money must be rounded.
        is_open = decision.type is FeelType.MONEY and not decision.exact_money
        type_ref = "Any" if is_open else str(decision.type)
        return Decision(decision.name, decision.expression, type_ref, tuple(requires), meaning=meaning)
    single = len(decision.table.outputs) == 1 and not decision.table.hit_policy.gives_list
    type_ref = str(decision.results()[decision.name].type) if single else ""
    explained = write_explained(decision.table, decision.explained)
    return Decision(decision.name, decision.table, type_ref, tuple(requires), meaning=meaning, explained=explained)


def _owner(name: str, decided: Mapping[str, PolicyDecision]) -> str:
    """The decision of `decision.output`, or the name itself."""
    return name.partition(".")[0] if name.partition(".")[0] in decided else name


# --- back


def model_to_policy(model: Model, head: Mapping[str, str]) -> str:
    """The text of a policy with the model's decisions.

    A model that came from a policy brings the rest along. For any other, `head` gives basis, currency, zone and the
    first day in force, and the author adds rewards. Raises InputError for a decision that no policy can hold.
    """
    defined = [one.name for one in model.knowledge] + [one.name for one in model.services]
    if defined:
        raise InputError("a policy has no functions or services", where=defined[0], accepted="decisions alone")
    _refuse_imported(model)
    decisions = _decisions_text(model)
    if model.policy:
        return with_decisions(model.policy, decisions)
    return _head_text(model, head) + "\n" + decisions + "\nrewards: []\n"


def _refuse_imported(model: Model) -> None:
    taken = [one.name for one in model.decisions if one.prefix]
    if taken:
        raise InputError("a policy takes no decisions from other models", where=taken[0], accepted="a model by itself")


def _decisions_text(model: Model) -> str:
    parameters = set(parameter_names(model.policy))
    by_name = {one.name: one for one in model.decisions}
    ordered = {other.name: other for one in model.decisions for other in model.needed(by_name[one.name])}
    parts = [_decision_text(one) for name, one in ordered.items() if name not in parameters]
    return "decisions:\n" + "\n".join(parts) if parts else ""


def _decision_text(decision: Decision) -> str:
    lines = [f"  - name: {scalar(decision.name)}"]
    if decision.meaning:
        lines.append(f"    meaning: {scalar(decision.meaning)}")
    if isinstance(decision.logic, Table):
        lines += [f"    hit policy: {scalar(decision.logic.hit_policy)}", "    table: |"]
        lines += [f"      {line}" for line in write_table(decision.logic).splitlines()]
        lines += decision.explained.splitlines()
    else:
        if decision.type_ref and decision.type_ref not in (FeelType.UNKNOWN, "Any"):
            lines.append(f"    type: {scalar(decision.type_ref)}")
        lines.append(f"    expression: {scalar(write_expression(decision.logic))}")
    return "\n".join(lines) + "\n"


def _head_text(model: Model, head: Mapping[str, str]) -> str:
    missing = [name for name in ("basis", "currency", "zone", "from") if not head.get(name)]
    if missing:
        accepted = "--basis, --currency, --zone and --from: a model does not say them"
        raise InputError("the policy's head is missing", where=model.name, value=missing, accepted=accepted)
    slug = re.sub(r"[^a-z0-9]+", "-", model.name.lower()).strip("-") or "imported"
    since = datetime.date.fromisoformat(head["from"])
    return "\n".join(
        [
            f"policy: {scalar(slug)}",
            f"title: {scalar(' '.join(model.name.split()) or slug)}",
            f"basis: {head['basis']}",
            f"currency: {head['currency']}",
            f"zone: {head['zone']}",
            f"in force: {{from: {since}, to: null}}",
            "population: affected",
            f"sources: [{{what: decision model, where: {scalar(model.namespace or model.name)}}}]",
            "",
        ]
    )


def fact_hints(model: Model, catalogue: Mapping[str, Fact]) -> list[str]:
    """What stands between a model's inputs and the facts of the catalogue, one line each."""
    otherwise = "define it as an attribute, or rename it"
    return [
        f'the input "{one.name}" is no fact: {suggestion(one.name, catalogue) or otherwise}'
        for one in model.inputs
        if one.name not in catalogue
    ]
