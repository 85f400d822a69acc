"""The console's pages on what went out: releases, the spool, the account book."""

from foundation.web import NavigationItem
from notify.web.adjustment_files import adjustments
from notify.web.api import calls
from notify.web.api_book import book_calls
from notify.web.api_files import file_calls
from notify.web.book import book
from notify.web.check import check
from notify.web.engine import engine, engine_calls
from notify.web.releases import releases
from notify.web.spool import spool
from notify.web.steering import steering
from notify.web.suppressions import suppressions
from notify.web.texts import texts
from notify.web.twilio_hooks import hooks

blueprints = [
    releases,
    steering,
    suppressions,
    adjustments,
    texts,
    spool,
    book,
    check,
    hooks,
    engine,
    calls,
    file_calls,
    book_calls,
    engine_calls,
]
navigation = [
    NavigationItem("Releases", "releases.index", "deliveries.read", ("delivery",)),
    NavigationItem("Texts", "texts.index", "policies.read"),
    NavigationItem("Spool", "spool.index", "deliveries.read"),
    NavigationItem("Jobs and workers", "engine.index", "deliveries.read"),
    NavigationItem("Account book", "book.index", "deliveries.read"),
]
