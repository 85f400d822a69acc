"""What-if: a draft on a run and against another policy says what assessing both would, line by line."""

from __future__ import annotations

import csv
import io

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compensation import tallies
from compensation.assessment import assess
from compensation.cases.groups import list_groups
from compensation.cases.situation import Situation
from compensation.cli.whatif import whatif
from compensation.document.reading import PolicyError
from compensation.models import Case
from compensation.policies import get_version, load_document, save_policy
from compensation.simulation.places import find_rival, list_places
from compensation.simulation.whatif import make_simulation, simulate, simulate_text
from compensation.simulation.whatif_results import WhatIf
from compensation.tallies import Kind, Shift
from foundation.cli import App
from foundation.errors import InputError, NotFoundError, RefusedError
from outage.models import ImpactRun
from tests.open_world import HOURLY, TIERS, make_open_world
from tests.web_client import token_of
from tests.web_world import World, policy_text

DEARER = policy_text().replace("2012-07-11: 10.00", "2012-07-11: 12.00")


def documents(world: World, *texts: str):
    """The checked documents of texts, and the run."""
    run_id = world.measure()
    with world.database.transaction() as session:
        versions = [save_policy(session, text, actor="marketing").version for text in texts]
        return run_id, [load_document(session, version) for version in versions]


def shift_of(found: WhatIf) -> Shift:
    """Who fares how; there is another policy to compare with."""
    assert found.shift is not None
    return found.shift


def test_a_whatif_says_what_an_assessment_would_and_writes_nothing(world):
    version, run_id = world.adopt_policy(), world.measure()
    with world.database.reading() as session:
        found = simulate_text(session, world.store, policy_text(), run_id)
    totals = assess(world.database, world.store, run_id, version, actor="marketing").assessment.totals
    tally = found.side.tally
    assert (tally.lines, tally.entitled, tally.nothing, tally.undetermined) == tuple(
        totals[name] for name in ("lines", "entitled", "nothing", "undetermined")
    )
    assert (tally.cost_minor, tally.texts, tally.cases) == (totals["cost_minor"], totals["texts"], totals["cases"])
    assert found.against is None
    with world.database.reading() as session:
        assert simulate_text(session, world.store, policy_text(), run_id).side.tally == tally


def test_winners_and_losers_add_up_to_the_difference(small_world):
    old, new = (f'"Tesco Mobile" | true     | "postpaid"   || {given}' for given in ("true ", "false"))
    worse = DEARER.replace(old, new)
    assert worse != DEARER
    run_id, (now, before) = documents(small_world, worse, policy_text())
    with small_world.database.reading() as session:
        found = simulate(session, small_world.store, now, run_id, against=before, by=("brand", "area"), examples=2)
    assert found.shift is not None
    assert found.against is not None
    assert (found.shift.winners.lines, found.shift.winners.difference_minor) == (6, 1200)
    assert (found.shift.losers.lines, found.shift.losers.difference_minor) == (1, -200)
    moved = found.shift.winners.difference_minor + found.shift.losers.difference_minor
    assert found.side.tally.cost_minor - found.against.tally.cost_minor == moved
    assert found.shift.winners.lines + found.shift.losers.lines + found.shift.same.lines == 9
    brands = [part for part in found.parts if part.dimension == "brand"]
    assert {part.value for part in brands} == {"O2", "Tesco Mobile"}
    assert sum(part.cost_minor for part in brands) == found.side.tally.cost_minor
    assert (
        sum(part.against_minor or 0 for part in found.parts if part.dimension == "area")
        == found.against.tally.cost_minor
    )
    winner = next(example for example in found.examples if example.kind is Kind.WINNER)
    assert any("12.00 GBP" in sentence for sentence in winner.now)
    assert any("10.00 GBP" in sentence for sentence in winner.before)
    assert found.reasons == (("the account's currency is EUR, the policy pays GBP", 1),)


def test_a_policy_that_reads_more_and_decides_the_same_changes_nobody(small_world):
    finer = policy_text().replace(
        '"O2"           | "consumer" | -                 || "O2"             || every O2 customer',
        '"O2"           | "consumer" | >= 2              || "O2"             || every O2 customer\n'
        '      "O2"           | "consumer" | < 2               || "O2"             || every O2 customer',
    )
    run_id, (now, before) = documents(small_world, finer, policy_text())
    with small_world.database.reading() as session:
        simulation = make_simulation(session, small_world.store, now, run_id, before)
    assert shift_of(simulation.whatif()).changes_nothing
    rows = list(simulation.decided_pairs())
    one = tallies.fingerprint_rows((now, lines) for now, _, lines in rows)
    assert one == tallies.fingerprint_rows((before, lines) for _, before, lines in rows)


def test_one_policy_for_everyone_and_one_for_the_affected_are_compared_line_by_line(small_world):
    affected = policy_text().replace("population: everyone", "population: affected")
    run_id, (now, before) = documents(small_world, affected, policy_text())
    with small_world.database.reading() as session:
        found = simulate(session, small_world.store, now, run_id, against=before)
    assert found.side.tally.lines == 7
    assert found.against is not None
    assert found.against.tally.lines == 9
    # The line of O2 that was not touched has a voucher from the one, and is not looked at by the other.
    losers = shift_of(found).losers
    assert (losers.lines, losers.difference_minor) == (1, -1000)


