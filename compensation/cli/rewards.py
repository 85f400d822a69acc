"""Commands: offers that wait for somebody, pools of voucher codes, what care staff credited elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from compensation.care_credits import COLUMNS, import_care_credits
from compensation.offer_models import OfferState
from compensation.offers import decline_offer, get_offer, list_offers, settle_due_offers, take_offer
from compensation.voucher_codes import count_free, import_codes
from compensation.words import reward_in_words
from foundation.cli import App, staff_option
from foundation.errors import InputError
from foundation.money import parse_minor
from notify.registry import make_routing

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def offer() -> None:
    """Offers: rewards to opt in to, to claim, to choose, or for a person to decide.

    \b
    outage offer list
    outage offer take INC-2026-00042:storm-choice:17:pick --option "10 GB" --as carla
    """


@offer.command("list")
@click.option(
    "--state", type=click.Choice([one.value for one in OfferState]), default=OfferState.OPEN.value, show_default=True
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_obj
def list_open(app: App, state: str, limit: int) -> None:
    """List offers, newest first, by their keys."""
    with app.database.reading() as session:
        for each in list_offers(session, state=OfferState(state), limit=limit):
            options = [reward_in_words(option) for option in each.reward.get("options", ())]
            said = " or ".join(options) or reward_in_words(each.reward)
            until = f", default {each.reward['default']} at {each.default_at:%Y-%m-%d %H:%M}" if each.default_at else ""
            click.echo(f"{each.key}  {said}{until}")


@offer.command("take")
@click.argument("key")
@click.option("--option", help="Which reward of a choice.")
@click.option("--amount", help="What was decided on a discretionary one, such as 12.50.")
@click.option("--reason", default="", help="Why so much; needed with --amount.")
@staff_option
@click.pass_obj
def take(app: App, key: str, option: str | None, amount: str | None, reason: str, actor: str) -> None:
    """Give what an offer holds, for the customer who asked for it."""
    app.staff(actor, "assessments.approve" if amount is not None else "offers.write")
    routing = make_routing(app.settings)
    with app.database.transaction() as session:
        currency = str(get_offer(session, key).reward["currency"])
        minor = None if amount is None else parse_minor(amount, currency, where="--amount")
        taken = take_offer(session, key, actor=actor, option=option, amount_minor=minor, reason=reason, routing=routing)
        click.echo(f"{taken.key} is {taken.state}: {reward_in_words(taken.taken or {})}")


@offer.command("decline")
@click.argument("key")
@staff_option
@click.pass_obj
def decline(app: App, key: str, actor: str) -> None:
    """Close an offer that the customer does not want."""
    app.staff(actor, "offers.write")
    with app.database.transaction() as session:
        click.echo(f"{key} is {decline_offer(session, key, actor=actor).state}")


@offer.command("settle")
@click.pass_obj
def settle(app: App) -> None:
    """Give the defaults of choices that are due and close what can no longer be taken; the scheduler does it too."""
    done, routing = 0, make_routing(app.settings)
    while True:
        with app.database.transaction() as session:
            settled = settle_due_offers(session, routing=routing)
        done += settled
        if not settled:
            break
    click.echo(f"{done} offers settled")


@click.group()
def voucher() -> None:
    """Voucher codes: pools that releases take codes from, each given once."""


@voucher.command("import")
@click.argument("pool")
@click.argument("file", type=_FILE)
@click.option("--amount", required=True, help="What each code is worth, such as 10.00.")
@click.option("--currency", required=True)
@staff_option
@click.pass_obj
def import_pool(app: App, pool: str, file: Path, amount: str, currency: str, actor: str) -> None:
    """Add the codes of FILE, one per line, to POOL; codes that it has already are passed over."""
    app.staff(actor, "assessments.write")
    minor = parse_minor(amount, currency, where="--amount")
    with app.database.transaction() as session:
        added = import_codes(session, pool, _lines_of(file), minor, currency, actor=actor)
        click.echo(f"{added} codes added; {count_free(session, pool, minor, currency)} of {amount} {currency} are free")


@click.group("care-credit")
def care_credit() -> None:
    """Money that care staff gave elsewhere, which policies then do not give again."""


@care_credit.command("import", help=f"Record the credits of a CSV with the columns {', '.join(COLUMNS)}.")
@click.argument("file", type=_FILE)
@staff_option
@click.pass_obj
def import_credits(app: App, file: Path, actor: str) -> None:
    app.staff(actor, "offers.write")
    with app.database.transaction() as session:
        rows, new = import_care_credits(session, _lines_of(file), actor=actor)
        click.echo(f"{rows} rows, {new} new")


def _lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read as UTF-8 text", where=str(file), value=str(error)) from error


commands: list[click.Command] = [offer, voucher, care_credit]
