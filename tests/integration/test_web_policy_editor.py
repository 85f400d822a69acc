"""The editor behind its page, the ways to begin, the list, the comparison, the steps to force, and calls."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from compensation.document.outline import read_outline
from compensation.drafts import find_draft, get_draft
from compensation.models import PolicyState
from compensation.policies import approve_policy, get_version, save_policy, submit_policy
from foundation.audit import AuditEntry
from tests.web_client import csrf_token, send, token_of
from tests.web_world import World, policy_text

NAME = "o2-uk-2012-07"
EDIT = f"/policies/{NAME}/edit"


def outline_of(text: str) -> dict[str, Any]:
    outline = read_outline(text)
    assert outline is not None
    return outline


def save(world: World, text: str | None = None, actor: str = "marketing") -> int:
    with world.database.transaction() as session:
        return save_policy(session, text or policy_text(), actor=actor).version.number


def post(client: FlaskClient, address: str, body: dict[str, Any]) -> Any:
    """POST as the page's script does."""
    token = csrf_token(client, "/policies/new")
    return client.post(address, json=body, headers={"X-CSRFToken": token, "Referer": "http://localhost/"})


def work(
    text: str,
    revision: int = 0,
    outline: dict[str, Any] | None = None,
    based_on: int | None = 1,
    newest: int | None = 1,
) -> dict[str, Any]:
    """The body that the page's script sends."""
    return {"text": text, "outline": outline, "revision": revision, "based_on": based_on, "newest": newest}


def test_what_is_typed_is_kept_and_found_again_by_its_author_alone(small_world):
    save(small_world)
    client = small_world.client("marketing")
    outline = outline_of(policy_text())
    outline["head"]["title"] = "Another title"
    answer = post(client, f"{EDIT}/check", work(policy_text(), outline=outline)).json
    assert (answer["revision"], answer["report"]["problems"]) == (1, [])
    assert "title: Another title\n" in answer["text"]
    assert "Another title" in client.get(EDIT).text
    assert "Another title" not in small_world.client("admin").get(EDIT).text
    again = post(client, f"{EDIT}/check", work(answer["text"], 1, answer["outline"])).json
    assert again["revision"] == 1


def test_a_second_window_is_told_and_overwrites_nothing(world):
    save(world)
    client = world.client("marketing")
    first = post(client, f"{EDIT}/check", work(policy_text() + "# one\n"))
    second = post(client, f"{EDIT}/check", work(policy_text() + "# two\n"))
    assert (first.status_code, second.status_code, second.json["now"]) == (200, 409, 1)
    post(client, f"{EDIT}/check", work(policy_text() + "# three\n", 1))
    late = post(client, f"{EDIT}/check", work(policy_text() + "# four\n", 1))
    assert (late.status_code, late.json["now"]) == (409, 2)
    with world.database.reading() as session:
        assert get_draft(session, NAME, author="marketing").text.endswith("# three\n")


def test_saving_makes_the_next_version_and_ends_the_working_copy(world):
    save(world)
    client = world.client("marketing")
    text = policy_text().replace("2012-07-11: 0.10", "2012-07-11: 0.12")
    answer = post(client, f"{EDIT}/save", work(text))
    assert answer.json["location"] == f"/policies/{NAME}/2"
    with world.database.reading() as session:
        assert get_version(session, NAME).source == text
        assert find_draft(session, NAME, author="marketing") is None


def test_nobody_saves_over_a_version_that_somebody_else_made_meanwhile_without_saying_so(world):
    save(world)
    client = world.client("marketing")
    post(client, f"{EDIT}/check", work(policy_text() + "# mine\n"))
    save(world, policy_text() + "# theirs\n", actor="admin")
    refused = post(client, f"{EDIT}/save", work(policy_text() + "# mine\n", 1))
    assert (refused.status_code, refused.json["now"]) == (409, 2)
    assert "admin saved version 2 meanwhile" in refused.json["message"]
    agreed = post(client, f"{EDIT}/save", work(policy_text() + "# mine\n", 1, newest=2))
    assert agreed.json["location"].endswith("/3")


def test_a_wrong_text_is_kept_and_not_saved(small_world):
    save(small_world)
    client = small_world.client("marketing")
    wrong = policy_text().replace("kind: voucher", "kind: vouchr")
    kept = post(client, f"{EDIT}/check", work(wrong)).json
    [problem] = kept["report"]["problems"]
    assert (problem["path"], problem["fix"]) == (["rewards", 3, "kind"], "voucher")
    refused = post(client, f"{EDIT}/save", work(wrong, kept["revision"]))
    assert refused.status_code == 422
    with small_world.database.reading() as session:
        assert get_version(session, NAME).number == 1
        assert get_draft(session, NAME, author="marketing").text == wrong


