"""Pages of policies and assessments: what they show, who may do what, and that bad input is told, never a crash."""

from __future__ import annotations

import io
import re
import sys

import pytest

from compensation.models import AssessmentState, Credit, PolicyState, PolicyVersion
from compensation.policies import approve_policy, get_version, save_policy, submit_policy
from foundation.audit import AuditEntry
from notify.texts import save_text
from tests.web_client import send
from tests.web_world import ENTITLED, World, policy_text

POLICY = "/policies/o2-uk-2012-07/1"


def state_of(world: World, ref: str) -> AssessmentState:
    return world.assessment(ref).state


def rows_of(page: str) -> list[str]:
    """The text of every table row of the cases."""
    section = page[page.index('id="cases"') :]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", section, re.S)]


def test_a_policy_goes_from_paste_to_force_through_two_persons(world):
    marketing, approver = world.client("marketing"), world.client("approver")
    saved = send(marketing, "/policies/new", {"text": policy_text()})
    assert saved.headers["Location"] == POLICY
    assert send(marketing, f"{POLICY}/submit", back=POLICY).status_code in (302, 303)
    assert send(marketing, f"{POLICY}/approve", back=POLICY).status_code == 403
    assert "in review" in approver.get(POLICY).text
    send(approver, f"{POLICY}/approve", back=POLICY)
    with world.database.reading() as session:
        version = get_version(session, "o2-uk-2012-07")
        assert (version.state, version.author, version.approved_by) == (PolicyState.APPROVED, "marketing", "approver")
    send(approver, f"{POLICY}/retire", back=POLICY)
    assert "retired" in approver.get("/policies/").text


def test_the_same_policy_again_is_no_new_version(small_world):
    client = small_world.client("marketing")
    for _ in range(2):
        assert send(client, "/policies/new", {"text": policy_text()}).headers["Location"] == POLICY
    assert "Nothing changed" in client.get(POLICY).text


def test_a_policy_page_shows_tables_parameters_rewards_sources_and_tests(small_world):
    small_world.adopt_policy()
    page = small_world.client("auditor").get(POLICY).text
    for shown in (
        "11 of 11 pass",
        "lines on account",
        "&lt; business lines",
        "businesses with fewer than 10 connections",
        "round half up(credit share * service fee, 2)",
        "10.00 GBP",
        "11 July 2012 to 12 July 2012",
        "theguardian.com/money/2012/jul/18/o2-customers-get-compensation",
        "V01-6 Tesco Mobile pay monthly",
        "£60.00",
    ):
        assert shown in page, shown


def test_a_wrong_policy_is_shown_with_line_and_column_and_nothing_is_saved(small_world):
    wrong = policy_text().replace("service fee, 2)", "servise fee, 2)").replace("currency: GBP", "currency: GBX")
    client = small_world.client("marketing")
    answer = send(client, "/policies/new", {"text": wrong})
    assert answer.status_code == 422
    assert "servise fee" in answer.text
    assert "service fee" in answer.text
    assert "an ISO 4217 code such as GBP" in answer.text
    assert re.search(r'<td class="num">\d+</td><td class="num">\d+</td>', answer.text)
    with small_world.database.reading() as session:
        assert session.query(PolicyVersion).count() == 0


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00junk", b"", b"just words", b"- a\n- b", b"policy: {", b"a: &a [*a]", b"x" * 1_000_001]
)
def test_a_file_that_is_no_policy_is_refused_with_a_message(small_world, content):
    client = small_world.client("marketing")
    answer = send(client, "/policies/new", {"file": (io.BytesIO(content), "policy.yaml")})
    answer.request.environ["wsgi.input"].close()  # the client leaves open what it spilled to disk
    assert answer.status_code == 422
    assert "Not saved" in answer.text


def test_a_policy_with_a_red_test_is_kept_but_not_submitted(small_world):
    client = small_world.client("marketing")
    red = policy_text().replace("July credit: 2.04", "July credit: 2.05")
    assert send(client, "/policies/new", {"text": red}).status_code in (302, 303)
    page = client.get(POLICY).text
    assert "10 of 11 pass" in page
    assert "2.05" in page
    send(client, f"{POLICY}/submit", back=POLICY)
    assert "every attached test passes" in client.get(POLICY).text
    with small_world.database.reading() as session:
        assert get_version(session, "o2-uk-2012-07").state is PolicyState.DRAFTED


def test_an_incident_is_assessed_from_its_page_and_again_gives_the_same(world):
    run, version = world.measure(), world.adopt_policy()
    client = world.client("marketing")
    address = f"/assessments/new?incident={world.incident}"
    assert "Run 1" in client.get(address).text
    answers = [
        send(client, "/assessments/new", {"incident": world.incident, "run": run, "version": version}) for _ in range(2)
    ]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    page = client.get(answers[0].headers["Location"]).text
    assert "assessed under this version before" in page
    assert "£72.04" in page


