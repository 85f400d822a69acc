"""Tests over history: a version is replayed on chosen past incidents, and is not approved while one of them fails."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from compensation.cli.history import history
from compensation.history_checks import list_tried
from compensation.history_rules import Expectation
from compensation.models import HistoryTest, PolicyState, PolicyVersion
from compensation.policies import approve_policy, save_policy, submit_policy
from compensation.simulation.history_tests import accept_difference, replay, set_test, try_on_history, withdraw_test
from foundation.audit import AuditEntry
from foundation.cli import App
from foundation.errors import InputError, NotFoundError, RefusedError
from tests.web_client import send, token_of
from tests.web_world import World, policy_text

POLICY = "o2-uk-2012-07"
DEARER = policy_text().replace("2012-07-11: 10.00", "2012-07-11: 12.00").replace("voucher: 10.00", "voucher: 12.00")
DEARER = DEARER.replace("voucher: {amount: 10.00", "voucher: {amount: 12.00")
COST = {"cost_minor": (0, 8000)}


def choose(world: World, expectation: Expectation, **settings) -> int:
    """The id of a test on the world's incident."""
    run_id = world.measure()
    return set_test(world.database, world.store, POLICY, run_id, expectation, actor="marketing", **settings).id


def draft(world: World, text: str = DEARER) -> int:
    """The id of a new draft."""
    with world.database.transaction() as session:
        return save_policy(session, text, actor="marketing").version.id


def submit(world: World, version_id: int, actor: str = "marketing") -> PolicyState:
    try_on_history(world.database, world.store, version_id, actor=actor)
    with world.database.transaction() as session:
        return submit_policy(session, version_id, actor=actor, reason="It is time.").state


def approve(world: World, version_id: int, actor: str = "approver") -> PolicyState:
    with world.database.transaction() as session:
        return approve_policy(session, version_id, actor=actor, reason="As agreed.").state


def tried(world: World, version_id: int):
    with world.database.reading() as session:
        return list_tried(session, session.get_one(PolicyVersion, version_id))


def test_submitting_replays_and_shows_who_fares_how(world):
    world.adopt_policy()
    choose(world, Expectation.UNCHANGED)
    version = draft(world)
    with world.database.transaction() as session, pytest.raises(RefusedError, match="not tried on all tests"):
        submit_policy(session, version, actor="marketing")
    assert submit(world, version) is PolicyState.SUBMITTED
    (one,) = tried(world, version)
    assert not one.passed
    assert one.result.reasons == [
        "6 lines get more than under o2-uk-2012-07 v1, 12.00 GBP together: "
        "change the rules, or accept the difference with a reason"
    ]
    assert one.result.totals["cost_minor"] == 8404
    assert one.result.against["cost_minor"] == 7204
    assert one.result.shift["winners"] == {"cases": 5, "lines": 6, "difference_minor": 1200}
    with world.database.reading() as session:
        actions = [entry.action for entry in session.query(AuditEntry).filter(AuditEntry.action.like("%histor%"))]
        replayed = session.query(AuditEntry).filter_by(action="policy replayed").one()
    assert actions == ["history test set"]
    assert replayed.after == {"tests": 1, "failed": 1}


def test_nobody_approves_while_a_test_fails_and_who_accepts_it_does_not_approve(world):
    world.adopt_policy()
    test = choose(world, Expectation.UNCHANGED)
    version = draft(world)
    submit(world, version)
    with pytest.raises(RefusedError, match="a test over history fails"):
        approve(world, version)
    with world.database.transaction() as session, pytest.raises(InputError, match="for a reason"):
        accept_difference(session, version, test, actor="admin", reason=" ")
    with world.database.transaction() as session:
        accept_difference(session, version, test, actor="admin", reason="Vouchers are worth more now.")
    with pytest.raises(RefusedError, match="who accepted a difference cannot approve"):
        approve(world, version, actor="admin")
    assert approve(world, version) is PolicyState.APPROVED
    with world.database.reading() as session:
        entry = session.query(AuditEntry).filter_by(action="history difference accepted").one()
    assert (entry.actor, entry.reason) == ("admin", "Vouchers are worth more now.")


def test_a_version_that_changes_nothing_meets_all_tests(world):
    world.adopt_policy()
    choose(world, Expectation.UNCHANGED)
    choose(world, Expectation.WITHIN, bounds=COST)
    choose(world, Expectation.PINNED)
    version = draft(world, policy_text().replace("title: O2 UK,", "title: O2 in the UK,"))
    submit(world, version)
    assert [one.passed for one in tried(world, version)] == [True, True, True]
    assert approve(world, version) is PolicyState.APPROVED


