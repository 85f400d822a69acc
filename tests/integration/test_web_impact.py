"""The pages of impact: a run, two runs compared, corrections, merging, declarations, lists, and regulator duties."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.models import Declaration, DutyFiling, ImpactRun, Incident, Listing, Outage
from outage.web.series import held_until, thinned
from tests.console_world import LINES, ConsoleWorld, make_world
from tests.web_client import add_staff, make_web, send, sign_in

Made = tuple[Flask, Database, ConsoleWorld]


@pytest.fixture
def made(settings: Settings, database: Database, store: SnapshotStore, tmp_path: Path) -> Made:
    add_staff(database)
    world = make_world(database, store, tmp_path)
    return make_web(settings, database, store), database, world


def count_of(database: Database, model: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def text_of(page: str) -> str:
    """A page's words, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def runs_of(database: Database, ref: str) -> list[ImpactRun]:
    with database.reading() as session:
        statement = select(ImpactRun).join(Incident, Incident.id == ImpactRun.incident_id).where(Incident.ref == ref)
        return list(session.scalars(statement.order_by(ImpactRun.number)))


def test_a_run_shows_lines_by_service_area_brand_segment_payment_type_and_evidence(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    lines = runs_of(database, world.measured)[1].counts["lines"]
    page = client.get(f"/incidents/{world.measured}/runs/2").text
    words = text_of(page)
    assert f"{lines} of {LINES}, 83.3 %" in words
    for expected in ("Slough", "giffgaff", "business", "prepaid", "served by", "home area", "What was left out"):
        assert expected in words, expected
    assert 'aria-label="Lines without service over time"' in page
    tables = {"time": "from,", "service": "service,lines", "area": "area,cells_out", "evidence": "evidence,lines"}
    tables |= {name: f"{name},lines,user_minutes,lines_without_data" for name in ("brand", "segment", "payment_type")}
    for table, header in tables.items():
        rows = client.get(f"/incidents/{world.measured}/runs/2?format=csv&table={table}").text.splitlines()
        assert rows[0].startswith(header), table
        assert len(rows) > 1, table
    brands = client.get(f"/incidents/{world.measured}/runs/2?format=csv&table=brand").text.splitlines()[1:]
    assert sum(int(row.split(",")[1]) for row in brands) == lines


def test_numbers_are_masked_until_somebody_who_may_see_people_asks_and_that_is_audited(made):
    app, database, world = made
    address = f"/incidents/{world.measured}/runs/2"
    shown = re.compile(r"\+4477009\d{5}")
    for role in ("noc", "auditor", "marketing"):
        assert not shown.search(sign_in(app, database, role).get(f"{address}?numbers=shown").text)
    before = count_of(database, AuditEntry)
    care = sign_in(app, database, "care")
    assert not shown.search(care.get(address).text)
    assert count_of(database, AuditEntry) == before
    assert shown.search(care.get(f"{address}?numbers=shown").text)
    with database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.actor, entry.action) == ("care", "numbers of a run looked at")


def test_a_long_series_keeps_its_highest_level_and_its_end():
    steps = tuple((second, 1 + second * 7 % 10_007) for second in range(50_000))
    few = thinned(steps, 500)
    assert len(few) <= 502
    assert max(level for _, level in few) == max(level for _, level in steps)
    assert few[-1] == steps[-1]
    assert set(few) <= set(steps)
    assert list(few) == sorted(few)
    assert thinned(steps[:500], 500) == steps[:500]


def test_a_level_that_goes_on_is_drawn_to_where_the_run_stops():
    begun, ended, stop = (datetime(2012, 7, 11, hour, tzinfo=UTC) for hour in (12, 13, 15))
    assert held_until([(begun, 0), (begun, 7)], stop) == [(begun, 0), (begun, 7), (stop, 7)]
    for points in ([], [(begun, 7), (ended, 0)], [(begun, 7), (stop, 9)]):
        assert held_until(points, stop) == points


