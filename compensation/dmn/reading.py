"""DMN XML to a checked model, or everything in it that cannot be read or is not supported, with its place."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from compensation.dmn.elements import Element, read_elements
from compensation.dmn.graph import in_circles, in_order, required
from compensation.dmn.imports import take_imports
from compensation.dmn.logic import BOXED, LogicReader, has_logic, is_descriptive
from compensation.dmn.model import (
    PREFIX,
    Decision,
    DecisionService,
    InputData,
    ItemType,
    Knowledge,
    Model,
    ModelError,
    Types,
    local_name,
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


def read_model(
    text: str | bytes, decision: str = "", *, others: Iterable[str | bytes] = (), as_far_as_possible: bool = False
) -> Model:
    """The model of a DMN document; raises ModelError with every problem found.

    With the name of a decision only that one and what it requires are read: what cannot be read elsewhere does not
    matter then. `others` are documents among which the models stand that this one imports; what cannot be read of them
    is as if it were not there. With `as_far_as_possible` the model's `problems` say which parts could not be read, and
    only what requires one of those cannot be asked.
    """
    root = read_elements(text)
    missing = take_imports(root, list(_readable(others))) if root.first("import") else []
    if decision:
        root.children = required(root, decision)
    return _ModelReader(root, missing, as_far_as_possible=as_far_as_possible).read()


def _readable(texts: Iterable[str | bytes]) -> Iterator[Element]:
    for text in texts:
        with contextlib.suppress(ModelError):
            yield read_elements(text)


class _ModelReader:
    def __init__(self, root: Element, missing: Collection[str], *, as_far_as_possible: bool) -> None:
        self.root = root
        self.goes_on = as_far_as_possible
        self.unread: dict[str, tuple[str, ...]] = {}
        self.findings = Findings()
        (self.findings.warnings if as_far_as_possible else self.findings.problems).extend(missing)
        self.problems = self.findings.problems
        self.names_by_id: dict[str, str] = {}
        self.types = Types(())

    def problem(self, at: Element, what: str) -> None:
        self.problems.append(f"{at.place}: {what}")

    @contextlib.contextmanager
    def part(self, name: str = "") -> Iterator[None]:
        """What goes wrong within is that part's alone, where reading goes on; without a name it only is a doubt."""
        before = len(self.problems)
        yield
        if self.goes_on and len(self.problems) > before:
            found = self.problems[before:]
            del self.problems[before:]
            if name:
                self.unread[name] = (*self.unread.get(name, ()), *found)
            else:
                self.findings.warnings += found

    def read(self) -> Model:
        root = self.root
        if root.name != "definitions" or root.namespace.partition("://")[2] not in _KNOWN:
            what = f"{root.place}: <{root.name}> in namespace {root.namespace or '(none)'} is no DMN model"
            raise ModelError([f"{what}; accepted: definitions in one of {', '.join(NAMESPACES)}"])
        with self.part():
            self.refuse_unsupported()
            items = tuple(self.item(child) for child in root.all("itemDefinition"))
        self.types = Types(items)
        self.refuse_circular_types(items)
        with self.part():
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
            warnings=tuple(dict.fromkeys(self.findings.warnings)),
            problems=self.unread,
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
            with self.part():
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
        for name in in_circles(bases):
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
            self.problem(element, f'"{href}" is nothing in this model, nor in one that it imports')
        return name

    def service(self, element: Element) -> DecisionService:
        """A decision service: what it answers, and its inputs before the decisions that are given to it."""
        found: dict[str, list[str]] = {}
        with self.part():
            named = self.named(element)
        with self.part(named.name):
            for kind in ("outputDecision", "encapsulatedDecision", "inputData", "inputDecision"):
                hrefs = [target.get("href") for target in element.all(kind)]
                found[kind] = [name for href in hrefs if (name := self.target(element, href))]
            if not found["outputDecision"]:
                self.problem(element, "the service has no <outputDecision>")
        outputs, inner = tuple(found["outputDecision"]), tuple(found["encapsulatedDecision"])
        takes = (*found["inputData"], *found["inputDecision"])
        return DecisionService(named.name, outputs, inner, takes, named.type_ref, element.get(PREFIX))

    def service_parameters(self, service: DecisionService, inputs: Collection[InputData]) -> tuple[InputData, ...]:
        known = {one.name: one for one in inputs}
        known |= {one.name: one for one in map(self.named, self.root.all("decision"))}
        return tuple(known.get(name, InputData(name)) for name in service.inputs)

    def knowledge(
        self, services: Mapping[str, tuple[InputData, ...]]
    ) -> tuple[tuple[Knowledge, ...], tuple[Knowledge, ...]]:
        """The functions of the model, and those that stand for the tables within their expressions."""
        elements = self.by_name("businessKnowledgeModel")
        requires: dict[str, tuple[str, ...]] = {}
        parameters: dict[str, tuple[InputData, ...]] = {}
        for name, child in elements.items():
            with self.part(name):
                requires[name] = self.required(child, "knowledgeRequirement", "requiredKnowledge")
                parameters[name] = self.parameters(child)
        for name in in_circles(requires):
            self.problem(elements[name], f'the function "{name}" requires itself')
        known = {**services, **parameters}
        found: list[Knowledge] = []
        tables: list[Knowledge] = []
        for name, child in elements.items():
            prefix = child.get(PREFIX)
            functions = {local_name(other, prefix): known[other] for other in requires[name] if other in known}
            scope = {one.name: self.types.named(one.type_ref) for one in parameters[name]}
            body = child.first("encapsulatedLogic") or child
            reader = self.reader(scope, functions, prefix)
            with self.part(name):
                logic = reader.logic(body, name)
            # What could not be read is there to be named, and is never asked.
            if logic is not None or self.goes_on:
                logic = Literal(None) if logic is None else logic
                type_ref = self.typed(child) or self.body_type(body)
                needs = (*requires[name], *(one.name for one in reader.tables))
                found.append(Knowledge(name, parameters[name], logic, type_ref, needs, prefix))
                tables += self.tables_of(reader, requires[name], prefix)
        return tuple(found), tuple(tables)

    def by_name(self, kind: str) -> dict[str, Element]:
        """The elements of a kind by the names that others read them by."""
        with self.part():
            return {self.named(child).name: child for child in self.root.all(kind)}

    def typed(self, element: Element) -> str:
        with self.part():
            return self.named(element).type_ref

    def tables_of(self, reader: LogicReader, needs: Collection[str], prefix: str) -> list[Knowledge]:
        """The tables within an expression, which call what their owner calls."""
        names = {local_name(name, prefix): name for name in needs}
        return [
            replace(one, knowledge=tuple(names.get(name, name) for name in one.knowledge), prefix=prefix)
            for one in reader.tables
        ]

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
        elements = self.by_name("decision")
        requires: dict[str, tuple[str, ...]] = {}
        for name, child in elements.items():
            with self.part(name):
                requires[name] = self.required(child, "informationRequirement", "requiredInput", "requiredDecision")
        circular = in_circles(requires)
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
        for name in in_order(requires):
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
        with self.part(name):
            knowledge = self.required(element, "knowledgeRequirement", "requiredKnowledge")
        prefix = element.get(PREFIX)
        scope = {local_name(key, prefix): kind for other in requires for key, kind in scopes.get(other, {}).items()}
        functions = {local_name(other, prefix): parameters[other] for other in knowledge if other in parameters}
        reader = self.reader(scope, functions, prefix)
        with self.part(name):
            logic = reader.logic(element, name) if has_logic(element) else Literal(None)
        if logic is None and not self.goes_on:
            return None
        if not has_logic(element):
            self.findings.warnings.append(f'{element.place}: "{name}" has no logic, so it is null')
        tables += self.tables_of(reader, knowledge, prefix)
        meaning, explained = element.said("description"), _extension(element, "explained")
        type_ref = self.typed(element) or self.body_type(element)
        needs = (*knowledge, *(one.name for one in reader.tables))
        title = " ".join(element.get("name").split())
        title = "" if title == name else title
        read = Literal(None) if logic is None else logic
        return Decision(name, read, type_ref, requires, needs, meaning, explained, title, prefix)

    def reader(
        self, scope: Mapping[str, NameType], functions: Mapping[str, tuple[InputData, ...]], prefix: str
    ) -> LogicReader:
        return LogicReader(self.types, scope, functions, self.findings, prefix)


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
