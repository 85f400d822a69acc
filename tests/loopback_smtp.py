"""A mail server on this machine that refuses, hangs up and keeps as told; what it kept is the truth."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class MailServer:
    """The server: `rcpt` and `data` answer by recipient; an empty answer hangs up, after `data` has kept the mail.

    `mail` answers whoever wants to write; without his 250 no recipient is taken.
    """

    port: int = 0
    mail: str = "250 ok"
    rcpt: Callable[[str], str] = field(default=lambda to: "250 ok")
    data: Callable[[str], str] = field(default=lambda to: "250 kept")
    kept: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    hang_up: bool = False

    def to(self, address: str) -> list[str]:
        """What was kept for one address."""
        return [content for to, content in self.kept if to == address]


class _Session(socketserver.StreamRequestHandler):
    mail: MailServer

    def handle(self) -> None:
        self.mail.connections += 1
        self._say("220 loopback")
        to = ""
        with contextlib.suppress(ConnectionError):
            for line in self.rfile:
                words = line.decode().strip()
                verb = words.split(" ")[0].upper()
                if self.mail.hang_up:
                    return
                if verb == "MAIL":
                    self._say(self.mail.mail)
                elif verb == "RCPT":
                    to = words.partition("<")[2].rstrip(">")
                    self._say(self.mail.rcpt(to) if self.mail.mail.startswith("250") else "503 5.5.1 need MAIL")
                elif verb == "DATA":
                    self._say("354 go on")
                    content = self._read_data()
                    answer = self.mail.data(to)
                    if not answer or answer.startswith("250"):
                        self.mail.kept.append((to, content))
                    if not answer:
                        return
                    self._say(answer)
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

    def _read_data(self) -> str:
        lines: list[str] = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
        # RFC 5321, section 3.8: whoever says 421 closes the connection.
        if line.startswith("421"):
            raise ConnectionAbortedError


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def loopback_smtp() -> Iterator[MailServer]:
    """A mail server on a free port of 127.0.0.1 for the length of a test."""
    mail = MailServer()
    handler: Any = type("Session", (_Session,), {"mail": mail})
    server = _Server(("127.0.0.1", 0), handler)
    mail.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield mail
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
