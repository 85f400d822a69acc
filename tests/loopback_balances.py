"""A prepaid balance system on this machine that speaks TMF654 and misbehaves as told; what it kept is the truth."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Fault:
    """What happens to one adjustment: whether it is kept, and the HTTP status that is answered (0: cut)."""

    keep: bool = True
    answer: int = 201
    wait_seconds: float = 0.0


@dataclass
class Balances:
    """The system: `fault_of` by our key and how often it was posted before; `unique` refuses a second one."""

    url: str = ""
    fault_of: Callable[[str, int], Fault] = field(default=lambda key, before: Fault())
    status: str = "completed"
    unique: bool = False
    kept: list[dict[str, Any]] = field(default_factory=list)
    kept_by: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    posted: dict[str, int] = field(default_factory=dict)
    tokens: set[str | None] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def total(self, bucket: str) -> float:
        """What was put on a bucket."""
        return sum(float(one["amount"]["amount"]) for one in self.kept if one["bucket"]["id"] == bucket)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Those who ask are killed within their requests; that is what is tested."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    balances: Balances

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        content = self.rfile.read(length)
        if len(content) < length:
            # Whoever asked died within the request: nothing was asked.
            self.close_connection = True
            return
        body = json.loads(content)
        balances, key = self.balances, body["reason"]
        with balances.lock:
            balances.tokens.add(self.headers.get("Authorization"))
            before = balances.posted.get(key, 0)
            balances.posted[key] = before + 1
            fault = balances.fault_of(key, before)
            if balances.unique and key in balances.kept_by:
                fault = Fault(False, 409)
            if fault.keep:
                balances.kept.append({**body, "id": str(len(balances.kept) + 1), "status": balances.status})
                balances.kept_by.setdefault(key, []).append(balances.kept[-1])
            answer = dict(balances.kept[-1]) if fault.keep else {"code": "77", "reason": "no"}
        if fault.wait_seconds:
            time.sleep(fault.wait_seconds)
        if fault.answer == 0:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(fault.answer, answer if fault.answer == 201 else {"code": "77", "reason": "no"})

    def do_GET(self) -> None:
        wanted = parse_qs(urlsplit(self.path).query).get("reason", [""])[0]
        with self.balances.lock:
            kept = self.balances.kept_by.get(wanted, [])
            found = [{**one, "status": self.balances.status} for one in kept]
        self._answer(200, found)

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


@contextlib.contextmanager
def loopback_balances() -> Iterator[Balances]:
    """A balance system on a free port of 127.0.0.1 for the length of a test."""
    balances = Balances()
    handler: Any = type("Handler", (_Handler,), {"balances": balances})
    server = _Server(("127.0.0.1", 0), handler)
    balances.url = f"http://127.0.0.1:{server.server_address[1]}/tmf-api/prepayBalanceManagement/v4"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield balances
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
