"""The shape of an outline that comes from outside: checked before anything is put into a policy's text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from foundation.errors import InputError

_TABLE_CELLS = {"inputs": ("expression", "values"), "outputs": ("name", "type", "values", "default")}


def check_outline(outline: object, lists: Collection[str]) -> dict[str, Any]:
    """The outline itself; raises InputError where it is no outline."""
    checked = _mapping(outline, "the outline")
    head, found = _mapping(checked.get("head"), "head"), _mapping(checked.get("lists"), "lists")
    for name, leaf in head.items():
        _check_leaf(leaf, name)
    for name, entries in found.items():
        if name not in lists:
            raise InputError(f'an outline has no list "{name}"', accepted=", ".join(lists))
        for entry in _sequence(entries, name):
            _check_entry(_mapping(entry, name), name)
    return checked


def _check_entry(entry: dict[str, Any], name: str) -> None:
    place, key = entry.get("from"), entry.get("key")
    if set(entry) != {"from", "key", "fields"} or isinstance(place, bool) or not isinstance(place, int | None):
        raise InputError(f"an entry of {name} has the wrong shape", accepted="from, key and fields")
    if not isinstance(key, str | None):
        raise InputError(f"the key of an entry of {name} is no text", accepted="a text or null")
    for field, value in _mapping(entry["fields"], name).items():
        _check_leaf(value, f"{name}, {field}")


def _check_leaf(value: object, what: str) -> None:
    if isinstance(value, str | None):
        return
    leaf = _mapping(value, what)
    keys = set(leaf)
    if keys == {"flow"} or keys == {"raw"}:
        _check_text(next(iter(leaf.values())), what)
    elif keys == {"items"}:
        for one in _sequence(leaf["items"], what):
            _check_leaf(one, what)
    elif keys == {"pairs"}:
        for pair in _sequence(leaf["pairs"], what):
            if len(_sequence(pair, what)) != 2 or not isinstance(pair[0], str):
                raise InputError(f"{what} holds no pair", accepted="a day and its value")
            _check_leaf(pair[1], what)
    elif keys == {"map"} or keys == {"map", "rewards"}:
        for one in _mapping(leaf["map"], what).values():
            _check_leaf(one, what)
        for fields in _mapping(leaf.get("rewards", {}), what).values():
            for one in _mapping(fields, what).values():
                _check_leaf(one, what)
    elif keys == {"inputs", "outputs", "rules", "note"}:
        _check_table(leaf, what)
    else:
        raise InputError(f"{what} has the wrong shape", accepted="a text, null, or a part of an outline")


def _check_table(table: dict[str, Any], what: str) -> None:
    _check_text(table["note"], what)
    for part, keys in _TABLE_CELLS.items():
        if not _sequence(table[part], what):
            raise InputError(f"{what} has no {part}", accepted=f"at least one of the {part}")
        for cell in table[part]:
            for key in keys:
                _check_text(_mapping(cell, what).get(key), what)
    for rule in _sequence(table["rules"], what):
        cells = _mapping(rule, what)
        _check_text(cells.get("note"), what)
        for part, wanted in (("tests", table["inputs"]), ("results", table["outputs"])):
            texts = _sequence(cells.get(part), what)
            if len(texts) != len(wanted):
                raise InputError(f"a rule of {what} has {len(texts)} {part}", accepted=f"{len(wanted)}")
            for text in texts:
                _check_text(text, what)


def _check_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise InputError(f"{what} holds something that is no text", accepted="a text")


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{what} has the wrong shape", accepted="an object")
    return value


def _sequence(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what} has the wrong shape", accepted="a list")
    return value
