"""A provider on this machine that speaks Twilio's REST form and misbehaves as told; what it took is the truth."""

from __future__ import annotations

import contextlib
import json
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from twilio.request_validator import RequestValidator

from foundation import clock
from tests.processes import other_side

ACCOUNT = "AC" + "0" * 32
TOKEN = "a token of nobody"


@dataclass
class Fault:
    """What happens to a request to send: `take` says whether the text is taken, `answer` what comes back.

    `answer` is an HTTP status, 0 for a connection that is cut; `code` Twilio's code in a refusal; `body` what comes
    back instead of what Twilio would say.
    """

    take: bool = True
    answer: int = 201
    code: int | None = None
    wait_seconds: float = 0.0
    body: str | None = None


@dataclass
class Taken:
    """One text that the provider took."""

    sid: str
    to: str
    body: str
    sender: str
    form: dict[str, str]
    status: str = "queued"
    error_code: int | None = None
    created_at: datetime = field(default_factory=clock.now)


@dataclass
class Provider:
    """The provider: `fault_of` decides about each request by its recipient and how often he was asked for before."""

    url: str
    fault_of: Callable[[str, int], Fault] = field(default=lambda to, before: Fault())
    # Each status is called back so often, in this order.
    callbacks: Callable[[Taken], list[tuple[str, int | None]]] = field(default=lambda taken: [])
    taken: list[Taken] = field(default_factory=list)
    taken_by: dict[str, list[Taken]] = field(default_factory=dict)
    requests: int = 0
    now: int = 0
    most_at_once: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    # Questions about these get no answer.
    deaf_to: set[str] = field(default_factory=set)
    callback_statuses: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self, to: str) -> list[str]:
        """What was taken for one recipient."""
        return [text.body for text in self.taken_by.get(to, [])]

    def call_back(self, taken: Taken, status: str, code: int | None = None) -> int:
        """Call the console with a status, signed; the HTTP status it answered with."""
        form = {"MessageSid": taken.sid, "MessageStatus": status, "AccountSid": ACCOUNT, "To": taken.to}
        if code is not None:
            form["ErrorCode"] = str(code)
        return post_signed(taken.form["StatusCallback"], form)


def post_signed(url: str, form: dict[str, str], *, token: str = TOKEN, signed_url: str | None = None) -> int:
    """A callback as Twilio makes it; the HTTP status of the answer."""
    signature = RequestValidator(token).compute_signature(signed_url or url, form)
    request = urllib.request.Request(url, urlencode(form).encode(), {"X-Twilio-Signature": signature})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Those who ask are killed within their requests; that is what is tested."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: without this the body waits for an acknowledgement, which takes 40 ms.
    disable_nagle_algorithm = True
    provider: Provider

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self._body()).items()}
        if "Body" not in form:
            # Whoever asked died within the request: nothing was asked.
            self.close_connection = True
            return
        with self.provider.lock:
            before = self.provider.asked.get(form["To"], 0)
            self.provider.asked[form["To"]] = before + 1
            self.provider.requests += 1
            self.provider.now += 1
            self.provider.most_at_once = max(self.provider.most_at_once, self.provider.now)
            fault = self.provider.fault_of(form["To"], before)
            taken = self._take(form) if fault.take else None
        if fault.wait_seconds:
            time.sleep(fault.wait_seconds)
        with self.provider.lock:
            self.provider.now -= 1
        if fault.answer == 0:
            self.close_connection = True
            self.connection.close()
        elif fault.body is not None:
            self._write(fault.answer, fault.body.encode())
        elif fault.answer < 300 and taken is not None:
            self._answer(fault.answer, _message(taken))
        else:
            self._answer(fault.answer, {"code": fault.code, "message": "refused", "status": fault.answer})
        if taken is not None:
            for status, code in self.provider.callbacks(taken):
                taken.status, taken.error_code = status, code
                self.provider.callback_statuses.append(self.provider.call_back(taken, status, code))

    def do_GET(self) -> None:
        path, wanted = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        name = path.rpartition("/")[2].removesuffix(".json")
        if name.startswith("SM"):
            known = [text for text in self.provider.taken if text.sid == name]
            self._answer(200, _message(known[0])) if known else self._answer(404, {"code": 20404, "status": 404})
            return
        to = wanted.get("To", [""])[0]
        if to in self.provider.deaf_to:
            self.close_connection = True
            self.connection.close()
            return
        found = [_message(text) for text in reversed(self.provider.taken_by.get(to, []))]
        page = {"messages": found, "page": 0, "page_size": 50, "next_page_uri": None, "first_page_uri": self.path}
        self._answer(200, page)

    def _take(self, form: dict[str, str]) -> Taken:
        number = len(self.provider.taken)
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        text = Taken(f"SM{number:032x}", form["To"], form["Body"], sender, form)
        self.provider.taken.append(text)
        self.provider.taken_by.setdefault(text.to, []).append(text)
        return text

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self._write(status, json.dumps(body).encode())

    def _write(self, status: int, content: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _message(taken: Taken) -> dict[str, Any]:
    return {
        "sid": taken.sid,
        "account_sid": ACCOUNT,
        "to": taken.to,
        "from": None if taken.sender.startswith("MG") else taken.sender,
        "messaging_service_sid": taken.sender if taken.sender.startswith("MG") else None,
        "body": taken.body,
        "status": taken.status,
        "error_code": taken.error_code,
        "error_message": None,
        "num_segments": "1",
        "direction": "outbound-api",
        "date_created": format_datetime(taken.created_at),
        "date_sent": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{taken.sid}.json",
    }


@contextlib.contextmanager
def loopback_twilio(certificate: Path | None = None) -> Iterator[Provider]:
    """A provider on a free port of 127.0.0.1 for the length of a test; with a certificate and its key over TLS."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    provider = Provider(f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"provider": provider})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class AnsweringTwilio:
    """A provider in a process of its own, for measuring; what it took is known when it has ended."""

    url: str
    taken: int = 0
    most_at_once: int = 0


@contextlib.contextmanager
def answering_twilio(wait_seconds: float) -> Iterator[AnsweringTwilio]:
    """A provider in a process of its own, which answers each request so long after it was read."""
    with other_side(__name__, wait_seconds) as side:
        provider = AnsweringTwilio(side.address)
        yield provider
    provider.taken, provider.most_at_once = map(int, side.told.split())


def main() -> None:
    """Serve until standard input ends, and say how many texts were taken, and how many at once."""
    wait = float(sys.argv[1])
    with loopback_twilio() as provider:
        provider.fault_of = lambda to, before: Fault(wait_seconds=wait)
        print(provider.url, flush=True)
        sys.stdin.read()
    print(len(provider.taken), provider.most_at_once, flush=True)


if __name__ == "__main__":
    main()
