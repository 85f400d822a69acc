"""Commands for what rules may read, ready-made policies, attributes with units, and force majeure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from compensation.facts_reference import reference
from compensation.scheme_library import get_scheme, list_schemes
from foundation import access
from foundation.cli import App
from foundation.settings import Settings
from outage.incidents.incidents import get_incident
from outage.models import AttributeDefinition
from tests import impact_worlds as worlds
from wsgi import main

_REF = "INC-2012-00001"


@pytest.fixture
def app(settings: Settings) -> Iterator[App]:
    app = App(settings)
    with app.database.transaction() as session:
        for name, role in (("nina", "noc"), ("maria", "marketing")):
            access.add_user(
                session, name=name, display_name=name.title(), password="a long password", roles=[role], actor="test"
            )
        worlds.add_incident(session)
    yield app
    app.close()


def outage(app: App, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments), obj=app, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_the_reference_of_facts_is_printed_as_it_is_documented(app: App) -> None:
    assert outage(app, "policy", "facts") == reference()


def test_ready_made_policies_are_listed_printed_and_saved_as_drafts(app: App) -> None:
    listed = outage(app, "policy", "list-schemes")
    assert all(scheme.name in listed for scheme in list_schemes())
    name = "gb-ofcom-automatic-compensation"
    assert outage(app, "policy", "scheme", name) == get_scheme(name).text
    saved = outage(app, "policy", "save-scheme", name, "--as", "maria")
    assert f"{name} v1 saved (drafted)" in saved
    assert "not defined yet, so null for every line: attribute promised_start_on (date)" in saved
    again = outage(app, "policy", "save-scheme", name, "--as", "maria")
    assert "there already, nothing changed" in again
    assert "accepted: one of" in outage(app, "policy", "scheme", "o2", code=2)


def test_an_attribute_that_staff_defined_must_be_what_a_policy_needs(app: App) -> None:
    define = ("attribute", "define", "appointment_missed", "--meaning", "No engineer came", "--as", "nina")
    outage(app, *define, "--type", "string")
    refused = outage(app, "policy", "save-scheme", "de-tkg-58", "--as", "maria", code=2)
    assert 'the attribute "appointment_missed" that staff defined is a string; accepted: type: string' in refused


def test_an_attribute_has_a_unit(app: App) -> None:
    define = ("attribute", "define", "fine", "--type", "number", "--meaning", "A fine", "--as", "nina")
    outage(app, *define, "--unit", "EUR")
    with app.database.reading() as session:
        assert session.get_one(AttributeDefinition, "fine").unit == "EUR"


def test_force_majeure_is_set_with_the_cause_kept_without_the_option_and_taken_away(app: App) -> None:
    cause = ("incident", "cause", _REF, "power", "--as", "nina")
    assert "force majeure: storm" in outage(app, *cause, "--force-majeure", "storm")
    outage(app, *cause)
    with app.database.reading() as session:
        assert get_incident(session, _REF).force_majeure == "storm"
    outage(app, *cause, "--force-majeure", "none")
    with app.database.reading() as session:
        assert get_incident(session, _REF).force_majeure is None
