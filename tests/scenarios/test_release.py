"""From approved cases to credits: two persons, one hash, all or none, and never twice."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select, update

from compensation import approval, assessment, credits, policies, queries
from compensation.models import Approval, Assessment, AssessmentState, Case, Credit, LedgerEntry
from compensation.stories import line_story
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from notify.models import Delivery, DeliveryKind
from notify.texts import save_text
from outage.cli import planned as cli_planned
from outage.incidents.incidents import get_incident, reopen_incident
from outage.lifecycle import IncidentStatus
from outage.models import Incident, Subscriber
from outage.runs.impact import measure_impact
from tests.world import World, decide
from wsgi import create_app


def propose(world: World) -> str:
    with world.app.database.reading() as session:
        (version,) = policies.list_for_incident(session, get_incident(session, world.incident).started_at)
    return assessment.assess(
        world.app.database, world.app.store, world.run_id, version.id, actor="maria"
    ).assessment.ref


def release(world: World, ref: str) -> credits.Released:
    return credits.release_credits(world.app.database, world.app.store, ref, actor="omar")


def rows(database: Database) -> tuple[int, int, int]:
    with database.reading() as session:
        return tuple(  # type: ignore[return-value]
            session.scalar(select(func.count()).select_from(model)) or 0 for model in (Credit, LedgerEntry, Delivery)
        )


def test_the_cases_hold_every_line_once_and_add_up(world: World) -> None:
    ref = propose(world)
    with world.app.database.reading() as session:
        found = queries.find_assessment(session, ref)
        cases = queries.list_cases(session, found.id)
        subscribers = session.scalar(select(func.count()).select_from(Subscriber))
    assert sum(case.lines for case in cases) == found.totals["lines"] == subscribers
    assert sum(case.lines * case.cost_minor for case in cases) == found.totals["cost_minor"] > 0
    assert len({tuple(map(str, case.group_values)) for case in cases}) == len(cases)


def test_assessing_twice_changes_nothing(world: World) -> None:
    ref = propose(world)
    with world.app.database.reading() as session:
        before = session.scalar(select(func.count()).select_from(Case))
    assert propose(world) == ref
    with world.app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Case)) == before
        assert session.scalar(select(func.count()).select_from(Assessment)) == 1


def test_nothing_is_released_without_an_approval(world: World) -> None:
    ref = propose(world)
    with pytest.raises(RefusedError, match="proposed"):
        release(world, ref)
    assert rows(world.app.database) == (0, 0, 0)


def test_the_submitter_cannot_approve_and_a_decision_needs_a_reason(world: World) -> None:
    ref = propose(world)
    with world.app.database.transaction() as session:
        approval.submit_assessment(session, ref, actor="maria")
    with pytest.raises(RefusedError, match="submitter"), world.app.database.transaction() as session:
        approval.approve_assessment(session, ref, actor="maria", reason="mine")
    with pytest.raises(InputError, match="reason"), world.app.database.transaction() as session:
        approval.approve_assessment(session, ref, actor="omar", reason="  ")


def test_a_rejected_assessment_ends_there(world: World) -> None:
    ref = propose(world)
    with world.app.database.transaction() as session:
        approval.submit_assessment(session, ref, actor="maria")
        approval.reject_assessment(session, ref, actor="omar", reason="too early")
    with pytest.raises(RefusedError, match="rejected"):
        release(world, ref)
    with pytest.raises(RefusedError), world.app.database.transaction() as session:
        approval.submit_assessment(session, ref, actor="maria")


def test_a_changed_text_voids_the_approval_until_it_is_given_again(world: World) -> None:
    ref = decide(world)
    with world.app.database.transaction() as session:
        save_text(session, "voucher_only", "en", "{brand}: a {voucher} voucher is yours. Code {code}.", author="maria")
    with pytest.raises(RefusedError, match="void"):
        release(world, ref)
    assert rows(world.app.database) == (0, 0, 0)
    with world.app.database.transaction() as session:
        approval.submit_assessment(session, ref, actor="maria")
        approval.approve_assessment(session, ref, actor="omar", reason="new text read")
    assert release(world, ref).is_new


def test_a_release_writes_what_was_approved_and_again_writes_nothing(world: World) -> None:
    ref = decide(world)
    released = release(world, ref)
    assert released.is_new
    before = rows(world.app.database)
    again = release(world, ref)
    assert (again.is_new, again.credits, again.amount_minor) == (False, released.credits, released.amount_minor)
    assert rows(world.app.database) == before
    with world.app.database.reading() as session:
        books = queries.books_of(session, ref)
        texts = session.scalar(select(func.count()).where(Delivery.kind == DeliveryKind.MESSAGE))
        unpaid = select(func.count()).where(Delivery.kind == DeliveryKind.MESSAGE, ~Delivery.waiting)
        assert session.scalar(unpaid) == 0  # every text waits for its credit
    assert books.cases_minor == books.credits_minor == books.accrued_minor == books.postings_minor
    assert books.confirmed_minor == books.book_minor == 0
    assert texts == released.texts


def test_a_release_that_does_not_add_up_leaves_nothing_behind(world: World) -> None:
    ref = decide(world)
    with world.app.database.transaction() as session:
        found = queries.find_assessment(session, ref)
        changed = {**found.totals, "credits": found.totals["credits"] + 1}
        session.execute(update(Assessment).where(Assessment.id == found.id).values(totals=changed))
    with pytest.raises(RefusedError, match="do not add up"):
        release(world, ref)
    assert rows(world.app.database) == (0, 0, 0)
    with world.app.database.reading() as session:
        assert queries.find_assessment(session, ref).state is AssessmentState.APPROVED


def test_cases_that_the_snapshots_no_longer_give_stop_the_release(world: World) -> None:
    ref = decide(world)
    with world.app.database.transaction() as session:
        found = queries.find_assessment(session, ref)
        case = queries.list_cases(session, found.id, sort="lines")[0]
        session.get_one(Case, case.id).lines += 1
        session.flush()
        # Somebody who can edit rows can also forge the approval; the join with the snapshots still finds it.
        digest = approval.binding(session, found).hash
        session.execute(update(Approval).values(bound_hash=digest))
    with pytest.raises(RefusedError, match="no longer give the cases"):
        release(world, ref)
    assert rows(world.app.database) == (0, 0, 0)


def test_a_second_release_credits_only_what_is_more_than_the_first(world: World) -> None:
    first = decide(world)
    release(world, first)
    with world.app.database.transaction() as session:
        paid = session.scalars(select(Credit).where(Credit.reward == "July credit").order_by(Credit.id)).first()
        assert paid is not None
        # A customer base that changed makes a new run, and so a new assessment.
        fee = (paid.amount_minor or 0) * 10 + 500
        session.execute(update(Subscriber).where(Subscriber.id == paid.subscriber_id).values(fee_service_minor=fee))
        from outage.network.inventory import raise_version

        raise_version(session, "base")
    measured = measure_impact(world.app.database, world.app.store, world.incident, actor="nina")
    assert measured.is_new
    second = decide(World(world.app, world.incident, measured.run.id))
    assert second != first
    before = rows(world.app.database)
    released = release(world, second)
    assert (released.credits, released.amount_minor, released.texts) == (1, 50, 1)
    assert rows(world.app.database) == (before[0] + 1, before[1] + 1, before[2] + 2)
    with world.app.database.reading() as session:
        more = session.scalars(select(Credit).order_by(Credit.id.desc())).first()
        assert more is not None
        assert (more.key, more.amount_minor) == (f"{paid.key}:r2", 50)


def test_a_policy_is_not_applied_to_an_outage_of_another_day(world: World) -> None:
    with world.app.database.transaction() as session:
        version = policies.get_version(session, "o2-uk-2012-07")
        session.execute(update(Incident).values(started_at=version.created_at))
    with pytest.raises(RefusedError, match="not in force"):
        assessment.assess(world.app.database, world.app.store, world.run_id, version.id, actor="maria")


def test_a_dismissed_incident_is_neither_assessed_nor_released(world: World) -> None:
    ref = decide(world)
    with world.app.database.transaction() as session:
        session.execute(update(Incident).values(status=IncidentStatus.DISMISSED))
    with pytest.raises(RefusedError, match="dismissed"):
        release(world, ref)
    assert rows(world.app.database) == (0, 0, 0)
    with world.app.database.transaction() as session:
        session.execute(delete(Case))
        session.execute(delete(Approval))
        session.execute(delete(Assessment))
    with pytest.raises(RefusedError, match="dismissed"):
        propose(world)


def test_a_line_is_explained_by_the_version_that_was_used_even_when_it_is_retired_since(world: World) -> None:
    release(world, decide(world))
    with world.app.database.transaction() as session:
        policies.retire_policy(session, policies.get_version(session, "o2-uk-2012-07").id, actor="omar")
    with world.app.database.reading() as session:
        (story,) = line_story(session, world.app.store, session.get_one(Subscriber, 1))
    assert story.decisions[0].policy == "o2-uk-2012-07 v1"
    assert story.decisions[0].explanation


def test_an_incident_with_released_credits_is_not_merged_away(world: World) -> None:
    release(world, decide(world))
    app = create_app(world.app.settings)
    (guard,) = app.extensions["merge_guards"]
    assert guard in cli_planned.merge_guards
    with pytest.raises(RefusedError, match="were released"), world.app.database.reading() as session:
        guard(session, get_incident(session, world.incident))
    app.extensions["foundations"].database.dispose()


def test_a_closed_incident_stays_frozen(world: World) -> None:
    with pytest.raises(RefusedError), world.app.database.transaction() as session:
        reopen_incident(session, get_incident(session, world.incident), actor="nina")


def test_the_ledger_is_balanced_and_every_entry_has_two_sides(world: World) -> None:
    release(world, decide(world))
    with world.app.database.reading() as session:
        for entry in session.scalars(select(LedgerEntry)):
            assert entry.debit != entry.credit
            assert entry.amount_minor > 0
