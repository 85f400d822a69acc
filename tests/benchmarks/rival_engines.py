"""Run by test_rivals_speed.py in the rivals' own environment: reads a table and rows, prints rows a second and rules.

Standard library and rivals only: this file is a program of another environment.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

WARM_UP = 2_000


def zen_cell(cell: Any) -> str:
    if cell is None:
        return ""
    kind, *values = cell
    return {"range": "[{}..{})", "is": '"{}"', ">=": ">= {}", "<": "< {}"}[kind].format(*values)


def zen_engine(columns: list[str], rules: list[Any], rows: list[Any]) -> tuple[float, list[int]]:
    import zen  # type: ignore[import-not-found]

    table = {
        "hitPolicy": "first",
        "inputs": [{"id": name, "name": name, "field": name} for name in columns],
        "outputs": [{"id": name, "name": name, "field": name} for name in ("rule", "credit")],
        "rules": [
            {
                "_id": str(number),
                "rule": str(number),
                "credit": credit,
                **dict(zip(columns, map(zen_cell, cells), strict=True)),
            }
            for number, (cells, credit) in enumerate(rules, 1)
        ],
    }
    at = {"x": 0, "y": 0}
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": at},
        {"id": "table", "type": "decisionTableNode", "name": "table", "position": at, "content": table},
        {"id": "out", "type": "outputNode", "name": "out", "position": at},
    ]
    edges = [
        {"id": f"{a}-{b}", "type": "edge", "sourceId": a, "targetId": b} for a, b in (("in", "table"), ("table", "out"))
    ]
    content = {"nodes": nodes, "edges": edges}
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"table": content}}})
    for row in rows[:WARM_UP]:
        engine.evaluate("table", row)
    started = time.process_time()
    found = [engine.evaluate("table", row)["result"]["rule"] for row in rows]
    return time.process_time() - started, [int(number) for number in found]


def rule_engine(columns: list[str], rules: list[Any], rows: list[Any]) -> tuple[float, list[int]]:
    import rule_engine as rival  # type: ignore[import-not-found]

    def text(cells: list[Any]) -> str:
        parts = []
        for name, cell in zip(columns, cells, strict=True):
            if cell is None:
                continue
            kind, *values = cell
            shape = {"range": "{0} >= {1} and {0} < {2}", "is": '{0} == "{1}"', ">=": "{0} >= {1}", "<": "{0} < {1}"}
            parts.append(shape[kind].format(name, *values))
        return " and ".join(parts) or "true"

    made = [rival.Rule(text(cells)) for cells, _ in rules]
    started = time.process_time()
    found = [next(number for number, rule in enumerate(made, 1) if rule.matches(row)) for row in rows]
    return time.process_time() - started, found


def business_rules(columns: list[str], rules: list[Any], rows: list[Any]) -> tuple[float, list[int]]:
    from business_rules import run_all  # type: ignore[import-not-found]
    from business_rules.actions import BaseActions, rule_action  # type: ignore[import-not-found]
    from business_rules.fields import FIELD_NUMERIC  # type: ignore[import-not-found]
    from business_rules.variables import (  # type: ignore[import-not-found]
        BaseVariables,
        numeric_rule_variable,
        string_rule_variable,
    )

    def variable(name: str) -> Any:
        def read(self: Any) -> Any:
            return self.row[name]

        read.__name__ = name
        return (string_rule_variable if isinstance(rows[0][name], str) else numeric_rule_variable)(read)

    def begin(self: Any, row: Any) -> None:
        self.row = row

    variables = type("Variables", (BaseVariables,), {"__init__": begin, **{name: variable(name) for name in columns}})

    class Actions(BaseActions):  # type: ignore[misc]
        found = 0

        @rule_action(params={"number": FIELD_NUMERIC})  # type: ignore[untyped-decorator]
        def choose(self, number: int) -> None:
            self.found = number

    operators = {">=": "greater_than_or_equal_to", "<": "less_than", "is": "equal_to"}

    def conditions(cells: list[Any]) -> list[Any]:
        found = []
        for name, cell in zip(columns, cells, strict=True):
            kind, *values = cell or ("any",)
            pairs = {"range": [(">=", values[:1]), ("<", values[1:])], "any": []}.get(kind, [(kind, values)])
            found += [{"name": name, "operator": operators[one], "value": of[0]} for one, of in pairs]
        return found or [{"name": columns[0], "operator": operators[">="], "value": -1}]

    made = [
        {
            "conditions": {"all": conditions(cells)},
            "actions": [{"name": "choose", "params": {"number": number}}],
        }
        for number, (cells, _) in enumerate(rules, 1)
    ]
    found = []
    started = time.process_time()
    for row in rows:
        actions = Actions()
        run_all(rule_list=made, defined_variables=variables(row), defined_actions=actions, stop_on_first_trigger=True)
        found.append(actions.found)
    return time.process_time() - started, found


def main() -> None:
    given = json.load(sys.stdin)
    said = {}
    for rival, most in ((zen_engine, len(given["rows"])), (rule_engine, 2_000), (business_rules, 2_000)):
        rows = given["rows"][:most]
        seconds, found = rival(given["columns"], given["rules"], rows)
        said[rival.__name__] = {"rows": len(rows), "seconds": seconds, "found": found}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
