"""The alarm notice: one alarm as every feed hands it on, whatever format it came in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outage.lifecycle import Severity


@dataclass(frozen=True, slots=True)
class AlarmNotice:
    """What a feed read: an alarm raised, or the same alarm cleared.

    `source` and `external_id` together name the alarm: a repeat has the same, a re-fired alarm another.
    `element`: the name of the alarmed network element, as sent; not yet known to exist.
    `raised_at`, `cleared_at`: aware UTC, whole seconds; `cleared_at` is None while the alarm stands.
    `services`: what it takes away, as far as the sender says; None when it does not.
    `payload`: the alarm and its envelope as sent, for the record.
    """

    source: str
    external_id: str
    element: str
    severity: Severity
    probable_cause: str | None
    summary: str
    raised_at: datetime
    cleared_at: datetime | None
    services: tuple[str, ...] | None
    payload: dict[str, Any]
