"""Where cells stand: every cell for the map, and those that an incident touched."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.inventory import valid_at
from outage.models import NetworkElement

_CHUNK = 5_000
_CELL = "cell"
_PARTS = 100_000
"""Coordinates travel as whole hundred-thousandths of a degree: about a metre."""


@dataclass(frozen=True, slots=True)
class CellPoint:
    """A cell: its ref, where it stands (degrees, None where the inventory does not say), and its state."""

    ref: str
    longitude: float | None
    latitude: float | None
    state: str


def cells_document(session: Session) -> dict[str, Any]:
    """Every cell that has a place: `refs`, `x` and `y` in the same order, and the positions of `retired` ones."""
    rows = session.execute(
        select(NetworkElement.ref, NetworkElement.longitude, NetworkElement.latitude, NetworkElement.valid_to)
        .where(NetworkElement.kind == _CELL, NetworkElement.latitude.is_not(None))
        .order_by(NetworkElement.ref)
    ).all()
    now = clock.now()
    return {
        "refs": [row[0] for row in rows],
        "x": [round((row[1] or 0.0) * _PARTS) for row in rows],
        "y": [round((row[2] or 0.0) * _PARTS) for row in rows],
        "retired": [place for place, row in enumerate(rows) if row[3] is not None and row[3] <= now],
    }


def count_placed(session: Session, at: datetime) -> int:
    """How many cells with a place are valid at an instant."""
    return session.scalar(select(func.count()).where(*_placed(), valid_at(NetworkElement, at))) or 0


def touched_cells(session: Session, states: Mapping[int, str]) -> list[CellPoint]:
    """The cells among these elements, by ref; the states are by element id."""
    found = [
        CellPoint(ref, longitude, latitude, states[key])
        for part in _chunks(states)
        for key, ref, longitude, latitude in session.execute(_cells().where(NetworkElement.id.in_(part)))
    ]
    return sorted(found, key=lambda cell: cell.ref)


def list_up(session: Session, touched: Mapping[int, str]) -> list[CellPoint]:
    """The cells that are valid now and have no state of their own, by ref."""
    rows = session.execute(_cells().where(valid_at(NetworkElement, clock.now())).order_by(NetworkElement.ref))
    return [CellPoint(ref, longitude, latitude, "up") for key, ref, longitude, latitude in rows if key not in touched]


def count_up(session: Session, touched: Iterable[CellPoint]) -> int:
    """How many cells with a place are simply up."""
    return max(count_placed(session, clock.now()) - sum(cell.latitude is not None for cell in touched), 0)


def compressed_json(document: Mapping[str, Any], *, seconds: int = 0) -> Response:
    """A JSON answer that may be large: compressed for those who take it, kept by the browser for `seconds`."""
    content = json.dumps(document, separators=(",", ":")).encode()
    response = Response(content, mimetype="application/json")
    if request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(content, 1))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    response.headers["Cache-Control"] = f"private, max-age={seconds}" if seconds else "no-store"
    return response


def _placed() -> tuple[Any, ...]:
    return NetworkElement.kind == _CELL, NetworkElement.latitude.is_not(None)


def _cells() -> Any:
    columns = (NetworkElement.id, NetworkElement.ref, NetworkElement.longitude, NetworkElement.latitude)
    return select(*columns).where(NetworkElement.kind == _CELL)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    every = list(keys)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
