"""The ready-made policies: every worked case of the schemes they stand for, and the traps that schemes hold."""

from __future__ import annotations

import pathlib
import re
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensation.decision.decide import decide
from compensation.decision.function import PolicyFunction
from compensation.decision.measuring import Measuring
from compensation.decision.worked_cases import given_facts, outage_date, run_tests
from compensation.document.model import Expectation, PolicyTest, Tag
from compensation.document.reading import PolicyDocument, load_policy
from compensation.geometry.policy import check_policy_tables
from compensation.scheme_library import Scheme, get_scheme, list_schemes
from foundation import clock
from foundation.errors import NotFoundError
from notify.ready_texts import READY_TEXTS
from notify.wording import find_placeholders

SCHEMES = list_schemes()
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "schemes" / "schemes.md"
CASE = re.compile(r"\b([VR]\d\d-(?:\d+|P))\b")
# A property, not a case: it is put to the policy itself below.
PROPERTIES = {"R01-P"}


def ids(scheme: Scheme) -> set[str]:
    return {found for test in scheme.document.tests for found in CASE.findall(test.name)}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_scheme_passes_its_own_worked_cases(scheme: Scheme) -> None:
    results = run_tests(scheme.document)
    assert results
    assert [f"{one.name}: {one.got}; {one.detail}" for one in results if not one.passed] == []


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_scheme_names_its_sources_and_those_of_its_parameters(scheme: Scheme) -> None:
    assert all(source.what and source.where for source in scheme.document.sources)
    assert all(parameter.source for parameter in scheme.document.parameters)
    assumed = [test.name for test in scheme.document.tests if test.tag == "A" and CASE.search(test.name)]
    assert all("assum" in name for name in assumed), "an assumption is named in the case that rests on it"


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_interpreter_and_generated_function_agree_on_every_worked_case(scheme: Scheme) -> None:
    for test in scheme.document.tests:
        on = outage_date(scheme.document, test)
        facts = given_facts(scheme.document, test, on)
        slow = decide(scheme.document, facts, on=on)
        fast = PolicyFunction(scheme.document, on=on)(facts)
        assert (fast.outcome, fast.rewards, fast.text) == (slow.outcome, slow.rewards, slow.text), test.name


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_scheme_leaves_nothing_open_that_would_stop_its_submission(scheme: Scheme) -> None:
    findings = check_policy_tables(scheme.document, now=clock.monotonic)
    assert findings.problems() == []


# Whom the text is to, when and how it can be checked is known of every customer; the rest follows from what is given.
ALWAYS = {"brand", "outage_date", "code", "given"}
FILLED_BY = {
    "credit": {"bill_credit", "balance_credit"},
    "pays_on": {"bill_credit", "balance_credit"},
    "voucher": {"voucher"},
    "bonus": {"top_up_bonus"},
    "offer": {"choice", "voucher", "discount", "waiting"},
}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_the_texts_of_a_scheme_are_ready_in_three_languages_and_fit_what_is_given(scheme: Scheme) -> None:
    document = scheme.document
    for test in document.tests:
        on = outage_date(document, test)
        decision = decide(document, given_facts(document, test, on), on=on)
        if decision.text is None:
            continue
        kinds = {line.kind for line in decision.rewards if line.how == "automatic"}
        kinds |= {"waiting" for line in decision.rewards if line.how in ("to claim", "opt-in")}
        assert kinds, f"{test.name}: a text, and nothing is given"
        for language in ("en", "es", "de"):
            for name in set(find_placeholders(READY_TEXTS[decision.text, language])) - ALWAYS:
                assert FILLED_BY[name.split("_")[0] if name != "pays_on" else name] & kinds, (test.name, name)
            if "pays_on" in find_placeholders(READY_TEXTS[decision.text, language]):
                assert any(line.pays_on for line in decision.rewards), test.name


def published() -> dict[str, str]:
    """The tag of every worked case of the material, by its id."""
    if not SHARED.exists():
        pytest.skip("the acceptance material is not beside this repository")
    found = {}
    for line in SHARED.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and CASE.fullmatch(cells[0]):
            found[cells[0]] = cells[3]
    return found


def test_every_published_case_stands_in_exactly_one_policy() -> None:
    wanted = {case for case, tag in published().items() if case not in PROPERTIES and tag[0] in "SCA"}
    counted = Counter(case for scheme in SCHEMES for case in ids(scheme))
    assert len(wanted) > 70
    assert wanted - counted.keys() == set()
    assert {case for case, times in counted.items() if times > 1} == set()
    assert counted.keys() - wanted == set(), "a policy names a case that the material does not have"


