"""The plain parts of a policy file: head, sources, dated parameters, limits and attached tests."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import yaml

from compensation.document.lost import read_instant, read_lost, read_lost_before
from compensation.document.model import (
    Basis,
    DatedValue,
    Expectation,
    Limits,
    Parameter,
    PolicyTest,
    Population,
    Reward,
    Source,
    Tag,
)
from compensation.document.yaml_reader import Reader, plain_type
from compensation.facts import Fact, check_name
from compensation.feel import FeelType, Value, suggestion
from compensation.feel.units import known_unit
from compensation.feel.values import read_number, write_number
from foundation.errors import InputError
from foundation.money import check_currency, exponent, from_major

OUTCOMES = ("entitled", "nothing", "undetermined")
_PARAMETER_TYPES = (FeelType.NUMBER, FeelType.STRING, FeelType.BOOLEAN, FeelType.DATE, FeelType.DURATION)
# A part of business keys, which records keep in 128 characters.
LONGEST_NAME = 48
_PER_CENT, _FRACTION = re.compile(r"(-?[0-9.]+) ?%"), re.compile(r"(-?[0-9]{1,30})/([1-9][0-9]{0,29})")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# What stands in for a part that could not be read, so that the rest is still checked; such a policy is never returned.
_STAND_IN_DATE = datetime.date(1970, 1, 1)
_STAND_IN_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Head:
    """What a policy says about itself."""

    name: str
    title: str
    basis: Basis
    currency: str
    zone: str
    in_force_from: datetime.date
    in_force_to: datetime.date | None
    population: Population

    @property
    def exponent(self) -> int:
        """Decimals of the currency."""
        return exponent(self.currency)


def read_head(reader: Reader, parts: Mapping[str, yaml.Node]) -> Head:
    """The head; parts that are missing or wrong are noted by the reader and stand in as something harmless."""
    name = _text(reader, parts, "policy")
    if name and not _SLUG.fullmatch(name):
        reader.problem(
            parts["policy"], f'"{name}" is no policy name', "small letters, digits and -, such as o2-uk-2012-07"
        )
    if len(name) > LONGEST_NAME:
        reader.problem(parts["policy"], f'the name "{name}" is too long', f"at most {LONGEST_NAME} characters")
    basis = reader.choice(parts["basis"], "basis", [*Basis]) if "basis" in parts else None
    population = reader.choice(parts["population"], "population", [*Population]) if "population" in parts else None
    start, end = _in_force(reader, parts.get("in force"))
    return Head(
        name=name,
        title=_text(reader, parts, "title"),
        basis=Basis(basis or Basis.GOODWILL),
        currency=_currency(reader, parts),
        zone=_zone(reader, parts),
        in_force_from=start,
        in_force_to=end,
        population=Population(population or Population.AFFECTED),
    )


def _text(reader: Reader, parts: Mapping[str, yaml.Node], key: str) -> str:
    return (reader.string(parts[key], key) or "") if key in parts else ""


def _currency(reader: Reader, parts: Mapping[str, yaml.Node]) -> str:
    code = _text(reader, parts, "currency")
    if not code:
        return "GBP"
    try:
        return check_currency(code)
    except InputError as error:
        upper = code.upper()
        close = f'did you mean "{upper}"? ' if upper != code and _is_currency(upper) else ""
        reader.problem(parts["currency"], f'{error.what} "{code}"', f"{close}{error.accepted}")
        return "GBP"


def _zone(reader: Reader, parts: Mapping[str, yaml.Node]) -> str:
    zone = _text(reader, parts, "zone")
    known = zoneinfo.available_timezones()
    if zone in known:
        return zone
    if zone:
        reader.problem(parts["zone"], f'unknown time zone "{zone}"', suggestion(zone, known) or "Europe/London")
    return _STAND_IN_ZONE


def _in_force(reader: Reader, node: yaml.Node | None) -> tuple[datetime.date, datetime.date | None]:
    if node is None:
        return _STAND_IN_DATE, None
    parts = reader.mapping(node, "in force", ["from"], ["to"])
    start = reader.date(parts["from"], "from") if "from" in parts else None
    end = reader.date(parts["to"], "to") if "to" in parts else None
    if "from" in parts and reader.is_null(parts["from"]):
        reader.problem(parts["from"], "in force lacks its first day", "a date such as 2012-07-11")
    if start and end and end <= start:
        reader.problem(parts["to"], "in force ends before it begins", f"a date after {start}, or null")
    return start or _STAND_IN_DATE, end


def read_sources(reader: Reader, node: yaml.Node | None) -> tuple[Source, ...]:
    """The sources; at least one."""
    items = reader.items(node, "sources") if node else []
    if node is not None and isinstance(node, yaml.SequenceNode) and not items:
        reader.problem(node, "the policy names no source", "at least one {what: ..., where: ...}")
    found = []
    for item in items:
        parts = reader.mapping(item, "a source", ["what", "where"])
        found.append(Source(_text(reader, parts, "what"), _text(reader, parts, "where")))
    return tuple(found)


def read_parameters(reader: Reader, node: yaml.Node | None, head: Head) -> tuple[Parameter, ...]:
    """The dated parameters; each must have a value on the policy's first day."""
    if node is None or reader.is_null(node):
        return ()
    found = [_parameter(reader, name, key, value, head) for name, key, value in reader.entries(node, "parameters")]
    return tuple(parameter for parameter in found if parameter)


