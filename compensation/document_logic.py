"""The rules of a policy file: decisions, rewards and the customer text, read and checked in the order they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import yaml

from compensation.document_model import ExpressionDecision, Parameter, PolicyDecision, Reward, TableDecision
from compensation.document_schema import Head
from compensation.document_yaml import Reader
from compensation.facts import Fact, check_name
from compensation.feel import (
    NAMED_TYPES,
    FeelError,
    FeelType,
    Literal,
    Name,
    NameType,
    Node,
    check_expression,
    is_exact_money,
    parse_expression,
)
from compensation.feel.values import read_date
from compensation.rewards import KINDS, Field
from compensation.table_text import read_table
from compensation.tables import HitPolicy, check_result, check_table
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
        self.scope = {name: fact.name_type() for name, fact in catalogue.items()}
        # What failed may still be named without a second complaint.
        self.failed = set(failed)
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
        for item in self.reader.items(node, "decisions"):
            decision = self.decision(item)
            if decision:
                self.scope.update(decision.results())
                found.append(decision)
        return tuple(found)

    def decision(self, node: yaml.Node) -> PolicyDecision | None:
        parts = self.reader.mapping(
            node, "a decision", ["name"], ["meaning", "table", "hit policy", "expression", "type"]
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
        return TableDecision(name, meaning, table) if table else None

    def expression_decision(self, name: str, meaning: str, parts: Mapping[str, yaml.Node]) -> ExpressionDecision | None:
        if "hit policy" in parts:
            self.reader.problem(parts["hit policy"], "only a table has a hit policy", "no hit policy here")
        node = self.parse(parts["expression"], "expression")
        declared = self.reader.choice(parts["type"], "type", NAMED_TYPES) if "type" in parts else None
        if node is None:
            return None
        actual, errors = check_expression(node, self.scope)
        if not errors and declared:
            errors = check_result(node, FeelType(declared), self.scope, self.head.exponent)
        self.complain(errors)
        exact = is_exact_money(node, self.scope, self.head.exponent)
        return ExpressionDecision(name, meaning, FeelType(declared) if declared else actual, node, exact)

    def rewards(self, node: yaml.Node | None) -> tuple[Reward, ...]:
        """The rewards, names distinct."""
        found: dict[str, Reward] = {}
        for item in self.reader.items(node, "rewards") if node else ():
            reward = self.reward(item)
            if reward is None:
                continue
            if reward.name in found:
                self.reader.problem(item, f'two rewards are named "{reward.name}"', "each name once")
            found[reward.name] = reward
        return tuple(found.values())

    def reward(self, node: yaml.Node) -> Reward | None:
        entries = dict(_entries(node))
        if "kind" not in entries:
            known = {field.name for kind in KINDS.values() for field in kind.fields}
            self.reader.mapping(node, "a reward", ["name", "kind"], ["when", *sorted(known)])
            return None
        kind_name = self.reader.choice(entries["kind"], "kind", KINDS)
        if kind_name is None:
            return None
        kind = KINDS[kind_name]
        required = [field.name for field in kind.fields if field.required]
        optional = [field.name for field in kind.fields if not field.required]
        parts = self.reader.mapping(node, f"a {kind.name}", ["name", "kind", *required], ["when", *optional])
        name = self.reader.string(parts["name"], "name") if "name" in parts else None
        when = self.parse(parts["when"], "when") if "when" in parts else None
        if when is not None:
            self.complain(check_result(when, FeelType.BOOLEAN, self.scope, self.head.exponent))
        fields = {field.name: self.field(parts[field.name], field) for field in kind.fields if field.name in parts}
        return Reward(name or "", kind, when, {key: value for key, value in fields.items() if value is not None})

    def field(self, node: yaml.Node, field: Field) -> Node | None:
        if field.plain:
            return Literal(self.reader.string(node, field.name))
        written = read_date(str(node.value)) if field.type is FeelType.DATE else None
        parsed: Node | None = Literal(written) if written else self.parse(node, field.name)
        if parsed is not None:
            self.complain(check_result(parsed, field.type, self.scope, self.head.exponent))
        return parsed

    def customer_text(self, node: yaml.Node | None) -> Node | None:
        """The expression that names the customer text, None when no text is ever sent."""
        if node is None or self.reader.is_null(node):
            return None
        parsed = self.parse(node, "text")
        if parsed is not None:
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
                self.reader.feel_problem(error)


def _entries(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping as they stand; its faults are found when it is read as a reward."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            yield key.value, value


def _parameter_type(parameter: Parameter, head: Head) -> NameType:
    """A parameter of money is exact when each of its values is a whole number of minor units."""
    literals = [Literal(dated.value) for dated in parameter.values]
    is_money = parameter.type is FeelType.MONEY
    exact = is_money and all(is_exact_money(node, {}, head.exponent) for node in literals)
    return NameType(parameter.type, exact_money=exact)
