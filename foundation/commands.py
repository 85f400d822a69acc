"""Commands that know no telecom: the database, staff users, tokens, settings."""

from __future__ import annotations

import click

from foundation import access, migrate
from foundation.cli import App, staff_option
from foundation.db import Database
from foundation.errand_board import read_progress
from foundation.errand_runner import Surroundings, ask_to_stop
from foundation.errands import list_errands
from foundation.settings import ADAPTERS, TABLE
from foundation.snapshots import list_missing


@click.group()
def db() -> None:
    """The records: bring the database to the newest migration, look for the files it names."""


@db.command()
@click.pass_obj
def upgrade(app: App) -> None:
    """Apply the migrations that are missing; again: nothing changes."""
    database = Database(app.settings.database_url)
    before, after = migrate.upgrade(database)
    database.dispose()
    said = "nothing changed" if before == after else f"was: {before or 'empty'}"
    click.echo(f"database stands at {after}, {said}")


@db.command("files")
@click.pass_context
def files(ctx: click.Context) -> None:
    """Name the snapshot files that the records know and the directory lacks, as after a restore; exit code 1 if any.

    \b
    Example:
      outage db files
    """
    app: App = ctx.obj
    with app.database.reading() as session:
        missing = list_missing(session, app.store)
    for name in missing:
        click.echo(name)
    click.echo(f"{len(missing):,} files are missing in {app.settings.snapshots}" if missing else "every file is there")
    ctx.exit(1 if missing else 0)


@click.group()
def user() -> None:
    """Staff users and API tokens.

    \b
    outage user add maria --roles marketing --name "Maria Santos"
    outage user token alertmanager --label prod
    """


@user.command("add")
@click.argument("name")
@click.option("--roles", required=True, help=f"Comma list of: {', '.join(sorted(access.ROLES))}.")
@click.option("--name", "display_name", default="", help="Name as people write it.")
@click.password_option(help="At least 12 characters; asked for when not given.")
@click.pass_obj
def add(app: App, name: str, roles: str, display_name: str, password: str) -> None:
    """Add a staff user."""
    wanted = [role.strip() for role in roles.split(",")]
    with app.database.transaction() as session:
        access.add_user(
            session, name=name, display_name=display_name, password=password, roles=wanted, actor="command line"
        )
    click.echo(f"{name} added with {', '.join(wanted)}")


@user.command("list")
@click.pass_obj
def list_users(app: App) -> None:
    """List staff users and their roles."""
    with app.database.reading() as session:
        for found in access.list_users(session):
            click.echo(f"{found.name:<24} {'' if found.active else 'inactive '}{', '.join(found.roles)}")


@user.command("token")
@click.argument("name")
@click.option("--label", required=True, help="What the token is for.")
@click.pass_obj
def token(app: App, name: str, label: str) -> None:
    """Make an API token for a staff user (a machine has the role machine); it is shown once."""
    with app.database.transaction() as session:
        made = access.add_token(session, access.get_user(session, name), label, actor="command line")
    click.echo(made)


@click.command()
def settings() -> None:
    """The table of settings: environment name, default, meaning."""
    for setting in (*TABLE, *ADAPTERS):
        click.echo(f"{setting.name:<22} {setting.meaning}\n{'':<22} default {setting.default}; {setting.accepted}")


@click.group()
def errand() -> None:
    """Long work that pages asked for: run it, follow it, stop it."""


@errand.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.pass_obj
def show_errands(app: App, limit: int) -> None:
    """What was asked for, newest first, and how far it is."""
    surroundings = surroundings_of(app)
    with app.database.reading() as session:
        for found in list_errands(session, limit=limit):
            far = read_progress(app.database, surroundings.board_directory, found)
            said = found.result["said"] if found.result else found.reason or f"{far.step} {far.done}/{far.total}"
            click.echo(f"{found.id:>6} {found.state:<8} {found.kind} {found.subject}, by {found.asked_by}: {said}")


@errand.command("stop")
@click.argument("number", type=int)
@staff_option
@click.pass_obj
def stop_one(app: App, number: int, actor: str) -> None:
    """Stop an errand that waits or runs; nothing of it is kept."""
    found = ask_to_stop(surroundings_of(app), number, actor=app.staff(actor, "errands.read"))
    click.echo(f"errand {number} is {'stopped' if found.is_ended else 'asked to stop'}")


def surroundings_of(app: App) -> Surroundings:
    """What an errand works with, from a command."""
    return Surroundings(app.settings, app.database, app.store)


commands: list[click.Command] = [db, user, settings, errand]