@pytest.mark.parametrize("fields", [{}, {"run": "9999", "version": "9999"}, {"run": "x", "version": "'"}])
def test_assessing_what_is_not_offered_is_told_on_the_form(small_world, fields):
    small_world.measure()
    small_world.adopt_policy()
    client = small_world.client("marketing")
    answer = send(client, "/assessments/new", {"incident": small_world.incident, **fields})
    assert answer.status_code == 422


def test_before_a_run_or_a_policy_the_form_says_what_is_missing(small_world):
    client = small_world.client("marketing")
    address = f"/assessments/new?incident={small_world.incident}"
    assert "Measure the impact" in client.get(address).text
    small_world.measure()
    assert "No policy answers for that day" in client.get(address).text
    assert client.get("/assessments/new?incident=INC-1999-00001").status_code == 404


def test_every_case_is_shown_with_facts_rule_rewards_and_cost(world):
    ref = world.propose()
    client = world.client("marketing")
    page = client.get(f"/assessments/{ref}").text
    rows = rows_of(page)
    assert len([row for row in rows if "promise: rule" in row]) == 8
    dearest = rows[1]
    assert "2 £25.00 £12.50 £2.50 bill credit £10.00 voucher" in dearest
    assert "business" in dearest
    assert any("undetermined" in row and "EUR" in row for row in rows)
    assert any("10 % extra on the first top-up" in row for row in rows)
    assert "because" not in page
    assert "because" in client.get(f"/assessments/{ref}/cases/2").text
    assert client.get(f"/assessments/{ref}/cases/9").status_code == 404
    assert "8 cases, 9 lines, £72.04" in " ".join(page.split())


def test_cases_are_sorted_filtered_paged_and_downloaded(small_world):
    ref = small_world.propose()
    client = small_world.client("marketing")

    def cases(query: str) -> list[str]:
        return [row for row in rows_of(client.get(f"/assessments/{ref}?{query}").text) if "rule" in row]

    assert [row.split()[0] for row in cases("sort=number")] == sorted(row.split()[0] for row in cases("sort=number"))
    fees = [re.findall(r"£([\d.]+)", row)[-1] for row in cases("sort=fact:service fee")]
    assert fees == sorted(fees, key=float)
    assert all("Tesco" in row for row in cases("q=tesco"))
    assert len(cases("outcome=nothing")) == 1
    assert len(cases("sort=nonsense&page=-3")) == 8
    assert cases("outcome=nonsense") == []
    download = client.get(f"/assessments/{ref}?format=csv&outcome=entitled")
    assert download.mimetype == "text/csv"
    assert len(download.text.splitlines()) == 1 + 6
    assert "service fee" in download.text.splitlines()[0]


def test_the_texts_are_shown_as_the_delivery_will_write_them(small_world):
    ref = small_world.release()
    preview = small_world.client("approver").get(f"/assessments/{ref}").text
    line = small_world.client("care").get(f"/lookup/lines/{small_world.line_id('+447700900007')}").text
    said = "We have credited £2.50; you will see it on your September 2012 bill."
    assert said in preview
    assert said in line
    assert "parts in GSM 7-bit" in preview
    # Seven texts of two parts each.
    assert "at most 14 parts" in preview


def test_an_assessment_goes_from_proposal_to_books_through_two_persons(world, monkeypatch):
    ref = world.propose()
    address = f"/assessments/{ref}"
    marketing, approver = world.client("marketing"), world.client("approver")
    assert "Another person must approve; you cannot" in marketing.get(address).text
    send(marketing, f"{address}/submit", back=address)
    assert state_of(world, ref) is AssessmentState.SUBMITTED
    assert "You submitted it; another person decides." in marketing.get(address).text
    assert "Your role does not allow this step." in world.client("noc").get(address).text
    send(approver, f"{address}/approve", {"reason": "As published."}, back=address)
    assert state_of(world, ref) is AssessmentState.APPROVED
    send(approver, f"{address}/release", back=address)
    assert state_of(world, ref) is AssessmentState.RELEASED
    page = approver.get(address).text
    assert "12 postings are not confirmed yet" in page
    assert "£72.04 less than decided" in page
    world.deliver()
    page = approver.get(address).text
    assert "agree" in page
    assert "less than decided" not in page
    # The package's own name for it is the blueprint.
    monkeypatch.setattr(sys.modules["compensation.web.assessments"], "_PROVED_AT_ONCE", 11)
    assert "every one of 12 credits is read" in approver.get(address).text
    assert "In the account book" in approver.get(f"{address}?books=1").text
    with world.database.reading() as session:
        actions = [entry.action for entry in session.query(AuditEntry).filter_by(subject=ref)]
    decided = ["assessed", "assessment submitted", "assessment approved"]
    assert actions == [*decided, "asked to release", "assessment released"]


def test_releasing_again_writes_nothing_and_says_so(world):
    ref = world.approve()
    client = world.client("approver")
    for _ in range(2):
        send(client, f"/assessments/{ref}/release", back=f"/assessments/{ref}")
    assert "nothing was written again" in client.get(f"/assessments/{ref}").text
    with world.database.reading() as session:
        assert session.query(Credit).count() == 12