def test_the_published_tags_are_kept() -> None:
    tags = {
        case: {one.tag for one in scheme.document.tests if case in CASE.findall(one.name)}
        for scheme in SCHEMES
        for case in ids(scheme)
    }
    for case, tag in published().items():
        if case in tags and tag in ("S", "C"):
            assert tags[case] == {tag}, case


def test_schemes_are_found_by_name() -> None:
    assert get_scheme("o2-uk-2012-07").document.title.startswith("O2 UK")
    with pytest.raises(NotFoundError, match="no such ready-made policy"):
        get_scheme("o2")


def document(name: str) -> PolicyDocument:
    return get_scheme(name).document


# --- properties and traps

INDIA, KOLKATA = document("in-trai-2024-mobile"), ZoneInfo("Asia/Kolkata")
BEGIN = int(datetime(2026, 3, 1, tzinfo=KOLKATA).timestamp())


@given(st.integers(0, 86_399), st.integers(24 * 3600 + 1, 20 * 86_400))
def test_r01_p_a_continuous_outage_over_24_hours_has_at_least_one_day_that_counts(offset: int, length: int) -> None:
    lost = {"voice": ((BEGIN + offset, BEGIN + offset + length),)}
    on = datetime.fromtimestamp(BEGIN + offset, KOLKATA).date()
    case = PolicyTest("R01-P", Tag.COMPUTED, {"payment type": "prepaid"}, Expectation("entitled", {}, None), lost)
    decision = decide(INDIA, given_facts(INDIA, case, on), on=on)
    assert decision.outcome == "entitled"
    assert (decision.rewards[0].quantity or 0) >= 1


@given(st.integers(0, 86_399), st.integers(1, 24 * 3600))
def test_r01_up_to_24_hours_owe_nothing(offset: int, length: int) -> None:
    lost = {"voice": ((BEGIN + offset, BEGIN + offset + length),)}
    on = datetime.fromtimestamp(BEGIN + offset, KOLKATA).date()
    assert Measuring(INDIA, on).values(lost, {})["days lost"] == 0


def changed(name: str, old: str, new: str) -> PolicyDocument:
    text = get_scheme(name).text
    assert text.count(old) == 1, old
    return load_policy(text.replace(old, new))


def results(document: PolicyDocument, case: str) -> list[str]:
    return [one.got for one in run_tests(document) if case in one.name]


def test_the_divisor_decides_between_both_published_figures() -> None:
    by_30 = changed("o2-uk-2018-12", "{2018-12-06: 31}", "{2018-12-06: 30}")
    assert "two days 0.87" in results(by_30, "V02-3")[0]
    by_30 = load_policy(get_scheme("es-rd-899-2009").text.replace("hours of outage month", "720"))
    assert "credit 2.08" in results(by_30, "R03-8")[0]


def test_what_complete_means_decides_r11_6() -> None:
    lower = changed("de-tkg-58", "values: {2021-12-01: all}", "values: {2021-12-01: any}")
    assert "outage 60" in results(lower, "R11-6")[0]


def test_the_report_day_being_day_0_decides_r11_1() -> None:
    text = get_scheme("de-tkg-58").text.replace(
        "    since: reported\n", "    since: reported\n    day one: the same day\n"
    )
    assert "2820" in results(load_policy(text), "R11-1")[0]


ONCE = "round half up(min(service fee, service fee * days to credit / days of outage month), 2)"
EACH = "round half up(days to credit * round half up(service fee / days of outage month, 2), 2)"


def test_the_rounding_order_decides_v07_9() -> None:
    assert "days of service 3.87" in results(document("us-att-guarantee-wireless"), "V07-9")[0]
    assert "days of service 3.88" in results(changed("us-att-guarantee-wireless", ONCE, EACH), "V07-9")[0]


def test_an_additional_day_that_must_be_full_decides_v07_5() -> None:
    setting = "    outages at least: least outage\n"
    full = changed("us-att-guarantee-wireless", setting, f"{setting}    whole: true\n")
    assert "days of service 1.94" in results(full, "V07-5")[0]


def test_more_than_20_minutes_decides_the_boundary_of_fiber() -> None:
    terms = changed("us-att-guarantee-fiber", "outages at least: least outage", "outages over: least outage")
    assert results(terms, "Boundary, 20 minutes exactly")[0].startswith("nothing")
    assert "2.58" in results(terms, "V07-8")[0]