def test_a_policy_of_another_time_is_tried_as_if_it_had_been_in_force_and_says_so(small_world):
    later = policy_text().replace("{from: 2012-07-11, to: 2012-07-13}", "{from: 2012-08-01, to: null}")
    run_id = small_world.measure()
    with small_world.database.reading() as session:
        found = simulate_text(session, small_world.store, later, run_id)
    assert found.side.tally.cost_minor == 7204
    assert found.notes == ("policy o2-uk-2012-07 was not in force on 2012-07-11: tried with its values of 2012-08-01",)


def test_a_limit_that_would_stop_an_assessment_is_told(small_world):
    limited = policy_text().replace("{amount per line: 60.00, total: null}", "{amount per line: 60.00, total: 50.00}")
    run_id = small_world.measure()
    with small_world.database.reading() as session:
        found = simulate_text(session, small_world.store, limited, run_id)
    assert found.side.stopped == ("72.04 GBP in all is over its limit of 50.00 GBP: an assessment cannot be submitted",)


def test_what_cannot_be_tried_says_why(small_world, monkeypatch):
    run_id, (now, euros) = documents(
        small_world,
        policy_text(),
        policy_text().replace("currency: GBP", "currency: EUR").replace("unit: GBP", "unit: EUR"),
    )
    with small_world.database.reading() as session:
        with pytest.raises(RefusedError, match="pays GBP"):
            simulate(session, small_world.store, now, run_id, against=euros)
        with pytest.raises(NotFoundError, match="no such impact run"):
            simulate(session, small_world.store, now, 999)
        with pytest.raises(PolicyError):
            simulate_text(session, small_world.store, "policy: x", run_id)
        with pytest.raises(InputError, match="not a version"):
            find_rival(session, "o2-uk-2012-07", "o2-uk-2012-07@x")
        with pytest.raises(NotFoundError):
            find_rival(session, "o2-uk-2012-07", "77")
        run = session.get_one(ImpactRun, run_id)
        monkeypatch.setattr("compensation.cases.groups.MOST_GROUPS", 3)
        population = make_simulation(session, small_world.store, now, run_id).now.release.situation.population
        with pytest.raises(RefusedError, match="more than 3 cases"):
            list_groups(small_world.store, run, population, ("line_id",))


def test_the_places_are_runs_that_hold(small_world):
    run_id = small_world.measure()
    with small_world.database.reading() as session:
        (place,) = list_places(session)
    assert (place.run_id, place.lines, place.is_open) == (run_id, 7, False)


def test_rewards_per_account_are_tried_as_an_assessment_gives_them(small_world):
    shared = policy_text().replace("    kind: voucher\n", "    kind: voucher\n    per: account\n")
    run_id = small_world.measure()
    with small_world.database.transaction() as session:
        version = save_policy(session, shared, actor="marketing").version
    with small_world.database.reading() as session:
        document, before = load_document(session, version), policy_text()
        found = simulate(session, small_world.store, document, run_id)
    made = assess(small_world.database, small_world.store, run_id, version.id, actor="marketing").assessment
    # The two business lines share one account, and so one voucher.
    assert found.side.tally.cost_minor == made.totals["cost_minor"] == 7204 - 1000
    assert before != shared


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(hours=st.lists(st.integers(1, 30), min_size=2, max_size=2, unique=True), pay=st.integers(1, 4000))
def test_cases_of_two_policies_together_give_what_each_gives_alone(open_world, hours, pay):
    low, high = sorted(hours)
    changed = TIERS.replace("PT4H", f"PT{low}H").replace("PT12H", f"PT{high}H").replace("|| 25", f"|| {pay / 100:.2f}")
    changed = changed[: changed.index("tests:")]
    run = open_world.measure()
    with open_world.database.reading() as session:
        together = simulate_text(session, open_world.store, changed, run.id, against=open_world.hourly)
        alone = simulate_text(session, open_world.store, changed, run.id)
        other = simulate(session, open_world.store, open_world.hourly, run.id)
        document = make_simulation(session, open_world.store, open_world.hourly, run.id).now.document
    assert together.side.tally.cost_minor == alone.side.tally.cost_minor
    assert together.against is not None
    assert together.against.tally.amounts == other.side.tally.amounts
    shift = shift_of(together)
    changes = (shift.winners, shift.losers, shift.otherwise, shift.unclear, shift.same)
    assert sum(change.lines for change in changes) == alone.side.tally.lines
    assert sum(change.difference_minor for change in changes) == (
        alone.side.tally.cost_minor - other.side.tally.cost_minor
    )
    assert document.name == "hourly"


@pytest.fixture
def open_world(sqlite_database, store):
    world = make_open_world(sqlite_database, store)
    world.adopt(HOURLY)
    with sqlite_database.reading() as session:
        object.__setattr__(world, "hourly", load_document(session, get_version(session, "hourly")))
    return world


