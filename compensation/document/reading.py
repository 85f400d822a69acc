"""A policy file to a checked document: YAML in, frozen values out, or everything that is wrong with it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from compensation.document.attributes import read_attributes
from compensation.document.calendars import read_calendars
from compensation.document.layers import TERMS, read_layers, read_terms
from compensation.document.logic import LogicReader
from compensation.document.measures import read_measures
from compensation.document.model import (
    Basis,
    ExpressionDecision,
    Limits,
    Parameter,
    PolicyDecision,
    PolicyDocument,
    PolicyTest,
    Population,
    Reward,
    Source,
    TableDecision,
    Tag,
)
from compensation.document.rewards import read_rewards
from compensation.document.schema import Head, read_head, read_limits, read_parameters, read_sources, read_tests
from compensation.document.yaml_reader import PolicyError, Problem, Reader
from compensation.facts import Fact, history_facts_in, with_attributes
from compensation.measures import HolidayCalendar, Measure

__all__ = [
    "Basis",
    "ExpressionDecision",
    "Limits",
    "Parameter",
    "PolicyDecision",
    "PolicyDocument",
    "PolicyError",
    "PolicyTest",
    "Population",
    "Problem",
    "Reward",
    "Source",
    "TableDecision",
    "Tag",
    "load_policy",
]

_REQUIRED = ("policy", "title", "basis", "currency", "zone", "in force", "population", "sources", "rewards")
_OPTIONAL = ("attributes", "parameters", "holidays", "measures", "decisions", "text", "limits", "tests", *TERMS)


def load_policy(text: str, *, source: str = "policy", attributes: Iterable[Fact] = ()) -> PolicyDocument:
    """The policy of a YAML text; `source` names the text in messages, `attributes` are the facts that staff defined.

    Raises PolicyError with every problem found: YAML, shape, names, types, units, unrounded money.
    Who asks for the same again gets the same document.
    """
    return _load(text, source, tuple(attributes))


# A page asks for the same policy several times, and to read one takes a tenth of a second.
@functools.lru_cache(maxsize=64)
def _load(text: str, source: str, attributes: tuple[Fact, ...]) -> PolicyDocument:
    reader = Reader(text, source)
    catalogue = {**{fact.name: fact for fact in history_facts_in(text)}, **with_attributes(attributes)}
    root = reader.root()
    if root is None:
        raise PolicyError(reader.problems)
    parts = reader.mapping(root, "the policy", _REQUIRED, _OPTIONAL)
    head = read_head(reader, parts)
    sources = read_sources(reader, parts.get("sources"))
    named = _read_names(reader, parts, head, catalogue)
    logic = LogicReader(reader, head, catalogue, named.parameters, named.failed)
    decisions = logic.decisions(parts.get("decisions"))
    before = len(reader.problems)
    layers = read_layers(reader, parts.get("layers"))
    rewards = read_rewards(logic, parts.get("rewards"), layers)
    terms = read_terms(logic, parts, layers)
    # Tests name rewards: with a broken reward each of them would only repeat the complaint.
    tests_node = parts.get("tests") if len(reader.problems) == before else None
    customer_text = logic.customer_text(parts.get("text"))
    limits = read_limits(reader, parts.get("limits"), head)
    tests = read_tests(reader, tests_node, head, catalogue, {reward.name: reward for reward in rewards})
    if reader.problems:
        raise PolicyError(reader.problems, logic.scope)
    return PolicyDocument(
        name=head.name,
        title=head.title,
        basis=head.basis,
        currency=head.currency,
        zone=head.zone,
        in_force_from=head.in_force_from,
        in_force_to=head.in_force_to,
        population=head.population,
        sources=sources,
        parameters=named.parameters,
        decisions=decisions,
        rewards=rewards,
        customer_text=customer_text,
        limits=limits,
        tests=tests,
        text=text,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        catalogue=catalogue,
        measures=named.measures,
        calendars=named.calendars,
        attributes=named.attributes,
        terms=terms,
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """What rules read by name besides the catalogue's facts; `failed` are names that were complained of."""

    attributes: tuple[Fact, ...]
    parameters: tuple[Parameter, ...]
    calendars: tuple[HolidayCalendar, ...]
    measures: tuple[Measure, ...]
    failed: frozenset[str]


def _read_names(reader: Reader, parts: Mapping[str, yaml.Node], head: Head, catalogue: dict[str, Fact]) -> _Names:
    """Attributes, parameters, calendars and measures; attributes and measures join the catalogue."""
    attributes = read_attributes(reader, parts.get("attributes"), catalogue)
    catalogue.update(attributes)
    parameters = read_parameters(reader, parts.get("parameters"), head)
    failed = _parameter_names(parts.get("parameters")) - {parameter.name for parameter in parameters}
    for parameter in parameters:
        if parameter.name in catalogue:
            what = f'the parameter "{parameter.name}" has the name of a fact'
            reader.problem(parts["parameters"], what, "another name")
    calendars = read_calendars(reader, parts.get("holidays"))
    read = read_measures(reader, parts.get("measures"), catalogue, parameters, failed, calendars)
    catalogue.update(read.facts)
    return _Names(tuple(attributes.values()), parameters, calendars, read.measures, read.failed | failed)


def _parameter_names(node: yaml.Node | None) -> set[str]:
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value for key, _ in entries if isinstance(key, yaml.ScalarNode)}
