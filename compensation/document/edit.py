"""A policy's YAML edited in place: only the text of what changed is replaced, every other byte stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import yaml

Tree: TypeAlias = "str | dict[str, Tree] | list[Tree] | None"

_NULL_TAG = "tag:yaml.org,2002:null"
_WIDEST_FLOW = 110
_STEP = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a text and what stands there instead."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry of a collection that stays: its place now, its new content, and its new key in a mapping."""

    index: int
    tree: Tree
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """An entry that is new to a collection."""

    tree: Tree
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines of one entry of a block collection, comments right above it included.

    `inline`: it begins behind the dash of the list that holds it.
    """

    start: int
    end: int
    inline: bool


def compose(text: str) -> yaml.Node | None:
    """The top node of a text; raises yaml.YAMLError, RecursionError."""
    return yaml.compose(text, Loader=yaml.SafeLoader)


def plain(node: yaml.Node) -> Tree:
    """What a node says: scalars as their texts (null is None), without places and styles."""
    if isinstance(node, yaml.MappingNode):
        return {_key(key): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return None if node.tag == _NULL_TAG else str(node.value)


def read_flow(text: str) -> Tree:
    """The content of a `{...}` or `[...]` written on one line, or the text itself when it is neither."""
    if text[:1] not in ("{", "["):
        return text
    try:
        node = compose(text)
    except (yaml.YAMLError, RecursionError):
        return text
    return plain(node) if isinstance(node, yaml.CollectionNode) else text


def write_flow(tree: Tree) -> str:
    """A tree on one line."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_scalar(key, flow=True)}: {write_flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(write_flow(item) for item in tree) + "]"
    return _scalar(tree, flow=True)


def write_block(tree: Tree, indent: int) -> str:
    """A tree after `key:` or `-`: a blank and one line, or further lines indented by `indent` columns; ends bare."""
    if isinstance(tree, str) and _is_block(tree):
        return " |\n" + "\n".join(f"{' ' * indent}{line}" if line else "" for line in tree[:-1].split("\n"))
    if not isinstance(tree, dict | list) or _fits_one_line(tree):
        return f" {write_flow(tree) if isinstance(tree, dict | list) else _scalar(tree, flow=False)}"
    if isinstance(tree, dict):
        return "\n" + "\n".join(_line_of(key, value, indent) for key, value in tree.items())
    return "\n" + "\n".join(f"{' ' * indent}-{write_item(item, indent)}" for item in tree)


def write_item(tree: Tree, indent: int) -> str:
    """What stands after the `-` at column `indent`: a mapping begins on the same line."""
    if isinstance(tree, dict) and tree and not _fits_one_line(tree, brief=True):
        lines = "\n".join(_line_of(key, value, indent + _STEP) for key, value in tree.items())
        return " " + lines.lstrip()
    return write_block(tree, indent + _STEP)


def _line_of(key: str, value: Tree, indent: int) -> str:
    return f"{' ' * indent}{_scalar(key, flow=False)}:{write_block(value, indent + _STEP)}"


