"""What carries the requests of Twilio's SDK: a client of our own in its place for one, to one host, without retries.

The SDK's own looks the environment up anew for each request (proxies, certificates, a file of passwords) and keeps the
last answer of all its threads in one place. Here the way is found once, by the rules of `requests`; a request takes a
third of the processor time.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
)

from foundation.errors import InputError

# In the words of Python's http.client: the proxy would not let us through.
_NO_TUNNEL = "Tunnel connection failed"


class NoAnswerError(Exception):
    """A request without an answer. `left` is False only when it certainly did not leave; `reason` names no number."""

    def __init__(self, reason: str, *, left: bool) -> None:
        self.reason = reason
        self.left = left
        super().__init__(reason)


class Transport(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Sends whatever the SDK asks for to the host of `api`, at most `connections` requests at once.

    `HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE` and their kin are read when it is made. Raises InputError when they
    or the address cannot be used.
    """

    def __init__(self, api: str, *, connections: int, timeout_seconds: float) -> None:
        # The SDK's own logger would write every recipient's number.
        super().__init__(logging.Logger("twilio", level=logging.CRITICAL), is_async=False, timeout=timeout_seconds)
        self._adapter = HTTPAdapter(pool_maxsize=connections, max_retries=0)
        self._pool, self._address = _find_way(self._adapter, _checked(api))
        self._timeout = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
        self._free = threading.BoundedSemaphore(connections)

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  # one for all
        allow_redirects: bool = False,  # noqa: ARG002  # never
    ) -> Response:
        """One request; raises NoAnswerError when nothing came back."""
        sent = dict(headers or {})
        if auth is not None:
            sent |= urllib3.make_headers(basic_auth=":".join(auth))
        body = urlencode(data, doseq=True) if data else None
        try:
            with self._free:
                answer = self._pool.urlopen(
                    method,
                    self._target(uri, params),
                    body=body,
                    headers=sent,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=self._timeout,
                )
        except HTTPError as error:
            raise _no_answer(error) from error
        return Response(answer.status, answer.data.decode("utf-8", "replace"), answer.headers)

    def _target(self, uri: str, params: Mapping[str, Any] | None) -> str:
        """Where a request goes: whichever host the SDK names (an edge, a region), ours is the configured one."""
        named = urlsplit(uri)
        query = "&".join(part for part in (named.query, urlencode(_given(params), doseq=True)) if part)
        return f"{self._address}{named.path}{'?' if query else ''}{query}"


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _checked(api: str) -> str:
    if urlsplit(api).scheme in ("https", "http") and urlsplit(api).hostname:
        return api.rstrip("/")
    accepted = "an address as https://HOST, and a path if there is one"
    raise InputError("not accepted", where="setting OUTAGE_TWILIO_API", value=api, accepted=accepted)


def _find_way(adapter: HTTPAdapter, api: str) -> tuple[urllib3.HTTPConnectionPool, str]:
    """The connections to a host, through a proxy or not, and what stands before each path that is asked of them."""
    request = requests.Request("POST", f"{api}/").prepare()
    try:
        with requests.Session() as session:
            way = session.merge_environment_settings(f"{api}/", {}, None, None, None)
        verify, proxies = way["verify"], way["proxies"]
        pool = adapter.get_connection_with_tls_context(request, verify, proxies=proxies, cert=None)
        adapter.cert_verify(pool, f"{api}/", verify, None)
        if isinstance(pool, urllib3.HTTPSConnectionPool):
            # A bundle that cannot be read is found now, and not by the first text.
            ssl.create_default_context(cafile=pool.ca_certs, capath=pool.ca_cert_dir)
        return pool, adapter.request_url(request, proxies).rstrip("/")
    except (requests.RequestException, HTTPError, OSError, ValueError, TypeError) as error:
        # The error's words are not shown: the address of a proxy may hold a password.
        raise InputError(
            f"proxy or certificates cannot be used ({type(error).__name__})",
            where="environment",
            accepted="addresses in HTTPS_PROXY and HTTP_PROXY, hosts in NO_PROXY, a file in REQUESTS_CA_BUNDLE",
        ) from error


def _no_answer(error: HTTPError) -> NoAnswerError:
    """What an error of the connection means: only one that never came about has certainly carried nothing."""
    if isinstance(error, ProxyError) or _NO_TUNNEL in str(error.args[-1] if error.args else ""):
        return NoAnswerError("the proxy before Twilio cannot be passed", left=False)
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return NoAnswerError("Twilio cannot be reached", left=False)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NoAnswerError("the certificate of Twilio's address is not accepted", left=False)
    if isinstance(error, ReadTimeoutError):
        return NoAnswerError("Twilio did not answer in time", left=True)
    if isinstance(error, ProtocolError):
        return NoAnswerError("the connection to Twilio was cut before its answer", left=True)
    return NoAnswerError(f"no answer from Twilio: {type(error).__name__}", left=True)