def test_a_text_that_is_no_yaml_is_kept_too_and_has_no_outline(small_world):
    save(small_world)
    client = small_world.client("marketing")
    answer = post(client, f"{EDIT}/check", work("policy: [")).json
    assert answer["outline"] is None
    assert answer["report"]["problems"][0]["what"].startswith("not YAML")
    assert "policy: [" in client.get(EDIT).text


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("text"),
        lambda body: body.update(text=7),
        lambda body: body.update(revision="one"),
        lambda body: body.update(outline={"head": {}}),
        lambda body: body["outline"]["lists"]["decisions"][0]["fields"]["table"]["rules"][0]["tests"].pop(),
        lambda body: body["outline"]["lists"].update(strange=[]),
        lambda body: body["outline"]["lists"]["tests"][0].update({"from": 99}),
        lambda body: body["outline"]["lists"]["tests"][0]["fields"].update(name=["no", "text"]),
        lambda body: body["outline"]["lists"]["parameters"][0]["fields"]["values"].update(pairs=[["2012-07-11"]]),
    ],
)
def test_a_body_of_another_shape_is_told_and_changes_nothing(small_world, change):
    save(small_world)
    client = small_world.client("marketing")
    body = work(policy_text(), outline=outline_of(policy_text()))
    change(body)
    answer = post(client, f"{EDIT}/check", body)
    assert (answer.status_code, bool(answer.json["message"])) == (422, True)
    with small_world.database.reading() as session:
        assert find_draft(session, NAME, author="marketing") is None


def test_gaps_and_the_cost_of_a_draft_are_told(small_world):
    small_world.adopt_policy()
    run = small_world.measure()
    client = small_world.client("marketing")
    outline = copy.deepcopy(outline_of(policy_text()))
    rules = outline["lists"]["decisions"][0]["fields"]["table"]["rules"]
    rules[0]["tests"][2] = "< 5"
    outline["lists"]["decisions"][0]["fields"].pop("explained")
    text = post(client, f"{EDIT}/check", work(policy_text(), outline=outline)).json["text"]
    found = post(client, f"{EDIT}/findings", {"text": text}).json
    gaps = next(one["gaps"] for one in found["decisions"] if one["decision"] == "promise")
    assert any('segment is "consumer"' in gap["words"] for gap in gaps)
    assert all(len(gap["cells"]) == 3 for gap in gaps)
    what_if = post(client, f"{EDIT}/what-if", {"text": policy_text(), "run": run}).json
    assert (what_if["side"]["cost"], what_if["difference"]) == ("£72.04", "£0.00")
    doubled = policy_text().replace("2012-07-11: 10.00", "2012-07-11: 20.00")
    dearer = post(client, f"{EDIT}/what-if", {"text": doubled, "run": run}).json
    assert dearer["difference"].startswith("+£")
    assert post(client, f"{EDIT}/what-if", {"text": policy_text(), "run": 999}).status_code == 404


def test_the_editor_is_for_those_who_write_policies(small_world):
    save(small_world)
    for role, status in (("marketing", 200), ("approver", 403), ("auditor", 403), ("noc", 403)):
        assert small_world.client(role).get(EDIT).status_code == status
    assert small_world.client("marketing").get("/policies/no-such/edit").status_code == 404
    forged = small_world.client("marketing").post(f"{EDIT}/check", json=work(policy_text()))
    assert forged.status_code == 400


def test_a_working_copy_can_be_thrown_away(small_world):
    save(small_world)
    client = small_world.client("marketing")
    post(client, f"{EDIT}/check", work(policy_text() + "# typed\n"))
    assert NAME in client.get("/policies/").text
    gone = send(client, f"{EDIT}/discard")
    assert gone.headers["Location"] == f"/policies/{NAME}/1"
    assert "# typed" not in client.get(EDIT).text


def test_a_policy_begins_small_and_can_be_saved_as_it_is(small_world):
    client = small_world.client("marketing")
    fields = {
        "title": "Storm goodwill",
        "name": "storm-goodwill",
        "basis": "goodwill",
        "currency": "gbp",
        "zone": "Europe/London",
        "since": "2026-01-01",
    }
    begun = send(client, "/policies/new/blank", fields)
    assert begun.headers["Location"] == "/policies/storm-goodwill/edit"
    with small_world.database.reading() as session:
        draft = get_draft(session, "storm-goodwill", author="marketing")
    saved = post(client, "/policies/storm-goodwill/edit/save", work(draft.text, 1, based_on=None, newest=None))
    assert saved.json["location"] == "/policies/storm-goodwill/1"
    assert "2 of 2 pass" in client.get("/policies/storm-goodwill/1").text
    assert "What keeps it from being submitted" not in client.get("/policies/storm-goodwill/1").text


