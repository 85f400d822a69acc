"""The delivery desk: steering, deciding, retrying, senders, suppressions and adjustment files, by page and by API."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import notify.web
from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.schedule import JobState
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from foundation.web import make_app, register
from notify.accounts.adjustment_file import AdjustmentFileSide
from notify.campaigns import get_campaign
from notify.carriers import Manner, Outcome
from notify.models import CampaignState, DeliveryState, Scope
from notify.pacing import halt, list_senders
from notify.suppression import suppress
from notify.texts import save_text
from tests.delivery_rows import CAMPAIGN, get, message, posting, put
from tests.delivery_tools import Wire, later, run, take
from tests.web_client import add_staff, send, sign_in, token_of

S = DeliveryState
PAGE = f"/releases/{CAMPAIGN}"
CUT = "no answer from <Twilio>: ReadTimeout"


@pytest.fixture
def app(tmp_path: Path, database: Database, store: SnapshotStore) -> Flask:
    add_staff(database, "delivery", "care", "auditor")
    app = make_app(
        read_settings({"OUTAGE_DATA": str(tmp_path / "data"), "DATABASE_URL": database.url}), database, store
    )
    register(app, notify.web)
    return app


@pytest.fixture
def desk(app: Flask, database: Database) -> FlaskClient:
    return sign_in(app, database, "delivery")


@pytest.fixture
def troubled(database: Database) -> None:
    """Ten postings: two confirmed, three refused, four unknown, and one that pends."""
    put(database, [posting(number) for number in range(9)] + [message(2)])
    book = Wire("book")
    unknown, failed = Outcome(S.UNKNOWN, None, CUT), Outcome(S.FAILED, None, "no such account")
    there = Outcome(S.DELIVERED, "b")
    book.outcomes = [there, there, failed, failed, failed, unknown, unknown, unknown, Outcome(S.UNKNOWN, None, "cut")]
    run(database, {"book": book}, batch=9)
    put(database, [posting(9)])


def audited(database: Database) -> list[str]:
    with database.reading() as session:
        return [entry.action for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]


def test_the_page_tells_the_funnel_the_pace_and_every_reason(desk: FlaskClient, troubled: None) -> None:
    page = desk.get(PAGE).text
    facts = dict(re.findall(r"<dt>(\w+)</dt><dd>([\d,]+)</dd>", page))
    assert facts == {
        "Decided": "10",
        "Posted": "2",
        "Confirmed": "2",
        "Texted": "0",
        "Delivered": "0",
        "Failed": "3",
        "Unknown": "4",
    }
    assert "no such account" in page
    assert "no answer from &lt;Twilio&gt;: ReadTimeout" in page
    assert "1 texts wait until their credit is confirmed" in page


@pytest.mark.usefixtures("troubled")
def test_a_release_is_paused_goes_on_and_is_aborted_with_a_reason(desk: FlaskClient, database: Database) -> None:
    states = []
    for step in ("pause", "resume", "abort"):
        answer = send(desk, f"{PAGE}/{step}", {"reason": "as told"}, back=PAGE)
        assert answer.status_code == 302
        with database.reading() as session:
            states.append(get_campaign(session, CAMPAIGN).state)
    assert states == [CampaignState.PAUSED, CampaignState.RUNNING, CampaignState.ABORTED]
    assert get(database, posting(9)).state == S.CANCELLED
    assert [one for one in audited(database) if one.startswith("campaign.")][-3:] == [
        "campaign.paused",
        "campaign.running",
        "campaign.aborted",
    ]
    page = desk.get(PAGE).text
    assert "as told" in page
    assert "Resume" not in page


@pytest.mark.usefixtures("troubled")
def test_without_a_reason_or_the_permission_nothing_is_done(app: Flask, desk: FlaskClient, database: Database) -> None:
    send(desk, f"{PAGE}/pause", {"reason": " "}, back=PAGE)
    care = sign_in(app, database, "auditor")
    assert send(care, f"{PAGE}/pause", {"reason": "no"}, back=PAGE).status_code == 403
    with database.reading() as session:
        assert get_campaign(session, CAMPAIGN).state == CampaignState.RUNNING
    assert "Abort" not in care.get(PAGE).text


@pytest.mark.usefixtures("troubled")
def test_unknowns_are_settled_by_reason_and_one_by_one(desk: FlaskClient, database: Database) -> None:
    told = {"decision": "there", "reason": "their log"}
    send(desk, f"{PAGE}/decide", told | {"because": CUT}, back=PAGE)
    assert [get(database, posting(number)).state for number in (5, 6, 7, 8)] == [S.DELIVERED] * 3 + [S.UNKNOWN]
    assert posting(8).key in desk.get(f"/releases/deliveries/{get(database, posting(8)).id}").text
    assert 'name="decision"' in desk.get(f"/releases/deliveries/{get(database, posting(8)).id}").text
    assert 'name="decision"' not in desk.get(f"/releases/deliveries/{get(database, posting(5)).id}").text
    send(desk, f"{PAGE}/decide", told | {"decision": "not_there", "key": posting(8).key}, back=PAGE)
    assert get(database, posting(8)).state == S.FAILED
    send(desk, f"{PAGE}/decide", told | {"decision": "perhaps"}, back=PAGE)
    assert audited(database).count("delivery.decided") == 2


@pytest.mark.usefixtures("troubled")
def test_failures_of_one_reason_are_tried_again(desk: FlaskClient, database: Database) -> None:
    send(desk, f"{PAGE}/retry", {"failed_with": "another", "reason": "mended"}, back=PAGE)
    assert get(database, posting(2)).state == S.FAILED
    send(desk, f"{PAGE}/retry", {"failed_with": "no such account", "kind": "posting", "reason": "mended"}, back=PAGE)
    assert [get(database, posting(number)).state for number in (2, 3, 4)] == [S.PENDING] * 3


def test_the_list_goes_on_behind_its_last_row(desk: FlaskClient, database: Database) -> None:
    put(database, [posting(number) for number in range(120)])
    seen, address = [], PAGE
    while address:
        page = desk.get(address).text
        seen += re.findall(r">AS-2026-00001:(\d+):credit</a>", page)
        found = re.search(r'rel="next" href="([^"#]+)', page)
        address = found[1].replace("&amp;", "&") if found else ""
    assert [int(number) for number in seen] == list(range(119, -1, -1))


def test_a_halted_sender_is_shown_paced_and_let_go(desk: FlaskClient, database: Database) -> None:
    wire = Wire("twilio")
    wire.manner = Manner("twilio:+447700900000", 5.0, 5)
    put(database, [message(1, channel="twilio", waiting=False)])
    run(database, {"twilio": wire})
    with database.transaction() as session:
        halt(session, "twilio:+447700900000", "Twilio 20003: the credentials are wrong")
    assert "the credentials are wrong" in desk.get("/releases/senders/").text
    sender = {"sender": "twilio:+447700900000"}
    send(desk, "/releases/senders/pace", sender | {"rate": "2.5", "burst": "3"}, back="/releases/senders/")
    send(desk, "/releases/senders/pace", sender | {"rate": "quick", "burst": "3"}, back="/releases/senders/")
    send(desk, "/releases/senders/resume", sender | {"reason": "new token"}, back="/releases/senders/")
    with database.reading() as session:
        [found] = list_senders(session)
    assert (found.rows_per_second, found.burst, found.halted_at) == (2.5, 3, None)


def test_suppressions_are_added_found_ended_imported_and_exported(
    app: Flask, desk: FlaskClient, database: Database
) -> None:
    back = "/suppressions/"
    send(desk, "/suppressions/add", {"address": "+447700900001", "scope": "any", "reason": "by post"}, back=back)
    send(desk, "/suppressions/add", {"address": "nobody", "scope": "any", "reason": "by post"}, back=back)
    file = (io.BytesIO(b"address,scope\n+447700900002,marketing\nnobody,any\n"), "list.csv")
    taken = send(desk, "/suppressions/import", {"file": file}, back=back)
    assert taken.status_code == 302
    page = desk.get(back).text
    assert "001" in page
    assert "+447700900001" not in page  # who may not read people sees the last digits only
    assert "Line 3:" in page
    exported = sign_in(app, database, "care").get("/suppressions/export").text
    assert "+447700900001,any,by post" in exported
    assert "+447700900002,marketing,imported" in exported
    number = re.search(r'name="number" value="(\d+)"', page)
    assert number is not None
    send(desk, "/suppressions/end", {"number": number[1], "reason": "asked again"}, back=back)
    assert "asked again" not in desk.get(back).text
    assert "delivery" in desk.get(f"{back}?address=%2B447700900001").text


def test_adjustment_files_are_listed_even_when_there_are_none(desk: FlaskClient) -> None:
    back = "/adjustment-files/"
    assert "No file yet" in desk.get(back).text
    assert send(desk, "/adjustment-files/write", back=back).status_code == 302
    assert "No credit awaits a file" in desk.get(back).text
    assert desk.get("/adjustment-files/../../etc/passwd.csv").status_code in (403, 404)
    send(desk, "/adjustment-files/answer", {"file": (io.BytesIO(b"nonsense"), "a.csv")}, back=back)
    assert "a.csv" in desk.get(back).text


@pytest.mark.usefixtures("troubled")
def test_the_api_does_what_the_pages_do(app: Flask, database: Database) -> None:
    client, headers = app.test_client(), token_of(database, "delivery")

    def call(method: str, path: str, **body: Any) -> Any:
        answer = client.open(f"/api/v1{path}", method=method, headers=headers, json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json

    assert [one["campaign"] for one in call("GET", "/releases")] == [CAMPAIGN]
    standing = call("GET", f"/releases/{CAMPAIGN}")
    assert standing["counts"]["posting"] == {"delivered": 2, "failed": 3, "pending": 1, "unknown": 4}
    assert {one["reason"]: one["count"] for one in standing["troubles"]}["no such account"] == 3
    unknown = call("GET", f"/releases/{CAMPAIGN}/deliveries?state=unknown&limit=2")
    assert [one["key"] for one in unknown] == [posting(8).key, posting(7).key]
    older = call("GET", f"/releases/{CAMPAIGN}/deliveries?state=unknown&before={unknown[-1]['id']}")
    assert [one["key"] for one in older] == [posting(6).key, posting(5).key]
    assert call("POST", f"/releases/{CAMPAIGN}/pause", reason="as told") == {"changed": 1}
    assert call("POST", f"/releases/{CAMPAIGN}/pause", reason="as told") == {"changed": 0}
    decided = call("POST", f"/releases/{CAMPAIGN}/decide", decision="there", because=CUT, reason="their log")
    assert decided == {"changed": 3}
    assert call("POST", f"/releases/{CAMPAIGN}/retry", reason="mended", kind="posting") == {"changed": 3}
    assert [one["sender"] for one in call("GET", "/senders")] == ["book"]
    assert call("PUT", "/senders/book/pace", rows_per_second=7.5, burst=2) == {"changed": 1}
    assert call("POST", "/suppressions", address="+447700900001", scope="any", reason="post") == {"changed": 1}
    assert [one["scope"] for one in call("GET", "/suppressions")] == ["any"]
    assert call("POST", "/suppressions/lift", address="+447700900001", reason="asked") == {"changed": 1}
    assert call("GET", "/adjustment-files") == []
    refused = client.post(f"/api/v1/releases/{CAMPAIGN}/pause", headers=headers, json={"why": "x"})
    assert refused.status_code in (400, 422)


def test_files_come_and_go_by_the_api_as_on_the_pages(app: Flask, database: Database) -> None:
    client, headers = app.test_client(), token_of(database, "delivery")

    def upload(path: str, content: bytes, name: str = "list.csv") -> Any:
        data = {"file": (io.BytesIO(content), name)} if content else {}
        answer: Any = client.post(f"/api/v1{path}", headers=headers, data=data)
        return answer

    listed = b"address,scope,reason\n+447700900001,any,post\nnobody,any,post\n"
    taken = upload("/suppressions/import", listed).json
    assert (taken["read"], taken["added"], taken["unchanged"]) == (2, 1, 0)
    assert [one["line"] for one in taken["rejected"]] == [3]
    assert upload("/suppressions/import", listed).json["unchanged"] == 1
    assert upload("/suppressions/import", b"").status_code == 422
    assert upload("/suppressions/import", b"\xff\xfe").status_code == 422
    assert client.get("/api/v1/suppressions/export", headers=headers).status_code == 403
    seen = client.get("/api/v1/suppressions/export", headers=token_of(database, "care"))
    assert seen.mimetype == "text/csv"
    assert "+447700900001,any,post," in seen.text

    put(database, [posting(1, channel="adjustment_file")])
    run(database, {"adjustment_file": AdjustmentFileSide(database)})
    written_now: Any = client.post("/api/v1/adjustment-files", headers=headers).json
    [file] = written_now
    address = f"/api/v1/adjustment-files/{file['ref']}.csv"
    with client.get(address, headers=token_of(database, "care")) as written:
        assert posting(1).key in written.get_data(as_text=True)
    assert client.get(address, headers=headers).status_code == 403
    assert client.get("/api/v1/adjustment-files/ADJ-1.csv", headers=token_of(database, "care")).status_code == 404
    answer = f"H,{file['ref']}\nA,{posting(1).key}\nT,1,0,GBP=3.00\n".encode()
    wrong = upload("/adjustment-files/acknowledgements", answer.replace(b"3.00", b"4.00"), "answer.csv")
    assert (wrong.status_code, "answer.csv, line 3" in wrong.text) == (422, True)
    assert get(database, posting(1)).state is S.ACCEPTED
    told = upload("/adjustment-files/acknowledgements", answer).json
    assert told == {"ref": file["ref"], "accepted": 1, "rejected": 0, "repeated": 0}
    assert upload("/adjustment-files/acknowledgements", answer).json["repeated"] == 1
    assert get(database, posting(1)).state is S.DELIVERED


def test_the_desk_sees_whether_jobs_and_workers_run(app: Flask, desk: FlaskClient, database: Database) -> None:
    assert "No scheduler has run here yet" in desk.get("/engine/").text
    put(database, [posting(1), posting(2), message(1), posting(3, channel="tmf654")])
    run(database, {"book": Wire()}, batch=1, limit=1)
    take(database, get(database, posting(2)), worker="dead-1", sending=True)
    with database.transaction() as session:
        job = JobState(name="settle", seconds=30, runs=2, last_run_at=clock.now(), leader="here:1")
        job.failures, job.trouble, job.trouble_at = 1, "failed: <boom>", clock.now()
        session.add(job)
    with later(300):
        shown = desk.get("/engine/").text
        told: Any = app.test_client().get("/api/v1/engine", headers=token_of(database, "delivery")).json
    assert "failed: &lt;boom&gt;" in shown
    assert "late" in shown
    assert "gave no sign" in shown
    assert [(job["name"], job["late"], job["failures"]) for job in told["jobs"]] == [("settle", True, 1)]
    workers = {one["name"]: (one["claimed"], one["sending"], one["attempts"]) for one in told["workers"]}
    assert workers == {"dead-1": (0, 1, 1), "w1": (0, 0, 1)}
    queues = {one["channel"]: one["rows"] for one in told["queues"]}
    assert queues["tmf654"] == {"pending": 1}
    add_staff(database, "marketing")
    assert sign_in(app, database, "marketing").get("/engine/").status_code == 403


def test_an_opt_out_by_an_auditor_is_refused(app: Flask, database: Database) -> None:
    with database.transaction() as session:
        suppress(session, "+447700900001", Scope.ANY, reason="x", actor="mary")
    auditor = sign_in(app, database, "auditor")
    assert send(auditor, "/suppressions/end", {"number": "1", "reason": "x"}, back="/suppressions/").status_code == 403


def test_a_text_is_shown_and_sent_to_oneself(app: Flask, desk: FlaskClient, database: Database) -> None:
    add_staff(database, "marketing")
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: <service> is back.", author="mary")
    marketing = sign_in(app, database, "marketing")
    page = marketing.get("/texts/?search=BACK").text
    assert "{brand}: &lt;service&gt; is back." in page
    assert "Nothing fits" in marketing.get("/texts/?search=forth").text
    header, row = marketing.get("/texts/?search=BACK&format=csv").text.splitlines()
    assert (header[:22], row[:50]) == ("name,language,version,", "plain,en,1,{brand}: <service> is back.,1,False,mar")
    told = {"name": "plain", "language": "en", "to": "+447700900123"}
    assert send(marketing, "/texts/rehearse", told, back="/texts/").status_code == 302
    spool = Wire("spool")
    run(database, {"spool": spool})
    assert [row.body for batch in spool.sent for row in batch] == ["Our brand: <service> is back."]
    send(marketing, "/texts/rehearse", told | {"to": "me"}, back="/texts/")
    assert "not an address" in marketing.get("/texts/").text
    assert send(desk, "/texts/rehearse", told, back="/").status_code == 403
