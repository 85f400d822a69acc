"""Policy versions: drafted, submitted with green tests, approved by somebody else, retired by the next."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files

import pytest

from compensation import policies
from compensation.document.reading import PolicyError
from compensation.models import PolicyState
from foundation.db import Database
from foundation.errors import NotFoundError, RefusedError
from notify.texts import install_ready_texts

O2 = (files("compensation") / "schemes" / "o2_uk_2012_07.yaml").read_text(encoding="utf-8")


def saved(database: Database, text: str = O2) -> int:
    with database.transaction() as session:
        install_ready_texts(session, "maria")
        return policies.save_policy(session, text, actor="maria").version.id


def test_the_same_text_again_is_the_same_version(database: Database) -> None:
    assert saved(database) == saved(database)
    assert saved(database, O2 + "\n# a remark\n") != saved(database)


def test_a_version_goes_from_draft_to_approved_by_a_second_person(database: Database) -> None:
    version_id = saved(database)
    with pytest.raises(RefusedError, match="drafted"), database.transaction() as session:
        policies.approve_policy(session, version_id, actor="omar")
    with database.transaction() as session:
        policies.submit_policy(session, version_id, actor="maria")
    with pytest.raises(RefusedError, match="author"), database.transaction() as session:
        policies.approve_policy(session, version_id, actor="maria")
    with database.transaction() as session:
        assert policies.approve_policy(session, version_id, actor="omar").state is PolicyState.APPROVED


def test_the_next_approved_version_retires_the_one_before(database: Database) -> None:
    first, second = saved(database), saved(database, O2 + "\n# second\n")
    for version_id in (first, second):
        with database.transaction() as session:
            policies.submit_policy(session, version_id, actor="maria")
            policies.approve_policy(session, version_id, actor="omar")
    with database.reading() as session:
        states = {version.id: version.state for version in policies.list_versions(session)}
    assert states == {first: PolicyState.RETIRED, second: PolicyState.APPROVED}


def test_a_version_with_a_failing_test_cannot_be_submitted(database: Database) -> None:
    wrong = O2.replace("{July credit: {amount: 3.00,", "{July credit: {amount: 3.01,")
    assert wrong != O2
    version_id = saved(database, wrong)
    with pytest.raises(RefusedError, match="green tests"), database.transaction() as session:
        policies.submit_policy(session, version_id, actor="maria")


def test_the_day_of_the_outage_in_the_policys_zone_chooses_the_version(database: Database) -> None:
    version_id = saved(database)
    with database.transaction() as session:
        policies.submit_policy(session, version_id, actor="maria")
        policies.approve_policy(session, version_id, actor="omar")
    answers = {
        datetime(2012, 7, 10, 22, 59, tzinfo=UTC): 0,
        datetime(2012, 7, 10, 23, 0, tzinfo=UTC): 1,  # midnight of the 11th in London
        datetime(2012, 7, 12, 22, 59, tzinfo=UTC): 1,
        datetime(2012, 7, 12, 23, 0, tzinfo=UTC): 0,
    }
    with database.reading() as session:
        assert {at: len(policies.list_for_incident(session, at)) for at in answers} == answers


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("brand          | segment", "brnd           | segment", "brnd"),
        ("round half up(credit share * service fee, 2)", "credit share * service fee", "round"),
        ("currency: GBP", "currency: XXQ", "XXQ"),
        ("zone: Europe/London", "zone: Europe/Lundon", "Europe/Lundon"),
    ],
)
def test_a_policy_with_a_fault_is_refused_with_its_place(database: Database, old: str, new: str, said: str) -> None:
    assert old in O2
    with pytest.raises(PolicyError, match=said), database.transaction() as session:
        policies.save_policy(session, O2.replace(old, new), actor="maria")
    with database.reading() as session:
        assert policies.list_versions(session) == []


def test_an_unknown_version_is_named(database: Database) -> None:
    with pytest.raises(NotFoundError, match="nothing-like-it"), database.reading() as session:
        policies.get_version(session, "nothing-like-it")
    saved(database)
    with database.reading() as session:
        for name, number, accepted in (
            ("o2-uk-2012-7", None, 'did you mean "o2-uk-2012-07"?'),
            ("o2-uk-2012-07", 9, "a number of o2-uk-2012-07 that was saved"),
            ("nothing-like-it", None, "o2-uk-2012-07"),
        ):
            with pytest.raises(NotFoundError) as raised:
                policies.get_version(session, name, number)
            assert raised.value.accepted == accepted
