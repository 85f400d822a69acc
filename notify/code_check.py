"""Whether a text is ours: its short code belongs to one text to one recipient, so that a copied code proves nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.errors import InputError
from notify.composing import public_code
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.suppression import check_address

_MOST = 200
# What certainly or possibly reached the recipient.
_WENT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.SENDING, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text of ours: when it went, and about what kind of thing it was (its purpose)."""

    sent_at: datetime
    purpose: str


def find_own_text(session: Session, address: str, code: str) -> OwnText | None:
    """The text with this code to this number or e-mail address, or None; among the recipient's newest texts.

    Raises InputError for an address that is none or a code of another length than ours.
    """
    wanted = "".join(code.split()).upper()
    length = len(public_code(""))
    if len(wanted) != length or not wanted.isascii() or not wanted.isalnum():
        raise InputError("not a code", where="code", accepted=f"the {length} letters and digits at the end of the text")
    texts = (
        select(Delivery)
        .where(
            Delivery.address == check_address(address),
            Delivery.kind == DeliveryKind.MESSAGE,
            Delivery.state.in_(_WENT),
        )
        .order_by(Delivery.id.desc())
        .limit(_MOST)
    )
    for text in session.scalars(texts):
        if secrets.compare_digest(public_code(text.group_key), wanted):
            return OwnText(text.changed_at, str(text.purpose or ""))
    return None
