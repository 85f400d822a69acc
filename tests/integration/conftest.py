"""What several integration tests share: the embedded carriers over this test's own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.db import Database
from notify.accounts.book import AccountBook
from notify.carriers import Carrier
from notify.channels.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of this test's own."""
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


@pytest.fixture
def carriers(database: Database, spool: Spool) -> dict[str, Carrier]:
    """The spool and the account book."""
    return {"spool": spool, "book": AccountBook(database)}
