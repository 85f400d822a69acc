"""The official compatibility kit beside this checkout: every folder and result, strictly."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from compensation.dmn import Model, evaluate_decision, read_model
from compensation.dmn.run import same
from compensation.feel import Value
from compensation.feel.temporal import read_date, read_date_time, read_span, read_time

CASE = "{http://www.omg.org/spec/DMN/20160719/testcase}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
KIND = "{http://www.w3.org/2001/XMLSchema-instance}type"
READERS: dict[str, Callable[[str], Value]] = {
    "decimal": Fraction,
    "double": Fraction,
    "integer": Fraction,
    "int": Fraction,
    "boolean": lambda text: {"true": True, "false": False}[text],
    "date": read_date,
    "time": read_time,
    "dateTime": read_date_time,
    "duration": read_span,
}


def folders(root: Path) -> list[Path]:
    return sorted(path for path in (root / "tck").iterdir() if path.is_dir())


def value_of(element: ET.Element) -> Value:
    """What an input or expected node holds: a value, a list, components, or null."""
    if (listed := element.find(f"{CASE}list")) is not None:
        return tuple(value_of(item) for item in listed.findall(f"{CASE}item"))
    if components := element.findall(f"{CASE}component"):
        return {component.attrib["name"]: value_of(component) for component in components}
    value = element.find(f"{CASE}value")
    if value is None or value.get(NIL) == "true":
        return None
    text, kind = value.text or "", (value.get(KIND) or "string").rpartition(":")[2]
    return READERS[kind](text.strip()) if kind in READERS else text


def results(folder: Path) -> Iterator[tuple[str, Model, dict[str, Value], str, Value]]:
    """Every expected result of a folder: its label, the model, the inputs, the decision, the value."""
    model = read_model(next(folder.glob("*.dmn")).read_bytes())
    for file in sorted(folder.glob("*-test-*.xml")):
        cases = ET.parse(file).getroot()  # noqa: S314 - the kit is no hostile text
        for case in cases.findall(f"{CASE}testCase"):
            given = {node.attrib["name"]: value_of(node) for node in case.findall(f"{CASE}inputNode")}
            for node in case.findall(f"{CASE}resultNode"):
                expected = node.find(f"{CASE}expected")
                label = f"{folder.name} {case.get('id')} {node.attrib['name']}"
                yield label, model, given, node.attrib["name"], None if expected is None else value_of(expected)


def run_all(root: Path) -> tuple[int, list[str]]:
    """How many results there are and which fail; an exception is a failure, never a pass."""
    count, failed = 0, []
    for folder in folders(root):
        for label, model, given, decision, expected in results(folder):
            count += 1
            try:
                found = evaluate_decision(model, decision, given)
            except Exception as error:
                failed.append(f"{label}: {error}")
                continue
            if not same(found, expected):
                failed.append(f"{label}: {found!r} instead of {expected!r}")
    return count, failed


@pytest.fixture
def kit(shared: Path) -> Path:
    if not (shared / "tck").is_dir():
        pytest.skip("the compatibility kit (../shared/tck) is not beside this checkout")
    return shared


def test_every_folder_of_the_kit_passes(kit: Path) -> None:
    count, failed = run_all(kit)
    assert failed == []
    assert count >= 80


def test_the_comparison_of_results_is_not_lenient() -> None:
    assert same(Fraction(1, 3), Fraction("0.3333333333333333333333333333333333"))
    assert not same(Fraction(1), Fraction("1.0000001"))
    assert not same(Fraction(1), True)
    assert not same(None, False)
    assert not same((Fraction(1),), Fraction(1))
    assert not same({"a": "x"}, {"a": "x", "b": None})