def test_beginning_again_overwrites_neither_a_working_copy_nor_a_policy(small_world):
    client = small_world.client("marketing")
    assert send(client, f"/policies/schemes/{NAME}").headers["Location"] == EDIT
    post(client, f"{EDIT}/check", work(policy_text() + "# typed\n", 1))
    send(client, f"/policies/schemes/{NAME}")
    assert "# typed" in client.get(EDIT).text
    send(client, f"{EDIT}/discard")
    save(small_world)
    assert send(client, f"/policies/schemes/{NAME}").headers["Location"] == f"/policies/{NAME}/1"


def test_the_ready_made_schemes_are_found_by_word(small_world):
    client = small_world.client("marketing")
    assert "o2-uk-2012-07" in client.get("/policies/schemes?search=O2+voucher").text
    assert "No scheme fits" in client.get("/policies/schemes?search=zzzz").text
    assert send(client, "/policies/schemes/no-such").status_code in (303, 404)


def test_a_model_that_was_exported_comes_back_as_a_working_copy(small_world):
    save(small_world)
    client = small_world.client("marketing")
    model = client.get(f"/policies/{NAME}/1/policy.dmn")
    assert model.headers["Content-Disposition"] == f'attachment; filename="{NAME}-v1.dmn"'
    renamed = model.data.replace(b"policy: o2-uk-2012-07", b"policy: o2-again")
    sent = {"file": (io.BytesIO(renamed), "model.dmn"), "since": "2012-07-11", "basis": "goodwill"}
    assert send(client, "/policies/new/model", sent).headers["Location"] == "/policies/o2-again/edit"
    assert client.get(f"/policies/{NAME}/1/policy.yaml").text == policy_text()
    broken = {"file": (io.BytesIO(b"<no"), "model.dmn"), "since": "2012-07-11", "basis": "goodwill"}
    assert send(client, "/policies/new/model", broken).status_code == 422


def test_the_list_finds_sorts_filters_pages_and_exports(world):
    client = world.client("marketing")
    save(world)
    save(world, policy_text().replace("2012-07-11: 0.10", "2012-07-11: 0.12"))
    for number in range(27):
        save(world, policy_text().replace(f"policy: {NAME}", f"policy: copy-{number:02d}"), actor="admin")
    page = client.get("/policies/?sort=name").text
    assert "28 policies" in page
    assert "copy-00" in page
    assert NAME not in page.split("<tbody>")[1]
    assert NAME in client.get("/policies/?sort=name&page=2").text.split("<tbody>")[1]
    assert "No policy fits" in client.get("/policies/?search=nobody").text
    assert "No policy fits" in client.get("/policies/?state=approved").text
    assert "27 policies" in client.get("/policies/?search=ADMIN").text
    rows = client.get("/policies/?format=csv&search=register&sort=name").text.splitlines()
    assert len(rows) == 29
    assert rows[-1].startswith(f'{NAME},"O2 UK, subscriber register outage of 11-12 July 2012",goodwill,2,draft,,')


def test_a_version_goes_back_and_forth_with_reasons_that_stay_in_its_history(world):
    number = save(world)
    address = f"/policies/{NAME}/{number}"
    marketing, approver = world.client("marketing"), world.client("approver")
    send(marketing, f"{address}/submit", {"reason": "As published on 18 July."}, back=address)
    send(approver, f"{address}/return", {"reason": ""}, back=address)
    assert state_of(world) is PolicyState.SUBMITTED
    send(approver, f"{address}/return", {"reason": "The source of the voucher is missing."}, back=address)
    assert state_of(world) is PolicyState.DRAFTED
    send(marketing, f"{address}/submit", {"reason": "Named now."}, back=address)
    send(marketing, f"{address}/withdraw", {"reason": "One more look."}, back=address)
    assert state_of(world) is PolicyState.DRAFTED
    send(marketing, f"{address}/submit", {"reason": "Done."}, back=address)
    send(approver, f"{address}/approve", {"reason": "Fine."}, back=address)
    assert state_of(world) is PolicyState.APPROVED
    page = approver.get(address).text
    for said in ("As published on 18 July.", "The source of the voucher is missing.", "One more look.", "Fine."):
        assert said in page
    with world.database.reading() as session:
        reasons = [entry.reason for entry in session.query(AuditEntry).filter_by(action="policy returned")]
    assert reasons == ["The source of the voucher is missing.", "One more look."]


def state_of(world: World) -> PolicyState:
    with world.database.reading() as session:
        return get_version(session, NAME).state


def test_what_keeps_a_draft_from_being_submitted_is_listed_with_the_way_to_it(small_world):
    text = policy_text().replace('"O2"           | "consumer" | -  ', '"O2"           | "consumer" | < 5')
    save(small_world, text.replace("July credit: 2.04", "July credit: 2.05"))
    page = small_world.client("marketing").get(f"/policies/{NAME}/1").text
    assert "What keeps it from being submitted" in page
    assert "promise: no rule matches when" in page
    assert f'href="{EDIT}?version=1#decision=promise"' in page
    assert f'href="{EDIT}?version=1#case=1"' in page


