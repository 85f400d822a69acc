"""The scheme of O2 UK, July 2012: its worked cases, and the seams between who gets what."""

from __future__ import annotations

from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import compensation
from compensation.decision.decide import decide
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import Population, load_policy

FILE = Path(compensation.__file__).parent / "schemes" / "o2_uk_2012_07.yaml"
O2 = load_policy(FILE.read_text(encoding="utf-8"), source=FILE.name)
LINE: dict[str, Any] = {
    "brand": "O2",
    "segment": "consumer",
    "lines on account": 1,
    "payment type": "postpaid",
    "affected": True,
    "service fee": 3000,
}


def owed(on: date = date(2012, 7, 11), **changes: Any) -> Any:
    return decide(O2, {**LINE, **{name.replace("_", " "): value for name, value in changes.items()}}, on=on)


@pytest.mark.parametrize("result", run_tests(O2), ids=lambda result: result.name)
def test_each_worked_case_comes_out_as_published(result):
    assert result.passed, result


def test_it_is_put_to_everyone_and_reads_few_facts():
    assert O2.population is Population.EVERYONE
    assert O2.facts_read() == tuple(sorted([*LINE, "currency"]))


def test_no_combination_of_facts_is_a_conflict_or_undetermined():
    brands, segments = ("O2", "Tesco Mobile", "giffgaff", "other", None), ("consumer", "business")
    for brand, segment, lines, payment, affected in product(
        brands, segments, (1, 9, 10, 200), ("prepaid", "postpaid"), (True, False)
    ):
        found = owed(brand=brand, segment=segment, lines_on_account=lines, payment_type=payment, affected=affected)
        assert found.outcome != "undetermined", found.reason
        assert (found.text is None) is (found.outcome == "nothing")


def test_only_o2s_own_customers_get_the_voucher():
    for brand, expected in (("O2", True), ("Tesco Mobile", False), ("giffgaff", False), ("other", False)):
        assert any(line.kind == "voucher" for line in owed(brand=brand).rewards) is expected


def test_the_cost_is_credit_and_voucher_but_not_the_bonus_still_to_come():
    assert owed().cost_minor == 300 + 1000
    assert owed(payment_type="prepaid", service_fee=None).cost_minor == 1000


def test_both_days_of_the_outage_count_and_no_other():
    assert owed(on=date(2012, 7, 12)).outcome == "entitled"
    assert not O2.is_in_force(date(2012, 7, 13))


def test_a_half_penny_is_rounded_up():
    assert owed(service_fee=2045).rewards[0].amount_minor == 205
