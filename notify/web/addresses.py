"""Addresses on pages: an MSISDN is masked for all who may not read people."""

from __future__ import annotations

from foundation.web import has_permission
from notify.models import DeliveryKind

_SHOWN = 3


def show_address(address: str, kind: DeliveryKind = DeliveryKind.MESSAGE) -> str:
    """The address of a delivery; of an MSISDN only the last digits unless the reader may see people."""
    if kind is DeliveryKind.POSTING or has_permission("people.read"):
        return address
    return mask(address)


def mask(address: str) -> str:
    """An address with all but its last three characters hidden."""
    return "•" * max(len(address) - _SHOWN, 0) + address[-_SHOWN:]