def test_two_versions_are_compared_cell_by_cell(small_world):
    save(small_world)
    save(small_world, policy_text().replace('"giffgaff"     | -          |', '"giffgaff"     | "consumer" |'))
    page = small_world.client("auditor").get(f"/policies/{NAME}/compare?before=1&after=2").text
    assert "Decisions: promise" in page
    assert '<del class="was">-</del> <ins class="now">&#34;consumer&#34;</ins>' in page
    assert "Decisions: owed" not in page
    assert "What this changes" in page
    assert '<td data-label="Before"><del class="was">&#34;giffgaff&#34;</del></td>' in page
    assert "Nothing differs" in small_world.client("auditor").get(f"/policies/{NAME}/compare?before=2&after=2").text
    assert small_world.client("auditor").get(f"/policies/{NAME}/compare?before=x").status_code == 400
    assert small_world.client("auditor").get(f"/policies/{NAME}/compare?before=9").status_code == 404


def test_calls_list_save_check_compare_and_take_a_version_to_force(world):
    client = world.web.test_client()
    marketing, approver = token_of(world.database, "marketing"), token_of(world.database, "approver")
    saved = client.post("/api/v1/policies", json={"text": policy_text()}, headers=marketing)
    assert (saved.status_code, saved.json["is_new"], saved.json["version"]["number"]) == (200, True, 1)
    checked = client.post("/api/v1/policies/check", json={"text": policy_text()}, headers=marketing).json
    assert (checked["problems"], len(checked["tests"]), checked["findings"][0]["gaps"]) == ([], 11, [])
    wrong = policy_text().replace('"business" |', '"bussiness" |')
    [problem] = client.post("/api/v1/policies/check", json={"text": wrong}, headers=marketing).json["problems"]
    assert problem["fix"] == '"business"'
    refused = client.post("/api/v1/policies", json={"text": wrong}, headers=marketing)
    assert refused.status_code == 422
    address = f"/api/v1/policies/{NAME}/1"
    submitted = client.post(f"{address}/submit", json={"reason": "As published."}, headers=marketing)
    assert submitted.json["state"] == "submitted"
    assert client.post(f"{address}/approve", json={}, headers=marketing).status_code == 403
    assert client.post(f"{address}/return", json={"reason": ""}, headers=approver).status_code == 422
    approved = client.post(f"{address}/approve", json={"reason": "Fine."}, headers=approver)
    assert (approved.json["state"], approved.json["approved_by"]) == ("approved", "approver")
    other = policy_text().replace("2012-07-11: 0.10", "2012-07-11: 0.12")
    client.post("/api/v1/policies", json={"text": other}, headers=marketing)
    compared = client.get(f"/api/v1/policies/{NAME}/compare?before=1&after=2", headers=approver).json
    assert compared["changes"][0]["name"] == "credit share"
    assert compared["changes"][0]["fields"] == [{"name": "values, from 2012-07-11", "before": "0.10", "after": "0.12"}]
    assert compared["cases"][0]["before"] != compared["cases"][0]["after"]
    [listed] = client.get("/api/v1/policies?search=register", headers=approver).json["policies"]
    assert (listed["number"], listed["in_force"], listed["versions"]) == (2, 1, 2)
    detail = client.get(f"/api/v1/policies/{NAME}/2", headers=approver).json
    assert (detail["text"], detail["numbers"]) == (other, [2, 1])
    assert detail["blockers"][0]["case"] == 0
    assert client.post(f"{address}/retire", json={"reason": "Over."}, headers=approver).json["state"] == "retired"
    assert client.get("/api/v1/policies?wrong=1", headers=approver).status_code == 422


def test_calls_without_the_right_are_refused(small_world):
    save(small_world)
    client = small_world.web.test_client()
    auditor = token_of(small_world.database, "auditor")
    assert client.get("/api/v1/policies", headers=auditor).status_code == 200
    assert client.post("/api/v1/policies", json={"text": "x"}, headers=auditor).status_code == 403
    assert client.get("/api/v1/policies").status_code == 401


def test_the_author_cannot_approve_by_call_either(small_world):
    with small_world.database.transaction() as session:
        version = save_policy(session, policy_text(), actor="approver").version
        submit_policy(session, version.id, actor="approver")
    headers = token_of(small_world.database, "approver")
    answer = small_world.web.test_client().post(f"/api/v1/policies/{NAME}/1/approve", json={}, headers=headers)
    assert answer.status_code == 409
    assert "the author cannot approve" in answer.json["message"]
    with small_world.database.transaction() as session:
        assert approve_policy(session, version.id, actor="admin").state is PolicyState.APPROVED
