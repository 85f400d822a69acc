"""DMN XML to a checked model, or everything in it that cannot be read or is not supported, with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from compensation.dmn.elements import Element, read_elements
from compensation.dmn.logic import LogicReader, is_descriptive, plain_type_ref
from compensation.dmn.model import (
    TYPE_NAMES,
    Decision,
    InputData,
    ItemType,
    Knowledge,
    Model,
    ModelError,
    Types,
    result_scope,
)
from compensation.feel import FeelError, NameType, UnaryTests, listing, parse_tests, suggestion

NAMESPACES = (
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "https://www.omg.org/spec/DMN/20230324/MODEL/",
    "https://www.omg.org/spec/DMN/20240513/MODEL/",
)
# Modellers write some of them with http and others with https.
_KNOWN = frozenset(namespace.partition("://")[2] for namespace in NAMESPACES)
POLICY_NAMESPACE = "urn:outage-compensation:policy:1"
# Parts of a model that say nothing about what it decides.
_SILENT = (
    *("knowledgeSource", "textAnnotation", "association", "group"),
    *("elementCollection", "performanceIndicator", "organizationUnit", "artifact"),
)


def read_model(text: str | bytes) -> Model:
    """The model of a DMN document; raises ModelError with every problem found."""
    return _ModelReader(read_elements(text)).read()


class _ModelReader:
    def __init__(self, root: Element) -> None:
        self.root = root
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.names_by_id: dict[str, str] = {}
        self.types = Types(())

    def problem(self, at: Element, what: str) -> None:
        self.problems.append(f"{at.place}: {what}")

    def read(self) -> Model:
        root = self.root
        if root.name != "definitions" or root.namespace.partition("://")[2] not in _KNOWN:
            what = f"{root.place}: <{root.name}> in namespace {root.namespace or '(none)'} is no DMN model"
            raise ModelError([f"{what}; accepted: definitions in one of {', '.join(NAMESPACES)}"])
        self.refuse_unsupported()
        items = tuple(self.item(child) for child in root.all("itemDefinition"))
        self.types = Types(items)
        self.refuse_circular_types(items)
        inputs = tuple(self.named(child) for child in root.all("inputData"))
        self.note_ids()
        knowledge = self.knowledge()
        decisions = self.decisions(inputs, knowledge)
        if self.problems:
            raise ModelError(self.problems)
        return Model(
            name=root.get("name"),
            namespace=root.get("namespace"),
            items=items,
            inputs=inputs,
            decisions=decisions,
            knowledge=knowledge,
            policy=_extension(self.root, "policy"),
            warnings=tuple(self.warnings),
        )

    def refuse_unsupported(self) -> None:
        known = ("itemDefinition", "inputData", "decision", "businessKnowledgeModel", *_SILENT)
        for child in self.root.children:
            if child.namespace != self.root.namespace or child.name in known or is_descriptive(child):
                continue
            self.problem(child, f"<{child.name}> is not supported")

    # --- names and types

    def named(self, element: Element) -> InputData:
        """The name and type of an input, decision or function: those of its variable, else its own name."""
        variable = element.first("variable")
        name = " ".join(((variable.get("name") if variable else "") or element.get("name")).split())
        type_ref = _type_ref(variable) if variable else ""
        if not name:
            self.problem(element, f"<{element.name}> has no name")
        if type_ref not in {*TYPE_NAMES, *self.types.items}:
            known = [*self.types.items, *(kind for kind in TYPE_NAMES if kind)]
            close = suggestion(type_ref, known) or f"one of {listing(known)}"
            self.problem(variable or element, f'unknown type "{type_ref}"; accepted: {close}')
        return InputData(name, type_ref)

    def note_ids(self) -> None:
        names: set[str] = set()
        for child in self.root.all("inputData", "decision", "businessKnowledgeModel"):
            name = self.named(child).name
            if name in names:
                self.problem(child, f'the name "{name}" stands twice')
            names.add(name)
            self.names_by_id[child.get("id")] = name

    def item(self, element: Element) -> ItemType:
        if (function := element.first("functionItem")) is not None:
            self.problem(function, "<functionItem> is not supported")
        allowed = element.first("allowedValues")
        return ItemType(
            name=element.get("name"),
            base=_type_ref(element),
            allowed=self.allowed(allowed) if allowed else None,
            components=tuple(self.item(child) for child in element.all("itemComponent")),
            is_list=element.get("isCollection") == "true",
        )

    def allowed(self, element: Element) -> UnaryTests | None:
        text = element.first("text")
        if text is None or not text.text.strip():
            return None
        try:
            return parse_tests(text.text.rstrip(), (), text.origin)
        except FeelError as error:
            self.problems.append(str(error))
            return None

    def refuse_circular_types(self, items: Iterable[ItemType]) -> None:
        bases = {item.name: [item.base, *_component_bases(item)] for item in items}
        for name in _in_circles(bases):
            self.problem(self.root, f'the type "{name}" is made of itself')

    # --- requirements

    def required(self, element: Element, requirement: str, *kinds: str) -> tuple[str, ...]:
        found = []
        for child in element.all(requirement):
            for target in child.all(*kinds):
                href = target.get("href")
                name = self.names_by_id.get(href.rpartition("#")[2])
                if name is None:
                    self.problem(target, f'"{href}" is nothing in this model; other models cannot be imported')
                elif name not in found:
                    found.append(name)
        return tuple(found)

    def knowledge(self) -> tuple[Knowledge, ...]:
        elements = {self.named(child).name: child for child in self.root.all("businessKnowledgeModel")}
        requires = {
            name: self.required(child, "knowledgeRequirement", "requiredKnowledge") for name, child in elements.items()
        }
        for name in _in_circles(requires):
            self.problem(elements[name], f'the function "{name}" requires itself')
        parameters = {name: self.parameters(child) for name, child in elements.items()}
        found = []
        for name, child in elements.items():
            functions = {other: parameters[other] for other in requires[name] if other in parameters}
            scope = {one.name: self.types.named(one.type_ref) for one in parameters[name]}
            body = child.first("encapsulatedLogic")
            logic = self.reader(scope, functions).logic(body or child, name)
            if logic is not None:
                type_ref = self.named(child).type_ref
                found.append(Knowledge(name, parameters[name], logic, type_ref, requires[name]))
        return tuple(found)

    def parameters(self, element: Element) -> tuple[InputData, ...]:
        body = element.first("encapsulatedLogic")
        if body is None:
            self.problem(element, "the function has no <encapsulatedLogic>")
            return ()
        if body.get("kind") not in ("", "FEEL"):
            self.problem(body, f"a function of kind {body.get('kind')} is not supported; accepted: FEEL")
        return tuple(InputData(one.get("name"), _type_ref(one)) for one in body.all("formalParameter"))

    def decisions(self, inputs: Collection[InputData], knowledge: Collection[Knowledge]) -> tuple[Decision, ...]:
        elements = {self.named(child).name: child for child in self.root.all("decision")}
        requires = {
            name: self.required(child, "informationRequirement", "requiredInput", "requiredDecision")
            for name, child in elements.items()
        }
        circular = _in_circles(requires)
        for name in circular:
            self.problem(elements[name], f'the decision "{name}" requires itself')
        if circular:
            return ()
        parameters = {one.name: one.parameters for one in knowledge}
        scopes: dict[str, Mapping[str, NameType]] = {
            one.name: {one.name: self.types.named(one.type_ref)} for one in inputs
        }
        found: dict[str, Decision] = {}
        for name in _in_order(requires):
            decision = self.decision(elements[name], name, requires[name], scopes, parameters)
            if decision is not None:
                found[name] = decision
                scopes[name] = result_scope(decision, self.types)
        return tuple(found[name] for name in elements if name in found)

    def decision(
        self,
        element: Element,
        name: str,
        requires: tuple[str, ...],
        scopes: Mapping[str, Mapping[str, NameType]],
        parameters: Mapping[str, tuple[InputData, ...]],
    ) -> Decision | None:
        knowledge = self.required(element, "knowledgeRequirement", "requiredKnowledge")
        scope = {key: kind for other in requires for key, kind in scopes.get(other, {}).items()}
        functions = {other: parameters[other] for other in knowledge if other in parameters}
        logic = self.reader(scope, functions).logic(element, name)
        if logic is None:
            return None
        meaning, explained = element.said("description"), _extension(element, "explained")
        return Decision(name, logic, self.named(element).type_ref, requires, knowledge, meaning, explained)

    def reader(self, scope: Mapping[str, NameType], functions: Mapping[str, tuple[InputData, ...]]) -> LogicReader:
        return LogicReader(self.types, scope, functions, self.problems, self.warnings)


def _extension(element: Element, name: str) -> str:
    """What this product wrote beside an element, empty when it did not."""
    for extension in element.all("extensionElements"):
        for child in extension.children:
            if child.namespace == POLICY_NAMESPACE and child.name == name:
                return child.text
    return ""


def _type_ref(element: Element) -> str:
    return plain_type_ref(element.get("typeRef") or element.said("typeRef"))


def _component_bases(item: ItemType) -> list[str]:
    return [base for part in item.components for base in (part.base, *_component_bases(part))]


def _in_order(requires: Mapping[str, Collection[str]]) -> list[str]:
    """The names, each after those it requires; what stands in a circle or behind one is left out."""
    left = {name: {other for other in others if other in requires} for name, others in requires.items()}
    order: list[str] = []
    while ready := [name for name, others in left.items() if others <= set(order)]:
        order += ready
        left = {name: others for name, others in left.items() if name not in ready}
    return order


def _in_circles(requires: Mapping[str, Collection[str]]) -> list[str]:
    ordered = set(_in_order(requires))
    return [name for name in requires if name not in ordered]
