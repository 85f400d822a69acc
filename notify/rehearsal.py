"""Rehearsal of a text: one copy with made-up values to a person's own number, before anybody approves it."""

from __future__ import annotations

import secrets

from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError
from notify.models import DeliveryKind, Purpose
from notify.outbox import NewDelivery, enqueue
from notify.phrases import bill_in_words
from notify.routing import Routing
from notify.suppression import check_address
from notify.texts import current_text

# One for each placeholder of notify.wording; days and months in ISO form are written as the text's language does.
_SAMPLES = {
    "brand": "Our brand",
    "outage_date": "2026-11-22",
    "credit": "£3.00",
    "pays_on": "2026-12",
    "voucher": "£10.00",
    "voucher_from": "2026-12-01",
    "voucher_until": "2026-12-31",
    "bonus": "10%",
    "bonus_from": "2026-12-01",
    "bonus_until": "2026-12-31",
    "benefits": "10 GB of data",
    "given": "£3.00 and 10 GB of data",
    "offer": "£3.00 or 10 GB of data",
    "offer_until": "2026-12-31",
    "code": "TEST22",
    "incident": "INC-2026-00001",
    "services": "data, voice",
    "estimate": "18:00",
    "next_update": "16:00",
}


def send_rehearsal(session: Session, name: str, language: str, to: str, *, routing: Routing, actor: str) -> str:
    """Enqueue the current version of a text with sample values to one number or e-mail address; returns its key.

    Each call sends one more, at any hour, by the first channel that writes to such an address; suppression holds.
    Raises NotFoundError for a text that nobody wrote, InputError for an address that is none, RefusedError when no
    channel reaches it.
    """
    version = current_text(session, name, language)
    address = check_address(to)
    is_mail = "@" in address
    way, *_ = routing.ways_for(Purpose.SERVICE, number="" if is_mail else address, email=address if is_mail else None)
    if missing := [one for one in version.placeholders if one not in _SAMPLES]:
        raise InputError("no sample value", where="text", value=", ".join(missing), accepted=", ".join(_SAMPLES))
    sample = {one: bill_in_words(_SAMPLES[one], version.language) for one in version.placeholders}
    key = f"rehearsal:{version.id}:{secrets.token_hex(8)}"
    row = NewDelivery(
        key=key,
        campaign=f"REHEARSAL-{clock.now():%Y-%m-%d}",
        group_key=key,
        kind=DeliveryKind.MESSAGE,
        channel=way.channel,
        address=way.address,
        payload={"version": version.id, "sample": sample},
        purpose=Purpose.SERVICE,
        any_hour=True,
        priority=0,
    )
    enqueue(session, [[row]])
    after = {"version": version.number, "language": version.language, "channel": way.channel}
    write_audit(session, actor=actor, action="text rehearsed", subject=f"text:{name}", after=after)
    return key
