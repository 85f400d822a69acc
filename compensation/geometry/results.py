"""What a table gives when a set of its rules matches, as text: values where they are written out, else formulas."""

from __future__ import annotations

from collections.abc import Sequence

from compensation.feel import Literal, Node, Value, write_expression
from compensation.tables.table import HitPolicy, Rule, Status, Table, combine

NO_RULE = "no rule"
CONFLICT = "conflict"


def numbers_that_count(table: Table, rules: Sequence[Rule]) -> tuple[int, ...]:
    """The numbers of those matching rules that the hit policy lets count, as far as their results are written out."""
    if table.hit_policy is HitPolicy.FIRST:
        rules = rules[:1]
    if table.hit_policy is HitPolicy.PRIORITY and rules and _are_written(rules):
        return combine(table, _values(rules))[1]
    return tuple(rule.number for rule in rules)


def _are_written(rules: Sequence[Rule]) -> bool:
    return all(isinstance(node, Literal) for rule in rules for node in rule.outputs)


def result_text(table: Table, rules: Sequence[Rule]) -> str:
    """What a table gives when these rules match: values and formulas as text, by its hit policy."""
    if not rules and not table.has_default:
        return NO_RULE
    if not rules:
        # A default of a list is a list of one, as a rule would give.
        rules = [Rule(0, (), tuple(output.default or Literal(None) for output in table.outputs))]
        if not table.hit_policy.gives_list:
            return _row(table, rules[0].outputs)
    policy = table.hit_policy
    if policy is HitPolicy.UNIQUE and len(rules) > 1:
        return CONFLICT
    if policy is HitPolicy.COLLECT_COUNT:
        return str(len(rules))
    if _are_written(rules):
        return _combined(table, rules)
    if policy is HitPolicy.PRIORITY and len(rules) > 1:
        return "the first in order of " + " / ".join(_row(table, rule.outputs) for rule in rules)
    rows = [_row(table, rule.outputs) for rule in rules]
    if policy in (HitPolicy.COLLECT, HitPolicy.COLLECT_SUM, HitPolicy.COLLECT_MIN, HitPolicy.COLLECT_MAX):
        rows = sorted(rows)
    if policy is HitPolicy.ANY:
        rows = sorted(set(rows))
        return rows[0] if len(rows) == 1 else f"{CONFLICT} unless all are equal: {', '.join(rows)}"
    return rows[0] if policy in (HitPolicy.FIRST, HitPolicy.UNIQUE) else f"{policy} of {', '.join(rows)}"


def _values(rules: Sequence[Rule]) -> list[tuple[Rule, tuple[Value, ...]]]:
    return [(rule, tuple(node.value for node in rule.outputs if isinstance(node, Literal))) for rule in rules]


def _combined(table: Table, rules: Sequence[Rule]) -> str:
    status, _, outputs = combine(table, _values(rules))
    if status is Status.CONFLICT:
        return CONFLICT
    if table.hit_policy is HitPolicy.COLLECT:
        return "C of " + ", ".join(sorted(_row(table, rule.outputs) for rule in rules))
    return _row(table, [Literal(value) for value in outputs])


def _row(table: Table, nodes: Sequence[Node]) -> str:
    """The outputs of a row: the text alone when there is one output, else each with its name."""
    texts = [write_expression(node) for node in nodes]
    if len(texts) == 1:
        return texts[0]
    return ", ".join(f"{output.name}: {text}" for output, text in zip(table.outputs, texts, strict=True))
