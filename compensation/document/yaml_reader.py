"""YAML with the place of every word kept, so that each complaint about a policy says file, line and column."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import yaml

from compensation.feel import FeelError, FeelType, NameType, Origin, Position, Value, listing, suggestion
from compensation.feel.values import MAX_DIGITS, read_date, read_duration, read_number
from foundation.errors import InputError

# What YAML complains of, and what its author most likely has to do.
_WAYS_OUT = {
    "'\\t'": "spaces: YAML takes no tabs before what it reads",
    "mapping values are not allowed": "quotes around a text that holds a colon, or a line of its own for the key",
    "but got '['": "quotes around a text that holds a bracket",
    "expected ',' or '}'": "a comma between entries, and } at their end",
    "expected ',' or ']'": "a comma between items, and ] at their end",
    "<block end>": "keys that belong together begin in the same column; a text that holds quotes stands in others",
    "end of stream": 'the closing quote or bracket, such as "..."',
    "another document": "one policy a file, without ---",
    "alias": "quotes around a text that begins with *",
    "cannot start any token": "quotes around a text that begins with such a character",
}
_NULL_TAG = "tag:yaml.org,2002:null"
_MAX_LENGTH = 1_000_000
_MOST_SAID = 60
# What is meant as a number, though it may be too long for one, or written in another way.
_NUMERIC = re.compile(r"-?[0-9]+([.,][0-9]*)*([eE][+-]?[0-9]+)?$", re.ASCII)
_WRITTEN = {
    FeelType.NUMBER: "a number such as 10 or 0.10",
    FeelType.MONEY: "an amount in major units such as 30.00",
    FeelType.BOOLEAN: "true or false",
    FeelType.DATE: "a date such as 2012-07-11",
    FeelType.DURATION: "a duration such as PT24H or P1DT2H",
    FeelType.STRING: "a text",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a policy: where (line and column from 1), what, and what would be accepted."""

    source: str
    line: int
    column: int
    what: str
    accepted: str = ""

    def __str__(self) -> str:
        text = f"{self.source}:{self.line}:{self.column}: {self.what}"
        return f"{text}; accepted: {self.accepted}" if self.accepted else text


