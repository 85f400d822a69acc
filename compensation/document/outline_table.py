"""A decision table's text as an outline: header cells taken apart, rules as rows of texts, and back."""

from __future__ import annotations

from typing import Any

from compensation.tables.cells import CellRow, Stretch, Written, join_rows, split, split_rows


def read_table_outline(text: str) -> dict[str, Any]:
    """Inputs, outputs and rules of a table's text; `{"raw": text}` when its lines do not make a table."""
    rows = split_rows(text)
    if not rows or not rows[0].results or any(_is_ragged(row, rows[0]) for row in rows[1:]):
        return {"raw": text}
    head, *rules = rows
    return {
        "inputs": [_input(cell) for cell in head.tests],
        "outputs": [_output(cell) for cell in head.results],
        "rules": [_rule(row, head) for row in rules],
        "note": head.note.text if head.note else "",
    }


def write_table_outline(table: dict[str, Any]) -> str:
    """The aligned text of a table's outline; an empty test is `-`, so that it asks nothing."""
    heads = head_texts(table)
    inputs = len(table["inputs"])
    rows = [Written(heads[:inputs], heads[inputs:], table["note"])]
    for rule in table["rules"]:
        tests = [test.strip() or "-" for test in rule["tests"]]
        rows.append(Written(tests, rule["results"], rule["note"]))
    return join_rows(rows)


def head_texts(table: dict[str, Any]) -> list[str]:
    """The header's cells as they are written, inputs first."""
    inputs = [_named(one["expression"], " : ", one["values"]) for one in table["inputs"]]
    outputs = [
        _named(_named(f"{one['name']} : {one['type']}", " in ", one["values"]), " else ", one["default"])
        for one in table["outputs"]
    ]
    return [*inputs, *outputs]


def rule_texts(table: dict[str, Any]) -> list[list[str]]:
    """The cells of each rule from the left, its note last."""
    return [[*rule["tests"], *rule["results"], rule["note"]] for rule in table["rules"]]


def _is_ragged(row: CellRow, head: CellRow) -> bool:
    return len(row.tests) > len(head.tests) or len(row.results) > len(head.results)


def _input(cell: Stretch) -> dict[str, str]:
    expression, *values = split(cell, ":", most=1)
    return {"expression": expression.strip().text, "values": values[0].strip().text if values else ""}


def _output(cell: Stretch) -> dict[str, str]:
    name, *rest = split(cell, ":", most=1)
    typed, *default = split(rest[0] if rest else Stretch("", 0), " else ", most=1)
    kind, *values = split(typed, " in ", most=1)
    return {
        "name": name.strip().text,
        "type": kind.strip().text,
        "values": values[0].strip().text if values else "",
        "default": default[0].strip().text if default else "",
    }


def _rule(row: CellRow, head: CellRow) -> dict[str, Any]:
    return {
        "tests": _padded(row.tests, len(head.tests)),
        "results": _padded(row.results, len(head.results)),
        "note": row.note.text if row.note else "",
    }


def _padded(cells: tuple[Stretch, ...], wanted: int) -> list[str]:
    return [cell.text for cell in cells] + [""] * (wanted - len(cells))


def _named(text: str, word: str, extra: str) -> str:
    return f"{text}{word}{extra}" if extra.strip() else text
