"""The console on a free port of this machine, served as in production."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application meanwhile; gives its address."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8, map=sockets)

    def end() -> None:
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        wasyncore.close_all(sockets)

    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # The loop ends of itself when it has no socket left, and only its own thread may take them away.
        server.trigger.pull_trigger(end)
        thread.join()
        server.task_dispatcher.shutdown()