def test_the_interpreter_and_the_whatif_agree_on_every_case(small_world):
    run_id, (document,) = documents(small_world, policy_text())
    with small_world.database.reading() as session:
        simulation = make_simulation(session, small_world.store, document, run_id)
        run = session.get_one(ImpactRun, run_id)
        situation = simulation.now.release.situation
    decided = {case.group: case.decision for case in situation.decide_cases()}
    assert isinstance(situation, Situation)
    assert len(decided) == 8
    for values, _ in simulation.groups():
        fast, slow = simulation.now.release.decide(values), decided[tuple(values.values())]
        assert fast is not None
        assert (fast.outcome, fast.rewards, fast.text) == (slow.outcome, slow.rewards, slow.text)
    assert run.id == run_id


# --- pages and calls


def test_the_page_shows_cost_winners_histogram_parts_and_traces(small_world):
    small_world.adopt_policy()
    run_id = small_world.measure()
    with small_world.database.transaction() as session:
        save_policy(session, DEARER, actor="marketing")
    client = small_world.client("marketing")
    page = client.get("/policies/o2-uk-2012-07/2/what-if").text
    said = " ".join(page.split())
    assert "£84.04" in said
    assert "+£12.00" in said
    assert "o2-uk-2012-07, version 1" in said
    assert page.count('class="figure"') == 5
    assert "every O2 customer" in said
    alone = client.get(f"/policies/o2-uk-2012-07/2/what-if?run={run_id}&against=none&by=area").text
    assert "The cases with most lines" in alone
    assert "Cost by area" in alone
    download = client.get("/policies/o2-uk-2012-07/2/what-if?format=csv")
    rows = list(csv.DictReader(io.StringIO(download.text)))
    assert sum(int(row["lines"]) * int(row["one_minor"]) for row in rows) == 8404
    assert {row["change"] for row in rows} == {"winner", "same"}
    assert client.get("/policies/o2-uk-2012-07/2/what-if?against=nobody").status_code == 404
    assert client.get("/policies/o2-uk-2012-07/2/what-if?against=x@y").status_code == 400
    assert small_world.client("care").get("/policies/o2-uk-2012-07/2/what-if").status_code == 403


def test_before_anything_was_measured_the_page_says_so(small_world):
    small_world.adopt_policy()
    page = small_world.client("marketing").get("/policies/o2-uk-2012-07/1/what-if").text
    assert "No incident has been measured" in page


def test_the_call_tries_a_text_or_a_version(small_world):
    small_world.adopt_policy()
    small_world.measure()
    client, headers = small_world.web.test_client(), token_of(small_world.database, "marketing")
    body = {"text": DEARER, "incident": small_world.incident, "by": ["segment"], "examples": 1}
    answer = client.post("/api/v1/policies/what-if", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json["side"]["tally"]["cost_minor"] == 8404
    assert answer.json["shift"]["winners"] == {"cases": 5, "lines": 6, "difference_minor": 1200}
    assert {part["value"] for part in answer.json["parts"]} == {"consumer", "business"}
    saved = {"policy": "o2-uk-2012-07", "incident": small_world.incident, "against": "none"}
    answer = client.post("/api/v1/policies/what-if", json=saved, headers=headers)
    assert answer.json["against"] is None
    for wrong, status in (
        ({"incident": small_world.incident}, 422),
        ({**saved, "text": "policy: x"}, 422),
        ({"text": "policy: x", "incident": small_world.incident}, 422),
        ({**saved, "incident": "INC-1999-00001"}, 404),
        ({**saved, "by": ["shoe size"]}, 422),
    ):
        assert client.post("/api/v1/policies/what-if", json=wrong, headers=headers).status_code == status, wrong
    with small_world.database.reading() as session:
        assert session.query(Case).count() == 0


def test_the_command_tries_a_file_or_a_version_and_writes_every_case(small_world, tmp_path):
    small_world.adopt_policy()
    small_world.measure()
    file, cases = tmp_path / "dearer.yaml", tmp_path / "cases.csv"
    file.write_text(DEARER)
    app = App(small_world.settings)
    app.store = small_world.store

    def told(*words: str) -> str:
        done = CliRunner().invoke(whatif, [*words, "--incident", small_world.incident], obj=app)
        assert done.exit_code == 0, done.output
        return done.output

    said = told(str(file), "--by", "brand", "--csv", str(cases))
    assert "o2-uk-2012-07: 9 lines in 8 cases, cost 84.04 GBP" in said
    assert "against o2-uk-2012-07 v1: 72.04 GBP, so +12.00 GBP" in said
    assert "6 lines get more: +12.00 GBP" in said
    assert "brand O2: 7 lines, 82.04 GBP, before 70.04 GBP" in said
    assert "1 lines: the account's currency is EUR" in said
    with cases.open(newline="") as written:
        rows = list(csv.DictReader(written))
    assert sum(int(row["lines"]) * int(row["one_minor"]) for row in rows) == 8404
    alone = told("o2-uk-2012-07@1", "--against", "none", "--examples", "0")
    assert "against" not in alone
    missing = CliRunner().invoke(whatif, ["none.yaml", "--incident", small_world.incident], obj=app)
    assert isinstance(missing.exception, InputError)
    app.close()