def _fits_one_line(tree: Tree, *, brief: bool = False) -> bool:
    if brief and not (isinstance(tree, dict) and len(tree) <= 2):
        return False
    return not _has_lines(tree) and len(write_flow(tree)) <= (_WIDEST_FLOW if not brief else _WIDEST_FLOW // 2)


def _has_lines(tree: Tree) -> bool:
    if isinstance(tree, dict):
        return any(map(_has_lines, tree.values()))
    return any(map(_has_lines, tree)) if isinstance(tree, list) else tree is not None and _is_block(tree)


def _is_block(text: str) -> bool:
    """Whether a text of whole lines can stand below its key as it is; any other goes on one line, in quotes."""
    lines = text.split("\n")
    is_plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return len(lines) > 1 and is_plain and not lines[-1] and all(lines[:1] + lines[-2:-1]) and not text.startswith(" ")


def _scalar(value: Tree, *, flow: bool, quoted: bool = False) -> str:
    """A text as YAML on one line, plain where it reads back the same (a word such as 10 stays bare)."""
    if value is None:
        return "null"
    text = str(value)
    if not quoted and text.isprintable() and _reads_back(text, flow=flow):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    escaped = yaml.dump(text, default_style='"', width=2**31, allow_unicode=True)
    return str(escaped).rstrip("\n")


def _reads_back(text: str, *, flow: bool) -> bool:
    try:
        node = compose(f"{{k: {text}}}" if flow else f"k: {text}")
    except yaml.YAMLError:
        return False
    if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
        return False
    value = node.value[0][1]
    plainly = isinstance(value, yaml.ScalarNode) and value.style is None
    return plainly and value.value == text and value.tag != _NULL_TAG


def _key(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


Pair: TypeAlias = "tuple[yaml.Node | None, yaml.Node]"


class TextEditor:
    """Cuts into one text, gathered and made at the end; raises yaml.YAMLError for a text that is no YAML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = compose(text)
        self.flows = list(_flow_spans(self.root)) if self.root is not None else []

    def put(self, node: yaml.Node, tree: Tree, after: int) -> list[Cut]:
        """The cuts that make a node say `tree`; `after` is the place behind the `:` or `-` that it belongs to."""
        if plain(node) == tree:
            return []
        if isinstance(node, yaml.MappingNode) and isinstance(tree, dict) and node.value:
            places = {_key(key): index for index, (key, _) in enumerate(node.value)}
            items = [Kept(places[key], value) if key in places else Added(value, key) for key, value in tree.items()]
            return self.arrange(node, items, after)
        if isinstance(node, yaml.SequenceNode) and isinstance(tree, list) and node.value:
            items = [Kept(i, item) if i < len(node.value) else Added(item) for i, item in enumerate(tree)]
            return self.arrange(node, items, after)
        return [self._replace(node, tree, after)]

    def arrange(self, node: yaml.CollectionNode, items: Sequence[Kept | Added], after: int) -> list[Cut]:
        """The cuts after which a collection holds these entries in this order; what stays unchanged keeps its text."""
        pairs: list[Pair] = (
            list(node.value) if isinstance(node, yaml.MappingNode) else [(None, item) for item in node.value]
        )
        cuts = {item.index: self._entry(node, pairs[item.index], item) for item in items if isinstance(item, Kept)}
        if [getattr(item, "index", None) for item in items] == list(range(len(pairs))):
            return [cut for index in range(len(pairs)) for cut in cuts[index]]
        if not items or not pairs:
            is_map = isinstance(node, yaml.MappingNode)
            tree: Tree = {item.key or "": item.tree for item in items} if is_map else [item.tree for item in items]
            return [self._replace(node, tree, after)]
        return [self._flow(node, pairs, items, cuts) if node.flow_style else self._block(node, pairs, items, cuts)]

    def _replace(self, node: yaml.Node, tree: Tree, after: int) -> Cut:
        start, end = node.start_mark.index, self.content_end(node)
        style = getattr(node, "style", "{") if end > start else "|"
        if style not in ("|", ">", "{") and not isinstance(tree, dict | list) and not _is_block(tree or ""):
            quoted = style is not None and tree is not None
            return Cut(start, end, _scalar(tree, flow=self.in_flow(start), quoted=quoted))
        if self.in_flow(start):
            return Cut(start, end, write_flow(tree))
        written = write_block(tree, self._indent(after) + _STEP)
        ends_line = self.text[max(end, after) - 1 : max(end, after)] == "\n"
        return Cut(after, max(end, after), written + "\n" * ends_line)

    def _entry(self, node: yaml.CollectionNode, pair: Pair, item: Kept) -> list[Cut]:
        key, value = pair
        if key is None:
            return self.put(
                value, item.tree, value.start_mark.index if node.flow_style else self._dash(node, value) + 1
            )
        cuts = self.put(value, item.tree, self.colon(key))
        if item.key is None or item.key == _key(key):
            return cuts
        return [Cut(key.start_mark.index, key.end_mark.index, _scalar(item.key, flow=bool(node.flow_style))), *cuts]

    def _flow(
        self,
        node: yaml.CollectionNode,
        pairs: Sequence[Pair],
        items: Sequence[Kept | Added],
        cuts: Mapping[int, list[Cut]],
    ) -> Cut:
        is_map = isinstance(node, yaml.MappingNode)
        written = []
        for item in items:
            if isinstance(item, Added):
                written.append((f"{_scalar(item.key, flow=True)}: " if is_map else "") + write_flow(item.tree))
                continue
            first, value = pairs[item.index]
            written.append(self.spliced((first or value).start_mark.index, self.content_end(value), cuts[item.index]))
        opening, closing = "{}" if is_map else "[]"
        return Cut(node.start_mark.index, self.content_end(node), opening + ", ".join(written) + closing)

    def _block(
        self,
        node: yaml.CollectionNode,
        pairs: Sequence[Pair],
        items: Sequence[Kept | Added],
        cuts: Mapping[int, list[Cut]],
    ) -> Cut:
        """Whole entries in their new order; blank lines and comments between them travel with the entry above."""
        blocks = self._blocks(node, pairs)
        gaps = [self.text[one.end : following.start] for one, following in pairwise(blocks)]
        usual = gaps[0] if gaps and not gaps[0].strip() else ""
        indent = node.start_mark.column
        texts: list[str] = []
        for item in items:
            if isinstance(item, Added):
                texts += [self._added(item, indent, is_map=isinstance(node, yaml.MappingNode)), usual]
                continue
            one = blocks[item.index]
            body = " " * (indent * one.inline) + self.spliced(one.start, one.end, cuts[item.index])
            texts += [
                body if body.endswith("\n") else f"{body}\n",
                gaps[item.index] if item.index < len(gaps) else usual,
            ]
        if not texts[-1].strip():
            texts.pop()
        text = "".join(texts)[indent * blocks[0].inline :]
        ends_line = self.text[: blocks[-1].end].endswith("\n")
        return Cut(blocks[0].start, blocks[-1].end, text if ends_line else text.rstrip("\n"))

    def _added(self, item: Added, indent: int, *, is_map: bool) -> str:
        if is_map and isinstance(item.tree, dict) and len(item.tree) > 1:
            inner = "\n".join(_line_of(key, value, indent + _STEP) for key, value in item.tree.items())
            return f"{' ' * indent}{_scalar(item.key, flow=False)}:\n{inner}\n"
        if is_map:
            return _line_of(item.key or "", item.tree, indent) + "\n"
        return f"{' ' * indent}-{write_item(item.tree, indent)}\n"

    def _blocks(self, node: yaml.CollectionNode, pairs: Sequence[Pair]) -> list[_Block]:
        found: list[_Block] = []
        for key, value in pairs:
            at = key.start_mark.index if key is not None else self._dash(node, value)
            line = self._line_start(at)
            inline = bool(self.text[line:at].strip())
            start = at if inline else line
            # What stands above the first entry belongs to the whole.
            while (
                found
                and not inline
                and start > found[-1].end
                and self._is_comment(above := self._line_start(start - 1))
            ):
                start = above
            found.append(_Block(start, self.line_end(self.content_end(value)), inline))
        return found

    def content_end(self, node: yaml.Node) -> int:
        """The end of what a node says, without blank lines and comments behind it."""
        if isinstance(node, yaml.ScalarNode):
            end: int = node.end_mark.index
            if node.style not in ("|", ">"):
                return end
            return min(node.start_mark.index + len(self.text[node.start_mark.index : end].rstrip()) + 1, len(self.text))
        if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        if isinstance(last, yaml.Node):
            return self.content_end(last)
        return max(self.content_end(last[1]), self.colon(last[0]))

    def colon(self, key: yaml.Node) -> int:
        """The place behind the colon of a key."""
        return self.text.index(":", key.end_mark.index) + 1

    def in_flow(self, place: int) -> bool:
        """Whether a place is inside `{...}` or `[...]`."""
        return any(start < place < end for start, end in self.flows)

    def spliced(self, start: int, end: int, cuts: Sequence[Cut]) -> str:
        """The text from start to end with the cuts made."""
        parts, at = [], start
        for cut in sorted(cuts, key=lambda each: each.start):
            parts += [self.text[at : cut.start], cut.text]
            at = cut.end
        return "".join([*parts, self.text[at:end]])

    def new_part(self, name: str, tree: Tree, at: int) -> str:
        """The lines of a top-level part, to stand at `at`: parted from its neighbours by blank lines."""
        before = "" if at == 0 or self.text[at - 1] == "\n" else "\n"
        blank = "" if at == 0 or self.text[:at].endswith("\n\n") else "\n"
        written = write_block(tree, _STEP)
        if isinstance(tree, list) and tree:
            written = "".join(f"\n{' ' * _STEP}-{write_item(item, _STEP)}" for item in tree)
        elif isinstance(tree, dict) and tree:
            written = "".join(f"\n{_line_of(key, value, _STEP)}" for key, value in tree.items())
        return f"{before}{blank}{_scalar(name, flow=False)}:{written}\n"

    def line_end(self, place: int) -> int:
        """The beginning of the line after a place."""
        if self.text[place - 1 : place] == "\n":
            return place
        found = self.text.find("\n", place)
        return len(self.text) if found < 0 else found + 1

    def _dash(self, node: yaml.Node, value: yaml.Node) -> int:
        at: int = value.start_mark.index
        while True:
            at = self.text.rindex("-", 0, at)
            if at - self._line_start(at) == node.start_mark.column:
                return at

    def _indent(self, after: int) -> int:
        """The column of the key (or dash) that ends before a place."""
        line = self.text[self._line_start(after) : after]
        content = line.lstrip(" -")
        return len(line) - len(content) if content else max(line.rfind("-"), 0)

    def _line_start(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def _is_comment(self, line_start: int) -> bool:
        return self.text[line_start : self.line_end(line_start + 1) - 1].lstrip().startswith("#")


def _flow_spans(node: yaml.Node) -> Iterator[tuple[int, int]]:
    if not isinstance(node, yaml.CollectionNode):
        return
    if node.flow_style:
        yield node.start_mark.index, node.end_mark.index
    for item in node.value:
        for child in item if isinstance(item, tuple) else (item,):
            yield from _flow_spans(child)
