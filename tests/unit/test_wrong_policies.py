"""Policies that authors get wrong: one clear complaint each, with line, column, value and what would be accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from compensation.cli.main import policy as commands
from compensation.document.reading import PolicyError, load_policy
from foundation.errors import InputError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
WHOLE = re.search(r"```yaml\n(policy: hours-promise.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]  # type: ignore[index]
OWED = "hours out * times"
AMOUNT = "round half up(service fee * hours owed / hours of outage month, 2)"
VALUES = "{2024-01-01: 2, 2025-01-01: 3}"

WRONG = [
    # what is written, what instead, line, words of the complaint
    ("  times: {", "\ttimes: {", 11, "accepted: spaces"),
    ("currency: EUR", "currency:\tEUR", 4, "accepted: spaces"),
    ("    kind: bill_credit", "   kind: bill_credit", 18, "begin in the same column"),
    ("title: Every hour twice", "title: Every: hour twice", 2, "quotes around a text that holds a colon"),
    ("{from: 2024-01-01}", "{from: 2024-01-01", 7, "} at their end"),
    ("population:", "populaton:", 7, 'did you mean "population"?'),
    ("pays on: next", "pay on: next", 20, 'did you mean "pays on"?'),
    ("currency: EUR", "currency: EUR\ncurrency: GBP", 5, '"currency" stands twice'),
    ("currency: EUR", "currency: eur", 4, 'did you mean "EUR"?'),
    ("currency: EUR", "currency: XYZ", 4, 'unknown currency "XYZ"'),
    ("Europe/Lisbon", "Lisbon", 5, 'did you mean "Europe/Lisbon"?'),
    ("basis: contractual", "basis: contract", 3, 'did you mean "contractual"?'),
    ("kind: bill_credit", "kind: bill credit", 18, 'did you mean "bill_credit"?'),
    ("{unit: times,", "{unit: GBP,", 11, "the policy pays in EUR, this amount is in GBP"),
    (AMOUNT, "service fee * hours owed", 19, "round half up(..., 2)"),
    (OWED, "hours owed * times", 15, '"hours owed" reads itself'),
    (OWED, "hours oot * times", 15, 'did you mean "hours out"?'),
    (OWED, "hours_out * times", 15, 'did you mean "hours out"?'),
    (OWED, "hours out + days of outage month", 15, "h stand against days"),
    (OWED, "hours out * 10%", 15, "write / 100 instead"),
    (OWED, "hours out − times", 15, "write - instead"),
    (OWED, "hours out * times if times > 0 else 0", 15, "if ... then ... else ..."),
    (OWED, "hours out / 0", 15, "a number that is not 0"),
    (OWED, "+".join(["times"] * 500), 15, "split it in decisions"),
    ("hours owed > 0 then", "hours owed == 0 then", 23, "= once"),
    ("hours owed > 0 then", "hours owed > 0 && true then", 23, "write and instead"),
    ('"credit_only" else null', '"credit_only"', 23, "if ... then ... else null"),
    ('"credit_only" else', "“credit_only” else", 23, 'write " instead'),
    ("amount: service fee,", "amount: €30,", 22, "the number alone"),
    ("of service 7.2, values", "of service, 7.2, values", 11, "quotes around a text that holds a comma"),
    ("count: hours,", "count: hours, of: all of [voice],", 13, "quotes around a text that holds a bracket"),
    ("amount: service fee,", "amount: 30 EUR,", 22, "in the policy's currency"),
    ("{from: 2024-01-01}", "{from: 2024-01-01, to: 2023-01-01}", 6, "in force ends before it begins"),
    ("{from: 2024-01-01}", "{from: 2024-13-01}", 6, "from is not a date: 2024-13-01"),
    ("{from: 2024-01-01}", "{from: 01.02.2024}", 6, "a date such as 2012-07-11"),
    (VALUES, "{2024-01-01: 2, 2024-01-01: 3}", 11, "stands twice in values"),
    (VALUES, "{2024-01-01: 2,5}", 11, "a point before decimals, such as 3.5"),
    (VALUES, "{2024-01-01: " + "9" * 100 + "}", 11, "at most 60 characters"),
    (VALUES, "{2024-01-01: 1e400}", 11, "the value is not a number: 1e400"),
    (VALUES, "{2024-01-01: 10 %}", 11, "unit: share (it reads 0.1) or unit: %"),
    ("  times: {", "  for times: {", 11, '"for", with which it begins'),
    ("count: hours", "count: houres", 13, 'did you mean "hours"?'),
    ("over PT30M", "over 30 minutes", 13, "a duration such as PT12H"),
    ("tag: C", "tag: X", 26, "one of A, C, S"),
    ("{credit: 0.10}", "{credt: 0.10}", 32, 'did you mean "credit"?'),
    ("T10:00/2024-04-02T10:30]", "T10:30/2024-04-02T10:00]", 27, "does not end after it begins"),
    ("{data: [2024-04-02T10:00/", "{dta: [2024-04-02T10:00/", 27, 'did you mean "data"?'),
    ("service fee: 36.00", "servce fee: 36.00", 27, 'did you mean "service fee"?'),
    ("policy: hours-promise", "policy: größe", 1, "small letters, digits and -"),
    ("title: Every", "title: \0Every", 2, "printable characters"),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG)
def test_what_is_wrong_has_its_place_and_a_way_out(old: str, new: str, line: int, said: str) -> None:
    assert old in WHOLE
    with pytest.raises(PolicyError) as caught:
        load_policy(WHOLE.replace(old, new, 1), source="p.yaml")
    first = caught.value.problems[0]
    assert (first.source, first.line) == ("p.yaml", line)
    assert first.column > 0
    assert said in str(first)
    assert first.accepted


def test_decisions_that_read_each_other_are_named() -> None:
    circle = "  - {name: a, expression: b + 1}\n  - {name: b, expression: a + 1}\n"
    with pytest.raises(PolicyError) as caught:
        load_policy(WHOLE.replace("decisions:\n", f"decisions:\n{circle}"))
    assert [problem.what for problem in caught.value.problems] == ['"b" is decided only after this']


@pytest.mark.parametrize(
    "text", [WHOLE.replace("\n", "\r\n"), "\ufeff" + WHOLE, WHOLE.replace("hours out *", "hours out\u00a0*")]
)
def test_line_ends_marks_and_spaces_of_other_editors_are_read(text: str) -> None:
    assert load_policy(text).name == "hours-promise"


LATIN = WHOLE.replace("Every", "É", 1).encode("latin-1")


@pytest.mark.parametrize(
    ("data", "place"),
    [(LATIN, ":2:8: not UTF-8"), (WHOLE.encode("utf-16"), ":1:1: not UTF-8")],
    ids=["Latin", "UTF-16"],
)
def test_a_file_in_another_encoding_is_told_where(tmp_path: Path, data: bytes, place: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(data)
    found = CliRunner().invoke(commands, ["check", str(file)])
    assert isinstance(found.exception, InputError)
    assert f"p.yaml{place}" in str(found.exception)
    assert "saved as UTF-8" in str(found.exception)
