"""The terms of a policy file: its layers, caps, what happens to what others gave, its holdout, its correction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

import yaml

from compensation.document.logic import LogicReader
from compensation.document.model import Basis
from compensation.document.schema import Head
from compensation.document.yaml_reader import Reader
from compensation.feel import FeelType
from compensation.rewards import Per
from compensation.tables.table import check_result
from compensation.terms import Cap, Combines, Holdout, Layer, Others, Over, Terms

TERMS = ("layers", "caps", "other credits", "holdout", "correction text")
_TEXT = re.compile(r"[a-z][a-z0-9_]{0,63}")


def read_layers(reader: Reader, node: yaml.Node | None) -> tuple[Layer, ...]:
    """The layers in their order, names distinct."""
    if node is None or reader.is_null(node):
        return ()
    found: dict[str, Layer] = {}
    for item in reader.items(node, "layers"):
        parts = reader.mapping(item, "a layer", ["name", "basis"], ["combines"])
        name = reader.string(parts["name"], "name") if "name" in parts else None
        basis = reader.choice(parts["basis"], "basis", [*Basis]) if "basis" in parts else None
        combines = reader.choice(parts["combines"], "combines", [*Combines]) if "combines" in parts else None
        if found and "combines" not in parts:
            what = "a layer does not say how it goes with those before it"
            reader.problem(item, what, f"combines: one of {', '.join(Combines)}")
        if name in found:
            reader.problem(item, f'two layers are named "{name}"', "each name once")
        if name is not None:
            found[name] = Layer(name, basis or Basis.GOODWILL, Combines(combines or Combines.SUM))
    return tuple(found.values())


def read_terms(logic: LogicReader, parts: Mapping[str, yaml.Node], layers: tuple[Layer, ...]) -> Terms:
    """Everything but the layers; caps may read what rewards may read."""
    reader = logic.reader
    given = {key: node for key, node in parts.items() if key in TERMS and not reader.is_null(node)}
    others = reader.choice(given["other credits"], "other credits", [*Others]) if "other credits" in given else None
    return Terms(
        layers=layers,
        caps=_caps(logic, given.get("caps")),
        others=Others(others or Others.OFFSET),
        holdout=_holdout(reader, given.get("holdout"), logic.head, layers),
        correction_text=_correction(reader, given.get("correction text")),
    )


def _caps(logic: LogicReader, node: yaml.Node | None) -> tuple[Cap, ...]:
    reader, found = logic.reader, []
    for item in reader.items(node, "caps") if node is not None else ():
        parts = reader.mapping(item, "a cap", ["amount", "per", "over"])
        if not {"amount", "per", "over"} <= parts.keys():
            continue
        per = reader.choice(parts["per"], "per", [*Per])
        over = reader.choice(parts["over"], "over", [*Over])
        amount = logic.parse(parts["amount"], "amount")
        if amount is None:
            continue
        logic.complain(check_result(amount, FeelType.MONEY, logic.scope, logic.head.exponent))
        found.append(Cap(amount, Per(per or Per.LINE), Over(over or Over.INCIDENT)))
    return tuple(found)


def _holdout(reader: Reader, node: yaml.Node | None, head: Head, layers: tuple[Layer, ...]) -> Holdout | None:
    if node is None:
        return None
    parts = reader.mapping(node, "holdout", ["share", "salt"])
    bases = {layer.basis for layer in layers} or {head.basis}
    if bases != {Basis.GOODWILL}:
        what = "only goodwill may be held back: what the law or a contract promises is owed to everybody"
        reader.problem(node, what, "no holdout, or a goodwill policy of its own")
    share = reader.number(parts["share"], "share") if "share" in parts else None
    if share is not None and not 0 < share < 1:
        reader.problem(parts["share"], f"the share {share} is not between 0 and 1", "such as 0.05 for one line in 20")
    salt = reader.string(parts["salt"], "salt") if "salt" in parts else None
    return Holdout(share or Fraction(0), salt or "")


def _correction(reader: Reader, node: yaml.Node | None) -> str:
    name = reader.string(node, "correction text") if node is not None else Terms().correction_text
    if name is not None and not _TEXT.fullmatch(name):
        what = f'"{name}" is no name of a text'
        reader.problem(node if node is not None else yaml.ScalarNode("", ""), what, "lower-case letters, digits and _")
    return name or ""
