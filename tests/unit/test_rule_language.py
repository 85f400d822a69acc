"""The written reference of the rule language is current."""

from __future__ import annotations

from pathlib import Path

from compensation.feel.functions import FUNCTION_NAMES
from compensation.rule_language import reference

FILE = Path(__file__).resolve().parents[2] / "docs" / "rule-language.md"


def test_the_reference_is_what_the_catalogues_say_refresh_it_with_outage_dmn_language():
    assert FILE.read_text() == reference()


def test_every_function_stands_in_the_reference():
    assert [name for name in FUNCTION_NAMES if f"`{name}(" not in reference()] == []
