"""The rules of a policy file: decisions and the customer text, read and checked in the order they stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import yaml

from compensation.document.explained import read_explained
from compensation.document.model import ExpressionDecision, Parameter, PolicyDecision, TableDecision
from compensation.document.schema import Head
from compensation.document.yaml_reader import Reader
from compensation.facts import Fact, check_name
from compensation.feel import (
    NAMED_TYPES,
    FeelError,
    FeelType,
    Literal,
    Name,
    NameType,
    Node,
    Scope,
    check_expression,
    is_exact_money,
    parse_expression,
)
from compensation.feel.scope import UnknownNameError
from compensation.feel.units import unit_of, unit_of_any
from compensation.tables.table import HitPolicy, Table, check_result, check_table
from compensation.tables.text import read_table
from foundation.errors import InputError


class LogicReader:
    """Reads rules against the names in scope: facts, then parameters, then each decision as it is read."""

    def __init__(
        self,
        reader: Reader,
        head: Head,
        catalogue: Mapping[str, Fact],
        parameters: tuple[Parameter, ...],
        failed: Collection[str],
    ) -> None:
        self.reader = reader
        self.head = head
        self.scope = {name: _fact_type(fact, head) for name, fact in catalogue.items()}
        # What failed may still be named without a second complaint.
        self.failed = set(failed)
        # The decision that is being read, and those after it.
        self.undecided: list[str] = []
        for parameter in parameters:
            self.scope[parameter.name] = _parameter_type(parameter, head)

    @property
    def known(self) -> frozenset[str]:
        """Every name to recognise, whether it could be read or not."""
        return frozenset(self.scope) | self.failed

    def decisions(self, node: yaml.Node | None) -> tuple[PolicyDecision, ...]:
        """The decisions in order; each may read those before it."""
        if node is None or self.reader.is_null(node):
            return ()
        found = []
        items = self.reader.items(node, "decisions")
        self.undecided = [name for item in items if (name := _name_in(item))]
        for item in items:
            decision = self.decision(item)
            self.undecided = self.undecided[1:] if _name_in(item) else self.undecided
            if decision:
                self.scope.update(decision.results())
                found.append(decision)
        return tuple(found)

    def decision(self, node: yaml.Node) -> PolicyDecision | None:
        parts = self.reader.mapping(
            node, "a decision", ["name"], ["meaning", "table", "hit policy", "explained", "expression", "type"]
        )
        name = self.new_name(parts)
        meaning = self.reader.string(parts["meaning"], "meaning") or "" if "meaning" in parts else ""
        if ("table" in parts) is ("expression" in parts):
            what = "a decision has either a table or an expression"
            self.reader.problem(node, what, "table: | and its lines, or expression: ...")
            return None
        problems = len(self.reader.problems)
        decision = (
            self.table(name, meaning, parts) if "table" in parts else self.expression_decision(name, meaning, parts)
        )
        if len(self.reader.problems) > problems:
            self.failed.add(name)
            return None
        return decision

    def new_name(self, parts: Mapping[str, yaml.Node]) -> str:
        node = parts.get("name")
        name = self.reader.string(node, "name") if node else None
        if node is None or name is None:
            return ""
        taken = {known.partition(".")[0] for known in self.scope} | self.failed
        try:
            check_name(name)
        except InputError as error:
            self.reader.problem(node, f'"{name}": {error.what}', error.accepted)
        if name in taken:
            self.reader.problem(node, f'"{name}" is the name of a fact, parameter or earlier decision', "a new name")
        return name

    def table(self, name: str, meaning: str, parts: Mapping[str, yaml.Node]) -> TableDecision | None:
        node = parts["table"]
        if "type" in parts:
            self.reader.problem(parts["type"], "a table says the types of its outputs in its header", "no type here")
        if "hit policy" not in parts:
            self.reader.problem(node, "a table needs its hit policy", f"hit policy: one of {', '.join(HitPolicy)}")
            return None
        hit_policy = self.reader.choice(parts["hit policy"], "hit policy", [*HitPolicy])
        if hit_policy is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.style != "|":
            self.reader.problem(node, "a table is a block of text", "table: | and then its lines, indented")
            return None
        table, errors = read_table(node.value, HitPolicy(hit_policy), self.known, self.reader.origin(node))
        errors = errors if table is None else check_table(table, self.scope, self.head.exponent)
        self.complain(errors)
        if table is None:
            return None
        entries = None if errors else parts.get("explained")
        explained = read_explained(self.reader, entries, table, self.scope, self.known)
        return TableDecision(name, meaning, table, explained, () if errors else _units(table, self.scope))

    def expression_decision(self, name: str, meaning: str, parts: Mapping[str, yaml.Node]) -> ExpressionDecision | None:
        for key in ("hit policy", "explained"):
            if key in parts:
                self.reader.problem(parts[key], f"only a table has {key}", f"no {key} here")
        node = self.parse(parts["expression"], "expression")
        declared = self.reader.choice(parts["type"], "type", NAMED_TYPES) if "type" in parts else None
        if node is None:
            return None
        actual, errors = check_expression(node, self.scope)
        if not errors and declared:
            errors = check_result(node, FeelType(declared), self.scope, self.head.exponent)
        self.complain(errors)
        exact = is_exact_money(node, self.scope, self.head.exponent)
        unit = unit_of(node, self.scope)
        return ExpressionDecision(name, meaning, FeelType(declared) if declared else actual, node, exact, unit)

    def customer_text(self, node: yaml.Node | None) -> Node | None:
        """The expression that names the customer text, None when no text is ever sent."""
        if node is None or self.reader.is_null(node):
            return None
        parsed = self.parse(node, "text")
        if isinstance(parsed, Name) and parsed.name not in self.known:
            what = f'the name of a text stands in quotes, or "{parsed.name}" is an unknown name'
            self.reader.problem(node, what, f"""'"{parsed.name}"', or if ... then "{parsed.name}" else null""")
        elif parsed is not None:
            self.complain(check_result(parsed, FeelType.STRING, self.scope, self.head.exponent))
        return parsed

    def parse(self, node: yaml.Node, what: str) -> Node | None:
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            self.reader.problem(node, f"{what} is not an expression", "such as 0.1 * service fee")
            return None
        text = str(node.value).rstrip()
        try:
            parsed = parse_expression(text, self.known, self.reader.origin(node))
        except FeelError as error:
            self.reader.feel_problem(error)
            return None
        if node.style == '"' and isinstance(parsed, Name) and parsed.name not in self.known:
            self.reader.problem(node, f"{what} is a text without FEEL's own quotes", f"'\"{text}\"'")
            return None
        return parsed

    def complain(self, errors: list[FeelError]) -> None:
        for error in errors:
            if not any(f'unknown name "{name}' in error.what for name in self.failed):
                self.reader.feel_problem(self.out_of_order(error))

    def out_of_order(self, error: FeelError) -> FeelError:
        """The complaint about a name that is unknown only as yet: it is decided here, or later."""
        name = next((one for one in self.undecided if error.what == f'unknown name "{one}"'), None)
        if name is None or not isinstance(error, UnknownNameError):
            return error
        what = f'"{name}" reads itself' if name == self.undecided[0] else f'"{name}" is decided only after this'
        return FeelError(what, error.at, "a decision reads those that stand before it, and none in a circle")


def _name_in(node: yaml.Node) -> str:
    """The name that a decision gives itself, as far as it can be seen."""
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((" ".join(str(value.value).split()) for key, value in entries if key.value == "name"), "")


def _units(table: Table, scope: Scope) -> tuple[str, ...]:
    """The unit of each output that is a number of its own: what is counted has none."""
    if table.hit_policy is HitPolicy.COLLECT_COUNT or table.hit_policy.gives_list:
        return ()
    results = zip(*(rule.outputs for rule in table.rules), strict=True)
    return tuple(unit_of_any(cells, scope) for cells in results)


def _parameter_type(parameter: Parameter, head: Head) -> NameType:
    """A parameter of money is exact when each of its values is a whole number of minor units."""
    literals = [Literal(dated.value) for dated in parameter.values]
    is_money = parameter.type is FeelType.MONEY
    exact = is_money and all(is_exact_money(node, {}, head.exponent) for node in literals)
    return NameType(parameter.type, exact_money=exact, unit=head.currency if is_money else parameter.unit)


def _fact_type(fact: Fact, head: Head) -> NameType:
    """What is known of a fact; an amount counts in the policy's currency."""
    kind = fact.name_type()
    return replace(kind, unit=head.currency) if fact.type is FeelType.MONEY else kind
