"""DMN XML to a checked model, or everything in it that cannot be read or is not supported, with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from compensation.dmn.elements import Element, read_elements
from compensation.dmn.logic import BOXED, LogicReader, has_logic, is_descriptive
from compensation.dmn.model import (
    Decision,
    DecisionService,
    InputData,
    ItemType,
    Knowledge,
    Model,
    ModelError,
    Types,
    result_scope,
)
from compensation.dmn.texts import Findings, plain_type_ref
from compensation.feel import FeelError, Literal, NameType, UnaryTests, listing, parse_tests, suggestion
from compensation.feel.kinds import TYPE_NAMES

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


def read_model(text: str | bytes, decision: str = "") -> Model:
    """The model of a DMN document; raises ModelError with every problem found.

    With the name of a decision only that one and what it requires are read: what cannot be read elsewhere does not
    matter then.
    """
    root = read_elements(text)
    if decision:
        root.children = _required(root, decision)
    return _ModelReader(root).read()


class _ModelReader:
    def __init__(self, root: Element) -> None:
        self.root = root
        self.findings = Findings()
        self.problems = self.findings.problems
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
        services = tuple(self.service(child) for child in root.all("decisionService"))
        asked = {one.name: self.service_parameters(one, inputs) for one in services}
        knowledge, tables = self.knowledge(asked)
        decisions, more = self.decisions(inputs, knowledge, asked)
        knowledge += tables + more
        if self.problems:
            raise ModelError(dict.fromkeys(self.problems))
        return Model(
            name=root.get("name"),
            namespace=root.get("namespace"),
            items=items,
            inputs=inputs,
            decisions=decisions,
            knowledge=knowledge,
            policy=_extension(self.root, "policy"),
            services=services,
            warnings=tuple(self.findings.warnings),
        )

    def refuse_unsupported(self) -> None:
        known = ("itemDefinition", "inputData", "decision", "businessKnowledgeModel", "decisionService", *_SILENT)
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
        if type_ref and type_ref not in {*TYPE_NAMES, *self.types.items}:
            known = [*self.types.items, *TYPE_NAMES]
            close = suggestion(type_ref, known) or f"one of {listing(known)}"
            self.problem(variable or element, f'unknown type "{type_ref}"; accepted: {close}')
        return InputData(name, type_ref)

    def note_ids(self) -> None:
        names = self.findings.names
        for child in self.root.all("inputData", "decision", "businessKnowledgeModel", "decisionService"):
            name = self.named(child).name
            if name in names:
                self.problem(child, f'the name "{name}" stands twice')
            names.add(name)
            self.names_by_id[child.get("id")] = name

    def item(self, element: Element) -> ItemType:
        function = element.first("functionItem")
        takes = None if function is None else self.parameters_of(function, "parameters")
        allowed, constraint = element.first("allowedValues"), element.first("typeConstraint")
        return ItemType(
            name=element.get("name"),
            base=_type_ref(element),
            allowed=self.allowed(allowed) if allowed else None,
            components=tuple(self.item(child) for child in element.all("itemComponent")),
            is_list=element.get("isCollection") == "true",
            constraint=self.allowed(constraint) if constraint else None,
            takes=takes,
            gives=plain_type_ref(function.get("outputTypeRef")) if function else "",
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
                name = self.target(target, target.get("href"))
                if name is not None and name not in found:
                    found.append(name)
        return tuple(found)

    def target(self, element: Element, href: str) -> str | None:
        """The name of what a reference means."""
        name = self.names_by_id.get(href.rpartition("#")[2])
        if name is None:
            self.problem(element, f'"{href}" is nothing in this model; other models cannot be imported')
        return name

    def service(self, element: Element) -> DecisionService:
        """A decision service: what it answers, and its inputs before the decisions that are given to it."""
        found: dict[str, list[str]] = {}
        for kind in ("outputDecision", "encapsulatedDecision", "inputData", "inputDecision"):
            hrefs = [target.get("href") for target in element.all(kind)]
            found[kind] = [name for href in hrefs if (name := self.target(element, href))]
        if not found["outputDecision"]:
            self.problem(element, "the service has no <outputDecision>")
        named = self.named(element)
        outputs, inner = tuple(found["outputDecision"]), tuple(found["encapsulatedDecision"])
        return DecisionService(
            named.name, outputs, inner, (*found["inputData"], *found["inputDecision"]), named.type_ref
        )

    def service_parameters(self, service: DecisionService, inputs: Collection[InputData]) -> tuple[InputData, ...]:
        known = {one.name: one for one in inputs}
        known |= {one.name: one for one in map(self.named, self.root.all("decision"))}
        return tuple(known.get(name, InputData(name)) for name in service.inputs)

    def knowledge(
        self, services: Mapping[str, tuple[InputData, ...]]
    ) -> tuple[tuple[Knowledge, ...], tuple[Knowledge, ...]]:
        """The functions of the model, and those that stand for the tables within their expressions."""
        elements = {self.named(child).name: child for child in self.root.all("businessKnowledgeModel")}
        requires = {
            name: self.required(child, "knowledgeRequirement", "requiredKnowledge") for name, child in elements.items()
        }
        for name in _in_circles(requires):
            self.problem(elements[name], f'the function "{name}" requires itself')
        parameters = {name: self.parameters(child) for name, child in elements.items()}
        known = {**services, **parameters}
        found: list[Knowledge] = []
        tables: list[Knowledge] = []
        for name, child in elements.items():
            functions = {other: known[other] for other in requires[name] if other in known}
            scope = {one.name: self.types.named(one.type_ref) for one in parameters[name]}
            body = child.first("encapsulatedLogic") or child
            reader = self.reader(scope, functions)
            logic = reader.logic(body, name)
            if logic is not None:
                type_ref = self.named(child).type_ref or self.body_type(body)
                needs = (*requires[name], *(one.name for one in reader.tables))
                found.append(Knowledge(name, parameters[name], logic, type_ref, needs))
                tables += reader.tables
        return tuple(found), tuple(tables)

    def body_type(self, holder: Element) -> str:
        """The type that the expression in an element is declared with."""
        body = holder.first(*BOXED)
        type_ref = plain_type_ref(body.get("typeRef")) if body else ""
        return type_ref if type_ref in {*TYPE_NAMES, *self.types.items} else ""

    def parameters(self, element: Element) -> tuple[InputData, ...]:
        body = element.first("encapsulatedLogic")
        if body is None:
            self.problem(element, "the function has no <encapsulatedLogic>")
            return ()
        if body.get("kind") not in ("", "FEEL"):
            self.problem(body, f"a function of kind {body.get('kind')} is not supported; accepted: FEEL")
        return self.parameters_of(body, "formalParameter")

    def parameters_of(self, element: Element, kind: str) -> tuple[InputData, ...]:
        return tuple(InputData(" ".join(one.get("name").split()), _type_ref(one)) for one in element.all(kind))

    def decisions(
        self,
        inputs: Collection[InputData],
        knowledge: Collection[Knowledge],
        services: Mapping[str, tuple[InputData, ...]],
    ) -> tuple[tuple[Decision, ...], tuple[Knowledge, ...]]:
        """The decisions, and the functions that stand for the tables within their expressions."""
        elements = {self.named(child).name: child for child in self.root.all("decision")}
        requires = {
            name: self.required(child, "informationRequirement", "requiredInput", "requiredDecision")
            for name, child in elements.items()
        }
        circular = _in_circles(requires)
        for name in circular:
            self.problem(elements[name], f'the decision "{name}" requires itself')
        if circular:
            return (), ()
        parameters = {**services, **{one.name: one.parameters for one in knowledge}}
        scopes: dict[str, Mapping[str, NameType]] = {
            one.name: {one.name: self.types.named(one.type_ref)} for one in inputs
        }
        found: dict[str, Decision] = {}
        tables: list[Knowledge] = []
        for name in _in_order(requires):
            decision = self.decision(elements[name], name, requires[name], scopes, parameters, tables)
            if decision is not None:
                found[name] = decision
                scopes[name] = result_scope(decision, self.types)
        return tuple(found[name] for name in elements if name in found), tuple(tables)

    def decision(
        self,
        element: Element,
        name: str,
        requires: tuple[str, ...],
        scopes: Mapping[str, Mapping[str, NameType]],
        parameters: Mapping[str, tuple[InputData, ...]],
        tables: list[Knowledge],
    ) -> Decision | None:
        knowledge = self.required(element, "knowledgeRequirement", "requiredKnowledge")
        scope = {key: kind for other in requires for key, kind in scopes.get(other, {}).items()}
        functions = {other: parameters[other] for other in knowledge if other in parameters}
        reader = self.reader(scope, functions)
        logic = reader.logic(element, name) if has_logic(element) else Literal(None)
        if logic is None:
            return None
        if not has_logic(element):
            self.findings.warnings.append(f'{element.place}: "{name}" has no logic, so it is null')
        tables += reader.tables
        meaning, explained = element.said("description"), _extension(element, "explained")
        type_ref = self.named(element).type_ref or self.body_type(element)
        needs = (*knowledge, *(one.name for one in reader.tables))
        title = " ".join(element.get("name").split())
        title = "" if title == name else title
        return Decision(name, logic, type_ref, requires, needs, meaning, explained, title)

    def reader(self, scope: Mapping[str, NameType], functions: Mapping[str, tuple[InputData, ...]]) -> LogicReader:
        return LogicReader(self.types, scope, functions, self.findings)


def _required(root: Element, decision: str) -> list[Element]:
    """What stands in the model for one decision: all but the decisions, functions and services it does not require."""
    graph = list(root.all("decision", "businessKnowledgeModel", "decisionService"))
    by_id = {child.get("id"): child for child in graph}
    pending = [child for child in graph if decision in (child.get("name"), _variable_name(child))]
    if not pending:
        return root.children
    wanted: set[int] = set()
    while pending:
        child = pending.pop()
        if id(child) in wanted:
            continue
        wanted.add(id(child))
        hrefs = (part.get("href").rpartition("#")[2] for part in _references(child))
        pending += [by_id[href] for href in hrefs if href in by_id]
    left_out = {id(child) for child in graph} - wanted
    return [child for child in root.children if id(child) not in left_out]


def _references(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.get("href"):
            yield child
        elif child.name.endswith("Requirement"):
            yield from _references(child)


def _variable_name(element: Element) -> str:
    variable = element.first("variable")
    return " ".join(variable.get("name").split()) if variable else ""


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
