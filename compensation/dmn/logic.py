"""The boxed expressions of a model as tables and FEEL trees; what cannot be said in them is named with its place."""

from __future__ import annotations

import itertools

from compensation.dmn.elements import Element
from compensation.dmn.model import InputData, Knowledge, Logic
from compensation.dmn.texts import TextReader, plain_type_ref
from compensation.feel import (
    FeelType,
    Literal,
    Name,
    NameType,
    Node,
    check_expression,
)
from compensation.feel.kinds import TYPE_NAMES
from compensation.feel.nodes import (
    ITEM,
    PARTIAL,
    Call,
    ContextOf,
    Filter,
    For,
    FunctionOf,
    If,
    Invoke,
    ListOf,
    Parameter,
    Path,
    Quantified,
)

BOXED = (
    *("literalExpression", "decisionTable", "invocation", "context", "list", "relation"),
    *("conditional", "for", "every", "some", "filter", "functionDefinition"),
)
_UNSUPPORTED = ("expression",)
_DESCRIPTIVE = ("description", "extensionElements", "label", "question", "allowedAnswers", "documentation")
# A result of a boxed context that has no name of its own.
_RESULT = "result"


def is_descriptive(element: Element) -> bool:
    """Whether an element only describes, so that it can be passed over."""
    return element.name in _DESCRIPTIVE


def has_logic(element: Element) -> bool:
    """Whether anything in a decision says how it is made, be it supported or not."""
    return element.first(*BOXED, *_UNSUPPORTED) is not None


class LogicReader(TextReader):
    """Reads the logic of one decision or function.

    A table inside another expression becomes a function of the names it reads: `tables` are those, in their order.
    """

    def logic(self, holder: Element, name: str) -> Logic | None:
        """The table or expression inside an element, None after a problem."""
        before, self.owner = len(self.problems), name
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

    def inside(self, holder: Element, name: str = "") -> Node:
        """The one expression in an element, `name` being what a table there is called."""
        boxed = self.boxed(holder)
        return Literal(None) if boxed is None else self.expression(boxed, name)

    def expression(self, element: Element, name: str = "") -> Node:
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
            case "filter":
                return self.filtered(element)
            case "functionDefinition":
                return self.function(element)
            case _:
                return self.inner_table(element, name)

    def invocation(self, element: Element) -> Node:
        called = element.first("literalExpression")
        name = " ".join(called.said("text").split()) if called else ""
        given: dict[str, Node] = {}
        for binding in element.all("binding"):
            parameter = binding.first("parameter")
            label = parameter.get("name") if parameter else ""
            given[label] = self.inside(binding, label)
        if called is not None and name not in self.functions and self.is_known(name):
            return Invoke(self.feel(called), tuple(given.values()), tuple(given))
        if name not in self.functions:
            self.problem(element, f'"{name}" is no function that the decision requires')
            return Literal(None)
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
            node = self.as_declared(self.inside(entry, name), name, variable)
            entries.append((name, node))
            self.scope = {**self.scope, name: self.entry_type(node, variable)}
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
        if element.name == "for":
            self.scope = {**self.scope, PARTIAL: NameType(FeelType.LIST)}
        inner = self.part(element, "return" if element.name == "for" else "satisfies")
        self.scope = outer
        if element.name == "for":
            return For(((name, domain),), inner)
        return Quantified(((name, domain),), inner, element.name == "every")

    def filtered(self, element: Element) -> Node:
        """`<in>` by the condition in `<match>`, which calls each item `item`, or names its entries."""
        source, outer = self.part(element, "in"), (self.scope, self.in_filter)
        self.scope, self.in_filter = {**self.scope, ITEM: NameType(FeelType.UNKNOWN)}, True
        condition = self.part(element, "match")
        self.scope, self.in_filter = outer
        return Filter(source, condition)

    def function(self, element: Element) -> Node:
        if element.get("kind") not in ("", "FEEL"):
            self.problem(element, f"a function of kind {element.get('kind')} is not supported; accepted: FEEL")
        parameters = tuple(self.parameter(one) for one in element.all("formalParameter"))
        outer = (self.scope, self.in_filter)
        self.scope = {**self.scope, **{one.name: one.kind for one in parameters}}
        self.in_filter = False
        body = self.inside(element)
        self.scope, self.in_filter = outer
        return FunctionOf(parameters, body)

    def parameter(self, element: Element) -> Parameter:
        written = plain_type_ref(element.get("typeRef"))
        if written and written not in {*TYPE_NAMES, *self.types.items}:
            self.problem(element, f'unknown type "{written}"')
        return Parameter(" ".join(element.get("name").split()), written, self.types.named(written))

    def inner_table(self, element: Element, entry: str) -> Node:
        """A call of the table as a function: expressions hold no tables."""
        wanted = " ".join(f"{self.owner} {entry or 'table'}".split())
        # What a text calls begins with a letter.
        name = self.new_name(wanted if wanted[0].isalpha() else f"table {wanted}")
        table = self.table(element, entry or name)
        read = [one for one in dict.fromkeys(table.names_read()) if one not in self.functions]
        self.tables.append(Knowledge(name, tuple(map(InputData, read)), table, knowledge=tuple(self.functions)))
        self.scope = {**self.scope, name: NameType(FeelType.UNKNOWN, takes=len(read))}
        return Call(name, tuple(map(Name, read)))

    def new_name(self, wanted: str) -> str:
        numbered = (f"{wanted} {number}" for number in itertools.count(2))
        name = next(one for one in itertools.chain([wanted], numbered) if one not in self.findings.names)
        self.findings.names.add(name)
        return name

    def is_known(self, text: str) -> bool:
        """Whether a text begins with a name that is known."""
        return any(text == name or text.startswith((f"{name}.", f"{name}(", f"{name}[")) for name in self.names())

    def entry_type(self, node: Node, variable: Element | None) -> NameType:
        """What is known of an entry of a context: the type it is declared with, else that of its expression."""
        declared = self.types.named(plain_type_ref(variable.get("typeRef"))) if variable else NameType(FeelType.UNKNOWN)
        if declared.type is not FeelType.UNKNOWN:
            return declared
        return NameType(check_expression(node, self.scope)[0])

    def as_declared(self, node: Node, name: str, variable: Element | None) -> Node:
        """An entry of a declared type: what is none of it is null, as it is for an argument of a function."""
        written = plain_type_ref(variable.get("typeRef")) if variable else ""
        kind = self.types.named(written)
        plain = kind.item is None and kind.fields is None
        actual = check_expression(node, self.scope)[0]
        if kind.type in (FeelType.UNKNOWN, FeelType.FUNCTION) or (plain and actual in (kind.type, FeelType.NULL)):
            return node
        return Invoke(FunctionOf((Parameter(name, written, kind),), Name(name)), (node,))

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
