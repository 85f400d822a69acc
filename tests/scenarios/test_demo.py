"""The demonstration: on made-up customers and on real cells and tariffs; a second time it changes nothing."""

from __future__ import annotations

import csv
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from compensation.models import Credit, LedgerEntry
from foundation.cli import App
from foundation.db import Database
from foundation.settings import Settings
from notify.book_models import BookEntry
from notify.models import Delivery
from notify.registry import make_spool
from outage.models import Subscriber
from wsgi import main


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["demo", *arguments], obj=App(settings))


def counts(settings: Settings) -> dict[str, int]:
    database = Database(settings.database_url)
    with database.reading() as session:
        found = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Subscriber, Credit, LedgerEntry, Delivery, BookEntry)
        }
    database.dispose()
    return found | {"spool": make_spool(settings).count()}


def test_the_whole_chain_runs_and_a_second_time_changes_nothing(settings: Settings) -> None:
    first = run(settings, "--subscribers", "400")
    assert first.exit_code == 0, first.output
    assert "all agree" in first.output
    assert "refused" in first.output  # the proposer's attempt to approve her own proposal
    before = counts(settings)
    assert before["subscribers"] == 400
    assert min(before.values()) > 0

    second = run(settings, "--subscribers", "400")
    assert second.exit_code == 0, second.output
    assert "was released before, nothing changed" in second.output
    assert "subscribers.csv: 400 rows, 0 added, 0 changed: nothing changed" in second.output
    assert counts(settings) == before


def test_another_demonstration_in_the_same_records_is_refused(settings: Settings) -> None:
    assert run(settings, "--subscribers", "100").exit_code == 0
    other = run(settings, "--subscribers", "200")
    assert other.exit_code == 2
    assert "another demonstration is in these records" in other.stderr


@pytest.mark.parametrize(
    "arguments", [("--cells", "x.csv"), ("--subscribers", "5"), ("--cells", "x", "--customers", "y")]
)
def test_bad_arguments_are_refused_before_anything_is_loaded(settings: Settings, arguments: tuple[str, ...]) -> None:
    done = run(settings, *arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_real_cells_and_tariffs_end_in_what_o2_published(settings: Settings, shared: Path) -> None:
    data = shared / "data"
    customers = data / "ibm_telco_customer_churn.csv"
    done = run(settings, "--cells", str(data / "cells_o2_uk_234-10.csv"), "--customers", str(customers))
    assert done.exit_code == 0, done.output
    assert "assigned by a rule with seed" in done.output

    published = {row["rule_segment"]: row for row in rows_of(data / "o2_uk_outages_compensation_published.csv")}
    assert "10% of July subscription" in published["pay_monthly_affected"]["credit_as_published"]
    assert "GBP 10 voucher" in published["all_customers"]["credit_as_published"]
    fees = [Decimal(row["MonthlyCharges"]) for row in rows_of(customers)]

    app = App(settings)
    with app.database.reading() as session:
        credited = dict(
            session.execute(
                select(Subscriber.msisdn, Credit.amount_minor)
                .join(Credit, Credit.subscriber_id == Subscriber.id)
                .where(Credit.kind == "bill_credit")
            ).all()
        )
        vouchers = session.scalars(select(Credit.amount_minor).where(Credit.kind == "voucher")).all()
    app.database.dispose()
    # A tenth of each affected customer's own monthly charge, computed here from the published file alone.
    tenth = {
        f"+4475{number:08d}": int((fee * 10).quantize(Decimal(1), ROUND_HALF_UP)) for number, fee in enumerate(fees)
    }
    assert credited == {msisdn: tenth[msisdn] for msisdn in credited}
    assert 0.30 < len(credited) / len(fees) < 0.37  # "one third of its customers"
    assert (len(vouchers), set(vouchers)) == (len(fees), {1000})


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