def test_bounds_and_pins_say_what_is_off_and_an_accepted_pin_moves_with_the_approval(small_world):
    world = small_world
    world.adopt_policy()
    bounded, pinned = choose(world, Expectation.WITHIN, bounds=COST), choose(world, Expectation.PINNED)
    version = draft(world)
    submit(world, version)
    reasons = {one.test.id: one.result.reasons[0] for one in tried(world, version)}
    assert reasons[bounded].startswith("cost 84.04 GBP, at most 80.00 GBP: ")
    assert reasons[pinned].startswith("cost 84.04 GBP, pinned 72.04 GBP: ")
    with world.database.transaction() as session:
        for test in (bounded, pinned):
            accept_difference(session, version, test, actor="marketing", reason="Meant.")
        assert session.get_one(HistoryTest, pinned).pinned["cost_minor"] == 7204
    approve(world, version)
    with world.database.reading() as session:
        assert session.get_one(HistoryTest, pinned).pinned["cost_minor"] == 8404
        moved = session.query(AuditEntry).filter_by(action="history test pinned anew").one()
    assert (moved.before["pinned"]["cost_minor"], moved.after["pinned"]["cost_minor"]) == (7204, 8404)
    assert moved.reason == "Meant."
    # What was in force before is tried again against the new pin.
    back = draft(world, policy_text().replace("title: O2 UK,", "title: O2 again,"))
    submit(world, back)
    assert [one.passed for one in tried(world, back) if one.test.id == pinned] == [False]


def test_a_result_is_out_of_date_when_the_test_or_the_version_in_force_changed(small_world):
    world = small_world
    world.adopt_policy()
    test = choose(world, Expectation.WITHIN, bounds={"cost_minor": (0, 9000)})
    first, second = draft(world), draft(world, policy_text().replace("title: O2 UK,", "title: O2 in the UK,"))
    submit(world, first)
    submit(world, second)
    approve(world, second)
    assert [one.is_stale for one in tried(world, first)] == [True]
    with pytest.raises(RefusedError, match="not tried on all tests"):
        approve(world, first)
    assert replay(world.database, world.store, first, actor="marketing") == 0
    choose(world, Expectation.WITHIN, bounds=COST)
    assert [one.is_stale for one in tried(world, first)] == [True]
    with world.database.transaction() as session, pytest.raises(RefusedError, match="out of date"):
        accept_difference(session, first, test, actor="marketing", reason="Meant.")
    assert replay(world.database, world.store, first, actor="marketing") == 1


def test_an_accepted_difference_stays_accepted_only_while_it_is_the_same(small_world):
    world = small_world
    world.adopt_policy()
    test = choose(world, Expectation.UNCHANGED)
    version = draft(world)
    replay(world.database, world.store, version, actor="marketing")
    with world.database.transaction() as session:
        accept_difference(session, version, test, actor="marketing", reason="Meant.")
    replay(world.database, world.store, version, actor="marketing")
    assert tried(world, version)[0].accepted
    other = draft(world, policy_text().replace("title: O2 UK,", "title: O2 in the UK,"))
    submit(world, other)
    approve(world, other)
    replay(world.database, world.store, version, actor="marketing")
    assert not tried(world, version)[0].accepted


def test_a_worked_case_that_turned_red_stops_the_approval_too(small_world):
    world = small_world
    version = draft(world, policy_text())
    submit(world, version)
    with world.database.transaction() as session:
        kept = session.get_one(PolicyVersion, version)
        kept.source = kept.source.replace("voucher: 10.00}, text: voucher_only", "voucher: 11.00}, text: voucher_only")
    with pytest.raises(RefusedError, match="green tests"):
        approve(world, version)


def test_what_cannot_be_tried_fails_with_its_reason(small_world):
    world = small_world
    world.adopt_policy()
    test = choose(world, Expectation.UNCHANGED)
    for file in world.store.directory.glob("*.parquet"):
        file.unlink()
    version = draft(world)
    assert replay(world.database, world.store, version, actor="marketing") == 1
    (one,) = tried(world, version)
    assert one.result.reasons[0].startswith("cannot be tried: snapshot file is missing")
    with world.database.transaction() as session, pytest.raises(InputError, match="for a reason"):
        withdraw_test(session, POLICY, test, actor="marketing", reason="")
    with world.database.transaction() as session:
        withdraw_test(session, POLICY, test, actor="marketing", reason="Its files are gone.")
    assert tried(world, version) == []
    assert submit(world, version) is PolicyState.SUBMITTED


def test_wrong_tests_are_refused(small_world):
    world = small_world
    run_id = world.measure()
    wanted = (world.database, world.store, POLICY, run_id)
    with pytest.raises(NotFoundError):
        set_test(*wanted, Expectation.UNCHANGED, actor="marketing")
    draft(world, policy_text())
    for bounds in ({}, {"cost_minor": (5, 1)}, {"shoes": (1, 2)}, {"lines": (None, None)}):
        with pytest.raises(InputError):
            set_test(*wanted, Expectation.WITHIN, bounds=bounds, actor="marketing")
    with pytest.raises(RefusedError, match="no version of o2-uk-2012-07 is in force"):
        set_test(*wanted, Expectation.PINNED, actor="marketing")
    with pytest.raises(NotFoundError, match="impact run"):
        set_test(world.database, world.store, POLICY, 99, Expectation.UNCHANGED, actor="marketing")
    first = set_test(*wanted, Expectation.UNCHANGED, actor="marketing")
    again = set_test(*wanted, Expectation.UNCHANGED, actor="somebody")
    assert (first.id, again.revision, again.set_by) == (again.id, 1, "marketing")


