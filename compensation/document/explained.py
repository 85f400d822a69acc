"""The explanations in a policy file of what the checks of a table find: gaps, overlaps, rules that never count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import yaml

from compensation.document.model import Explanation
from compensation.document.parts import flow_scalar, in_quotes, scalar
from compensation.document.yaml_reader import Reader
from compensation.feel import (
    FeelError,
    Scope,
    UnaryTests,
    check_tests,
    parse_tests,
    suggestion,
    write_expression,
    write_tests,
)
from compensation.feel.regions import ANYTHING
from compensation.tables.table import Table

_KINDS = ("gap", "overlap", "dead rule")


def read_explained(
    reader: Reader, node: yaml.Node | None, table: Table, scope: Scope, known: Collection[str]
) -> tuple[Explanation, ...]:
    """The explanations that stand under `explained` of a table; what is wrong with them is noted by the reader."""
    if node is None or reader.is_null(node):
        return ()
    found = []
    for item in reader.items(node, "explained"):
        parts = reader.mapping(item, "an explanation", ["why"], _KINDS)
        why = reader.string(parts["why"], "why") if "why" in parts else None
        named = [kind for kind in _KINDS if kind in parts]
        if len(named) != 1:
            reader.problem(item, "an explanation is about one thing", "one of gap, overlap, dead rule")
            continue
        made = _explanation(reader, named[0], parts[named[0]], table, scope, known, why or "")
        if made is not None:
            found.append(made)
    return tuple(found)


def write_explained(table: Table, explained: Iterable[Explanation]) -> str:
    """The entry of a policy file that says this, indented as it stands under a decision; empty for nothing."""
    inputs = [write_expression(node) for node in table.inputs]
    lines = []
    for one in explained:
        lines += [f"      - {_subject(one, inputs)}", f"        why: {scalar(' '.join(one.why.split()))}"]
    return "\n".join(["    explained:", *lines]) + "\n" if lines else ""


def _subject(one: Explanation, inputs: list[str]) -> str:
    if one.overlap:
        return f"overlap: [{', '.join(map(str, one.overlap))}]"
    return f"gap: {gap_text(inputs, one.gap)}" if one.gap else f"dead rule: {one.dead_rule}"


def gap_text(inputs: Sequence[str], cells: Sequence[UnaryTests]) -> str:
    """A gap as a YAML mapping on one line, without the inputs that may be anything."""
    said = ((name, write_tests(cell)) for name, cell in zip(inputs, cells, strict=True) if not cell.is_any)
    return "{" + ", ".join(f"{flow_scalar(name)}: {in_quotes(text)}" for name, text in said) + "}"


def _explanation(
    reader: Reader, kind: str, node: yaml.Node, table: Table, scope: Scope, known: Collection[str], why: str
) -> Explanation | None:
    if kind == "gap":
        return Explanation(why, gap=_gap(reader, node, table, scope, known))
    items = reader.items(node, kind) if kind == "overlap" else [node]
    numbers = tuple(number for item in items if (number := _rule(reader, item, table)))
    if kind == "overlap" and len(numbers) == len(items) and len(set(numbers)) != 2:
        reader.problem(node, "an overlap is of two rules", "such as overlap: [2, 3]")
        return None
    if len(numbers) != len(items):
        return None
    if kind == "overlap":
        return Explanation(why, overlap=tuple(sorted(numbers)))
    return Explanation(why, dead_rule=numbers[0])


def _rule(reader: Reader, node: yaml.Node, table: Table) -> int:
    number = reader.number(node, "the number of a rule")
    if number is None:
        return 0
    if number.denominator != 1 or not 1 <= number <= len(table.rules):
        reader.problem(node, f"there is no rule {node.value}", f"1 to {len(table.rules)}")
        return 0
    return int(number)


def _gap(reader: Reader, node: yaml.Node, table: Table, scope: Scope, known: Collection[str]) -> tuple[UnaryTests, ...]:
    """A cell for each input; inputs that are not named may be anything."""
    inputs = [write_expression(one) for one in table.inputs]
    cells = [ANYTHING] * len(inputs)
    for name, key, value in reader.entries(node, "gap"):
        if name not in inputs:
            reader.problem(key, f'the table has no input "{name}"', suggestion(name, inputs) or ", ".join(inputs))
            continue
        place = inputs.index(name)
        cells[place] = _cell(reader, value, table, place, scope, known)
    return tuple(cells)


def _cell(
    reader: Reader, node: yaml.Node, table: Table, place: int, scope: Scope, known: Collection[str]
) -> UnaryTests:
    if not isinstance(node, yaml.ScalarNode):
        reader.problem(node, "this is not a cell", """such as '"A"', ">= 10" or "null" """.strip())
        return ANYTHING
    try:
        cell = parse_tests(str(node.value).rstrip(), known, reader.origin(node))
    except FeelError as error:
        reader.feel_problem(error)
        return ANYTHING
    for complaint in check_tests(cell, table.inputs[place], scope):
        reader.feel_problem(complaint)
    return cell
