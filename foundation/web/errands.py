"""Long work from a page: asked for, waited for a moment, then followed on a page of its own that can be left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, current_app, flash, jsonify, redirect, render_template, url_for
from werkzeug.wrappers import Response

from foundation import clock
from foundation.db import Database
from foundation.errand_board import Progress, read_progress
from foundation.errand_runner import ErrandKind, Runner, Surroundings, ask_to_stop
from foundation.errands import Errand, ErrandState, ask_errand, count_errands, get_errand, list_errands, list_open
from foundation.errors import ForbiddenError, RefusedError
from foundation.web.access import Foundations, actor, foundations, has_permission, permission, reading, transaction
from foundation.web.lists import MOST_PAGES, csv_response, read_page, wants_csv
from foundation.web.navigation import NavigationItem

pages = Blueprint("errands", __name__, template_folder="templates", url_prefix="/errands")
navigation = [NavigationItem("Errands", "errands.index", "errands.read")]
_LOOK_SECONDS = 0.03
_COLUMNS = (
    *("number", "what", "kind", "subject", "state", "said", "attempts"),
    *("asked_by", "asked_at", "began_at", "ended_at"),
)
_KINDS = {ErrandState.DONE: "success", ErrandState.STOPPED: "warning", ErrandState.FAILED: "danger"}


@dataclass(frozen=True)
class WebErrand:
    """A kind of errand that pages ask for: its address once it is done, from its reference; and before, its subject."""

    kind: ErrandKind
    page_of: Callable[[str], str]
    page_before: Callable[[str], str]


class Errands:
    """The kinds this console knows, and who runs them: a thread here, or `outage errand run` elsewhere."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.kinds: dict[str, WebErrand] = {}
        self.run_here = True
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="errands")

    def begin(self, errand_id: int) -> None:
        """Have an errand run in this process, unless others do that here."""
        if self.run_here:
            self._pool.submit(self._runner().run_one, errand_id)

    def take_up(self) -> None:
        """Run what was left open when the last process of this console ended."""
        with self.surroundings.database.reading() as session:
            left = list_open(session)
        for errand_id in left:
            self.begin(errand_id)

    def close(self) -> None:
        """Leave what runs here at its next step, to whoever takes it up, and take nothing more."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _runner(self) -> Runner:
        return Runner(self.surroundings, {name: known.kind for name, known in self.kinds.items()}, self._stop)


def set_up_errands(app: Flask) -> None:
    """Give `app` its errands; packages add their kinds when they are registered."""
    known: Foundations = app.extensions["foundations"]
    app.extensions["errands"] = Errands(Surroundings(known.settings, known.database, known.store))


def start_errand(kind: str, subject: str, arguments: Mapping[str, Any]) -> Response:
    """Ask for long work, wait a moment, and go to what it made; or to the page on which it can be followed.

    Raises RefusedError with the work's own words when it failed in that moment.
    """
    with transaction() as session:
        errand_id = ask_errand(session, kind, subject, arguments, actor=actor()).id
    _errands().begin(errand_id)
    errand = _wait(foundations().database, errand_id, foundations().settings.wait_seconds)
    if not errand.is_ended:
        return redirect(url_for("errands.show", errand_id=errand_id), 303)
    if errand.state is ErrandState.FAILED:
        raise RefusedError(errand.reason or "it failed")
    return _leave(errand)


def _wait(database: Database, errand_id: int, seconds: int) -> Errand:
    until = clock.monotonic() + seconds
    while True:
        # Each look is a transaction of its own: nothing is held while the work goes on.
        with database.reading() as session:
            errand = get_errand(session, errand_id)
        if errand.is_ended or clock.monotonic() >= until:
            return errand
        clock.sleep(_LOOK_SECONDS)


def _leave(errand: Errand) -> Response:
    flash(_said(errand), _KINDS[errand.state])
    return redirect(_page_after(errand), 303)


def _said(errand: Errand) -> str:
    return str(errand.result["said"]) if errand.result else (errand.reason or str(errand.state))


def _page_after(errand: Errand) -> str:
    known = _errands().kinds.get(errand.kind)
    if known is None:
        return url_for("errands.index")
    return known.page_of(str(errand.result["ref"])) if errand.result else known.page_before(errand.subject)


def _errands() -> Errands:
    errands: Errands = current_app.extensions["errands"]
    return errands


@pages.get("/")
@permission("errands.read")
def index() -> str | Response:
    """What was asked for, newest first, and how far it is; `?format=csv` is all of it."""
    if wants_csv():
        return csv_response("errands", _COLUMNS, _all_rows())
    page = read_page()
    with reading() as session:
        errands = list_errands(session, limit=page.size, offset=page.offset)
        count = count_errands(session)
    rows = [(errand, _title(errand), _progress(errand), _page_after(errand)) for errand in errands]
    return render_template("shell/errands.html", rows=rows, count=count, page=page, pages=page.pages(count))


def _all_rows() -> Iterator[list[object]]:
    with reading() as session:
        for errand in list_errands(session, limit=MOST_PAGES):
            said = _said(errand) if errand.is_ended else None
            told = (_title(errand), errand.kind, errand.subject, errand.state, said, errand.attempts, errand.asked_by)
            yield [errand.id, *told, errand.asked_at, errand.started_at, errand.ended_at]


@pages.get("/<int(max=2147483647):errand_id>")
@permission("errands.read")
def show(errand_id: int) -> str | Response:
    """One errand: how far it is while it runs, what it came to after."""
    with reading() as session:
        errand = get_errand(session, errand_id)
    return render_template(
        "shell/errand.html",
        errand=errand,
        title=_title(errand),
        progress=_progress(errand),
        said=_said(errand),
        after=_page_after(errand),
        may_stop=_may_stop(errand),
    )


@pages.get("/<int(max=2147483647):errand_id>/progress.json")
@permission("errands.read")
def tell(errand_id: int) -> Response:
    """How far an errand is, for the page that follows it."""
    with reading() as session:
        errand = get_errand(session, errand_id)
    progress = _progress(errand)
    return jsonify(
        state=errand.state, ended=errand.is_ended, step=progress.step, done=progress.done, total=progress.total
    )


@pages.post("/<int(max=2147483647):errand_id>/stop")
@permission("errands.read")
def stop(errand_id: int) -> Response:
    """Stop an errand: whoever may ask for such work may stop it."""
    with reading() as session:
        errand = get_errand(session, errand_id)
    if not _may_stop(errand):
        raise ForbiddenError("stopping takes the permission to ask for such work", value=errand.kind)
    ask_to_stop(_errands().surroundings, errand_id, actor=actor())
    flash("It will stop at its next step; nothing of it is kept.", "info")
    return redirect(url_for("errands.show", errand_id=errand_id), 303)


def _may_stop(errand: Errand) -> bool:
    known = _errands().kinds.get(errand.kind)
    return known is not None and has_permission(known.kind.permission)


def _title(errand: Errand) -> str:
    known = _errands().kinds.get(errand.kind)
    return f"{known.kind.title if known else errand.kind} {errand.subject}"


def _progress(errand: Errand) -> Progress:
    surroundings = _errands().surroundings
    return read_progress(surroundings.database, surroundings.board_directory, errand)


def add_errands(app: Flask, kinds: Iterable[WebErrand]) -> None:
    """Make kinds of errands known to the application."""
    app.extensions["errands"].kinds.update({known.kind.name: known for known in kinds})
