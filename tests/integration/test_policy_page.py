"""The page of a policy version says everything that stands in its document, and so does a comparison."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

import compensation.web
import notify.web
import outage.web
from compensation.policies import save_policy
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from notify.texts import install_ready_texts
from tests.credit_world import HEAD
from tests.web_client import add_staff, make_web, sign_in

BODY = """\
holdout: {{share: 0.125, salt: spring}}
other credits: nothing
attributes:
  fibre: {{type: boolean, meaning: Whether the line has fibre.}}
holidays:
  England:
    source: the gazette
    covers: {{from: 2012-01-01, to: 2013-01-01}}
    weekend: [Saturday]
    dates: [2012-05-07]
measures:
  - {{name: days out, meaning: Days lost whole., count: days, whole: true}}
parameters:
  rate: {{unit: GBP, source: terms 4.2, values: {{2012-01-01: 1.50}}}}
layers:
  - {{name: promise, basis: goodwill}}
  - {{name: sorry, basis: goodwill, combines: sum}}
{more}
caps:
  - {{amount: {cap}, per: account, over: month}}
decisions:
  - name: days owed
    hit policy: U
    table: |
      days out | fibre || days : number else 0
      > 2 | true || 2
      > 3 | false || 3
      > 4 | - || 3
    explained:
      - {{overlap: [1, 3], why: long outages come under both clauses}}
rewards:
  - {{name: credit, kind: bill_credit, layer: promise, amount: 'round half up(days owed * rate, 2)'}}
  - {{name: data, kind: data_grant, per: account, how: opt-in, layer: sorry, quantity: 5, unit: GB, valid days: 30}}
  - {{name: minutes, kind: minutes_grant, layer: sorry, quantity: 60, valid days: 30}}
  - {{name: pick, kind: choice, layer: sorry, options: [minutes], default: minutes, default after: 14}}
text: '"credit_only"'
tests:
  - {{name: none owed, tag: A, given: {{days out: 0, fibre: true}}, expect: {{rewards: {{pick: minutes}}, text: null}}}}
"""
SAID = (
    *("12.5 % of all lines get nothing", "the word &#34;spring&#34;", "gets no money", "Whether the line has fibre."),
    *("the gazette", "7 May 2012", "Days lost whole.", "1.50 GBP", "terms 4.2", "stands beside all layers before it"),
    *("per account and month", "days when no rule matches", "long outages come under both clauses"),
    *("once per account, on the line for which it is worth most, to who opts in", "a choice between minutes"),
    *(
        "only as a choice of pick",
        "in layer sorry",
        "{credit}; you will see it",
        "gutgeschrieben",
        "rests on an assumption",
    ),
    *("a promise", "from 1 January 2012"),
)


@pytest.fixture
def client(sqlite_database: Database, store: SnapshotStore) -> FlaskClient:
    add_staff(sqlite_database, "auditor")
    with sqlite_database.transaction() as session:
        install_ready_texts(session, "marketing")
        extra = "  - {name: extra, basis: goodwill, combines: sum}\n"
        for more, cap in (("", "5.00"), (extra, "7.00")):
            text = HEAD.format(name="whole", basis="goodwill") + BODY.format(more=more, cap=cap)
            save_policy(session, text, actor="maria")
    settings = read_settings({"OUTAGE_DATA": str(store.directory / "data"), "DATABASE_URL": sqlite_database.url})
    return sign_in(
        make_web(settings, sqlite_database, store, outage.web, compensation.web, notify.web), sqlite_database, "auditor"
    )


def test_the_page_says_everything_that_the_document_says(client: FlaskClient) -> None:
    page = " ".join(client.get("/policies/whole/1").text.split())
    assert [said for said in SAID if said not in page] == []


def test_a_comparison_names_the_layer_and_the_cap_that_differ(client: FlaskClient) -> None:
    page = client.get("/policies/whole/compare?before=1&after=2").text
    told = [
        " ".join(re.sub(r"<[^>]+>", " ", part).split()) for part in re.findall(r"<section.*?</section>", page, re.S)
    ]
    assert any(one.startswith("Layers: extra") and one.endswith("combines sum") for one in told)
    assert any(one.startswith("Caps: per account and month") and one.endswith("amount 5.00 7.00") for one in told)
