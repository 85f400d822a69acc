"""The attributes of lines that a policy file says it needs, so that it can be read before staff define them."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from compensation.document.yaml_reader import Reader
from compensation.facts import Fact, Origin, check_name
from compensation.feel import FeelType, Value
from foundation.errors import InputError

ATTRIBUTE_TYPES = {
    "string": FeelType.STRING,
    "number": FeelType.NUMBER,
    "boolean": FeelType.BOOLEAN,
    "date": FeelType.DATE,
    "instant": FeelType.DATE_TIME,
    "duration": FeelType.DURATION,
}


def read_attributes(reader: Reader, node: yaml.Node | None, catalogue: Mapping[str, Fact]) -> dict[str, Fact]:
    """The attributes by name; what staff defined under a name holds, and must be of the type that is needed."""
    if node is None or reader.is_null(node):
        return {}
    found = {}
    for name, key, value in reader.entries(node, "attributes"):
        fact = _attribute(reader, name, key, value)
        defined = catalogue.get(name)
        if defined is not None and defined.origin is not Origin.ATTRIBUTE:
            reader.problem(
                key, f'"{name}" is the name of a fact', "another name, or the fact itself without this entry"
            )
        elif defined is not None and defined.type is not fact.type:
            what = f'the attribute "{name}" that staff defined is {defined.type.said}'
            reader.problem(key, what, f"type: {_word(defined.type)}")
        else:
            found[name] = defined or fact
    return found


def _attribute(reader: Reader, name: str, key: yaml.Node, node: yaml.Node) -> Fact:
    parts = reader.mapping(node, f'the attribute "{name}"', ["type", "meaning"], ["unit", "allowed"])
    try:
        check_name(name)
    except InputError as error:
        reader.problem(key, f'"{name}": {error.what}', error.accepted)
    kind = reader.choice(parts["type"], "type", ATTRIBUTE_TYPES) if "type" in parts else None
    typed = ATTRIBUTE_TYPES[kind or "string"]
    allowed: tuple[Value, ...] | None = None
    if "allowed" in parts:
        allowed = tuple(
            reader.value(item, typed, "an allowed value") for item in reader.items(parts["allowed"], "allowed")
        )
    return Fact(
        name=name,
        type=typed,
        meaning=(reader.string(parts["meaning"], "meaning") or "") if "meaning" in parts else "",
        origin=Origin.ATTRIBUTE,
        source="an attribute that the policy needs",
        unit=(reader.string(parts["unit"], "unit") or "") if "unit" in parts else "",
        allowed=allowed,
        nullable=True,
    )


def _word(kind: FeelType) -> str:
    return next(word for word, one in ATTRIBUTE_TYPES.items() if one is kind)
