"""What providers deliver over a connection of ours: kept in a transaction of its own before it is answered."""

from __future__ import annotations

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

    def keep_receipt(
        self, channel: str, provider_ref: str, state: DeliveryState, provider_status: str, reason: str | None
    ) -> None:
        """Keep a receipt, whether its delivery is known yet or not."""
        receipt = NewReceipt(
            channel=channel, state=state, provider_ref=provider_ref, provider_status=provider_status, reason=reason
        )
        with self._database.transaction() as session:
            record_receipts(session, [receipt])

    def keep_answer(self, channel: str, address: str, words: str) -> None:
        """Do what a recipient's STOP or START asks for."""
        try:
            with self._database.transaction() as session:
                record_inbound(session, address=address, body=words, channel=channel)
        except InputError:
            # A service's own word as sender: nobody to text, so nobody to suppress.
            log.info("inbound_without_number", channel=channel)