class PolicyError(InputError):
    """A policy that cannot be saved, with everything that is wrong with it and the names that could be read."""

    def __init__(self, problems: Collection[Problem], names: Mapping[str, NameType] | None = None) -> None:
        self.problems = tuple(sorted(set(problems)))
        # What rules may read as far as it could be read: an editor offers it while the text is still wrong.
        self.names = dict(names or {})
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Reader:
    """Reads the nodes of one YAML text; what is wrong is gathered in `problems`, and reading goes on."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.lines = text.splitlines()
        self.source = source
        self.problems: list[Problem] = []

    def root(self) -> yaml.Node | None:
        """The top node, or None after a problem."""
        top = Position()
        if len(self.text) > _MAX_LENGTH:
            self.problem(top, "the policy is too long", f"at most {_MAX_LENGTH} characters")
            return None
        try:
            node = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = Position(mark.line + 1, mark.column + 1) if mark else top
            what = str(error.problem or error.context)
            begun = error.context_mark
            within = f", in what begins in line {begun.line + 1}" if begun and begun.line + 1 < at.line else ""
            way_out = next((said for sign, said in _WAYS_OUT.items() if sign in what), "name: value lines")
            self.problem(at, f"not YAML: {what}{within}", way_out)
        except yaml.reader.ReaderError as error:
            position = int(error.position)
            before = self.text[:position]
            at = Position(before.count("\n") + 1, position - before.rfind("\n"))
            self.problem(at, f"the character {self.text[position : position + 1]!r} is no text", "printable characters")
        except (yaml.YAMLError, RecursionError) as error:
            self.problem(top, f"not YAML: {str(error).splitlines()[0]}", "plain text, not nested without end")
        else:
            if node is not None:
                return node
            self.problem(top, "the policy is empty", "policy, title, basis, ...")
        return None

    def problem(self, at: yaml.Node | Position, what: str, accepted: str = "") -> None:
        """Notes a problem at a node or place."""
        if isinstance(at, yaml.Node):
            at = Position(at.start_mark.line + 1, at.start_mark.column + 1)
        self.problems.append(Problem(self.source, at.line, at.column, what, accepted))

    def feel_problem(self, error: FeelError) -> None:
        """Notes what a FEEL text complained of."""
        self.problem(error.at, error.what, error.accepted)

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Key, its node and the value's node of each entry of a mapping; a repeated key is a problem."""
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"{what} is not a mapping", f"{what}: followed by indented name: value lines")
            return
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, f"a key of {what} is not a word", "name: value")
            elif key.value in seen:
                self.problem(key, f'"{key.value}" stands twice in {what}', "each name once")
            else:
                seen.add(key.value)
                yield key.value, key, value

    def mapping(
        self, node: yaml.Node, what: str, required: Collection[str], optional: Collection[str] = ()
    ) -> dict[str, yaml.Node]:
        """The values of a mapping with a fixed set of keys; unknown and missing keys are problems."""
        known = [*required, *optional]
        if required and not isinstance(node, yaml.MappingNode):
            self.problem(node, f"{what} is not a mapping", "{" + ", ".join(f"{key}: ..." for key in required) + "}")
            return {}
        found: dict[str, yaml.Node] = {}
        meant: set[str] = set()
        for key, key_node, value in self.entries(node, what):
            if key in known:
                found[key] = value
                continue
            in_braces = isinstance(node, yaml.MappingNode) and node.flow_style
            if in_braces and self.is_null(value) and not value.value:
                # {where: terms, SLA 1} is read as two entries, the second without a value.
                self.problem(key_node, f'{what} has no "{key}"', "quotes around a text that holds a comma")
                continue
            close = suggestion(key, known)
            meant.add(close)
            self.problem(key_node, f'{what} has no "{key}"', f"{close} " * bool(close) + f"one of {listing(known)}")
        for key in required:
            # What is misspelt is not missing as well.
            if key not in found and f'did you mean "{key}"?' not in meant:
                self.problem(node, f'{what} lacks "{key}"', f"{key}: ...")
        return found

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The items of a sequence."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self.problem(node, f"{what} is not a list", f"{what}: followed by indented lines that begin with -")
        return []

    def is_null(self, node: yaml.Node) -> bool:
        """Whether a value is left empty or written null."""
        return isinstance(node, yaml.ScalarNode) and node.tag == _NULL_TAG

    def string(self, node: yaml.Node, what: str) -> str | None:
        """A text that is not empty, or None after a problem."""
        if not isinstance(node, yaml.ScalarNode) or self.is_null(node) or not node.value.strip():
            self.problem(node, f"{what} is not a text", "a text")
            return None
        return str(node.value).strip()

    def choice(self, node: yaml.Node, what: str, accepted: Collection[str]) -> str | None:
        """One of the accepted words, or None after a problem."""
        text = self.string(node, what)
        if text is None or text in accepted:
            return text
        close = suggestion(text, accepted)
        self.problem(
            node, f'{what} cannot be "{text}"', f"{close} " * bool(close) + f"one of {', '.join(sorted(accepted))}"
        )
        return None

    def value(self, node: yaml.Node, kind: FeelType, what: str) -> Value:
        """A plain YAML value as one of `kind`, or None (null itself is None without a problem)."""
        if self.is_null(node):
            return None
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        value = _read(text, kind)
        if value is None or not isinstance(node, yaml.ScalarNode):
            too_long = kind.is_numeric and len(text) > MAX_DIGITS and read_number(text[:MAX_DIGITS]) is not None
            accepted = f"at most {MAX_DIGITS} characters" if too_long else _WRITTEN[kind]
            self.problem(node, f"{what} is not {kind.said}" + f": {_shortened(text)}" * bool(text), accepted)
            return None
        return value

    def date(self, node: yaml.Node, what: str) -> datetime.date | None:
        """A date, or None (after a problem unless it is null)."""
        value = self.value(node, FeelType.DATE, what)
        return value if isinstance(value, datetime.date) else None

    def number(self, node: yaml.Node, what: str) -> Fraction | None:
        """An exact number, or None (after a problem unless it is null)."""
        value = self.value(node, FeelType.NUMBER, what)
        return value if isinstance(value, Fraction) else None

    def origin(self, node: yaml.ScalarNode) -> Origin:
        """Where the characters of a scalar stand in the file."""
        start = node.start_mark
        line, column = start.line + 1, start.column + 1
        if node.style == "|":
            indent = self._indent(start.line + 1, str(node.value))
            return Origin(line + 1, indent + 1, indent + 1)
        raw = self.text[start.index : node.end_mark.index]
        if node.style is None and raw == node.value:
            return Origin(line, column)
        if raw[1:-1] == node.value and node.style in ("'", '"'):
            return Origin(line, column + 1)
        return Origin(line, column, exact=False)

    def _indent(self, first_line: int, content: str) -> int:
        for offset, text in enumerate(content.split("\n")):
            if text.strip() and first_line + offset < len(self.lines):
                return len(self.lines[first_line + offset].rstrip()) - len(text.rstrip())
        return 0


def _read(text: str, kind: FeelType) -> Value:
    match kind:
        case FeelType.NUMBER | FeelType.MONEY:
            return read_number(text)
        case FeelType.BOOLEAN:
            return {"true": True, "false": False}.get(text)
        case FeelType.DATE:
            return read_date(text)
        case FeelType.DURATION:
            return read_duration(text)
    return text or None


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}..."


def plain_type(node: yaml.Node) -> FeelType:
    """The type that an unquoted YAML value looks like; text otherwise."""
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        if _NUMERIC.match(str(node.value)) and read_date(str(node.value)) is None:
            return FeelType.NUMBER
        for kind in (FeelType.NUMBER, FeelType.BOOLEAN, FeelType.DATE):
            if _read(str(node.value), kind) is not None:
                return kind
    return FeelType.STRING
