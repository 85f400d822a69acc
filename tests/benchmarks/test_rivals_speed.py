"""One table through the generated function, the interpreter and three rule engines from PyPI: rows per CPU second.

The rivals live in an environment of their own, made for the run. zen-engine is called as it is fastest: one engine with
a static loader, `engine.evaluate`. It computes the credit in floats, unrounded; the other two only match.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from compensation.feel import FeelType, NameType, Origin
from compensation.tables.function import TableFunction
from compensation.tables.table import HitPolicy, Table, evaluate_table
from compensation.tables.text import read_table

RIVALS = ("zen-engine", "rule-engine", "business-rules")
PROGRAM = Path(__file__).with_name("rival_engines.py")
COLUMNS = ["minutes", "segment", "service", "tenure", "prior"]
SCOPE = {
    **{name: NameType(FeelType.NUMBER) for name in ("minutes", "tenure", "prior")},
    **{name: NameType(FeelType.STRING) for name in ("segment", "service")},
    "fee": NameType(FeelType.MONEY, exact_money=True),
}
RUN_SECONDS = 600
# Both fast engines first see so many rows: what is thought through once is not what a row costs.
WARM_UP = 2_000


def made_rules() -> list[tuple[list[Any], str]]:
    """20 rules, the last for everybody: what each cell asks, and the credit: flat, a share, or by the minute."""
    chance = random.Random(1)
    rules = []
    for start in range(0, 19 * 60, 60):
        cells = [
            ("range", start, start + chance.choice([60, 120, 240])),
            chance.choice([None, ("is", "consumer"), ("is", "business")]),
            chance.choice([None, ("is", "voice")]),
            chance.choice([None, (">=", 12), ("<", 24)]),
            chance.choice([None, ("<", 3), (">=", 1)]),
        ]
        rules.append((cells, chance.choice(["5", "10.5", "fee * 0.1", "fee * minutes / 43200"])))
    return [*rules, ([None] * 5, "0")]


def made_rows(count: int) -> list[dict[str, Any]]:
    chance = random.Random(2)
    return [
        {
            "minutes": chance.randint(0, 1500),
            "segment": chance.choice(["consumer", "business"]),
            "service": chance.choice(["voice", "data"]),
            "tenure": chance.randint(0, 60),
            "prior": chance.randint(0, 4),
            "fee": chance.randint(500, 9000) / 100,
        }
        for _ in range(count)
    ]


def own_table() -> Table:
    def cell(asked: Any) -> str:
        if asked is None:
            return "-"
        kind, *values = asked
        return {"range": "[{}..{})", "is": '"{}"', ">=": ">= {}", "<": "< {}"}[kind].format(*values)

    def exact(credit: str) -> str:
        return f"round half up({credit}, 2)" if "fee" in credit else credit

    lines = [f"{' | '.join(COLUMNS)} || credit : money"]
    lines += [f"{' | '.join(map(cell, cells))} || {exact(credit)}" for cells, credit in made_rules()]
    found, errors = read_table("\n".join(lines), HitPolicy.FIRST, SCOPE, Origin())
    assert errors == []
    assert found is not None
    return found


@pytest.fixture(scope="module")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the rivals in it; skipped where no package index can be reached."""
    home = tmp_path_factory.mktemp("rivals") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=RUN_SECONDS)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20", *RIVALS]
    done = subprocess.run(install, capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode:
        pytest.skip(f"the rivals cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


def test_the_same_table_through_this_engine_and_its_rivals(rivals, capsys):
    rows = made_rows(20_000)
    given = json.dumps({"columns": COLUMNS, "rules": made_rules(), "rows": rows})
    command = [str(rivals), str(PROGRAM)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)

    table = own_table()
    function = TableFunction(table, SCOPE)
    facts: list[dict[str, Any]] = [
        {name: value if isinstance(value, str) else Fraction(str(value)) for name, value in row.items()} for row in rows
    ]
    arguments = [tuple(values[name] for name in function.reads) for values in facts]
    for row in arguments[:WARM_UP]:
        function.row(*row)
    started = time.process_time()
    fast = [function.row(*row).rules[0] for row in arguments]
    speed = {"generated": len(rows) / (time.process_time() - started)}
    started = time.process_time()
    slow = [evaluate_table(table, values).rules[0] for values in facts[:2_000]]
    speed["interpreter"] = len(slow) / (time.process_time() - started)

    for name, found in theirs.items():
        speed[name] = found["rows"] / found["seconds"]
        assert found["found"] == fast[: found["rows"]], f"{name} chooses other rules"
    assert slow == fast[: len(slow)]
    with capsys.disabled():
        for name, per_second in speed.items():
            print(f"\n{name}: {per_second:,.0f} rows per CPU second", end="")
        print(f"\ngenerated / zen_engine: {speed['generated'] / speed['zen_engine']:.1f}")
        for name in ("rule_engine", "business_rules"):
            print(f"interpreter / {name}: {speed['interpreter'] / speed[name]:.1f}")