def test_the_pages_go_from_a_test_to_its_acceptance(small_world):
    world = small_world
    world.adopt_policy()
    run_id, version = world.measure(), draft(world)
    marketing, approver = world.client("marketing"), world.client("approver")
    address = f"/policies/{POLICY}/2/history"
    assert "No test yet" in marketing.get(address).text
    fields = {"run": run_id, "expectation": "within", "pinned": 1, "cost_to": "80.00"}
    assert send(marketing, address, fields, back=address).status_code == 303
    wrong = send(marketing, address, {**fields, "cost_to": "eighty"}, back=address)
    assert (wrong.status_code, "not an amount" in wrong.text) == (422, True)
    assert send(marketing, address, {**fields, "entitled_from": "x"}, back=address).status_code == 422
    assert send(approver, address, fields, back=address).status_code == 403
    assert "to be tried" in marketing.get(address).text
    send(marketing, f"/policies/{POLICY}/2/submit", {"reason": "It is time."}, back=address)
    page = " ".join(approver.get(address).text.split())
    assert "Cost 84.04 GBP, at most 80.00 GBP" in page
    assert "6 lines get more (+£12.00)" in page
    test = tried(world, version)[0].test.id
    send(marketing, f"{address}/{test}/accept", {"reason": "Vouchers cost more."}, back=address)
    assert "“Vouchers cost more.”" in approver.get(address).text
    send(marketing, f"{address}/replay", back=address)
    send(approver, f"/policies/{POLICY}/2/approve", {"reason": "As agreed."}, back=address)
    with world.database.reading() as session:
        assert session.get_one(PolicyVersion, version).state is PolicyState.APPROVED
    assert send(marketing, f"{address}/{test}/withdraw", {"reason": "Enough."}, back=address).status_code == 303
    assert "No test yet" in marketing.get(address).text


def test_the_calls_do_what_the_pages_do(small_world):
    world = small_world
    world.adopt_policy()
    world.measure()
    draft(world)
    client, headers = world.web.test_client(), token_of(world.database, "marketing")

    def call(method: str, path: str, body=None, status: int = 200):
        answer = client.open(f"/api/v1/policies/{POLICY}{path}", method=method, json=body, headers=headers)
        assert answer.status_code == status, answer.json
        return answer.json

    body = {"incident": world.incident, "expectation": "within", "bounds": {"cost_minor": [None, 8000]}}
    made = call("POST", "/history-tests", body)
    assert (made["state"], made["bounds"]) == ("untried", {"cost_minor": [None, 8000]})
    assert [one["state"] for one in call("POST", "/2/history/replay")["tests"]] == ["failed"]
    accepted = call("POST", f"/2/history/{made['id']}/accept", {"reason": "Meant."})
    assert accepted["tests"][0]["accepted_reason"] == "Meant."
    assert call("GET", "/2/history")["tests"][0]["totals"]["cost_minor"] == 8404
    assert call("POST", f"/history-tests/{made['id']}/withdraw", {"reason": "Enough."})["tests"] == []
    call("POST", "/history-tests", {**body, "bounds": {"cost_minor": [1]}}, 422)
    call("POST", "/history-tests", {**body, "bounds": None}, 422)
    call("POST", "/1/history/replay", status=409)


def test_the_commands_do_what_the_pages_do(small_world):
    world = small_world
    world.adopt_policy()
    world.measure()
    version = draft(world)
    app = App(world.settings)
    app.store = world.store

    def told(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(history, [*words], obj=app)
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    staff = ("--as", "marketing")
    chosen = ("set", POLICY, "--incident", world.incident)
    assert "totals within bounds" in told(*chosen, "--expect", "within", "--bound", "cost_minor::8000", *staff)
    (one,) = tried(world, version)
    assert "not tried" in told("list", POLICY)
    assert "cost 84.04 GBP, at most 80.00 GBP" in told("replay", POLICY, *staff, code=1)
    told("accept", POLICY, str(one.test.id), "--reason", "Meant.", *staff)
    assert "accepted by marketing: Meant." in told("list", POLICY)
    told("withdraw", POLICY, str(one.test.id), "--reason", "Enough.", *staff)
    assert "0 tests over history" in told("list", POLICY)
    wrong = CliRunner().invoke(history, [*chosen, "--expect", "within", "--bound", "cost", *staff], obj=app)
    assert isinstance(wrong.exception, InputError)
    app.close()
