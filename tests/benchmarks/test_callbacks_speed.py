"""How many status callbacks the console takes in a second, one caller after the other and a crowd at once."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from sqlalchemy import func, select, update
from twilio.request_validator import RequestValidator

from foundation import clock
from foundation.db import Database
from foundation.settings import Settings
from notify.models import DELIVERIES, DeliveryState
from tests.delivery_rows import message, put
from tests.loopback_twilio import ACCOUNT, TOKEN
from tests.processes import free_port, started, wait_until

CALLS = 2000
CALLERS = (1, 16)
PUBLIC = "https://console.example"


def bodies(first: int, number: int) -> list[tuple[str, bytes, dict[str, str]]]:
    """Callbacks that are signed already: path, form and headers."""
    made = []
    for one in range(first, first + number):
        path, form = f"/hooks/twilio/status?delivery={one}&attempt=1", {"MessageSid": f"SM{one:032d}"}
        form["MessageStatus"] = "delivered"
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, form)
        kind = "application/x-www-form-urlencoded"
        made.append((path, urlencode(form).encode(), {"X-Twilio-Signature": signature, "Content-Type": kind}))
    return made


def called_per_second(port: int, calls: list[tuple[str, bytes, dict[str, str]]], callers: int) -> float:
    def call_all(mine: list[tuple[str, bytes, dict[str, str]]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for path, body, headers in mine:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204
        connection.close()

    begun = clock.monotonic()
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(call_all, [calls[start::callers] for start in range(callers)]))
    return len(calls) / (clock.monotonic() - begun)


def test_callbacks_a_second(settings: Settings, database: Database) -> None:
    rows = CALLS * len(CALLERS)
    put(database, [message(one, channel="twilio", waiting=False, payload={"text": "plain"}) for one in range(rows)])
    with database.transaction() as session:
        session.execute(update(DELIVERIES).values(state=DeliveryState.ACCEPTED, attempt=1))
        first = session.scalar(select(func.min(DELIVERIES.c.id)))
    more = {"OUTAGE_TWILIO_ACCOUNT": ACCOUNT, "OUTAGE_TWILIO_TOKEN": TOKEN, "OUTAGE_PUBLIC_URL": PUBLIC}
    port = free_port()
    with started(settings, "serve", "--no-errands", "--port", str(port), OUTAGE_LOG="warning", **more) as serving:
        wait_until(lambda: "console at" in serving.printed())
        for place, callers in enumerate(CALLERS):
            pace = called_per_second(port, bodies(first + place * CALLS, CALLS), callers)
            print(f"\n{database.engine.dialect.name}, {callers} callers: {pace:,.0f} callbacks a second")
    with database.reading() as session:
        moved = select(func.count()).where(DELIVERIES.c.state == DeliveryState.DELIVERED)
        assert session.scalar(moved) == rows
