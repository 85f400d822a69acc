"""Decision tables as people write them: a header, then a line per rule; `|` parts cells, `||` inputs from outputs."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
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
from compensation.tables import HitPolicy, Output, Rule, Table
from foundation.errors import InputError

_RULE_LINE = re.compile(r"[-|+\s]*-{3}[-|+\s]*")
_SHAPE = "input | input || output : type | output : type || note"
_TYPED = "output : type, output : type in values, or output : type else default"
_MAX_RULES = 2_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the table's text."""

    text: str
    offset: int

    def strip(self) -> _Part:
        left = len(self.text) - len(self.text.lstrip())
        return _Part(self.text.strip(), self.offset + left)


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
        cells = [cell.ljust(width) for cell, width in zip(inputs + outputs, widths, strict=True)]
        parts = [" | ".join(cells[: len(inputs)]), " | ".join(cells[len(inputs) :]), *([note] if note else [])]
        written.append(" || ".join(parts).rstrip())
    return "\n".join([written[0], "-" * (sum(widths) + 3 * len(widths)), *written[1:]]) + "\n"


def _output_text(output: Output) -> str:
    values = f" in {write_tests(output.values)}" if output.values else ""
    default = f" else {write_expression(output.default)}" if output.default is not None else ""
    return f"{output.name} : {output.type}{values}{default}"


class _TableReader:
    def __init__(self, text: str, hit_policy: HitPolicy, names: Collection[str], origin: Origin) -> None:
        self.text = text
        self.hit_policy = hit_policy
        self.names = names
        self.origin = origin
        self.errors: list[FeelError] = []

    def read(self) -> tuple[Table | None, list[FeelError]]:
        lines = self.content_lines()
        if len(lines) < 2 or len(lines) > _MAX_RULES + 1:
            self.error("a table needs a header and rules", 0, f"{_SHAPE}, then 1 to {_MAX_RULES} lines of rules")
            return None, self.errors
        header, *rows = lines
        parts = _sections(header)
        if len(parts) < 2:
            self.error("the header does not part inputs from outputs", header.offset, _SHAPE)
            return None, self.errors
        heads = [_split(cell, ":", most=1) for cell in _cells(parts[0])]
        inputs = [self.expression(head[0].strip()) for head in heads]
        values = [self.tests(head[1].strip()) if len(head) > 1 else None for head in heads]
        outputs = [self.output(cell) for cell in _cells(parts[1])]
        found = [output.name for output in outputs if output]
        if len(set(found)) != len(found):
            self.error("two outputs have one name", parts[1].offset, "each name once")
        rules = [self.rule(number, row, len(inputs), len(outputs)) for number, row in enumerate(rows, 1)]
        if self.errors:
            return None, self.errors
        input_values = tuple(values) if any(values) else ()
        table = Table(self.hit_policy, _all(inputs), _all(outputs), _all(rules), input_values)
        return table, self.errors

    def content_lines(self) -> list[_Part]:
        found, offset = [], 0
        for line in self.text.split("\n"):
            if line.strip() and not _RULE_LINE.fullmatch(line):
                found.append(_Part(line, offset))
            offset += len(line) + 1
        return found

    def error(self, what: str, offset: int, accepted: str = "") -> None:
        self.errors.append(FeelError(what, self.origin.position(self.text, offset), accepted))

    def place(self, cell: _Part) -> Origin:
        at = self.origin.position(self.text, cell.offset)
        return Origin(at.line, at.column, at.column, self.origin.exact)

    def expression(self, cell: _Part) -> Node | None:
        try:
            return parse_expression(cell.text, self.names, self.place(cell))
        except FeelError as error:
            self.errors.append(error)
            return None

    def tests(self, cell: _Part) -> UnaryTests | None:
        try:
            return parse_tests(cell.text, self.names, self.place(cell))
        except FeelError as error:
            self.errors.append(error)
            return None

    def output(self, cell: _Part) -> Output | None:
        head, *rest = _split(cell, ":", most=1)
        name = " ".join(head.text.split())
        try:
            check_name(name)
        except InputError as error:
            self.error(f'the output "{name}": {error.what}', cell.offset, error.accepted)
            return None
        typed, *default = _split(rest[0] if rest else _Part("", cell.offset), " else ", most=1)
        kind_part, *values = _split(typed, " in ", most=1)
        kind = kind_part.text.strip()
        if kind not in NAMED_TYPES:
            types = f"{_TYPED}; one of {', '.join(NAMED_TYPES)}"
            self.error(f'the output "{name}" has no known type', cell.offset, suggestion(kind, NAMED_TYPES) or types)
            return None
        allowed = self.tests(values[0].strip()) if values else None
        return Output(name, FeelType(kind), allowed, self.expression(default[0].strip()) if default else None)

    def rule(self, number: int, row: _Part, inputs: int, outputs: int) -> Rule | None:
        parts = _sections(row)
        if len(parts) < 2:
            self.error(f"rule {number} does not part tests from results", row.strip().offset, "tests || results")
            return None
        tests, results = _cells(parts[0]), _cells(parts[1])
        for cells, wanted, what in ((tests, inputs, "tests"), (results, outputs, "results")):
            if len(cells) != wanted:
                message = f"rule {number} has {len(cells)} {what}"
                self.error(message, cells[0].offset, f"{wanted}, as many as the header")
                return None
        read_tests = [self.tests(cell) for cell in tests]
        read_results = [self.expression(cell) for cell in results]
        note = parts[2].text.strip() if len(parts) > 2 else ""
        if None in read_tests or None in read_results:
            return None
        return Rule(number, _all(read_tests), _all(read_results), note)


def _all(items: list[_T | None]) -> tuple[_T, ...]:
    return tuple(item for item in items if item is not None)


def _sections(line: _Part) -> list[_Part]:
    """Inputs, outputs and note; the note is taken as it stands."""
    return _split(line, "||", most=2)


def _cells(section: _Part) -> list[_Part]:
    return [cell.strip() for cell in _split(section, "|")]


def _split(part: _Part, separator: str, most: int = -1) -> list[_Part]:
    """Splits at a separator outside quotes, at most `most` times."""
    found: list[_Part] = []
    start, index, quoted = 0, 0, False
    while index < len(part.text) and len(found) != most:
        char = part.text[index]
        if quoted and char == "\\":
            index += 2
            continue
        quoted ^= char == '"'
        if not quoted and part.text.startswith(separator, index):
            found.append(_Part(part.text[start:index], part.offset + start))
            index += len(separator)
            start = index
            continue
        index += 1
    return [*found, _Part(part.text[start:], part.offset + start)]
