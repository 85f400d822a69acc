"""Decision tables as people write them: a header, then a line per rule; `|` parts cells, `||` inputs from outputs."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TypeVar

from compensation.facts import check_name
from compensation.feel import (
    NAMED_TYPES,
    FeelError,
    FeelType,
    Node,
    Origin,
    UnaryTests,
    parse_expression,
    parse_tests,
    suggestion,
    write_expression,
    write_tests,
)
from compensation.tables.cells import Stretch, cells, content_lines, sections, split
from compensation.tables.table import HitPolicy, Output, Rule, Table
from foundation.errors import InputError

_SHAPE = "input | input || output : type | output : type || note"
_TYPED = "output : type, output : type in values, or output : type else default"
_MAX_RULES = 2_000
_CELLS_KEPT = 20_000
_T = TypeVar("_T")


def read_table(
    text: str, hit_policy: HitPolicy, names: Collection[str], origin: Origin
) -> tuple[Table | None, list[FeelError]]:
    """The table, or None with everything that cannot be read; `names` are the names its cells may use.

    The first line is the header, `inputs || outputs`: an input may have its allowed values (`plan : "A", "B"`), an
    output has its type and may have values and a default (`level : string in "high", "low" else "low"`). Every further
    line is a rule, with an optional note after a second `||`. Blank lines and lines of dashes are decoration.
    """
    return _TableReader(text, hit_policy, names, origin).read()


def write_table(table: Table) -> str:
    """The text that `read_table` reads as this table, its columns aligned."""
    heads = [
        write_expression(node) + (f" : {write_tests(values)}" if values else "")
        for node, values in zip(table.inputs, table.allowed_inputs(), strict=True)
    ]
    rows = [
        ([write_tests(tests) for tests in rule.tests], [write_expression(node) for node in rule.outputs], rule.note)
        for rule in table.rules
    ]
    lines = [(heads, [_output_text(output) for output in table.outputs], ""), *rows]
    widths = [max(map(len, column)) for column in zip(*(inputs + outputs for inputs, outputs, _ in lines), strict=True)]
    written = []
    for inputs, outputs, note in lines:
        padded = [cell.ljust(width) for cell, width in zip(inputs + outputs, widths, strict=True)]
        parts = [" | ".join(padded[: len(inputs)]), " | ".join(padded[len(inputs) :]), *([note] if note else [])]
        written.append(" || ".join(parts).rstrip())
    return "\n".join([written[0], "-" * (sum(widths) + 3 * len(widths)), *written[1:]]) + "\n"


def _output_text(output: Output) -> str:
    values = f" in {write_tests(output.values)}" if output.values else ""
    default = f" else {write_expression(output.default)}" if output.default is not None else ""
    return f"{output.name} : {output.type}{values}{default}"


# Who edits a table changes one cell of it: the others, in their places, were read a moment ago. Trees never change.
@functools.lru_cache(maxsize=_CELLS_KEPT)
def _read_tests(text: str, names: frozenset[str], origin: Origin) -> UnaryTests:
    return parse_tests(text, names, origin)


@functools.lru_cache(maxsize=_CELLS_KEPT)
def _read_expression(text: str, names: frozenset[str], origin: Origin) -> Node:
    return parse_expression(text, names, origin)


class _TableReader:
    def __init__(self, text: str, hit_policy: HitPolicy, names: Collection[str], origin: Origin) -> None:
        self.text = text
        self.hit_policy = hit_policy
        self.names = frozenset(names)
        self.origin = origin
        self.errors: list[FeelError] = []

    def read(self) -> tuple[Table | None, list[FeelError]]:
        lines = content_lines(self.text)
        if len(lines) < 2 or len(lines) > _MAX_RULES + 1:
            self.error("a table needs a header and rules", 0, f"{_SHAPE}, then 1 to {_MAX_RULES} lines of rules")
            return None, self.errors
        header, *rows = lines
        parts = sections(header)
        if len(parts) < 2:
            self.error("the header does not part inputs from outputs", header.offset, _SHAPE)
            return None, self.errors
        heads = [split(cell, ":", most=1) for cell in cells(parts[0])]
        inputs = [self.expression(head[0].strip()) for head in heads]
        values = [self.tests(head[1].strip()) if len(head) > 1 else None for head in heads]
        outputs = [self.output(cell) for cell in cells(parts[1])]
        found = [output.name for output in outputs if output]
        if len(set(found)) != len(found):
            self.error("two outputs have one name", parts[1].offset, "each name once")
        rules = [self.rule(number, row, len(inputs), len(outputs)) for number, row in enumerate(rows, 1)]
        if self.errors:
            return None, self.errors
        input_values = tuple(values) if any(values) else ()
        table = Table(self.hit_policy, _all(inputs), _all(outputs), _all(rules), input_values)
        return table, self.errors

    def error(self, what: str, offset: int, accepted: str = "") -> None:
        self.errors.append(FeelError(what, self.origin.position(self.text, offset), accepted))

    def place(self, cell: Stretch) -> Origin:
        at = self.origin.position(self.text, cell.offset)
        return Origin(at.line, at.column, at.column, self.origin.exact)

    def expression(self, cell: Stretch) -> Node | None:
        try:
            return _read_expression(cell.text, self.names, self.place(cell))
        except FeelError as error:
            self.errors.append(error)
            return None

    def tests(self, cell: Stretch) -> UnaryTests | None:
        try:
            return _read_tests(cell.text, self.names, self.place(cell))
        except FeelError as error:
            self.errors.append(error)
            return None

    def output(self, cell: Stretch) -> Output | None:
        head, *rest = split(cell, ":", most=1)
        name = " ".join(head.text.split())
        try:
            check_name(name)
        except InputError as error:
            self.error(f'the output "{name}": {error.what}', cell.offset, error.accepted)
            return None
        typed, *default = split(rest[0] if rest else Stretch("", cell.offset), " else ", most=1)
        kind_part, *values = split(typed, " in ", most=1)
        kind = kind_part.text.strip()
        if kind not in NAMED_TYPES:
            types = f"{_TYPED}; one of {', '.join(NAMED_TYPES)}"
            self.error(f'the output "{name}" has no known type', cell.offset, suggestion(kind, NAMED_TYPES) or types)
            return None
        allowed = self.tests(values[0].strip()) if values else None
        return Output(name, FeelType(kind), allowed, self.expression(default[0].strip()) if default else None)

    def rule(self, number: int, row: Stretch, inputs: int, outputs: int) -> Rule | None:
        parts = sections(row)
        if len(parts) < 2:
            self.error(f"rule {number} does not part tests from results", row.strip().offset, "tests || results")
            return None
        tests, results = cells(parts[0]), cells(parts[1])
        for row_cells, wanted, what in ((tests, inputs, "tests"), (results, outputs, "results")):
            if len(row_cells) != wanted:
                message = f"rule {number} has {len(row_cells)} {what}"
                self.error(message, row_cells[0].offset, f"{wanted}, as many as the header")
                return None
        read_tests = [self.tests(cell) for cell in tests]
        read_results = [self.expression(cell) for cell in results]
        note = parts[2].text.strip() if len(parts) > 2 else ""
        if None in read_tests or None in read_results:
            return None
        return Rule(number, _all(read_tests), _all(read_results), note)


def _all(items: list[_T | None]) -> tuple[_T, ...]:
    return tuple(item for item in items if item is not None)