def _parameter(reader: Reader, name: str, key: yaml.Node, node: yaml.Node, head: Head) -> Parameter | None:
    problems = len(reader.problems)
    try:
        check_name(name)
    except InputError as error:
        reader.problem(key, f'"{name}": {error.what}', error.accepted)
    parts = reader.mapping(node, f'parameter "{name}"', ["unit", "source", "values"], ["type"])
    if "values" not in parts:
        return None
    unit = _text(reader, parts, "unit")
    dated = list(reader.entries(parts["values"], "values"))
    kind = _parameter_type(reader, parts, unit, dated, head)
    values = [_dated_value(reader, since_node, value, kind, unit) for _, since_node, value in dated]
    if len(reader.problems) > problems:
        return None
    ordered = sorted((value for value in values if value), key=lambda value: value.since)
    # A policy whose first day could not be read has another complaint already.
    is_known = head.in_force_from != _STAND_IN_DATE
    if is_known and (not ordered or ordered[0].since > head.in_force_from):
        what = f'parameter "{name}" has no value on {head.in_force_from}, the policy\'s first day'
        reader.problem(parts["values"], what, f"a value dated {head.in_force_from} or before")
    return Parameter(name, kind, unit, _text(reader, parts, "source"), tuple(ordered))


def _parameter_type(
    reader: Reader,
    parts: Mapping[str, yaml.Node],
    unit: str,
    dated: list[tuple[str, yaml.Node, yaml.Node]],
    head: Head,
) -> FeelType:
    """The type as declared, else as the values look; a number whose unit is the currency is money."""
    declared = reader.choice(parts["type"], "type", _PARAMETER_TYPES) if "type" in parts else None
    looks = FeelType.NUMBER if dated and _is_written_as_part(dated[0][2]) else None
    kind = FeelType(declared) if declared else looks or (plain_type(dated[0][2]) if dated else FeelType.STRING)
    if kind is FeelType.NUMBER and unit != head.currency and _is_currency(unit):
        reader.problem(parts["unit"], f"the policy pays in {head.currency}, this amount is in {unit}", head.currency)
    return FeelType.MONEY if kind is FeelType.NUMBER and unit == head.currency else kind


def _is_currency(unit: str) -> bool:
    try:
        return bool(check_currency(unit))
    except InputError:
        return False


def _is_written_as_part(node: yaml.Node) -> bool:
    """Whether a value is written as per cent or as a fraction: `12.5 %`, `1/3`."""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return plain and bool(_PER_CENT.fullmatch(str(node.value)) or _FRACTION.fullmatch(str(node.value)))


def _part(reader: Reader, node: yaml.Node, unit: str) -> Value:
    """A value written as per cent, in the parameter's unit (per cent or share), or as a fraction of any unit."""
    text = str(node.value)
    if (fraction := _FRACTION.fullmatch(text)) is not None:
        return Fraction(int(fraction[1]), int(fraction[2]))
    found = _PER_CENT.fullmatch(text)
    number = read_number(found[1]) if found is not None else None
    if number is None:
        reader.problem(node, f"the value is not a number: {text}", "such as 12.5 %")
    elif known_unit(unit) == "share":
        return number / 100
    elif known_unit(unit) != "%":
        what = f'{text} is a part of a hundred, and the unit of the parameter is "{unit}"'
        reader.problem(node, what, f"unit: share (it reads {write_number(number / 100)}) or unit: %")
    return number


def _dated_value(reader: Reader, since: yaml.Node, node: yaml.Node, kind: FeelType, unit: str) -> DatedValue | None:
    if str(since.value).isdecimal() and reader.is_null(node):
        what = f'"{since.value}" stands where the next value would begin'
        reader.problem(since, what, f"a point before decimals, such as 3.{since.value}, or a date and its value")
        return None
    day = reader.date(since, "the day a value holds from")
    as_part = kind is FeelType.NUMBER and _is_written_as_part(node)
    value = _part(reader, node, unit) if as_part else reader.value(node, kind, "the value")
    if reader.is_null(node):
        reader.problem(node, "a parameter's value is missing", f"{kind.said}")
    if day is None or value is None:
        return None
    return DatedValue(day, value)


