"""The ready-made policies: real schemes of operators and regulators, each with its sources and worked cases."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from compensation.document.reading import PolicyDocument, load_policy
from compensation.facts import Fact
from foundation.errors import NotFoundError

_SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One ready-made policy: its name, the text to save, and what it says."""

    name: str
    text: str
    document: PolicyDocument


def list_schemes() -> tuple[Scheme, ...]:
    """Every ready-made policy, by name; each passes its own worked cases."""
    return _read()


def get_scheme(name: str) -> Scheme:
    """The ready-made policy of a name such as `o2-uk-2012-07`; raises NotFoundError."""
    found = next((scheme for scheme in list_schemes() if scheme.name == name), None)
    if found is None:
        names = ", ".join(scheme.name for scheme in list_schemes())
        raise NotFoundError("no such ready-made policy", value=name, accepted=f"one of {names}")
    return found


def missing_attributes(document: PolicyDocument, defined: Iterable[Fact]) -> tuple[Fact, ...]:
    """The attributes that a policy says it needs and staff have not defined yet: null for every line until they do."""
    known = {fact.name for fact in defined}
    return tuple(fact for fact in document.attributes if fact.name not in known)


@functools.cache
def _read() -> tuple[Scheme, ...]:
    found = []
    for file in sorted(resources.files("compensation").joinpath("schemes").iterdir(), key=lambda one: one.name):
        if file.name.endswith(_SUFFIX):
            text = file.read_text(encoding="utf-8")
            document = load_policy(text, source=file.name)
            found.append(Scheme(document.name, text, document))
    return tuple(sorted(found, key=lambda scheme: scheme.name))
