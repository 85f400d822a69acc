"""A model to DMN 1.3 XML, so that reading it again gives the same model."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from compensation.dmn.model import MONEY, Decision, DecisionService, InputData, ItemType, Knowledge, Logic, Model
from compensation.dmn.reading import POLICY_NAMESPACE
from compensation.dmn.texts import AGGREGATIONS, HIT_POLICIES
from compensation.feel import FeelType, Node, UnaryTests, write_expression, write_tests
from compensation.tables.table import HitPolicy, Output, Rule, Table
from foundation.errors import InputError

NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
# DMN 1.5 brought constraints on whole values, of lists above all.
_WITH_CONSTRAINTS = "https://www.omg.org/spec/DMN/20230324/MODEL/"
_WRITTEN_POLICIES = {
    **{policy: (name, "") for name, policy in HIT_POLICIES.items()},
    **{policy: ("COLLECT", name) for name, policy in AGGREGATIONS.items()},
}
# What XML 1.0 cannot hold at all.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_model(model: Model) -> str:
    """The DMN document of a model; raises InputError when a text holds a character that XML cannot.

    Raises it too for a model with decisions of models that it imports: their texts would not be read without those.
    """
    taken = [one.name for one in model.decisions if one.prefix] + [one.name for one in model.knowledge if one.prefix]
    if taken:
        raise InputError("decisions of other models are not written", where=taken[0], accepted="a model by itself")
    return "\n".join(_Writer(model).lines()) + "\n"


class _Writer:
    def __init__(self, model: Model) -> None:
        self.model = model
        named: list[InputData | Decision | Knowledge | DecisionService] = [
            *model.inputs,
            *model.decisions,
            *model.knowledge,
            *model.services,
        ]
        self.ids = {one.name: f"{_kind(one)}_{number}" for number, one in enumerate(named, 1)}

    def lines(self) -> Iterator[str]:
        model = self.model
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        about = _attributes(id="model", name=model.name, namespace=model.namespace)
        namespace = _WITH_CONSTRAINTS if _constrained(model.items) else NAMESPACE
        yield f'<definitions xmlns="{namespace}" xmlns:policy="{POLICY_NAMESPACE}"{about}>'
        if model.policy:
            yield "  <extensionElements>"
            yield f"    <policy:policy>{_text(model.policy)}</policy:policy>"
            yield "  </extensionElements>"
        for item in model.items:
            yield from _indent(_item("itemDefinition", item))
        for one in model.inputs:
            yield f"  <inputData{_attributes(id=self.ids[one.name], name=one.name)}>"
            yield f"    {_variable(one.name, one.type_ref)}"
            yield "  </inputData>"
        for knowledge in model.knowledge:
            yield from _indent(self.function(knowledge))
        for decision in model.decisions:
            yield from _indent(self.decision(decision))
        for service in model.services:
            yield from _indent(self.service(service))
        yield "</definitions>"

    def decision(self, decision: Decision) -> Iterator[str]:
        yield f"<decision{_attributes(id=self.ids[decision.name], name=decision.title or decision.name)}>"
        if decision.meaning:
            yield f"  <description>{_text(decision.meaning)}</description>"
        if decision.explained:
            yield "  <extensionElements>"
            yield f"    <policy:explained>{_text(decision.explained)}</policy:explained>"
            yield "  </extensionElements>"
        yield f"  {_variable(decision.name, decision.type_ref)}"
        inputs = {one.name for one in self.model.inputs}
        for name in decision.requires:
            target = "requiredInput" if name in inputs else "requiredDecision"
            yield from _indent(self.requirement("informationRequirement", target, name))
        for name in decision.knowledge:
            yield from _indent(self.requirement("knowledgeRequirement", "requiredKnowledge", name))
        yield from _indent(_logic(decision.logic, decision.name))
        yield "</decision>"

    def function(self, knowledge: Knowledge) -> Iterator[str]:
        yield f"<businessKnowledgeModel{_attributes(id=self.ids[knowledge.name], name=knowledge.name)}>"
        yield f"  {_variable(knowledge.name, knowledge.type_ref)}"
        yield "  <encapsulatedLogic>"
        for parameter in knowledge.parameters:
            yield f"    <formalParameter{_attributes(name=parameter.name, typeRef=parameter.type_ref)}/>"
        yield from _indent(_logic(knowledge.logic, knowledge.name), 4)
        yield "  </encapsulatedLogic>"
        for name in knowledge.knowledge:
            yield from _indent(self.requirement("knowledgeRequirement", "requiredKnowledge", name))
        yield "</businessKnowledgeModel>"

    def service(self, service: DecisionService) -> Iterator[str]:
        yield f"<decisionService{_attributes(id=self.ids[service.name], name=service.name)}>"
        yield f"  {_variable(service.name, service.type_ref)}"
        inputs = {one.name for one in self.model.inputs}
        given = [("inputData" if name in inputs else "inputDecision", name) for name in service.inputs]
        answers = [("outputDecision", name) for name in service.outputs]
        inner = [("encapsulatedDecision", name) for name in service.inner]
        # The standard's order; the inputs come before the decisions that are given.
        for kind, name in (*answers, *inner, *sorted(given, key=lambda one: one[0] == "inputData")):
            yield f'  <{kind} href="#{self.ids[name]}"/>'
        yield "</decisionService>"

    def requirement(self, kind: str, target: str, name: str) -> Iterator[str]:
        yield f"<{kind}>"
        yield f'  <{target} href="#{self.ids[name]}"/>'
        yield f"</{kind}>"


def _constrained(items: tuple[ItemType, ...]) -> bool:
    return any(item.constraint is not None or _constrained(item.components) for item in items)


def _kind(one: InputData | Decision | Knowledge | DecisionService) -> str:
    return {InputData: "input", Decision: "decision", Knowledge: "function", DecisionService: "service"}[type(one)]


def _item(tag: str, item: ItemType) -> Iterator[str]:
    is_list = "true" if item.is_list else ""
    yield f"<{tag}{_attributes(name=item.name, isCollection=is_list)}>"
    if item.base:
        yield f"  <typeRef>{_text(item.base)}</typeRef>"
    if item.allowed is not None:
        yield from _indent(_values("allowedValues", item.allowed))
    if item.constraint is not None:
        yield from _indent(_values("typeConstraint", item.constraint))
    for component in item.components:
        yield from _indent(_item("itemComponent", component))
    if item.takes is not None:
        yield f"  <functionItem{_attributes(outputTypeRef=item.gives)}>"
        for one in item.takes:
            yield f"    <parameters{_attributes(name=one.name, typeRef=one.type_ref)}/>"
        yield "  </functionItem>"
    yield f"</{tag}>"


def _logic(logic: Logic, name: str) -> Iterator[str]:
    if isinstance(logic, Table):
        yield from _table(logic, name)
    else:
        yield from _literal("literalExpression", logic)


def _literal(tag: str, node: Node) -> Iterator[str]:
    yield f"<{tag}>"
    yield f"  <text>{_text(write_expression(node))}</text>"
    yield f"</{tag}>"


def _values(tag: str, tests: UnaryTests) -> Iterator[str]:
    yield f"<{tag}>"
    yield f"  <text>{_text(write_tests(tests))}</text>"
    yield f"</{tag}>"


def _table(table: Table, name: str) -> Iterator[str]:
    policy, aggregation = _WRITTEN_POLICIES[HitPolicy(table.hit_policy)]
    yield f"<decisionTable{_attributes(hitPolicy=policy, aggregation=aggregation)}>"
    for node, values in zip(table.inputs, table.allowed_inputs(), strict=True):
        yield "  <input>"
        yield from _indent(_literal("inputExpression", node), 4)
        if values is not None:
            yield from _indent(_values("inputValues", values), 4)
        yield "  </input>"
    for output in table.outputs:
        yield from _indent(
            _output(output, "" if [output.name] == [one.name for one in table.outputs] == [name] else output.name)
        )
    if any(rule.note for rule in table.rules):
        yield '  <annotation name="source"/>'
    for rule in table.rules:
        yield from _indent(_rule(rule))
    yield "</decisionTable>"


def _output(output: Output, name: str) -> Iterator[str]:
    type_ref = "" if output.type is FeelType.UNKNOWN else str(output.type)
    yield f"<output{_attributes(name=name, typeRef=MONEY if output.type is FeelType.MONEY else type_ref)}>"
    if output.values is not None:
        yield from _indent(_values("outputValues", output.values))
    if output.default is not None:
        yield from _indent(_literal("defaultOutputEntry", output.default))
    yield "</output>"


def _rule(rule: Rule) -> Iterator[str]:
    yield "<rule>"
    for tests in rule.tests:
        yield from _indent(_values("inputEntry", tests))
    for node in rule.outputs:
        yield from _indent(_literal("outputEntry", node))
    if rule.note:
        yield from _indent(("<annotationEntry>", f"  <text>{_text(rule.note)}</text>", "</annotationEntry>"))
    yield "</rule>"


def _variable(name: str, type_ref: str) -> str:
    return f"<variable{_attributes(name=name, typeRef=type_ref)}/>"


def _attributes(**attributes: str) -> str:
    """Attributes with a value, escaped."""
    return "".join(f' {key}="{_text(value)}"' for key, value in attributes.items() if value)


def _text(value: str) -> str:
    wrong = _NO_XML.search(value)
    if wrong:
        where = f"character {wrong.start() + 1}"
        raise InputError("XML cannot hold this character", where=where, value=wrong[0], accepted="text without it")
    # A carriage return written plainly would be read as a line feed.
    return html.escape(value, quote=True).replace("\r", "&#13;")


def _indent(lines: Iterator[str] | tuple[str, ...], by: int = 2) -> Iterator[str]:
    """Lines moved in; those within a text stay as they are, for each line here is a whole element or tag."""
    return (" " * by + line for line in lines)
