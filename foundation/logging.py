"""Logs: a constant event name and fields, to standard error; no IMSI ever, an MSISDN only masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def mask_msisdn(number: str) -> str:
    """An MSISDN with all but the country's start and the last three digits hidden: +4477*****123."""
    if len(number) <= 8:
        return "*" * len(number)
    return number[:5] + "*" * (len(number) - 8) + number[-3:]


def _hide_people(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # The last door: whoever logs a number by mistake does not leak it.
    event.pop("imsi", None)
    for field in ("msisdn", "address"):
        if isinstance(event.get(field), str):
            event[field] = mask_msisdn(event[field])
    return event


def set_up_logging(level: str) -> None:
    """Log events of at least `level` (debug, info, warning, error) as one line of key=value each."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_people,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def get_logger() -> Any:
    """A logger: `log.info("constant_event_name", field=value)`."""
    return structlog.get_logger()
