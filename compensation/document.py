"""A policy file to a checked document: YAML in, frozen values out, or everything that is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import yaml

from compensation.document_logic import LogicReader
from compensation.document_model import (
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
from compensation.document_schema import read_head, read_limits, read_parameters, read_sources, read_tests
from compensation.document_yaml import PolicyError, Problem, Reader
from compensation.facts import Fact, with_attributes

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
_OPTIONAL = ("parameters", "decisions", "text", "limits", "tests")


def load_policy(text: str, *, source: str = "policy", attributes: Iterable[Fact] = ()) -> PolicyDocument:
    """The policy of a YAML text; `source` names the text in messages, `attributes` are the facts that staff defined.

    Raises PolicyError with every problem found: YAML, shape, names, types, units, unrounded money.
    """
    reader = Reader(text, source)
    catalogue = with_attributes(attributes)
    root = reader.root()
    if root is None:
        raise PolicyError(reader.problems)
    parts = reader.mapping(root, "the policy", _REQUIRED, _OPTIONAL)
    head = read_head(reader, parts)
    sources = read_sources(reader, parts.get("sources"))
    parameters = read_parameters(reader, parts.get("parameters"), head)
    failed = _parameter_names(parts.get("parameters")) - {parameter.name for parameter in parameters}
    for parameter in parameters:
        if parameter.name in catalogue:
            what = f'the parameter "{parameter.name}" has the name of a fact'
            reader.problem(parts["parameters"], what, "another name")
    logic = LogicReader(reader, head, catalogue, parameters, failed)
    decisions = logic.decisions(parts.get("decisions"))
    before = len(reader.problems)
    rewards = logic.rewards(parts.get("rewards"))
    # Tests name rewards: with a broken reward each of them would only repeat the complaint.
    tests_node = parts.get("tests") if len(reader.problems) == before else None
    customer_text = logic.customer_text(parts.get("text"))
    limits = read_limits(reader, parts.get("limits"), head)
    tests = read_tests(reader, tests_node, head, catalogue, {reward.name: reward for reward in rewards})
    if reader.problems:
        raise PolicyError(reader.problems)
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
        parameters=parameters,
        decisions=decisions,
        rewards=rewards,
        customer_text=customer_text,
        limits=limits,
        tests=tests,
        text=text,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        catalogue=catalogue,
    )


def _parameter_names(node: yaml.Node | None) -> set[str]:
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value for key, _ in entries if isinstance(key, yaml.ScalarNode)}
