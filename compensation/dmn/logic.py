"""The boxed expressions of a model as tables and FEEL trees; what cannot be said in them is named with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from compensation.dmn.elements import Element
from compensation.dmn.model import InputData, Logic, Types
from compensation.feel import (
    FeelError,
    FeelType,
    Literal,
    NameType,
    Node,
    UnaryTests,
    check_expression,
    parse_expression,
    parse_tests,
)
from compensation.feel.nodes import Call, ContextOf, For, If, ListOf, Path, Quantified
from compensation.feel.scope import UnknownNameError
from compensation.tables.table import HitPolicy, Output, Rule, Table, check_table

HIT_POLICIES = {
    "UNIQUE": HitPolicy.UNIQUE,
    "ANY": HitPolicy.ANY,
    "PRIORITY": HitPolicy.PRIORITY,
    "FIRST": HitPolicy.FIRST,
    "RULE ORDER": HitPolicy.RULE_ORDER,
    "OUTPUT ORDER": HitPolicy.OUTPUT_ORDER,
    "COLLECT": HitPolicy.COLLECT,
}
AGGREGATIONS = {
    "SUM": HitPolicy.COLLECT_SUM,
    "MIN": HitPolicy.COLLECT_MIN,
    "MAX": HitPolicy.COLLECT_MAX,
    "COUNT": HitPolicy.COLLECT_COUNT,
}
BOXED = (
    *("literalExpression", "decisionTable", "invocation", "context", "list", "relation"),
    *("conditional", "for", "every", "some"),
)
_UNSUPPORTED = ("functionDefinition", "filter", "expression")
_DESCRIPTIVE = ("description", "extensionElements", "label", "question", "allowedAnswers", "documentation")
# A result of a boxed context that has no name of its own.
_RESULT = "result"
# Money inside a model is a plain number, exact as it stands.
_DECIMALS = 30


def is_descriptive(element: Element) -> bool:
    """Whether an element only describes, so that it can be passed over."""
    return element.name in _DESCRIPTIVE


def plain_type_ref(text: str) -> str:
    """The name of a type without the prefix (`feel:number`) that older models put before it."""
    return " ".join(text.rpartition(":")[2].split())


class LogicReader:
    """Reads the logic of one decision or function; `problems` stop the model, `warnings` do not."""

    def __init__(
        self,
        types: Types,
        scope: Mapping[str, NameType],
        functions: Mapping[str, tuple[InputData, ...]],
        problems: list[str],
        warnings: list[str],
    ) -> None:
        self.types = types
        self.functions = functions
        self.problems = problems
        self.warnings = warnings
        self.members = {*types.members(), *(name for kind in scope.values() for name in kind.fields or ())}
        defined = {name: NameType(FeelType.UNKNOWN, takes=len(takes)) for name, takes in functions.items()}
        self.scope = {**scope, **defined}

    def problem(self, at: Element, what: str) -> None:
        self.problems.append(f"{at.place}: {what}")

    def logic(self, holder: Element, name: str) -> Logic | None:
        """The table or expression inside an element, None after a problem."""
        before = len(self.problems)
        boxed = self.boxed(holder)
        if boxed is None:
            return None
        logic: Logic | None = self.table(boxed, name) if boxed.name == "decisionTable" else self.expression(boxed)
        return logic if len(self.problems) == before else None

    def boxed(self, holder: Element) -> Element | None:
        for child in holder.all(*_UNSUPPORTED):
            self.problem(child, f"<{child.name}> is not supported")
            return None
        found = holder.first(*BOXED)
        if found is None:
            self.problem(holder, f'"{holder.get("name") or holder.name}" has no logic; accepted: {", ".join(BOXED)}')
        return found

    # --- expressions

    def inside(self, holder: Element) -> Node:
        boxed = self.boxed(holder)
        return Literal(None) if boxed is None else self.expression(boxed)

    def expression(self, element: Element) -> Node:
        match element.name:
            case "literalExpression":
                return self.feel(element)
            case "invocation":
                return self.invocation(element)
            case "context":
                return self.context(element)
            case "list":
                return ListOf(tuple(self.expression(child) for child in element.all(*BOXED)))
            case "relation":
                return self.relation(element)
            case "conditional":
                return If(*(self.part(element, name) for name in ("if", "then", "else")))
            case "for" | "every" | "some":
                return self.iteration(element)
        self.problem(element, f"<{element.name}> inside another expression is not supported")
        return Literal(None)

    def feel(self, element: Element) -> Node:
        language = element.get("expressionLanguage")
        if language and "FEEL" not in language.upper():
            self.problem(element, f"the language {language} is not supported; accepted: FEEL")
        text = element.first("text")
        if text is None or not text.text.strip():
            return Literal(None)
        node = self.parsed(text)
        self.complain(check_expression(node, self.scope)[1])
        return node

    def parsed(self, text: Element) -> Node:
        names, members, functions = self.scope, self.members, self.functions
        try:
            return parse_expression(text.text.rstrip(), names, text.origin, members=members, functions=functions)
        except FeelError as error:
            self.problems.append(str(error))
            return Literal(None)

    def tests(self, text: Element | None) -> UnaryTests:
        if text is None or not text.text.strip():
            return UnaryTests(())
        names, members, functions = self.scope, self.members, self.functions
        try:
            return parse_tests(text.text.rstrip(), names, text.origin, members=members, functions=functions)
        except FeelError as error:
            self.problems.append(str(error))
            return UnaryTests(())

    def complain(self, errors: list[FeelError]) -> None:
        """An unknown name stops the model; a doubt about types is a warning, for DMN answers null there."""
        for error in errors:
            target = self.problems if isinstance(error, UnknownNameError) else self.warnings
            if str(error) not in target:
                target.append(str(error))

    def invocation(self, element: Element) -> Node:
        called = element.first("literalExpression")
        name = " ".join(called.said("text").split()) if called else ""
        if name not in self.functions:
            self.problem(element, f'"{name}" is no function that the decision requires')
            return Literal(None)
        given: dict[str, Node] = {}
        for binding in element.all("binding"):
            parameter = binding.first("parameter")
            given[parameter.get("name") if parameter else ""] = self.inside(binding)
        wanted = [parameter.name for parameter in self.functions[name]]
        for unknown in given.keys() - set(wanted):
            self.problem(element, f'"{name}" has no parameter "{unknown}"; accepted: {", ".join(wanted)}')
        return Call(name, tuple(given.get(parameter, Literal(None)) for parameter in wanted))

    def context(self, element: Element) -> Node:
        outer = self.scope
        entries: list[tuple[str, Node]] = []
        for entry in element.all("contextEntry"):
            variable = entry.first("variable")
            name = " ".join(variable.get("name").split()) if variable else _RESULT
            node = self.inside(entry)
            entries.append((name, node))
            self.scope = {**self.scope, name: NameType(check_expression(node, self.scope)[0])}
            if variable is None:
                self.scope = outer
                return Path(ContextOf(tuple(entries)), _RESULT)
        self.scope = outer
        return ContextOf(tuple(entries))

    def part(self, element: Element, name: str) -> Node:
        """The expression in a named part of a boxed one."""
        child = element.first(name)
        if child is None:
            self.problem(element, f"<{element.name}> has no <{name}>")
            return Literal(None)
        return self.inside(child)

    def iteration(self, element: Element) -> Node:
        """`for`, `every` or `some` over a list, whose items are called as the element says."""
        name = " ".join(element.get("iteratorVariable").split())
        if not name:
            self.problem(element, f"<{element.name}> has no iteratorVariable")
        domain, outer = self.part(element, "in"), self.scope
        self.scope = {**outer, name: NameType(FeelType.UNKNOWN)}
        inner = self.part(element, "return" if element.name == "for" else "satisfies")
        self.scope = outer
        if element.name == "for":
            return For(((name, domain),), inner)
        return Quantified(((name, domain),), inner, element.name == "every")

    def relation(self, element: Element) -> Node:
        columns = [" ".join(column.get("name").split()) for column in element.all("column")]
        rows = []
        for row in element.all("row"):
            cells = [self.expression(cell) for cell in row.all(*BOXED)]
            if len(cells) != len(columns):
                self.problem(row, f"the row has {len(cells)} cells; accepted: {len(columns)}, as many as columns")
                continue
            rows.append(ContextOf(tuple(zip(columns, cells, strict=True))))
        return ListOf(tuple(rows))

    # --- tables

    def table(self, element: Element, name: str) -> Table:
        inputs = list(element.all("input"))
        outputs = [self.output(one, name) for one in element.all("output")]
        values = [self.values(one.first("inputValues")) for one in inputs]
        rules = [self.rule(number, row, len(inputs), len(outputs)) for number, row in enumerate(element.all("rule"), 1)]
        if not outputs:
            self.problem(element, "the table has no output")
        if len({output.name for output in outputs}) != len(outputs):
            self.problem(element, "two outputs have one name, or several have none")
        subjects = tuple(self.subject(one) for one in inputs)
        table = Table(
            self.hit_policy(element), subjects, tuple(outputs), tuple(rules), tuple(values) if any(values) else ()
        )
        whole = all(len(rule.tests) == len(inputs) and len(rule.outputs) == len(outputs) for rule in rules)
        if whole:
            self.complain(check_table(as_numbers(table), self.scope, _DECIMALS))
        return table

    def hit_policy(self, element: Element) -> HitPolicy:
        written, aggregation = element.get("hitPolicy") or "UNIQUE", element.get("aggregation")
        if written not in HIT_POLICIES:
            self.problem(element, f"unknown hit policy {written}; accepted: {', '.join(HIT_POLICIES)}")
        if aggregation and aggregation not in AGGREGATIONS:
            self.problem(element, f"unknown aggregation {aggregation}; accepted: {', '.join(AGGREGATIONS)}")
        policy = HIT_POLICIES.get(written, HitPolicy.UNIQUE)
        return AGGREGATIONS.get(aggregation, policy) if policy is HitPolicy.COLLECT else policy

    def subject(self, element: Element) -> Node:
        expression = element.first("inputExpression")
        text = expression.first("text") if expression else None
        if text is None or not text.text.strip():
            self.problem(element, "the input has no expression")
            return Literal(None)
        return self.parsed(text)

    def values(self, element: Element | None) -> UnaryTests | None:
        tests = self.tests(element.first("text")) if element else None
        return None if tests is None or tests.is_any else tests

    def output(self, element: Element, decision: str) -> Output:
        type_ref = plain_type_ref(element.get("typeRef"))
        default = element.first("defaultOutputEntry")
        node = self.feel(default) if default else None
        name = " ".join(element.get("name").split()) or decision
        values = self.values(element.first("outputValues")) or self.types.allowed(type_ref)
        return Output(name, self.types.output(type_ref), values, node)

    def rule(self, number: int, element: Element, inputs: int, outputs: int) -> Rule:
        tests = tuple(self.tests(entry.first("text")) for entry in element.all("inputEntry"))
        results = []
        for entry in element.all("outputEntry"):
            text = entry.first("text")
            results.append(self.parsed(text) if text and text.text.strip() else Literal(None))
        if (len(tests), len(results)) != (inputs, outputs):
            what = f"rule {number} has {len(tests)} tests and {len(results)} results"
            self.problem(element, f"{what}; accepted: {inputs} and {outputs}, as many as the table's")
        annotation = element.first("annotationEntry")
        note = annotation.said("text") if annotation else element.said("description")
        return Rule(number, tests, tuple(results), " ".join(note.split()))


def as_numbers(table: Table) -> Table:
    """The table as a model reads it, in which money is a plain number."""
    outputs = tuple(
        dataclasses.replace(output, type=FeelType.NUMBER) if output.type is FeelType.MONEY else output
        for output in table.outputs
    )
    return dataclasses.replace(table, outputs=outputs)
