"""What providers deliver over a connection of ours: kept in a transaction of its own before it is answered."""

from __future__ import annotations

from collections.abc import Sequence

from foundation.db import Database
from foundation.errors import InputError
from foundation.logging import get_logger
from notify.models import DeliveryState
from notify.receipts import NewReceipt, record_receipts
from notify.suppression import record_inbound

log = get_logger()


class Incoming:
    """Keeps receipts and what recipients wrote; each call commits before it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_receipts(self, channel: str, receipts: Sequence[tuple[str, DeliveryState, str, str | None]]) -> None:
        """Keep receipts (the provider's name of the message, state, its word, reason), known deliveries or not."""
        new = [
            NewReceipt(channel=channel, state=state, provider_ref=ref, provider_status=word, reason=reason)
            for ref, state, word, reason in receipts
        ]
        with self._database.transaction() as session:
            record_receipts(session, new)

    def keep_answer(self, channel: str, address: str, words: str) -> None:
        """Do what a recipient's STOP or START asks for."""
        try:
            with self._database.transaction() as session:
                record_inbound(session, address=address, body=words, channel=channel)
        except InputError:
            # A service's own word as sender: nobody to text, so nobody to suppress.
            log.info("inbound_without_number", channel=channel)
