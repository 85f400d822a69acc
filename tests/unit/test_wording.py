"""Texts as templates: declared placeholders, strict filling, no links."""

from __future__ import annotations

import pytest

from foundation.errors import InputError
from notify.ready_texts import READY_TEXTS
from notify.segments import Encoding, count_parts
from notify.wording import LONGEST_BODY, check_body, find_placeholders, render

REALISTIC = {
    "brand": "Tesco Mobile",
    "outage_date": "11 July 2012",
    "credit": "£3.00",
    "pays_on": "your September bill",
    "voucher": "£10.00",
    "voucher_from": "1 September 2012",
    "voucher_until": "30 September 2012",
    "bonus": "10%",
    "bonus_from": "1 September 2012",
    "bonus_until": "30 September 2012",
    "given": "£3.00 credit and 5 GB of data until 30 September 2012",
    "benefits": "5 GB of data until 30 September 2012",
    "offer": "£3.00 credit or 5 GB of data until 30 September 2012",
    "offer_until": "30 September 2012",
    "code": "ABC234",
}


def test_placeholders_are_found_once_each_in_order():
    assert find_placeholders("{credit} and {code}, {credit}") == ("credit", "code")


def test_a_text_is_filled():
    assert render("{credit} is yours", {"credit": "£3.00"}, ["credit"]) == "£3.00 is yours"


@pytest.mark.parametrize("values", [{}, {"credit": ""}, {"credit": "  "}, {"credit": "\u00a0"}])
def test_a_missing_or_empty_value_is_refused_by_name(values):
    with pytest.raises(InputError, match=r"\{credit\}"):
        render("{credit} is yours", values, ["credit"])


def test_an_undeclared_placeholder_is_refused_by_name():
    with pytest.raises(InputError, match=r"\{code\}"):
        render("{credit} {code}", {"credit": "1", "code": "2"}, ["credit"])


def test_a_value_is_never_read_as_a_placeholder():
    assert render("{brand}", {"brand": "{code}", "code": "X"}, ["brand"]) == "{code}"


def test_spaces_of_number_formats_do_not_force_another_encoding():
    text = render("Sie haben {credit}", {"credit": "3,00\u00a0€"}, ["credit"])
    assert text == "Sie haben 3,00 €"
    assert count_parts(text).encoding is Encoding.GSM7


@pytest.mark.parametrize("body", ["see https://x.example", "see HTTP://x", "go to www.x.example"])
def test_links_are_refused_unless_allowed(body):
    with pytest.raises(InputError, match="links"):
        check_body(body)
    assert check_body(body, allow_links=True) == ()


def test_a_link_in_a_value_is_refused_too():
    with pytest.raises(InputError, match="links"):
        render("{brand}", {"brand": "www.fake.example"}, ["brand"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("  ", "empty"),
        ("{unheard_of}", "unheard_of"),
        ("{Credit}", "Credit"),
        ("{}", "placeholder"),
        ("a } b", "brace"),
        ("a { b", "brace"),
        ("tab\there", "control"),
        ("a" * (LONGEST_BODY + 1), "too long"),
    ],
)
def test_a_body_that_cannot_be_a_text_is_refused(body, said):
    with pytest.raises(InputError, match=said):
        check_body(body)


@pytest.mark.parametrize(("name", "language"), READY_TEXTS)
def test_ready_texts_are_filled_within_gsm7_and_say_whom_when_and_how_to_check(name, language):
    body = READY_TEXTS[name, language]
    placeholders = check_body(body)
    assert {"brand", "outage_date", "code"} <= set(placeholders)
    parts = count_parts(render(body, REALISTIC, placeholders))
    assert parts.encoding is Encoding.GSM7
    assert parts.parts <= 2


@pytest.mark.parametrize(
    "name",
    [
        "credit_and_voucher",
        "bonus_and_voucher",
        "voucher_only",
        "credit_only",
        "bonus_only",
        "correction",
        "given_only",
        "offer_open",
        "validity_only",
        "free_days_only",
        "data_only",
    ],
)
def test_every_ready_text_is_there_in_three_languages(name):
    assert {language for other, language in READY_TEXTS if other == name} == {"en", "es", "de"}
    assert ("voucher" in name) == ("{voucher}" in READY_TEXTS[name, "en"])
    assert ("credit" in name) == ("{credit}" in READY_TEXTS[name, "en"])
    assert ("bonus" in name) == ("{bonus}" in READY_TEXTS[name, "en"])