def read_limits(reader: Reader, node: yaml.Node | None, head: Head) -> Limits:
    """The sanity limits, in minor units."""
    if node is None or reader.is_null(node):
        return Limits()
    parts = reader.mapping(node, "limits", [], ["amount per line", "total"])
    amounts = {key: _minor(reader, value, key, head) for key, value in parts.items()}
    return Limits(amounts.get("amount per line"), amounts.get("total"))


def _minor(reader: Reader, node: yaml.Node, what: str, head: Head) -> int | None:
    value = reader.value(node, FeelType.MONEY, what)
    if not isinstance(value, Fraction):
        return None
    try:
        return from_major(value, head.currency)
    except ValueError:
        reader.problem(node, f"{what} is finer than the minor unit", f"at most {head.exponent} decimals")
        return None


def read_tests(
    reader: Reader, node: yaml.Node | None, head: Head, catalogue: Mapping[str, Fact], rewards: Mapping[str, Reward]
) -> tuple[PolicyTest, ...]:
    """The attached tests."""
    if node is None or reader.is_null(node):
        return ()
    found: list[PolicyTest] = []
    for item in reader.items(node, "tests"):
        parts = reader.mapping(item, "a test", ["name", "tag", "given", "expect"])
        name = _text(reader, parts, "name")
        tag = reader.choice(parts["tag"], "tag", [*Tag]) if "tag" in parts else None
        if name and name in {test.name for test in found}:
            reader.problem(parts["name"], f'two tests are named "{name}"', "each name once")
        if {"given", "expect"} <= parts.keys():
            entries = {key: value for key, _, value in reader.entries(parts["given"], "given")}
            lost = read_lost(reader, entries["lost"], head.zone) if "lost" in entries else None
            given = _given(reader, parts["given"], head, catalogue)
            expect = _expectation(reader, parts["expect"], rewards)
            past = read_lost_before(reader, entries["lost before"], head.zone) if "lost before" in entries else ()
            found.append(PolicyTest(name, Tag(tag or Tag.COMPUTED), given, expect, lost, past))
    return tuple(found)


def _given(reader: Reader, node: yaml.Node, head: Head, catalogue: Mapping[str, Fact]) -> dict[str, Value | int]:
    given: dict[str, Value | int] = {}
    for name, key, value in reader.entries(node, "given"):
        fact = catalogue.get(name)
        if name in ("lost", "lost before"):
            continue
        if fact is None:
            reader.problem(key, f'unknown fact "{name}"', suggestion(name, catalogue) or "a fact of the catalogue")
        elif fact.type is FeelType.MONEY:
            given[name] = _minor(reader, value, name, head)
        elif fact.type is FeelType.DATE_TIME:
            given[name] = read_instant(reader, value, head.zone, name)
        else:
            given[name] = reader.value(value, fact.type, name)
    return given


def _expectation(reader: Reader, node: yaml.Node, rewards: Mapping[str, Reward]) -> Expectation:
    parts = reader.mapping(node, "expect", ["rewards"], ["text", "outcome"])
    expected: dict[str, Mapping[str, Value]] = {}
    entries = reader.entries(parts["rewards"], "rewards") if "rewards" in parts else ()
    for name, key, value in entries:
        if name in rewards:
            expected[name] = _expected_reward(reader, value, name, rewards[name])
            continue
        reader.problem(key, f'the policy has no reward "{name}"', suggestion(name, rewards) or ", ".join(rewards))
    text = parts.get("text")
    said = None if text is None or reader.is_null(text) else reader.string(text, "text")
    outcome = reader.choice(parts["outcome"], "outcome", OUTCOMES) if "outcome" in parts else None
    return Expectation(outcome or ("entitled" if expected else "nothing"), expected, said)


def _expected_reward(reader: Reader, node: yaml.Node, name: str, reward: Reward) -> dict[str, Value]:
    fields = {field.name: field for field in reward.kind.fields}
    if not isinstance(node, yaml.MappingNode):
        if fields:
            first = next(iter(fields.values()))
            return {first.name: reader.value(node, first.type, f'the {first.name} of "{name}"')}
        if reader.value(node, FeelType.BOOLEAN, f'reward "{name}"') is not True:
            reader.problem(node, f'reward "{name}" has no size', "true")
        return {}
    parts = reader.mapping(node, f'reward "{name}"', [], fields)
    return {field: reader.value(value, fields[field].type, field) for field, value in parts.items()}
