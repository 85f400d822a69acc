"""A policy's text as an outline that an editor shows and sends back, and the changed outline put into the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import yaml

from compensation.document.edit import Added, Cut, Kept, TextEditor, Tree, plain, read_flow, write_flow
from compensation.document.outline_shape import check_outline
from compensation.document.outline_table import read_table_outline, write_table_outline
from compensation.rewards import KINDS
from foundation.errors import InputError

Outline: TypeAlias = dict[str, Any]

# The parts that are lists of entries, in the order in which a policy is best read.
LISTS = ("sources", "parameters", "measures", "decisions", "layers", "caps", "rewards", "tests")
_KEYED = ("parameters",)
_ORDER = (
    *("policy", "title", "basis", "currency", "zone", "in force", "population", "sources", "parameters", "measures"),
    *("decisions", "layers", "caps", "rewards", "text", "limits", "tests"),
)


def read_outline(text: str) -> Outline | None:
    """What the text says, part by part, all values as texts; None when it is no YAML mapping.

    `head` holds the single values, `lists` the entries of each list: `from` is an entry's place in this very text,
    `key` its key in a mapping, `fields` its values: a text, null, `{"flow": text}` for what is nested, and the parts
    that have a form of their own (a table, dated values, a test's `given` and `expect`).
    """
    try:
        editor = TextEditor(text)
    except (yaml.YAMLError, RecursionError):
        return None
    return _outline(editor)


def write_outline(text: str, outline: object) -> str:
    """The text with what the outline says differently put in its place; all else stays byte for byte.

    Raises InputError for something that is no outline of this text.
    """
    checked = check_outline(outline, LISTS)
    try:
        editor = TextEditor(text)
    except (yaml.YAMLError, RecursionError):
        raise InputError("the text is not YAML", accepted="the text that the outline was read from") from None
    before = _outline(editor)
    if before is None or not isinstance(editor.root, yaml.MappingNode):
        raise InputError("the text is no policy", accepted="policy: name, and so on")
    parts = {str(key.value): (key, value) for key, value in editor.root.value}
    cuts: list[Cut] = []
    for name, leaf in checked["head"].items():
        if leaf != before["head"].get(name):
            cuts += _put_head(editor, parts, name, leaf)
    for name, entries in checked["lists"].items():
        if entries != before["lists"].get(name, []):
            cuts += _put_list(editor, parts, name, entries, before)
    return editor.spliced(0, len(text), cuts)


# --- reading


def _outline(editor: TextEditor) -> Outline | None:
    root = editor.root
    if not isinstance(root, yaml.MappingNode):
        return None
    parts = {str(key.value): value for key, value in root.value if isinstance(key, yaml.ScalarNode)}
    firsts = _first_fields(parts.get("rewards"))
    lists = {
        name: [_entry(name, index, key, node, firsts) for index, (key, node) in enumerate(_entries(parts[name]))]
        for name in LISTS
        if name in parts
    }
    return {
        "head": {name: _map_or_leaf(plain(node)) for name, node in parts.items() if name not in LISTS},
        "lists": lists,
    }


def _entries(node: yaml.Node) -> list[tuple[str | None, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(str(key.value), value) for key, value in node.value]
    return [(None, item) for item in node.value] if isinstance(node, yaml.SequenceNode) else []


def _entry(part: str, index: int, key: str | None, node: yaml.Node, firsts: Mapping[str, str]) -> Outline:
    entry: Outline = {"from": index, "key": key}
    if not isinstance(node, yaml.MappingNode):
        return {**entry, "fields": {"": _leaf(plain(node))}}
    fields = {str(name.value): _field(part, str(name.value), value, firsts) for name, value in node.value}
    return {**entry, "fields": fields}


def _field(part: str, name: str, node: yaml.Node, firsts: Mapping[str, str]) -> Any:
    tree = plain(node)
    if (part, name) == ("decisions", "table"):
        return read_table_outline(str(tree))
    if (part, name) == ("decisions", "explained") and isinstance(tree, list):
        return {"items": [_map_or_leaf(one) for one in tree]}
    if (part, name) == ("parameters", "values") and isinstance(tree, dict):
        return {"pairs": [[day, _leaf(value)] for day, value in tree.items()]}
    if (part, name) == ("tests", "given") and isinstance(tree, dict):
        return {"map": {fact: _leaf(value) for fact, value in tree.items()}}
    if (part, name) == ("tests", "expect") and isinstance(tree, dict):
        return _read_expect(tree, firsts)
    return _leaf(tree)


def _read_expect(tree: dict[str, Tree], firsts: Mapping[str, str]) -> Outline:
    rewards = tree.get("rewards")
    said = {key: _leaf(value) for key, value in tree.items() if key != "rewards"}
    if not isinstance(rewards, dict):
        return {"map": said, "rewards": {}}
    found = {}
    for name, value in rewards.items():
        given = value if isinstance(value, dict) else {firsts.get(name, ""): value}
        found[name] = {field: _leaf(one) for field, one in given.items()}
    return {"map": said, "rewards": found}


def _leaf(tree: Tree) -> Any:
    return {"flow": write_flow(tree)} if isinstance(tree, dict | list) else tree


def _map_or_leaf(tree: Tree) -> Any:
    return {"map": {key: _leaf(value) for key, value in tree.items()}} if isinstance(tree, dict) else _leaf(tree)


def _first_fields(rewards: yaml.Node | None) -> dict[str, str]:
    """The field that a short expectation gives, by the reward's name."""
    firsts = {}
    for _, node in _entries(rewards) if rewards is not None else []:
        tree = plain(node)
        if isinstance(tree, dict):
            kind = KINDS.get(str(tree.get("kind")))
            firsts[str(tree.get("name"))] = kind.fields[0].name if kind and kind.fields else ""
    return firsts


# --- writing


def _put_head(editor: TextEditor, parts: Mapping[str, tuple[yaml.Node, yaml.Node]], name: str, leaf: Any) -> list[Cut]:
    if name not in parts:
        return [_new_part(editor, parts, name, _tree(leaf))]
    key, node = parts[name]
    return editor.put(node, _tree(leaf), editor.colon(key))


def _put_list(
    editor: TextEditor,
    parts: Mapping[str, tuple[yaml.Node, yaml.Node]],
    name: str,
    entries: Sequence[Outline],
    before: Outline,
) -> list[Cut]:
    olds = before["lists"].get(name, [])
    key, node = parts.get(name, (None, None))
    nodes = _entries(node) if node is not None else []
    firsts = _firsts_of(before)
    items: list[Kept | Added] = []
    for entry in entries:
        place = entry["from"]
        if place is None:
            items.append(Added(_new_tree(entry["fields"], firsts), entry["key"]))
            continue
        if not 0 <= place < len(olds):
            raise InputError(f"{name} has no entry {place}", accepted="an entry of the text, or a new one")
        old = plain(nodes[place][1])
        items.append(Kept(place, _changed_tree(entry["fields"], olds[place]["fields"], old, firsts), entry["key"]))
    if key is None or not isinstance(node, yaml.CollectionNode):
        tree: Tree = {one.key or "": one.tree for one in items} if name in _KEYED else [one.tree for one in items]
        if key is None:
            return [_new_part(editor, parts, name, tree)] if items else []
        return editor.put(node, tree, editor.colon(key)) if node is not None else []
    return editor.arrange(node, items, editor.colon(key))


def _firsts_of(outline: Outline) -> dict[str, str]:
    firsts = {}
    for entry in outline["lists"].get("rewards", []):
        kind = KINDS.get(str(entry["fields"].get("kind")))
        firsts[str(entry["fields"].get("name"))] = kind.fields[0].name if kind and kind.fields else ""
    return firsts


def _changed_tree(fields: Mapping[str, Any], before: Mapping[str, Any], old: Tree, firsts: Mapping[str, str]) -> Tree:
    if not isinstance(old, dict):
        return old if fields == before else _tree(fields.get(""))
    return {
        name: old[name] if name in old and value == before.get(name) else _field_tree(name, value, firsts, old)
        for name, value in fields.items()
    }


def _new_tree(fields: Mapping[str, Any], firsts: Mapping[str, str]) -> Tree:
    return {name: _field_tree(name, value, firsts, {}) for name, value in fields.items()}


def _field_tree(name: str, value: Any, firsts: Mapping[str, str], old: Mapping[str, Tree]) -> Tree:
    if not isinstance(value, dict):
        return _tree(value)
    if "rules" in value:
        return write_table_outline(value)
    if "items" in value:
        return [_tree(one) for one in value["items"]]
    if "pairs" in value:
        return {day: _tree(one) for day, one in value["pairs"]}
    if "rewards" in value:
        return _expect_tree(value, firsts, old.get(name))
    return str(value["raw"]) if "raw" in value else _tree(value)


def _expect_tree(value: Outline, firsts: Mapping[str, str], old: Tree) -> Tree:
    was = old.get("rewards") if isinstance(old, dict) else None
    rewards: dict[str, Tree] = {}
    for name, fields in value["rewards"].items():
        first = firsts.get(name, "")
        before = was.get(name) if isinstance(was, dict) else None
        tree: dict[str, Tree] = {field: _tree(one) for field, one in fields.items()}
        is_short = list(tree) in ([first], [""]) and not isinstance(before, dict)
        rewards[name] = next(iter(tree.values())) if is_short else tree
    return {"rewards": rewards, **{key: _tree(one) for key, one in value["map"].items()}}


def _tree(leaf: Any) -> Tree:
    if _is_map(leaf):
        return {key: _tree(one) for key, one in leaf["map"].items()}
    if isinstance(leaf, dict):
        return read_flow(str(leaf["flow"]))
    return None if leaf is None else str(leaf)


def _is_map(leaf: Any) -> bool:
    return isinstance(leaf, dict) and "map" in leaf


def _new_part(editor: TextEditor, parts: Mapping[str, tuple[yaml.Node, yaml.Node]], name: str, tree: Tree) -> Cut:
    """A part that the text lacks, put behind the last of those that usually stand before it."""
    place = _ORDER.index(name) if name in _ORDER else len(_ORDER)
    earlier = [value for key, (_, value) in parts.items() if key in _ORDER[:place]]
    at = editor.line_end(max((editor.content_end(value) for value in earlier), default=0))
    return Cut(at, at, editor.new_part(name, tree, at))
