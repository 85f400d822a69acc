"""Commands of the account book: what an account has, and top-ups that arrive for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foundation import clock
from foundation.cli import staff_option
from foundation.money import Money, check_currency, parse_minor
from notify.accounts.top_ups import record_top_up
from notify.queries import book_statement

if TYPE_CHECKING:
    from foundation.cli import App


@click.group("book")
def book() -> None:
    """The account book: the embedded account system, where no other carries a credit."""


@book.command("top-up")
@click.argument("account")
@click.argument("amount")
@click.argument("currency")
@click.option("--key", required=True, help="The top-up's own reference; the same one again adds nothing.")
@click.option("--at", "at_text", help="When it was made, as 2012-09-03T12:00:00Z; now if not given.")
@staff_option
@click.pass_obj
def top_up(app: App, account: str, amount: str, currency: str, key: str, at_text: str | None, actor: str) -> None:
    """Add a top-up of AMOUNT to an ACCOUNT, and the bonus that it earns.

    The first top-up within the days of an unused bonus gets its per cent.

    \b
    Example:
      outage book top-up A000017 15.00 GBP --key till-4711 --at 2012-09-03T12:00:00Z --as mary
    """
    who = app.staff(actor, "deliveries.write")
    minor = parse_minor(amount, check_currency(currency, where="CURRENCY"), where="AMOUNT")
    at = clock.now() if at_text is None else clock.parse_instant(at_text, where="--at")
    with app.database.transaction() as session:
        bonus = record_top_up(session, account, minor, currency, at, key, zone=app.settings.zone, actor=who)
    click.echo(f"{account}: {Money(minor, currency)} topped up as {key}, bonus {Money(bonus, currency)}")


@book.command("show")
@click.argument("account")
@click.pass_obj
def show(app: App, account: str) -> None:
    """Show the balances of an ACCOUNT, and its entries, oldest first.

    \b
    Example:
      outage book show A000017
    """
    with app.database.reading() as session:
        found = book_statement(session, account)
        for entry in found.entries:
            money = entry.amount_minor is not None and entry.currency is not None
            amount = str(Money(entry.amount_minor or 0, entry.currency or "")) if money else ""
            click.echo(f"{entry.kind:<16} {amount:>16}  {entry.key}")
    click.echo(f"{account}: {', '.join(str(one) for one in found.balances) or 'no balance'}")


commands: list[click.Command] = [book]
