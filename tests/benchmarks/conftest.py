"""What is measured stands on a disk."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def postgresql_place() -> str | None:
    """The usual place: in memory a commit would wait for nothing."""
    return None
