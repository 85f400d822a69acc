"""The generated function of a 20-rule table against the interpreter, on the same rows in one run."""

from __future__ import annotations

import random
import time
from fractions import Fraction
from typing import Any

from compensation.feel import FeelType, NameType, Origin
from compensation.tables.function import TableFunction
from compensation.tables.table import HitPolicy, Table, evaluate_table
from compensation.tables.text import read_table

SCOPE = {
    **{name: NameType(FeelType.NUMBER) for name in ("minutes", "tenure", "prior")},
    **{name: NameType(FeelType.STRING) for name in ("segment", "service")},
    "fee": NameType(FeelType.MONEY, exact_money=True),
}


def steps() -> Table:
    """20 rules over 5 inputs and the fee: fixed amounts, a share of the fee, the fee by the minute."""
    chance = random.Random(1)
    lines = ["minutes | segment | service | tenure | prior || credit : money"]
    for start in range(0, 19 * 60, 60):
        cells = [
            f"[{start}..{start + chance.choice([60, 120, 240])})",
            chance.choice(["-", '"consumer"', 'not("business")']),
            chance.choice(["-", '"voice"']),
            chance.choice(["-", ">= 12", "< 24"]),
            chance.choice(["-", "<= 2", "> 0"]),
        ]
        shares = ["5", "10.5", "round half up(fee * 0.1, 2)", "round half up(fee * minutes / 43200, 2)"]
        lines.append(f"{' | '.join(cells)} || {chance.choice(shares)}")
    table, errors = read_table("\n".join([*lines, "- | - | - | - | - || 0"]), HitPolicy.FIRST, SCOPE, Origin())
    assert errors == []
    assert table is not None
    return table


def rows(count: int) -> list[dict[str, Any]]:
    chance = random.Random(2)
    return [
        {
            "minutes": Fraction(chance.randint(0, 1500)),
            "segment": chance.choice(["consumer", "business"]),
            "service": chance.choice(["voice", "data"]),
            "tenure": Fraction(chance.randint(0, 60)),
            "prior": Fraction(chance.randint(0, 4)),
            "fee": Fraction(chance.randint(500, 9000), 100),
        }
        for _ in range(count)
    ]


def test_the_generated_function_against_the_interpreter_on_the_same_rows() -> None:
    table, given = steps(), rows(20_000)
    function = TableFunction(table, SCOPE)
    arguments = [tuple(values[name] for name in function.reads) for values in given]
    started = time.process_time()
    fast = [function.row(*row) for row in arguments]
    generated = (time.process_time() - started) / len(given)
    started = time.process_time()
    slow = [evaluate_table(table, values) for values in given[:2000]]
    interpreted = (time.process_time() - started) / len(slow)
    ratio = interpreted / generated
    print(f"generated {1 / generated:,.0f} rows/s, interpreted {1 / interpreted:,.0f}: {ratio:.0f} times")
    for one, other in zip(fast, slow, strict=False):
        assert (one.rules, one.outputs) == (other.rules, tuple(other.outputs.values()))
