"""How near sending comes to what a provider's own library does bare, and SMPP to its window over the latency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from foundation import clock
from foundation.db import Database
from notify.campaigns import plan_campaign
from notify.carriers import Carrier, Outgoing
from notify.channels.smpp import Smpp, SmppSettings
from notify.channels.smpp_bind import BindSettings
from notify.channels.twilio import Twilio, TwilioSettings
from notify.delivery import drain
from notify.incoming import Incoming
from notify.models import DeliveryKind
from notify.texts import save_text
from notify.waves import Plan
from notify.worker import settled_memory
from tests.delivery_rows import CAMPAIGN, message, put
from tests.loopback_twilio import ACCOUNT, TOKEN, AnsweringTwilio, answering_twilio
from tests.smsc_process import answering_smsc

TEXTS = 2000
THREADS = 16
WINDOW = 10
# A provider that answers at once would be bounded by its own Python on this machine, not by us.
TWILIO_SECONDS, SMPP_SECONDS = 0.05, 0.02
ROUNDS = 2


def enqueued(database: Database, channel: str, round_: int) -> None:
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: service is back.", author="mary")
    rows = [
        message(number, channel=channel, waiting=False, key=f"{round_}:{number}", payload={"text": "plain"})
        for number in range(TEXTS)
    ]
    put(database, rows)
    with database.transaction() as session:
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="bench")


def drained_per_second(database: Database, carrier: Carrier) -> float:
    begun = clock.monotonic()
    counts = drain(database, {carrier.name: carrier}, worker="bench", lease_seconds=60, batch=500, limit=TEXTS)
    assert counts.accepted == TEXTS
    return TEXTS / (clock.monotonic() - begun)


def twilio_for(provider: AnsweringTwilio) -> Twilio:
    return Twilio(
        TwilioSettings(
            account=ACCOUNT,
            tokens=(TOKEN,),
            api_key=None,
            senders=("+447700900000",),
            public_url="https://console.example",
            per_second=10_000.0,
            threads=THREADS,
            timeout_seconds=30.0,
            api=provider.url,
        )
    )


class OwnTransport(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's own transport with its defaults, but for the host and a pool as wide as the threads."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=30.0, max_retries=0)
        self.session.mount("http://", HTTPAdapter(pool_maxsize=THREADS, max_retries=0))
        self._url = url

    def request(self, method: str, url: str, *args: Any, **named: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url, 1), *args, **named)


def bare_per_second(client: Client) -> float:
    """The SDK with as many threads, and nothing else; it is told of each text what we tell it."""
    begun = clock.monotonic()

    def send(number: int) -> None:
        client.messages.create(
            to=f"+4477009{number:05d}",
            body="O2: service is back.",
            from_="+447700900000",
            status_callback=f"https://console.example/hooks/twilio/status?delivery={number}&attempt=1",
            validity_period=36_000,
        )

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, range(TEXTS)))
    return TEXTS / (clock.monotonic() - begun)


def test_twilio_against_its_own_sdk_in_a_bare_thread_pool(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("measured over PostgreSQL")
    sdk = bare = ours = 0.0
    with answering_twilio(TWILIO_SECONDS) as provider, settled_memory():
        carrier, alone = twilio_for(provider), Client(ACCOUNT, TOKEN, http_client=OwnTransport(provider.url))
        for round_ in range(ROUNDS):
            sdk = max(sdk, bare_per_second(alone))
            bare = max(bare, bare_per_second(carrier._client))
            enqueued(database, "twilio", round_)
            ours = max(ours, drained_per_second(database, carrier))
        carrier.close()
    print(
        f"\nTwilio at 50 ms, {THREADS} requests at once: {ours:,.0f} texts/s; the SDK in a bare pool with its own "
        f"transport {sdk:,.0f}: {ours / sdk:.0%}; with ours {bare:,.0f}: {ours / bare:.0%}"
    )
    assert provider.most_at_once <= THREADS
    assert provider.taken == 3 * ROUNDS * TEXTS


def smpp_for(database: Database, port: int) -> Smpp:
    bind = BindSettings("127.0.0.1", port, "outage", "secret", "", WINDOW)
    settings = SmppSettings(bind=bind, sender="+447700900000", per_second=10_000.0, answer_seconds=30.0, id_form="same")
    return Smpp(settings, Incoming(database))


def bare_bind_per_second(carrier: Smpp) -> float:
    """The same bind and window, and no records: what this machine's clock and threads leave of window over latency."""
    rows = [
        Outgoing(number, str(number), 1, DeliveryKind.MESSAGE, f"+4477009{number:05d}", body="O2: service is back.")
        for number in range(TEXTS)
    ]
    begun = clock.monotonic()
    carrier.send(rows)
    return TEXTS / (clock.monotonic() - begun)


def test_smpp_against_window_over_latency(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("measured over PostgreSQL")
    ours, bare, most = 0.0, 0.0, WINDOW / SMPP_SECONDS
    with answering_smsc(SMPP_SECONDS) as smsc, settled_memory():
        carrier = smpp_for(database, smsc.port)
        for round_ in range(ROUNDS):
            bare = max(bare, bare_bind_per_second(carrier))
            enqueued(database, "smpp", round_)
            ours = max(ours, drained_per_second(database, carrier))
        carrier.close()
    print(
        f"\nSMPP at 20 ms, window {WINDOW}: {ours:,.0f} texts/s of {most:,.0f}: {ours / most:.0%}; the bind without "
        f"records {bare:,.0f}: {ours / bare:.0%}; the SMSC answered {smsc.late_ms:.2f} ms late on average"
    )
    assert smsc.most_at_once <= WINDOW
    assert smsc.taken == 2 * ROUNDS * TEXTS
