"""A policy as it stands while somebody writes it: what is wrong and where, and what its cells may read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from compensation.document.outline import Outline
from compensation.document.places import PlacedProblem, place_problems
from compensation.document.reading import PolicyDocument, PolicyError, load_policy
from compensation.facts import CATALOGUE, Fact, Origin
from compensation.feel import FeelType, Literal, NameType, Value, write_expression
from foundation.errors import InputError

MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Offered:
    """A name that a cell may read: where it comes from, its type, unit and meaning, and its values as FEEL."""

    name: str
    kind: str
    type: str
    unit: str = ""
    meaning: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """The document when nothing is wrong, else every problem in its place; and the names that its cells may read."""

    document: PolicyDocument | None
    problems: tuple[PlacedProblem, ...]
    names: tuple[Offered, ...]


def check_length(text: str) -> str:
    """The text itself; raises InputError for one that is longer than any policy."""
    if len(text) > MOST_CHARACTERS:
        raise InputError("the policy is too long", accepted=f"at most {MOST_CHARACTERS:,} characters")
    return text


def check_policy(text: str, outline: Outline | None, *, attributes: Iterable[Fact] = ()) -> PolicyReport:
    """Check a policy's text; `outline` is the outline of this very text, or None when it has none."""
    extra = tuple(attributes)
    try:
        document = load_policy(text, attributes=extra)
    except PolicyError as error:
        names = _names_of(error.names, outline, extra) if error.names else offered_facts(extra)
        return PolicyReport(None, tuple(place_problems(text, error.problems)), tuple(names))
    scope = {name: fact.name_type() for name, fact in document.catalogue.items()}
    scope |= {parameter.name: NameType(parameter.type) for parameter in document.parameters}
    for decision in document.decisions:
        scope |= decision.results()
    return PolicyReport(document, (), tuple(_names_of(scope, outline, extra)))


def offered_facts(attributes: Iterable[Fact] = ()) -> list[Offered]:
    """The facts of the catalogue and of staff, in the order in which they are documented."""
    return [_fact(fact) for fact in (*CATALOGUE.values(), *attributes)]


def _fact(fact: Fact) -> Offered:
    kind = "attribute" if fact.origin is Origin.ATTRIBUTE else "fact"
    return Offered(fact.name, kind, str(fact.type), fact.unit, fact.meaning, _written(fact.allowed))


def _names_of(
    scope: Mapping[str, NameType], outline: Outline | None, attributes: tuple[Fact, ...]
) -> Iterator[Offered]:
    facts = offered_facts(attributes)
    yield from facts
    known = {fact.name for fact in facts}
    lists = outline["lists"] if outline else {}
    parameters = {str(entry["key"]): entry["fields"] for entry in lists.get("parameters", ())}
    measures = {str(entry["fields"].get("name")): entry["fields"] for entry in lists.get("measures", ())}
    decisions = {str(entry["fields"].get("name")): entry["fields"] for entry in lists.get("decisions", ())}
    for name, kind in scope.items():
        if name in known:
            continue
        said = str(kind.type)
        if name in parameters:
            yield Offered(name, "parameter", said, _text(parameters[name], "unit"), _text(parameters[name], "source"))
        elif name in measures:
            unit = "days, hours, minutes" if kind.type is FeelType.DURATION else ""
            yield Offered(name, "measure", said, unit, _text(measures[name], "meaning"))
        else:
            decision = decisions.get(name.partition(".")[0], {})
            yield Offered(name, "result", said, "", _text(decision, "meaning"), _written(kind.allowed))


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _written(values: tuple[Value, ...] | None) -> tuple[str, ...]:
    return tuple(write_expression(Literal(value)) for value in values or ())
