"""Which part of a policy's outline stands at a line and column, so that a complaint is shown in its very cell."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

import yaml

from compensation.document.edit import compose
from compensation.document.outline import LISTS
from compensation.document.yaml_reader import Problem
from compensation.tables.cells import CellRow, Stretch, split_rows

Path = tuple[str | int, ...]
_SUGGESTED = re.compile(r'did you mean "([^"]+)"\?')
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class PlacedProblem:
    """A problem and where it belongs: `path` into the outline (empty: the policy as a whole).

    A table's cell is `("decisions", 0, "table", "rules", 3, "tests", 1)`. `fix` is the whole new text of that part, and
    `instead` the word it puts in, when the complaint came with a suggestion.
    """

    problem: Problem
    path: Path
    fix: str | None = None
    instead: str | None = None


def place_problems(text: str, problems: tuple[Problem, ...]) -> list[PlacedProblem]:
    """Each problem with its place in the outline of this text."""
    try:
        root = compose(text)
    except (yaml.YAMLError, RecursionError):
        root = None
    finder = _Finder(text, root)
    return [finder.place(problem) for problem in problems]


class _Finder:
    def __init__(self, text: str, root: yaml.Node | None) -> None:
        self.text = text
        self.root = root
        self.starts = [0, *(index + 1 for index, char in enumerate(text) if char == "\n")]
        self.tables: dict[int, list[CellRow]] = {}

    def place(self, problem: Problem) -> PlacedProblem:
        if self.root is None or problem.line > len(self.starts):
            return PlacedProblem(problem, ())
        offset = self.starts[problem.line - 1] + problem.column - 1
        path, said, start = self.find(self.root, offset, ())
        fix, instead = _suggested(problem, said, offset - start)
        return PlacedProblem(problem, path, fix, instead)

    def find(self, node: yaml.Node, offset: int, path: Path) -> tuple[Path, str, int]:
        """The path, the text there and where it begins."""
        if isinstance(node, yaml.MappingNode) and node.value:
            starts = [key.start_mark.index for key, _ in node.value]
            index = max(bisect_right(starts, offset) - 1, 0)
            key, value = node.value[index]
            is_list_by_key = len(path) == 1 and path[0] in LISTS
            step: Path = (index,) if is_list_by_key else (str(key.value),)
            if offset < value.start_mark.index and isinstance(value, yaml.CollectionNode):
                return (*path, *step), str(key.value), key.start_mark.index
            return self.find(value, offset, (*path, *step))
        if isinstance(node, yaml.SequenceNode) and node.value:
            index = max(bisect_right([item.start_mark.index for item in node.value], offset) - 1, 0)
            return self.find(node.value[index], offset, (*path, index))
        if not isinstance(node, yaml.ScalarNode):
            return path, "", offset
        if len(path) == 3 and path[0] == "decisions" and path[2] == "table" and node.style == "|":
            return self.cell(node, offset, path)
        quote = 1 if node.style in ("'", '"') else 0
        return path, str(node.value), node.start_mark.index + quote

    def cell(self, node: yaml.ScalarNode, offset: int, path: Path) -> tuple[Path, str, int]:
        first = node.start_mark.line + 1
        line = bisect_right(self.starts, offset) - 1
        if line < first:
            return path, "", offset
        lines = str(node.value).split("\n")
        row = min(line - first, len(lines) - 1)
        indent = len(self.line(line)) - len(lines[row])
        inner = sum(len(one) + 1 for one in lines[:row]) + offset - self.starts[line] - indent
        place, cell = _cell_at(split_rows(str(node.value)), inner)
        return (*path, *place), cell.text, offset - inner + cell.offset

    def line(self, number: int) -> str:
        end = self.starts[number + 1] - 1 if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : end].rstrip("\r")


def _cell_at(rows: list[CellRow], inner: int) -> tuple[Path, Stretch]:
    """The row and cell that hold a place of the table's text; the header is row -1."""
    number = max((n for n, row in enumerate(rows) if row.tests[0].offset <= inner), default=0)
    row = rows[number]
    found: tuple[Path, Stretch] = (("tests", 0), row.tests[0])
    named = (("tests", row.tests), ("results", row.results), ("note", (row.note,) if row.note else ()))
    for side, cells in named:
        for index, cell in enumerate(cells):
            if cell.offset <= inner:
                found = ((side, index), cell)
    return (("head",) if number == 0 else ("rules", number - 1)) + found[0], found[1]


def _suggested(problem: Problem, said: str, offset: int) -> tuple[str | None, str | None]:
    """The text with the suggested word in the place of the wrong one, which stands at `offset` or after it."""
    meant, quoted = _SUGGESTED.search(problem.accepted), _QUOTED.findall(problem.what)
    if not meant or not quoted:
        return None, None
    for wrong in quoted:
        at = said.find(wrong, max(offset, 0))
        at = said.find(wrong) if at < 0 else at
        if at >= 0:
            return said[:at] + meant[1] + said[at + len(wrong) :], meant[1]
    return None, None
