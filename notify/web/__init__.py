"""The console's pages on what went out: releases, the spool, the account book."""

from foundation.web import NavigationItem
from notify.web.book import book
from notify.web.releases import releases
from notify.web.spool import spool
from notify.web.twilio_hooks import hooks

blueprints = [releases, spool, book, hooks]
navigation = [
    NavigationItem("Releases", "releases.index", "deliveries.read"),
    NavigationItem("Spool", "spool.index", "deliveries.read"),
    NavigationItem("Account book", "book.index", "deliveries.read"),
]
