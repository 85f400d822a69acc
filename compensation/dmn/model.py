"""A decision model: typed inputs, decisions with the graph of what each requires, and the functions they share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from compensation.feel import FeelType, NameType, Node, UnaryTests
from compensation.feel.kinds import TYPE_NAMES
from compensation.tables.table import Table, output_types, written_values
from foundation.errors import InputError

Logic = Table | Node

MONEY = "money"
PREFIX = " prefix"
"""Stands among an element's attributes for the name under which its model was imported; XML has no such name."""


class ModelError(InputError):
    """A model that cannot be used, with everything that is wrong with it, each with its line and column."""

    def __init__(self, problems: Collection[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class ItemType:
    """A type that a model defines: a base type with allowed values, or components; a list of such with `is_list`.

    `constraint` is what the whole value must pass, a list too. `takes` and `gives` are the parameters and the result of
    a function's type.
    """

    name: str
    base: str = ""
    allowed: UnaryTests | None = None
    components: tuple[ItemType, ...] = ()
    is_list: bool = False
    constraint: UnaryTests | None = None
    takes: tuple[InputData, ...] | None = None
    gives: str = ""


@dataclass(frozen=True, slots=True)
class InputData:
    """A value that is given; `type_ref` names a built-in type or one of the model's."""

    name: str
    type_ref: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision: what it requires by name (inputs and decisions; functions apart), and its table or expression.

    `explained` is what a policy says about findings in its table, as it stands in the policy's text. `title` is the
    decision's own name where the variable, by which others read it, bears another. `prefix` is the name under which its
    model was imported: its logic calls `prefix.name` just `name`.
    """

    name: str
    logic: Logic
    type_ref: str = ""
    requires: tuple[str, ...] = ()
    knowledge: tuple[str, ...] = ()
    meaning: str = ""
    explained: str = ""
    title: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A function that decisions share (a business knowledge model): its parameters and its logic; `prefix` as there."""

    name: str
    parameters: tuple[InputData, ...]
    logic: Logic
    type_ref: str = ""
    knowledge: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class DecisionService:
    """Decisions that can be asked as one function: what it answers, and what its arguments stand for.

    `outputs` and `inner` are decisions; `inputs` are inputs and then decisions, in the order of the arguments.
    """

    name: str
    outputs: tuple[str, ...]
    inner: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    type_ref: str = ""
    prefix: str = ""


def local_name(name: str, prefix: str) -> str:
    """What a model that is imported as `prefix` calls it itself."""
    return name.removeprefix(f"{prefix}.") if prefix else name


@dataclass(frozen=True, slots=True)
class Model:
    """A whole model; `policy` is the policy text around the decisions when a policy was written out.

    `warnings` are doubts about types that do not stop an evaluation: DMN answers null there. `problems` say why
    decisions, functions and services, by their name, cannot be asked.
    """

    name: str
    namespace: str
    items: tuple[ItemType, ...] = ()
    inputs: tuple[InputData, ...] = ()
    decisions: tuple[Decision, ...] = ()
    knowledge: tuple[Knowledge, ...] = ()
    policy: str = ""
    services: tuple[DecisionService, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)
    problems: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def find_decision(self, name: str) -> Decision | None:
        """The decision of that name, or else with that title."""
        named = (decision for decision in self.decisions if decision.name == name)
        return next(named, None) or next((one for one in self.decisions if one.title == name and name), None)

    def find_service(self, name: str) -> DecisionService | None:
        """The service of that name."""
        return next((service for service in self.services if service.name == name), None)

    def refuse_unread(self, name: str) -> None:
        """Raises ModelError when what bears this name, or something that it requires, could not be read."""
        if not self.problems:
            return
        parts: dict[str, Collection[str]] = {one.name: (*one.requires, *one.knowledge) for one in self.decisions}
        parts |= {one.name: one.knowledge for one in self.knowledge}
        parts |= {one.name: one.outputs for one in self.services}
        seen: dict[str, None] = {}
        pending = [name]
        while pending:
            one = pending.pop()
            if one not in seen:
                seen[one] = None
                pending += parts.get(one, ())
        if found := [problem for one in seen for problem in self.problems.get(one, ())]:
            raise ModelError(dict.fromkeys(found))

    def typed(self, service: DecisionService | None = None) -> dict[str, str]:
        """The types of the model's inputs by their names, or of what a service is asked with."""
        inputs = {one.name: one.type_ref for one in self.inputs}
        if service is None:
            return inputs
        known = inputs | {one.name: one.type_ref for one in self.decisions}
        return {name: known[name] for name in service.inputs}

    def needed(self, decision: Decision) -> list[Decision]:
        """The decisions behind one, each after those it requires, the one itself last."""
        by_name = {other.name: other for other in self.decisions}
        order: dict[str, Decision] = {}
        pending = [(decision, False)]
        while pending:
            current, ready = pending.pop()
            if ready:
                order[current.name] = current
            elif current.name not in order:
                pending.append((current, True))
                pending += [(by_name[name], False) for name in current.requires if name in by_name]
        return list(order.values())


class Types:
    """What the names of a model's types mean."""

    def __init__(self, items: Collection[ItemType]) -> None:
        self.items = {item.name: item for item in items}

    def named(self, type_ref: str, seen: frozenset[str] = frozenset()) -> NameType:
        """The type that a reference means; UNKNOWN when it means none."""
        if type_ref in self.items and type_ref not in seen:
            return self.item(self.items[type_ref], seen | {type_ref})
        return NameType(TYPE_NAMES.get(type_ref, FeelType.UNKNOWN))

    def result(self, type_ref: str) -> NameType:
        """The type of what a function gives, whether its own type or that of its result is named."""
        item = self.items.get(type_ref)
        return self.named(item.gives if item and item.takes is not None else type_ref)

    def all_named(self) -> Mapping[str, NameType]:
        """Every type that the model defines, by its name."""
        return {name: self.named(name) for name in self.items}

    def item(self, item: ItemType, seen: frozenset[str] = frozenset()) -> NameType:
        """The type that a definition means."""
        if item.takes is not None:
            return NameType(FeelType.FUNCTION)
        if item.components:
            one = NameType(FeelType.CONTEXT, fields={part.name: self.item(part, seen) for part in item.components})
        else:
            base = self.named(item.base, seen)
            one = NameType(base.type, written_values(item.allowed) or base.allowed, fields=base.fields, item=base.item)
        return NameType(FeelType.LIST, item=one) if item.is_list else one

    def allowed(self, type_ref: str) -> UnaryTests | None:
        """The allowed values of a type, its own or those of its base."""
        seen: set[str] = set()
        name = type_ref
        while name in self.items and name not in seen:
            item = self.items[name]
            if item.allowed is not None:
                return item.allowed
            seen.add(name)
            name = item.base
        return None

    def output(self, type_ref: str) -> FeelType:
        """The type of a table's output: as its base is, and money where the model means a policy's money."""
        return FeelType.MONEY if type_ref == MONEY and MONEY in self.items else self.named(type_ref).type

    def members(self) -> Iterator[str]:
        """Every name of a component, at any depth."""
        pending = list(self.items.values())
        while pending:
            item = pending.pop()
            pending += item.components
            yield from (part.name for part in item.components)


def result_scope(decision: Decision, types: Types) -> Mapping[str, NameType]:
    """The names by which others read a decision: its own, and `decision.output` when its table has several outputs."""
    declared = types.named(decision.type_ref)
    if not isinstance(decision.logic, Table):
        return {decision.name: declared}
    outputs = output_types(decision.logic, decision.name)
    plain = {name: _plain(kind) for name, kind in outputs.items()}
    if len(plain) == 1:
        return {decision.name: plain[decision.name] if declared.type is FeelType.UNKNOWN else declared}
    fields = {name.removeprefix(f"{decision.name}."): kind for name, kind in plain.items()}
    if decision.logic.hit_policy.gives_list:
        items = {name: kind.item or NameType(FeelType.UNKNOWN) for name, kind in fields.items()}
        whole = NameType(FeelType.LIST, item=NameType(FeelType.CONTEXT, fields=items))
    else:
        whole = NameType(FeelType.CONTEXT, fields=fields)
    return {decision.name: whole, **plain}


def _plain(kind: NameType) -> NameType:
    """Outside a policy money is a number."""
    if kind.type is FeelType.MONEY:
        return NameType(FeelType.NUMBER)
    return NameType(kind.type, item=_plain(kind.item)) if kind.item else kind
