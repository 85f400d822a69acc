"""Where cells stand: every cell for the map, and those that an incident touched."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from flask import Response, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from outage.models import NetworkElement
from outage.network.inventory import valid_at
from outage.network.map import CELL, network_at

_CHUNK = 5_000
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
        .where(NetworkElement.kind == CELL, NetworkElement.latitude.is_not(None))
        .order_by(NetworkElement.ref)
    ).all()
    now = clock.now()
    return {
        "refs": [row[0] for row in rows],
        "x": [round((row[1] or 0.0) * _PARTS) for row in rows],
        "y": [round((row[2] or 0.0) * _PARTS) for row in rows],
        "retired": [place for place, row in enumerate(rows) if row[3] is not None and row[3] <= now],
    }


def placed_refs(session: Session, keys: Iterable[int], *, most: int) -> list[str]:
    """The refs of the cells with a place among these elements, `most` of them."""
    known = network_at(session, clock.now())
    nodes = known.nodes
    return [known.refs[key] for key in islice((k for k in keys if nodes[k].is_placed and nodes[k].kind == CELL), most)]


def count_placed(session: Session, at: datetime) -> int:
    """How many cells with a place are valid at an instant."""
    return session.scalar(select(func.count()).where(*_placed(), valid_at(NetworkElement, at))) or 0


def touched_cells(session: Session, states: Mapping[int, str]) -> list[CellPoint]:
    """The cells among these elements and where they stand, by ref; the states are by element id."""
    found = [
        CellPoint(ref, longitude, latitude, states[key])
        for part in _chunks(states)
        for key, ref, longitude, latitude in session.execute(_cells().where(NetworkElement.id.in_(part)))
    ]
    return sorted(found, key=lambda cell: cell.ref)


def refs_by_state(session: Session, states: Mapping[int, str]) -> dict[str, list[str]]:
    """The refs of the cells among these elements, by their state; quicker than to ask where they stand."""
    known = network_at(session, clock.now())
    found: dict[str, list[str]] = {}
    for key, state in states.items():
        if known.nodes[key].kind == CELL:
            found.setdefault(state, []).append(known.refs[key])
    return found


def choose_cells(session: Session, states: Mapping[int, str], wanted: str | None) -> list[int]:
    """The ids, by ref, of the cells in one state, or (None) in any but up; up are those valid now and not in `states`.

    Of those that are up only cells with a place count, as on the map.
    """
    known = network_at(session, clock.now())
    if wanted == "up":
        valid = known.nodes.keys() - known.retired - states.keys()
        keys = [key for key in valid if known.nodes[key].kind == CELL and known.nodes[key].is_placed]
    else:
        found = (key for key, state in states.items() if wanted in (None, state))
        keys = [key for key in found if known.nodes[key].kind == CELL]
    return sorted(keys, key=known.refs.__getitem__)


def list_up(session: Session, touched: Mapping[int, str]) -> list[CellPoint]:
    """The cells that are valid now and have no state of their own, by ref."""
    rows = session.execute(_cells().where(valid_at(NetworkElement, clock.now())).order_by(NetworkElement.ref))
    return [CellPoint(ref, longitude, latitude, "up") for key, ref, longitude, latitude in rows if key not in touched]


def count_up(session: Session, touched: int) -> int:
    """How many cells with a place are simply up, when so many are not."""
    return max(count_placed(session, clock.now()) - touched, 0)


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
    return NetworkElement.kind == CELL, NetworkElement.latitude.is_not(None)


def _cells() -> Any:
    columns = (NetworkElement.id, NetworkElement.ref, NetworkElement.longitude, NetworkElement.latitude)
    return select(*columns).where(NetworkElement.kind == CELL)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    every = list(keys)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
