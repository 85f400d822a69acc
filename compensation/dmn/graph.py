"""What in a model requires what: the parts behind one decision, an order to read them in, and circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from compensation.dmn.elements import Element


def required(root: Element, decision: str) -> list[Element]:
    """What stands in the model for one decision: all but the decisions, functions and services it does not require."""
    graph = list(root.all("decision", "businessKnowledgeModel", "decisionService"))
    by_id = {child.get("id"): child for child in graph}
    pending = [child for child in graph if decision in (child.get("name"), _variable_name(child))]
    if not pending:
        return root.children
    wanted: set[int] = set()
    while pending:
        child = pending.pop()
        if id(child) in wanted:
            continue
        wanted.add(id(child))
        hrefs = (part.get("href").rpartition("#")[2] for part in _references(child))
        pending += [by_id[href] for href in hrefs if href in by_id]
    left_out = {id(child) for child in graph} - wanted
    return [child for child in root.children if id(child) not in left_out]


def _references(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.get("href"):
            yield child
        elif child.name.endswith("Requirement"):
            yield from _references(child)


def _variable_name(element: Element) -> str:
    variable = element.first("variable")
    return " ".join(variable.get("name").split()) if variable else ""


def in_order(requires: Mapping[str, Collection[str]]) -> list[str]:
    """The names, each after those it requires; what stands in a circle or behind one is left out."""
    left = {name: {other for other in others if other in requires} for name, others in requires.items()}
    order: list[str] = []
    while ready := [name for name, others in left.items() if others <= set(order)]:
        order += ready
        left = {name: others for name, others in left.items() if name not in ready}
    return order


def in_circles(requires: Mapping[str, Collection[str]]) -> list[str]:
    """The names that require themselves, or something that does."""
    ordered = set(in_order(requires))
    return [name for name in requires if name not in ordered]
