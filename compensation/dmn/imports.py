"""Models that a model imports, taken into it: what they define is called `import.name`, as its texts call it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping

from compensation.dmn.elements import Element
from compensation.dmn.model import PREFIX
from compensation.feel.kinds import TYPE_NAMES

_GRAPH = ("inputData", "decision", "businessKnowledgeModel", "decisionService")
_TAKEN = ("itemDefinition", *_GRAPH)
_MOST_DEEP = 10
# Each import of a model is a copy of it with inputs of its own.
_MOST_MODELS = 50


def take_imports(root: Element, others: Collection[Element]) -> list[str]:
    """Puts into `root` what the models among `others` define that it imports, and says which are not there."""
    left = iter(range(_MOST_MODELS))
    return list(_take(root, {one.get("namespace"): one for one in others}, (root.get("namespace"),), left))


def _take(root: Element, known: Mapping[str, Element], around: tuple[str, ...], left: Iterator[int]) -> Iterator[str]:
    prefixes: dict[str, str] = {}
    taken: list[Element] = []
    for child in list(root.all("import")):
        namespace, prefix = child.get("namespace"), " ".join(child.get("name").split())
        kind = child.get("importType")
        if kind and "DMN" not in kind.upper():
            yield f"{child.place}: {kind} is imported, which is no decision model; accepted: decision models"
            continue
        if namespace in around or len(around) > _MOST_DEEP:
            yield f"{child.place}: the model {namespace} imports itself"
            continue
        if namespace not in known:
            yield f"{child.place}: the model {namespace} is not there; accepted: its file beside this one"
            continue
        if next(left, None) is None:
            yield f"{child.place}: more than {_MOST_MODELS} models are imported, one way or another"
            continue
        found = copy.deepcopy(known[namespace])
        yield from _take(found, known, (*around, namespace), left)
        _rename(found, prefix)
        prefixes[namespace] = prefix
        taken += found.all(*_TAKEN)
        _adopt(found, found.namespace, root.namespace)
    root.children = [child for child in root.children if child.name != "import"]
    _point(root, prefixes, {child.get("name") for child in taken if child.name == "itemDefinition"})
    root.children += taken


def _rename(root: Element, prefix: str) -> None:
    """What a model defines, called by the name under which it is imported; its references to itself as well."""
    if not prefix:
        return
    types = {child.get("name") for child in root.all("itemDefinition")}
    for child in root.all(*_TAKEN):
        child.attributes["name"] = f"{prefix}.{' '.join(child.get('name').split())}"
        variable = child.first("variable") if child.name in _GRAPH else None
        if variable is not None and variable.get("name"):
            variable.attributes["name"] = f"{prefix}.{' '.join(variable.get('name').split())}"
        if child.name in _GRAPH:
            child.attributes["id"] = f"{prefix}.{child.get('id')}"
            child.attributes[PREFIX] = f"{prefix}.{child.get(PREFIX)}".rstrip(".")
    for element in _within(root):
        if element.get("href"):
            element.attributes["href"] = f"#{prefix}.{element.get('href').rpartition('#')[2]}"
        _retype(element, lambda written: f"{prefix}.{written}" if written in types else written)


def _point(root: Element, prefixes: Mapping[str, str], imported: Collection[str]) -> None:
    """The model's own references to what it imports: `namespace#id` and `prefix:type`."""

    def meant(written: str) -> str:
        dotted = written.replace(":", ".")
        if dotted in imported or written in TYPE_NAMES:
            return dotted
        ends = [name for name in imported if ":" in written and name.endswith(f".{written.rpartition(':')[2]}")]
        return ends[0] if len(ends) == 1 else written

    for element in _within(root):
        namespace, _, identity = element.get("href").rpartition("#")
        if namespace in prefixes:
            element.attributes["href"] = f"#{prefixes[namespace]}.{identity}".replace("#.", "#")
        _retype(element, meant)


def _retype(element: Element, meant: Callable[[str], str]) -> None:
    for attribute in ("typeRef", "outputTypeRef"):
        if element.get(attribute):
            element.attributes[attribute] = meant(" ".join(element.get(attribute).split()))
    if element.name == "typeRef" and element.text.strip():
        element.text = meant(" ".join(element.text.split()))


def _adopt(element: Element, old: str, new: str) -> None:
    """Elements of the importing model's version, so that they are found among its own."""
    for one in _within(element):
        one.namespace = new if one.namespace == old else one.namespace


def _within(element: Element) -> Iterator[Element]:
    pending = [element]
    while pending:
        one = pending.pop()
        yield one
        pending += one.children
