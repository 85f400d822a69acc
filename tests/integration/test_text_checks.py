"""A policy is submitted only with texts that can be written: every placeholder, in every language."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from compensation.approval import binding
from compensation.document.reading import load_policy
from compensation.models import Approval, Assessment, AssessmentState, Credit, LedgerEntry
from compensation.policies import save_policy, submit_policy
from compensation.policy_blockers import list_blockers
from compensation.text_checks import list_text_problems, text_names
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from notify.models import Delivery
from notify.texts import install_ready_texts, save_text
from tests.credit_world import HEAD, make_world

BODY = """\
decisions:
  - name: which
    hit policy: F
    table: |
      segment || words : string in "credit_only", "voucher_only", "apology" else "apology"
      "consumer" || "credit_only"
      "business" || "voucher_only"
rewards:
  - {{name: credit, kind: bill_credit, when: 'segment = "consumer"', amount: 3.00{}}}
  - {{name: voucher, kind: voucher, when: 'segment = "business"', amount: 5.00, valid days: 30}}
text: 'if segment = null then null else which'
tests:
  - {{name: a consumer, tag: C, given: {{segment: consumer}}, expect: {{rewards: {{credit: 3.00}}, text: credit_only}}}}
  - {{name: a firm, tag: C, given: {{segment: business}}, expect: {{rewards: {{voucher: 5.00}}, text: voucher_only}}}}
  - {{name: nobody, tag: C, given: {{segment: other}}, expect: {{rewards: {{}}, text: apology}}}}
"""
WHOLE = BODY.format(", pays on: next bill")
HEADED = HEAD.format(name="worded", basis="goodwill")


@pytest.fixture
def texts(sqlite_database: Database) -> Database:
    with sqlite_database.transaction() as session:
        install_ready_texts(session, "marketing")
        save_text(session, "apology", "en", "{brand}: sorry for {outage_date}.", author="marketing")
    return sqlite_database


def problems(database: Database, body: str) -> list[str]:
    with database.reading() as session:
        return list_text_problems(session, load_policy(HEADED + body))


def test_names_are_found_wherever_the_policy_makes_them() -> None:
    assert text_names(load_policy(HEADED + WHOLE)) == {
        "credit_only",
        "voucher_only",
        "apology",
    }


def test_texts_that_can_be_written_stop_nothing(texts: Database) -> None:
    assert problems(texts, WHOLE) == []


def test_a_placeholder_that_no_reward_fills_is_named_with_text_and_language(texts: Database) -> None:
    said = "{pays_on} is filled by a credit, voucher or bonus that says `pays on`, and the policy gives none"
    assert problems(texts, BODY.format("")) == [f'text "credit_only" in {one}: {said}' for one in ("de", "en", "es")]


def test_a_placeholder_of_one_language_alone_is_found(texts: Database) -> None:
    with texts.transaction() as session:
        save_text(session, "apology", "cy", "{brand}: {next_update}", author="marketing")
    found = problems(texts, WHOLE)
    assert found == ['text "apology" in cy: nothing that is released fills {next_update}']


def test_a_text_for_lines_that_get_something_else_is_found_by_their_worked_case(texts: Database) -> None:
    swapped = WHOLE.replace('"business" || "voucher_only"', '"business" || "credit_only"')
    swapped = swapped.replace("text: voucher_only}", "text: credit_only}")
    found = problems(texts, swapped)
    assert len(found) == 3
    assert found[0] == 'text "credit_only" in de: no value for {credit} for the worked case "a firm"'


def test_a_text_that_is_not_there_is_named(sqlite_database: Database) -> None:
    assert problems(sqlite_database, WHOLE) == [
        f'there is no text "{name}" in en' for name in ("apology", "credit_only", "voucher_only")
    ]


def test_the_text_of_corrections_is_looked_at_where_something_is_given(texts: Database) -> None:
    with texts.transaction() as session:
        save_text(session, "correction", "es", "{brand}: {bonus}", author="marketing")
    said = 'text "correction" in es: {bonus} is filled by a bonus on a top-up, and the policy gives none'
    assert problems(texts, WHOLE) == [said]
    offered = "rewards: [{name: data, kind: data_grant, how: opt-in, quantity: 5, unit: GB, valid days: 30}]\n"
    assert problems(texts, offered + "text: '\"apology\"'\n") == []
    named = problems(texts, offered + "text: '\"apology\"'\ncorrection text: more\n")
    assert named == ['there is no text "more" in en']


def test_submitting_is_refused_and_the_page_says_why(texts: Database) -> None:
    with texts.transaction() as session:
        version = save_policy(session, HEADED + BODY.format(""), actor="maria").version
        told = [blocker.words for blocker in list_blockers(session, version)]
    assert sum("{pays_on}" in words for words in told) == 3
    with pytest.raises(RefusedError, match=r'credit_only" in es: \{pays_on\}'), texts.transaction() as session:
        submit_policy(session, version.id, actor="maria")


def test_a_release_under_a_version_that_nobody_checked_is_refused_before_anything_is_written(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1])
    # Approved whatever its texts say, as before they were looked at.
    body = "rewards: [{name: credit, kind: bill_credit, amount: 3.00}]\ntext: '\"credit_only\"'\n"
    ref = world.assess(world.save(body))
    said = r'text "credit_only" in en: \{pays_on\} is filled by a credit.* that says `pays on`'
    with pytest.raises(RefusedError, match=said):
        world.approve(ref)
    with database.transaction() as session:
        assessment = session.scalars(select(Assessment)).one()
        assessment.state = AssessmentState.APPROVED
        bound = {"assessment_id": assessment.id, "bound_hash": binding(session, assessment).hash}
        session.add(Approval(**bound, decision="approved", reason="then", decided_by="omar", decided_at=world.now))
    with pytest.raises(RefusedError, match=said):
        world.release(ref)
    with database.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(one)) for one in (Credit, LedgerEntry, Delivery)]
    assert counts == [0, 0, 0]
    with database.transaction() as session:
        for language in ("de", "en", "es"):
            save_text(session, "credit_only", language, "{brand}: {credit}", author="marketing")
        approval = session.scalars(select(Approval)).one()
        approval.bound_hash = binding(session, session.scalars(select(Assessment)).one()).hash
    assert world.release(ref).is_new
