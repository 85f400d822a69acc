"""Which carriers this installation has."""

from __future__ import annotations

from foundation.db import Database
from foundation.settings import Settings
from notify.accounts.book import AccountBook
from notify.carriers import Carrier
from notify.channels.spool import Spool


def make_spool(settings: Settings) -> Spool:
    """The spool in the data directory; raises CarrierError when its file cannot be opened."""
    return Spool(settings.data / "spool.db")


def make_carriers(settings: Settings, database: Database) -> dict[str, Carrier]:
    """The embedded carriers by channel name: `spool` for messages, `book` for postings."""
    return {Spool.name: make_spool(settings), AccountBook.name: AccountBook(database)}
