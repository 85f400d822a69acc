"""Which carriers this installation has."""

from __future__ import annotations

from foundation.db import Database
from foundation.errors import InputError
from foundation.settings import Settings
from notify.accounts.book import AccountBook
from notify.carriers import Carrier, CarrierError
from notify.channels.spool import Spool


def make_spool(settings: Settings) -> Spool:
    """The spool in the data directory; raises InputError when its file cannot be opened."""
    path = settings.data / "spool.db"
    try:
        return Spool(path)
    except CarrierError as error:
        raise InputError(error.reason, where="setting OUTAGE_DATA", accepted="a directory of our own") from error


def make_carriers(settings: Settings, database: Database) -> dict[str, Carrier]:
    """The embedded carriers by channel name: `spool` for messages, `book` for postings."""
    return {Spool.name: make_spool(settings), AccountBook.name: AccountBook(database)}