def test_two_runs_are_compared_with_what_changed_for_how_many_lines(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    words = text_of(client.get(f"/incidents/{world.measured}/runs/compare").text)
    assert "longer lost more time 40" in words
    assert "+4,800" in words
    assert "data 0 0 40 0 0" in words
    turned = text_of(client.get(f"/incidents/{world.measured}/runs/compare?before=2&after=1").text)
    assert "shorter lost less time 40" in turned
    rows = client.get(f"/incidents/{world.measured}/runs/compare?format=csv").text.splitlines()
    assert "any,longer,40,288000" in rows
    same = text_of(client.get(f"/incidents/{world.measured}/runs/compare?before=2&after=2").text)
    assert "Nothing about any line changed" in same
    assert "Nothing to compare yet" in client.get(f"/incidents/{world.opened}/runs/compare").text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("runs/99", 404),
        ("runs/99999999999999999999", 404),
        ("runs/x", 404),
        ("runs/2?format=csv&table=nonsense", 400),
        ("runs/2?numbers=💩&page=-1", 200),
        ("runs/compare?before=99", 404),
        ("runs/compare?before=x&after=1", 404),
        ("merging?absorbed=INC-2000-00001", 404),
        ("corrections?element=%F0%9F%92%A9&services=telepathy&which=x", 200),
    ],
)
def test_a_mistake_in_an_address_is_named_and_never_a_crash(made, address, status):
    app, database, world = made
    assert sign_in(app, database, "noc").get(f"/incidents/{world.measured}/{address}").status_code == status


def test_a_correction_is_entered_with_its_reason_and_the_next_measurement_is_another_run(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    address = f"/incidents/{world.measured}/corrections"
    form = client.get(f"{address}?element=hlr-1&services=voice").text
    assert 'value="hlr-1"' in form
    with database.reading() as session:
        began = session.scalars(select(Outage.started_at).order_by(Outage.started_at.desc())).all()
        incident = session.scalars(select(Incident).where(Incident.ref == world.measured)).one()
    assert began
    earlier = incident.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {"element": "hlr-1", "services": ["voice"], "how": "times", "started_at": earlier, "reason": "The log"}
    answer = send(client, address, fields)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "Measure the impact again" in page
    assert "Reason: The log" in page
    told = client.get(send(client, f"/incidents/{world.measured}/runs").headers["Location"]).text
    assert re.search(r"Run 3 is measured: [\d,]+ lines?\. Against run 2: [\d,]+ lines? longer\.", told)
    again = send(client, address, fields)
    assert "entered so already" in client.get(again.headers["Location"]).text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"reason": " "}, "how it is known"),
        ({"services": []}, "no service was ticked"),
        ({"element": "nothing"}, "unknown network element"),
        ({"element": "cell-001"}, "has no outage of this service"),
        ({"started_at": ""}, "no other time was given"),
        ({"started_at": "2012-07-11 13:30"}, "naive timestamp"),
        ({"started_at": "", "ended_at": "2012-07-11 13:30Z"}, "ended_at is before started_at"),
        ({"how": "gap"}, "no time was given"),
        ({"how": "x"}, "Not a valid choice"),
        ({"services": ["telepathy"]}, "not a valid choice"),
    ],
)
def test_a_mistake_in_a_correction_is_named_there_and_changes_nothing(made, change, complaint):
    app, database, world = made
    entries = count_of(database, AuditEntry)
    fields = {"element": "hlr-1", "services": ["voice"], "how": "times", "started_at": "2026-01-01T00:00Z"}
    answer = send(
        sign_in(app, database, "noc"),
        f"/incidents/{world.measured}/corrections",
        {**fields, "reason": "The log", **change},
    )
    assert answer.status_code == 422
    assert complaint in answer.text
    assert count_of(database, AuditEntry) == entries


