"""Two versions of a policy side by side: cells, exact regions for each period, and cases that come out otherwise."""

from __future__ import annotations

import json
import time
from datetime import date

from compensation.document.reading import load_policy
from compensation.feel import write_tests
from compensation.geometry.version_diff import VersionDiff, change_words, compare_versions
from tests.unit.test_boundary_tests import POLICY


def compared(*changes: tuple[str, str], text: str = POLICY) -> VersionDiff:
    after = text
    for old, new in changes:
        assert after.count(old) == 1, old
        after = after.replace(old, new)
    return compare_versions(load_policy(text), load_policy(after), now=time.monotonic)


def words(found: VersionDiff) -> list[str]:
    return [said for change in found.changes for said in change_words(change)]


def test_the_same_policy_differs_in_nothing():
    found = compared()
    assert (found.changes, found.decisions, found.cases) == ((), (), ())
    assert found.cases_tried > 15


def test_comments_and_layout_are_no_change():
    found = compared(("policy: steps\n", "policy: steps # a note\n"), ("title: Steps", "title:   'Steps'"))
    assert found.changes == ()


def test_a_changed_cell_is_named_with_both_texts_and_its_exact_region():
    found = compared(("< 10.00     || 2.00", "< 10.00     || 3.00"))
    assert words(found) == ["decisions credit, rule 2, credit : money else 0.00: 2.00 -> 3.00"]
    (one,) = found.decisions
    (region,) = one.regions
    assert [write_tests(cell) for cell in region.region.cells] == ['"high"', "< 10"]
    assert (region.before, region.after) == ("2", "3")
    assert one.words() == [
        'credit: 2 -> 3 when level is "high" and service fee is below 10, for example level = "high", service fee = 0'
    ]
    assert found.cases
    assert all("credit 2" in case.before and "credit 3" in case.after for case in found.cases)


def test_a_moved_parameter_changes_a_table_that_was_not_touched_and_only_from_its_day():
    found = compared(("2026-01-01: PT2H}", "2026-01-01: PT3H}"))
    assert words(found) == ["parameters least, values, from 2026-01-01: PT2H -> PT3H"]
    (one,) = found.decisions
    assert (one.decision, one.since, one.until) == ("level", date(2026, 1, 1), None)
    assert [write_tests(cell) for cell in one.regions[0].region.cells][1] == '[duration("PT2H")..duration("PT3H"))'


def test_added_rules_and_removed_rewards_are_told():
    found = compared(
        ('"low"  | -           || 1.00\n', '"low"  | -           || 1.00\n      "none" | -           || 0.50\n'),
        ("when: lines on account < 100, ", ""),
    )
    said = words(found)
    assert any(words.startswith("decisions credit, rule 4 added") for words in said)
    assert "rewards credit, when: lines on account < 100 -> nothing" in said


def test_versions_that_are_never_in_force_together_are_compared_all_the_same():
    before = load_policy(POLICY.replace("to: null}", "to: 2025-07-01}"))
    after = load_policy(POLICY.replace("from: 2025-01-01, to", "from: 2025-07-01, to").replace("|| 5.00", "|| 6.00"))
    found = compare_versions(before, after, now=time.monotonic)
    assert {one.since for one in found.decisions} == {date(2025, 7, 1)}


def test_it_is_plain_json_for_the_console():
    found = compared(("|| 5.00", "|| 6.00")).as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["decisions"][0]["regions"][0]["rules after"] == [1]
