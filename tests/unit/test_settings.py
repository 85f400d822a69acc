"""Settings are checked one by one, and their table in the documentation is the product's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from foundation.errors import InputError
from foundation.settings import ADAPTERS, TABLE, read_settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_documented_table_is_the_products_own() -> None:
    rows = [f"| `{s.name}` | {s.meaning} | `{s.default}` | {s.accepted} |" for s in (*TABLE, *ADAPTERS)]
    documented = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert documented == rows


def test_without_any_setting_everything_has_a_default(tmp_path: Path) -> None:
    settings = read_settings({"OUTAGE_DATA": str(tmp_path / "var")})
    assert settings.database_url == f"sqlite:///{tmp_path}/var/records.db"
    assert (settings.snapshots, settings.port) == (tmp_path / "var" / "snapshots", 8080)


def test_the_secret_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    environment = {"OUTAGE_DATA": str(tmp_path)}
    first = read_settings(environment).secret_key
    assert read_settings(environment).secret_key == first
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTAGE_PORT", "eighty"),
        ("OUTAGE_PORT", "70000"),
        ("OUTAGE_MEMORY_MB", "1"),
        ("OUTAGE_BATCH", "-5"),
        ("OUTAGE_HTTPS", "perhaps"),
        ("OUTAGE_LOG", "loud"),
        ("OUTAGE_PUBLIC_URL", "example.com/console"),
        ("OUTAGE_SECRET_KEY", "short"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "not a url"),
        ("DATABASE_URL", "sqlite://"),
    ],
)
def test_a_setting_that_is_not_accepted_is_named_with_what_would_be(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_settings({"OUTAGE_DATA": str(tmp_path), name: value})
    assert name in str(caught.value)
    assert "accepted" in str(caught.value)


def test_a_password_in_the_database_url_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_settings({"OUTAGE_DATA": str(tmp_path), "DATABASE_URL": "mysql://root:hunter2@localhost/x"})
    assert "hunter2" not in str(caught.value)


def test_a_postgresql_url_names_its_driver(tmp_path: Path) -> None:
    settings = read_settings({"OUTAGE_DATA": str(tmp_path), "DATABASE_URL": "postgresql://a:b@h:5432/n"})
    assert settings.database_url == "postgresql+psycopg://a:b@h:5432/n"