def test_who_submitted_cannot_approve_even_with_every_permission(world):
    ref = world.propose()
    address = f"/assessments/{ref}"
    client = world.client("admin")
    send(client, f"{address}/submit", back=address)
    page = client.get(address).text
    assert "You submitted it; another person decides." in page
    assert f'action="{address}/approve"' not in page
    send(client, f"{address}/approve", {"reason": "I like it."}, back=address)
    assert "the submitter cannot decide" in client.get(address).text
    assert state_of(world, ref) is AssessmentState.SUBMITTED


def test_a_decision_without_a_reason_is_refused(small_world):
    ref = small_world.submit()
    address = f"/assessments/{ref}"
    client = small_world.client("approver")
    for step in ("approve", "reject"):
        send(client, f"{address}/{step}", {"reason": "  "}, back=address)
        assert "a decision needs a reason" in client.get(address).text
    assert state_of(small_world, ref) is AssessmentState.SUBMITTED
    send(client, f"{address}/reject", {"reason": "Not what was published."}, back=address)
    assert state_of(small_world, ref) is AssessmentState.REJECTED
    assert "Not what was published." in client.get(address).text


def test_a_changed_text_voids_the_approval_and_the_page_says_so(small_world):
    ref = small_world.approve()
    with small_world.database.transaction() as session:
        save_text(
            session, "credit_only", "en", "{brand}: sorry. {credit} on {pays_on}. Code {code}.", author="marketing"
        )
    page = small_world.client("approver").get(f"/assessments/{ref}").text
    assert "The approval is void" in page
    assert f'action="/assessments/{ref}/release"' not in page
    assert f'action="/assessments/{ref}/submit"' in small_world.client("marketing").get(f"/assessments/{ref}").text


def test_a_limit_that_is_passed_shows_at_the_step_it_stops(small_world):
    strict = policy_text().replace("total: null", "total: 50.00")
    with small_world.database.transaction() as session:
        version = save_policy(session, strict, actor="marketing").version
        submit_policy(session, version.id, actor="marketing")
        approve_policy(session, version.id, actor="approver")
    client = small_world.client("marketing")
    fields = {"incident": small_world.incident, "run": small_world.measure(), "version": version.id}
    address = send(client, "/assessments/new", fields).headers["Location"]
    assert "over the policy&#39;s limit of total" in client.get(address).text


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        ("noc", "/policies/", 403),
        ("noc", "/assessments/", 200),
        ("care", "/policies/new", 403),
        ("care", "/assessments/new", 403),
        ("auditor", "/policies/new", 403),
        ("approver", "/policies/new", 403),
        ("marketing", "/lookup/", 403),
        ("machine", "/assessments/", 403),
    ],
)
def test_each_role_sees_its_own_pages_only(small_world, role, address, status):
    assert small_world.client(role).get(address).status_code == status


@pytest.mark.parametrize("step", ["submit", "approve", "reject", "release"])
def test_a_step_without_permission_or_token_is_refused(small_world, step):
    ref = small_world.propose()
    assert send(small_world.client("care"), f"/assessments/{ref}/{step}", {"reason": "x"}).status_code == 403
    assert small_world.client("admin").post(f"/assessments/{ref}/{step}", data={"reason": "x"}).status_code == 400
    assert small_world.web.test_client().get(f"/assessments/{ref}").status_code == 302
    assert state_of(small_world, ref) is AssessmentState.PROPOSED


@pytest.mark.parametrize(
    "address",
    [
        "/assessments/AS-1999-00001",
        "/assessments/%27%3B--",
        "/policies/nothing/1",
        "/policies/o2-uk-2012-07/99",
        "/policies/o2-uk-2012-07/99999999999999999999",
    ],
)
def test_what_is_not_there_is_not_found(small_world, address):
    assert small_world.client("admin").get(address).status_code == 404


def test_a_step_on_what_is_not_there_or_in_another_state_is_a_message(small_world):
    ref = small_world.propose()
    client = small_world.client("admin")
    assert send(client, "/assessments/AS-1999-00001/submit", back="/assessments/").status_code == 303
    assert "no such assessment" in client.get("/assessments/").text
    send(client, f"/assessments/{ref}/release", back="/assessments/")
    assert "is proposed" in client.get("/assessments/").text


def test_the_panel_lists_assessments_and_offers_to_assess_by_role(small_world):
    address = f"/incidents/{small_world.incident}"
    assert "Measure the impact first" in small_world.client("marketing").get(address).text
    ref = small_world.propose()
    assert f"/assessments/new?incident={small_world.incident}" in small_world.client("marketing").get(address).text
    noc = small_world.client("noc").get(address).text
    assert ref in noc
    assert "/assessments/new" not in noc


def test_no_page_of_an_assessment_names_a_person(small_world):
    ref = small_world.release()
    page = small_world.client("approver").get(f"/assessments/{ref}").text
    assert ENTITLED not in page