def test_an_outage_is_reopened_split_or_taken_away(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    address = f"/incidents/{world.opened}/corrections"
    before = count_of(database, Outage)
    with database.reading() as session:
        incident = session.scalars(select(Incident).where(Incident.ref == world.opened)).one()
    gap = [f"{incident.started_at:%Y-%m-%d %H}:{minute}Z" for minute in (10, 20)]
    common = {"reason": "The mast's log"}
    split = {"element": "cell-001", "services": ["voice"], "how": "gap", "restored_at": gap[0], "lost_at": gap[1]}
    assert send(client, address, {**common, **split}).status_code == 303
    assert count_of(database, Outage) == before + 1
    never = {"element": "cell-005", "services": ["data"], "how": "never"}
    assert send(client, address, {**common, **never}).status_code == 303
    assert count_of(database, Outage) == before
    reopened = {"element": "cell-000", "services": ["voice"], "how": "open"}
    send(client, f"/incidents/{world.measured}/corrections", {**common, **reopened})
    with database.reading() as session:
        status = session.scalar(select(Incident.status).where(Incident.ref == world.measured))
    assert status == "opened"


def test_merging_says_what_happens_asks_once_and_then_one_incident_counts(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    address = f"/incidents/{world.measured}/merging"
    assert world.opened in client.get(address).text
    assert world.announced not in client.get(address).text
    words = text_of(client.get(f"{address}?absorbed={world.opened}").text)
    assert f"7 outages move to {world.measured}" in words
    assert "This cannot be taken back" in words
    answer = send(client, address, {"absorbed": world.opened, "reason": "One cut cable"})
    assert f"{world.opened} is merged" in client.get(answer.headers["Location"]).text
    with database.reading() as session:
        absorbed = session.scalars(select(Incident).where(Incident.ref == world.opened)).one()
    assert absorbed.status == "merged"
    page = client.get(f"/incidents/{world.opened}").text
    assert "record is frozen" in page
    assert f'href="/incidents/{world.measured}">{world.measured}</a>' in page
    assert "plan and post" not in page


def test_what_other_packages_know_forbids_a_merge_before_and_when_it_is_asked_for(made):
    app, database, world = made

    def guard(_session, absorbed):
        raise RefusedError(f"credits were released for {absorbed.ref}")

    assert app.extensions["merge_guards"] == []
    app.extensions["merge_guards"].append(guard)
    client = sign_in(app, database, "noc")
    address = f"/incidents/{world.measured}/merging"
    page = client.get(f"{address}?absorbed={world.opened}").text
    assert "credits were released" in page
    assert "Merge them" not in page
    refused = send(client, address, {"absorbed": world.opened, "reason": "x"}, back=address)
    assert "credits were released" in client.get(refused.headers["Location"]).text
    for other, reason in ((world.measured, "x"), (world.announced, "x"), ("INC-1", "x"), (world.opened, "")):
        assert send(client, address, {"absorbed": other, "reason": reason}, back=address).status_code == 303
    with database.reading() as session:
        assert not session.scalars(select(Incident).where(Incident.status == "merged")).all()


def test_care_and_noc_record_what_a_customer_said_and_take_it_back(made):
    app, database, world = made
    address = f"/incidents/{world.opened}/declarations"
    care = sign_in(app, database, "care")
    declared_at = re.search(r'id="declared_at"[^>]*value="([^"]+)"', care.get(address).text)
    assert declared_at is not None
    fields = {"msisdn": "+447700900003", "declared_at": declared_at[1], "services": ["voice"]}
    assert send(care, address, fields).status_code == 303
    assert "recorded already" in care.get(send(care, address, fields).headers["Location"]).text
    assert "+447700900003" in care.get(address).text
    noc = sign_in(app, database, "noc")
    assert "+447700900003" not in noc.get(address).text
    assert "+4477*****003" in noc.get(address).text
    wrong = send(noc, address, {**fields, "msisdn": "+447999999999"})
    assert (wrong.status_code, "unknown line" in wrong.text) == (422, True)
    number = 0
    with database.reading() as session:
        number = session.scalars(select(Declaration.id)).one()
    assert (
        send(noc, f"/incidents/{world.measured}/declarations/{number}/withdrawal", {"reason": "x"}).status_code == 303
    )
    assert "withdrawn" not in text_of(noc.get(address).text)
    send(noc, f"{address}/{number}/withdrawal", {"reason": "Called again"})
    assert "withdrawn" in text_of(noc.get(address).text)
    assert sign_in(app, database, "marketing").get(address).status_code == 403


def test_a_list_of_accounts_is_uploaded_for_a_billing_incident_and_its_bad_rows_are_named(made):
    app, database, _ = made
    client = sign_in(app, database, "noc")
    opened = send(
        client,
        "/incidents/new",
        {
            "title": "Bills without discounts",
            "kind": "billing",
            "severity": "major",
            "cause_class": "software",
            "degree": "lost",
            "started_at": "2026-01-01 00:00Z",
        },
    )
    address = f"{opened.headers['Location']}/lists"
    file = (io.BytesIO(b"account\nA1\nA2\nnobody\n"), "bills.csv")
    words = text_of(send(client, address, {"file": file}).text)
    assert "2 of 3 rows added, 1 rejected" in words
    assert "nobody" in words
    again = (io.BytesIO(b"account\nA1\nA2\nnobody\n"), "bills.csv")
    assert "0 of 3 rows added" in text_of(send(client, address, {"file": again}).text)
    for content in (b"", b"\xff\xfe\x00", b"name\nx\n"):
        answer = send(client, address, {"file": (io.BytesIO(content), "../../bills.csv")})
        assert answer.status_code == 422
    assert send(client, address, {}).status_code == 422
    send(client, f"{opened.headers['Location']}/runs")
    with database.reading() as session:
        run = session.scalars(select(ImpactRun).order_by(ImpactRun.id.desc()).limit(1)).one()
        number = session.scalars(select(Listing.id)).one()
    assert run.counts["evidence"] == {"listed": 2}
    send(client, f"{address}/{number}/withdrawal", {"reason": "The wrong file"})
    assert "withdrawn" in client.get(address).text


def test_duties_show_what_is_crossed_what_is_due_and_what_is_not_known(made):
    app, database, world = made
    client = sign_in(app, database, "noc")
    address = f"/incidents/{world.measured}/duties"
    words = text_of(client.get(address).text)
    assert re.search(r"TRAI · district ✕ crossed", words)
    assert "Crossed" in words
    assert "overdue by" in words or " left" in words
    assert "Not known: whether a 911 special facility was affected" in words
    unmeasured = text_of(client.get(f"/incidents/{world.opened}/duties").text)
    assert "not measured" in unmeasured
    assert "The work has not begun" in client.get(f"/incidents/{world.announced}/duties").text
    given_at = re.search(r'id="filed_at"[^>]*value="([^"]+)"', client.get(address).text)
    assert given_at is not None
    filing = {"duty": "TRAI · report of the outage", "filed_at": given_at[1], "reference": "T-1"}
    assert send(client, address, filing, back=address).status_code == 303
    assert "T-1" in client.get(address).text
    for change in ({"duty": "nobody · nothing"}, {"filed_at": "2999-01-01 00:00Z"}, {"filed_at": ""}):
        assert send(client, address, {**filing, **change}, back=address).status_code == 303
    assert count_of(database, DutyFiling) == 1
    assert send(sign_in(app, database, "care"), address, filing).status_code == 403


def test_reading_does_not_give_the_right_to_correct_merge_or_upload(made):
    app, database, world = made
    client = sign_in(app, database, "auditor")
    for page in ("corrections", "merging", "lists", "outages", "restoring", "declarations"):
        assert client.get(f"/incidents/{world.opened}/{page}").status_code == 403, page
        assert send(client, f"/incidents/{world.opened}/{page}").status_code == 403, page
        assert f"/incidents/{world.opened}/{page}" not in client.get(f"/incidents/{world.opened}").text
