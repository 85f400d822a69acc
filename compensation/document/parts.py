"""The text of a policy with its decisions taken out or put back, all else left as its author wrote it."""

from __future__ import annotations

from itertools import pairwise

import yaml

# Stands in a policy's text where its decisions were.
_MARK = "decisions: in the model\n\n"


def without_decisions(text: str) -> str:
    """A policy's text with a mark in the place of its decisions."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines(keepends=True)
    keys = [key for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
    for key, following in pairwise([*keys, None]):
        if key is not None and key.value == "decisions":
            end = following.start_mark.line if following else len(lines)
            return "".join([*lines[: key.start_mark.line], _MARK, *lines[end:]])
    return text


def with_decisions(text: str, decisions: str) -> str:
    """The text that `without_decisions` was given, with these decisions in the place of the mark."""
    return text.replace(_MARK, f"{decisions}\n" if decisions else "", 1)


def parameter_names(text: str) -> list[str]:
    """The names of a policy's parameters."""
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text else None
    entries = root.value if isinstance(root, yaml.MappingNode) else ()
    found = [value for key, value in entries if key.value == "parameters"]
    return [key.value for value in found if isinstance(value, yaml.MappingNode) for key, _ in value.value]


def scalar(text: str) -> str:
    """A text as YAML on one line: as it stands where that reads back the same, else in single quotes."""
    try:
        is_plain = text.isprintable() and yaml.safe_load(f"plain: {text}") == {"plain": text}
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else in_quotes(text)


def in_quotes(text: str) -> str:
    """A text of one line as YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def flow_scalar(text: str) -> str:
    """A text as YAML within brackets and braces, where their signs and commas need quotes too."""
    plain = scalar(text)
    return in_quotes(text) if plain == text and set(text) & set(",[]{}") else plain
