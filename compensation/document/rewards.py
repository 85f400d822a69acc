"""The rewards of a policy file: each kind with its fields, to whom, how and in which layer it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from compensation.document.logic import LogicReader
from compensation.document.model import Reward
from compensation.feel import FeelType, Literal, Node
from compensation.feel.units import unit_of
from compensation.feel.values import read_date
from compensation.rewards import KINDS, VALID_DAYS, WINDOW_DATES, Field, How, Per, RewardKind, Window
from compensation.tables.table import check_result
from compensation.terms import Combines, Layer

_COMMON = ("when", "per", "how", "layer")
# A reward's name is a part of business keys, which records keep in 128 characters.
_NAME = re.compile(r"[^\x00-\x1f:;=+]{1,32}")
_LONGEST = 64


def read_rewards(logic: LogicReader, node: yaml.Node | None, layers: tuple[Layer, ...]) -> tuple[Reward, ...]:
    """The rewards in their order, names distinct, each in a layer where there are layers, choices between rewards."""
    reader = logic.reader
    found: dict[str, Reward] = {}
    nodes: dict[str, yaml.Node] = {}
    for item in reader.items(node, "rewards") if node else ():
        reward = _RewardReader(logic, layers).reward(item)
        if reward is None:
            continue
        if reward.name in found:
            reader.problem(item, f'two rewards are named "{reward.name}"', "each name once")
        found[reward.name], nodes[reward.name] = reward, item
    for name, reward in found.items():
        _check_options(logic, nodes[name], reward, found)
    return tuple(found.values())


class _RewardReader:
    def __init__(self, logic: LogicReader, layers: tuple[Layer, ...]) -> None:
        self.logic = logic
        self.reader = logic.reader
        self.layers = {layer.name: layer for layer in layers}

    def reward(self, node: yaml.Node) -> Reward | None:
        entries = dict(_entries(node))
        if "kind" not in entries:
            known = {field.name for kind in KINDS.values() for field in kind.fields}
            self.reader.mapping(node, "a reward", ["name", "kind"], [*_COMMON, "options", *sorted(known)])
            return None
        kind_name = self.reader.choice(entries["kind"], "kind", KINDS)
        if kind_name is None:
            return None
        kind = KINDS[kind_name]
        required, optional = _keys(kind, entries)
        parts = self.reader.mapping(node, f"a {kind.name}", ["name", "kind", *required], [*_COMMON, *optional])
        when = self.logic.parse(parts["when"], "when") if "when" in parts else None
        if when is not None:
            self.logic.complain(check_result(when, FeelType.BOOLEAN, self.logic.scope, self.logic.head.exponent))
        fields = {field.name: self.field(parts[field.name], field) for field in kind.fields if field.name in parts}
        return Reward(
            name=self.name(parts),
            kind=kind,
            when=when,
            fields={key: value for key, value in fields.items() if value is not None},
            per=Per(self.choice(parts, "per", [*Per]) or Per.LINE),
            how=How(self.choice(parts, "how", [*How]) or How.AUTOMATIC),
            layer=self.layer(node, parts),
            options=self.options(parts),
        )

    def name(self, parts: Mapping[str, yaml.Node]) -> str:
        name = self.reader.string(parts["name"], "name") if "name" in parts else None
        if name is not None and not _NAME.fullmatch(name):
            what = f'"{name}" is no name of a reward'
            self.reader.problem(parts["name"], what, "at most 32 characters, none of them : ; = +")
        return name or ""

    def choice(self, parts: Mapping[str, yaml.Node], key: str, accepted: list[str]) -> str | None:
        return self.reader.choice(parts[key], key, accepted) if key in parts else None

    def layer(self, node: yaml.Node, parts: Mapping[str, yaml.Node]) -> str | None:
        if not self.layers:
            if "layer" in parts:
                self.reader.problem(parts["layer"], "the policy has no layers", "layers: [{name: ..., basis: ...}]")
            return None
        if "layer" not in parts:
            self.reader.problem(node, "a reward lacks its layer", f"layer: one of {', '.join(self.layers)}")
            return None
        name = self.reader.choice(parts["layer"], "layer", self.layers)
        combined = any(layer.combines is not Combines.SUM for layer in list(self.layers.values())[1:])
        if combined and "per" in parts and str(parts["per"].value) == Per.ACCOUNT:
            # Which line carries it is known only when all lines are decided: too late to drop another layer for it.
            what = "a reward per account stands in layers that do not simply add up"
            self.reader.problem(parts["per"], what, "per: line, or layers that all combine by sum")
        return name

    def options(self, parts: Mapping[str, yaml.Node]) -> tuple[str, ...]:
        if "options" not in parts:
            return ()
        names = [self.reader.string(item, "an option") for item in self.reader.items(parts["options"], "options")]
        return tuple(name for name in names if name is not None)

    def field(self, node: yaml.Node, field: Field) -> Node | None:
        if field.plain and field.allowed:
            return Literal(self.choice({field.name: node}, field.name, list(field.allowed)))
        if field.plain:
            text = self.reader.string(node, field.name)
            if text is not None and field.name != "pays on" and len(text) > _LONGEST:
                self.reader.problem(node, f"{field.name} is too long", f"at most {_LONGEST} characters")
            return Literal(text)
        written = read_date(str(node.value)) if field.type is FeelType.DATE else None
        parsed: Node | None = Literal(written) if written else self.logic.parse(node, field.name)
        if parsed is not None:
            self.logic.complain(check_result(parsed, field.type, self.logic.scope, self.logic.head.exponent))
        if field.name == "percent" and parsed is not None and unit_of(parsed, self.logic.scope) == "share":
            what = "percent is out of a hundred, and this is a share: 0.10 would be a tenth of a per cent"
            self.reader.problem(node, what, f"100 * {node.value}, or a parameter with unit: %")
        return parsed


def _keys(kind: RewardKind, entries: Mapping[str, yaml.Node]) -> tuple[list[str], list[str]]:
    """The keys that a reward of a kind must have, and may have; days that it holds are dates or a number of days."""
    required = [field.name for field in kind.fields if field.required]
    optional = [field.name for field in kind.fields if not field.required]
    if kind.window is not Window.NONE:
        unsaid = WINDOW_DATES if VALID_DAYS in entries else (VALID_DAYS,)
        optional = [name for name in optional if name not in unsaid]
        dated = any(name in entries for name in WINDOW_DATES)
        if VALID_DAYS not in entries and (kind.window is Window.NEEDED or dated):
            optional = [name for name in optional if name not in WINDOW_DATES]
            required += WINDOW_DATES
    return (required, [*optional, "options"]) if kind.name == "choice" else (required, optional)


def _check_options(logic: LogicReader, node: yaml.Node, reward: Reward, found: Mapping[str, Reward]) -> None:
    if reward.kind.name != "choice":
        return
    others = [name for name, other in found.items() if other.kind.name != "choice"]
    unknown = [name for name in reward.options if name not in others]
    if unknown or not reward.options:
        what = f"a choice is between other rewards, not {', '.join(unknown) or 'nothing'}"
        logic.reader.problem(node, what, f"options: [{', '.join(others)}]")
    default = reward.plain.get("default")
    if default is not None and default not in reward.options:
        logic.reader.problem(node, f'the default "{default}" is no option', f"one of {', '.join(reward.options)}")
    for name in reward.options:
        option = found.get(name)
        if option is not None and (option.per, option.layer) != (reward.per, reward.layer):
            logic.reader.problem(node, f'"{name}" is not per {reward.per} in the same layer', "options like the choice")


def _entries(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping as they stand; its faults are found when it is read as a reward."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            yield key.value, value
