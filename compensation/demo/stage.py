"""The stage of the demonstration: what it runs on, how it speaks, and how it lives at another time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from compensation.demo.world import DemoInput
from foundation import clock
from foundation.cli import App
from foundation.logging import set_up_logging


class Stage:
    """One demonstration under way: chapters are numbered, each step says what it did or that it had been done."""

    def __init__(self, app: App, wanted: DemoInput) -> None:
        # Log lines would run through the story and its progress bars.
        if app.settings.log == "info":
            set_up_logging("warning")
        self.app = app
        self.wanted = wanted
        self._chapter = 0

    def title(self, text: str) -> None:
        self._chapter += 1
        self.app.console.print(f"\n[bold]{self._chapter}  {text}[/bold]")

    def say(self, text: str) -> None:
        self.app.console.print(f"   {text}")

    def watched(self, what: str) -> Any:
        """A progress display and a callback `(done, total)` for it."""
        return _Watched(self.app, what)

    def at(self, instant: datetime) -> Any:
        """A transaction at another time."""
        return _At(self.app, instant)


class _Watched:
    """`with _Watched(app, "what") as tell: tell(done, total)`: a progress bar."""

    def __init__(self, app: App, what: str) -> None:
        self._progress = app.progress()
        self._what = what

    def __enter__(self) -> Callable[[int, int | None], None]:
        self._progress.__enter__()
        task = self._progress.add_task(f"   {self._what}", total=None)

        def tell(done: int, total: int | None) -> None:
            self._progress.update(task, completed=done, total=total)

        return tell

    def __exit__(self, *error: object) -> None:
        self._progress.__exit__(*error)  # type: ignore[arg-type]


class _At:
    """A transaction of the records at another time of the clock."""

    def __init__(self, app: App, instant: datetime) -> None:
        self._clock = clock.moved_to(instant)
        self._transaction = app.database.transaction()

    def __enter__(self) -> Any:
        self._clock.__enter__()
        return self._transaction.__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            self._transaction.__exit__(*error)
        finally:
            self._clock.__exit__(*error)


def shown(instant: datetime) -> str:
    """An instant as the demonstration writes it."""
    return instant.strftime("%d %b %H:%M UTC")
