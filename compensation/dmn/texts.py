"""The texts and decision tables of a model as FEEL trees, read against the names, types and functions around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from compensation.dmn.elements import Element
from compensation.dmn.model import InputData, Knowledge, Types, local_name
from compensation.feel import (
    FeelError,
    FeelType,
    Literal,
    ModelOnlyError,
    ModelWords,
    NameType,
    Node,
    UnaryTests,
    check_expression,
    parse_expression,
    parse_tests,
)
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
# Money inside a model is a plain number, exact as it stands.
_DECIMALS = 30


def plain_type_ref(text: str) -> str:
    """The name of a type without the prefix (`feel:number`) that older models put before it."""
    return " ".join(text.rpartition(":")[2].split())


@dataclasses.dataclass(slots=True)
class Findings:
    """What reading a model finds: `problems` stop it, `warnings` do not; `names` are those that are taken."""

    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    names: set[str] = dataclasses.field(default_factory=set)


class TextReader:
    """Reads texts and tables against `scope`; `in_filter` says that a text stands where a filter's condition does."""

    def __init__(
        self,
        types: Types,
        scope: Mapping[str, NameType],
        functions: Mapping[str, tuple[InputData, ...]],
        findings: Findings,
        prefix: str = "",
    ) -> None:
        """`prefix` is the name under which the model of these texts is imported: they call its types without it."""
        self.types = types
        self.functions = functions
        self.findings = findings
        self.problems = findings.problems
        self.warnings = findings.warnings
        self.tables: list[Knowledge] = []
        takes = {name: tuple(one.name for one in parameters) for name, parameters in functions.items()}
        named = types.all_named()
        own = {local_name(name, prefix): kind for name, kind in named.items()}
        self.model = ModelWords(takes, {**named, **own})
        self.owner = ""
        self.in_filter = False
        self.members = {*types.members(), *(name for kind in scope.values() for name in kind.fields or ())}
        defined = {name: NameType(FeelType.UNKNOWN, takes=len(takes)) for name, takes in functions.items()}
        self.scope = {**scope, **defined}

    def problem(self, at: Element, what: str) -> None:
        self.problems.append(f"{at.place}: {what}")

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
        members, model = self.members, self.model
        try:
            return parse_expression(
                text.text.rstrip(), self.names(), text.origin, members=members, model=model, in_filter=self.in_filter
            )
        except FeelError as error:
            self.problems.append(str(error))
            return Literal(None)

    def tests(self, text: Element | None) -> UnaryTests:
        if text is None or not text.text.strip():
            return UnaryTests(())
        try:
            return parse_tests(text.text.rstrip(), self.names(), text.origin, members=self.members, model=self.model)
        except FeelError as error:
            self.problems.append(str(error))
            return UnaryTests(())

    def complain(self, errors: list[FeelError]) -> None:
        """An unknown name stops the model; a doubt about types is a warning, for DMN answers null there."""
        for error in errors:
            if isinstance(error, ModelOnlyError):
                continue
            target = self.problems if isinstance(error, UnknownNameError) else self.warnings
            if str(error) not in target:
                target.append(str(error))

    def names(self) -> list[str]:
        """The names that a text may read; functions are called, not read."""
        return [name for name, kind in self.scope.items() if kind.takes is None]

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
