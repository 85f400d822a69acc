"""SMPP against an SMSC that others wrote: the npm package `smpp`, whose codec is not ours.

npm fetches the package into a temporary folder, and it is never kept. Where that does not work quickly these tests are
skipped; with `OUTAGE_TEST_NPM=1` they fail then, with `OUTAGE_TEST_NPM=0` nothing is fetched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from foundation import clock
from notify.carriers import CarrierError, Outcome, Outgoing, Trouble
from notify.channels.smpp import Smpp, SmppSettings
from notify.channels.smpp_bind import BindSettings
from notify.models import DeliveryKind, DeliveryState

S = DeliveryState
LOCKED = Path(__file__).parents[1] / "npm_smpp"
FETCH_SECONDS = 25
PASSWORD = "secret"
SCRIPT = Path(__file__).parents[1] / "node_smsc.js"
WORDS = (
    "Sorry. Your credit of £3.00 is on its way. Code AB12CD.",
    "All of it: @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà ^{}\\[~]|€",
    "Мы просим прощения: связь восстановлена.",
    "A long one. " * 20 + "€",
    "Ω и ещё раз " * 20,
)


class Kept:
    """Who keeps what comes in: in queues."""

    def __init__(self) -> None:
        self.receipts: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self.answers: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def keep_receipts(self, channel, receipts) -> None:  # noqa: ARG002
        for said in receipts:
            self.receipts.put(said)

    def keep_answer(self, channel, address, words) -> None:  # noqa: ARG002
        self.answers.put((address, words))


class NodeSmsc:
    """The SMSC's process, what it said, and its port."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        self.said: list[dict[str, Any]] = []
        self._come = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for("port")[0]["port"])

    def wait_for(self, what: str, number: int = 1) -> list[dict[str, Any]]:
        """So many lines that say something of `what`; fails the test when they do not come."""
        with self._come:
            assert self._come.wait_for(lambda: len(self._of(what)) >= number, timeout=15), self.said
            return self._of(what)

    def deliver(self, **fields: Any) -> None:
        """Have it send a deliver_sm."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(fields) + "\n")
        self._popen.stdin.flush()

    def hear_out(self) -> None:
        """Wait until it has said all; it must have been ended."""
        self._reader.join()

    def _of(self, what: str) -> list[dict[str, Any]]:
        return [said for said in self.said if what in said]

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._come:
                self.said.append(json.loads(line))
                self._come.notify_all()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which npm put the package, of the very octets that the lock file names."""
    wanted = os.environ.get("OUTAGE_TEST_NPM", "")
    npm = shutil.which("npm")
    if wanted == "0":
        pytest.skip("fetches a package, and OUTAGE_TEST_NPM=0 forbids that")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed here")
    folder = tmp_path_factory.mktemp("npm")
    for file in LOCKED.iterdir():
        shutil.copy(file, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=10000"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if wanted == "1":
            raise
        pytest.skip(f"npm did not fetch the package in time: {type(error).__name__}")
    return folder / "node_modules"


@pytest.fixture
def smsc(package: Path) -> Iterator[NodeSmsc]:
    environment = {**os.environ, "NODE_PATH": str(package)}
    with subprocess.Popen(
        ["node", str(SCRIPT)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        smsc = NodeSmsc(popen)
        try:
            yield smsc
        finally:
            popen.kill()
            smsc.hear_out()


def over(smsc: NodeSmsc, kept: Kept, *, password: str = PASSWORD) -> contextlib.closing[Smpp]:
    bind = BindSettings("127.0.0.1", smsc.port, "outage", password, "", 10)
    settings = SmppSettings(bind=bind, sender="+447700900000", per_second=100.0, answer_seconds=5.0, id_form="same")
    return contextlib.closing(Smpp(settings, kept))


def text(number: int, body: str, **others: Any) -> Outgoing:
    return Outgoing(number, f"k{number}", 1, DeliveryKind.MESSAGE, f"+4477009000{number:02d}", body=body, **others)


def test_it_reads_our_words_in_every_alphabet_and_number_of_parts(smsc: NodeSmsc) -> None:
    with over(smsc, Kept()) as carrier:
        outcomes = carrier.send([text(number, body) for number, body in enumerate(WORDS)])
        taken = {int(said["taken"]["to"][-2:]): said["taken"] for said in smsc.wait_for("taken", len(WORDS))}
    assert {number: said["text"] for number, said in taken.items()} == dict(enumerate(WORDS))
    assert [taken[number].get("parts", 1) for number in range(len(WORDS))] == [1, 1, 1, 2, 4]
    assert [taken[number]["coding"] for number in range(len(WORDS))] == [0, 0, 8, 0, 8]
    assert {(said["from"], said["ton"], said["registered"]) for said in taken.values()} == {("447700900000", 1, 1)}
    assert [outcome.state for outcome in outcomes] == [S.ACCEPTED] * len(WORDS)
    assert [outcome.provider_ref for outcome in outcomes] == [taken[number]["id"] for number in range(len(WORDS))]
    assert smsc.wait_for("unbound")


def test_it_says_no_as_we_understand_it_and_knows_how_long_a_text_holds(smsc: NodeSmsc) -> None:
    until = clock.now() + timedelta(hours=26)
    with over(smsc, Kept()) as carrier:
        throttled, held = carrier.send([text(58, "Too many."), text(1, "Today only.", expires_at=until)])
        # The package reads our relative time as an instant.
        valid_until = clock.parse_instant(smsc.wait_for("taken")[0]["taken"]["validity"])
    assert abs(valid_until - until) < timedelta(seconds=10)
    assert throttled == Outcome(S.PENDING, None, "SMSC 0x58: throttled", Trouble.THROTTLED)
    assert held.state is S.ACCEPTED
    with over(smsc, Kept(), password="wrong") as stranger, pytest.raises(CarrierError) as refused:
        stranger.send([text(1, "Nobody.")])
    assert refused.value.trouble is Trouble.REFUSED_ALL


def test_we_read_its_receipts_and_what_a_recipient_wrote(smsc: NodeSmsc) -> None:
    kept = Kept()
    with over(smsc, kept) as carrier:
        [outcome] = carrier.send([text(1, "Sorry.")])
        said = "id:id-1 sub:001 dlvrd:000 submit date:2611220700 done date:2611220701 stat:UNDELIV err:027 text:Sorry."
        smsc.deliver(source_addr="447700900001", destination_addr="447700900000", esm_class=4, short_message=said)
        smsc.deliver(
            source_addr="447700900001", source_addr_ton=1, destination_addr="447700900000", esm_class=4,
            short_message="", receipted_message_id="id-1", message_state=2,
        )  # fmt: skip
        # Left to choose, the package says 1 (ASCII) of octets in the default alphabet.
        own = {"destination_addr": "447700900000", "data_coding": 0, "short_message": "STOP €"}
        smsc.deliver(source_addr="447700900001", **own)
        assert [answer["answered"] for answer in smsc.wait_for("answered", 3)] == [0, 0, 0]
    receipts = [kept.receipts.get(timeout=5) for _ in range(2)]
    assert outcome.provider_ref == "id-1"
    assert receipts[0] == ("id-1", S.FAILED, "UNDELIV", "SMSC UNDELIV: it cannot be delivered, error 27")
    assert receipts[1] == ("id-1", S.DELIVERED, "DELIVRD", None)
    assert kept.answers.get(timeout=5) == ("+447700900001", "STOP €")
