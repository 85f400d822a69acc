"""The house itself: directions of imports, who commits, who may name which third party, sizes."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("foundation", "outage", "compensation", "notify")
TOP_LEVEL = {
    *PACKAGES,
    "migrations",
    "tests",
    "docs",
    "wsgi.py",
    "setup.cfg",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "Makefile",
}
# A third party is named in its adapter only, so that it can be replaced there.
ADAPTERS = {
    "twilio": ("notify/channels/twilio", "notify/web/twilio_hooks.py"),
    "requests": ("notify/channels/twilio_transport.py", "notify/accounts/tmf654.py"),
    "smpplib": ("notify/channels/smpp_bind.py",),
    "procrastinate": ("notify/scale.py",),
    "duckdb": ("foundation/workspaces.py",),
    "numpy": (
        *(f"outage/runs/{room}.py" for room in ("flat", "found", "kept", "seen", "shapes", "stays")),
        "compensation/simulation/account_kinds.py",
    ),
    "apscheduler": ("foundation/schedule.py",),
    "argon2": ("foundation/access.py",),
    "alembic": ("foundation/migrate.py", "migrations/"),
    "phonenumbers": ("outage/msisdn.py",),
    "yaml": ("compensation/document",),
    "waitress": ("wsgi.py",),
    "structlog": ("foundation/logging.py",),
    "flask": ("foundation/web/", "outage/web/", "compensation/web/", "notify/web/", "wsgi.py"),
    "plotly": ("foundation/web/", "outage/web/", "compensation/web/", "notify/web/"),
}
# Entry points commit through Database.transaction(); these few own transactions because they work in bounded steps.
OWNERS_OF_TRANSACTIONS = (
    "foundation/",
    "notify/delivery.py",
    "notify/settling.py",
    "notify/upkeep.py",
    "notify/incoming.py",
    "notify/scale.py",  # makes the queue's own tables, once
    "notify/accounts/book.py",
    "notify/accounts/adjustment_file.py",
    "notify/adjustments.py",
    "outage/runs/impact.py",
    "outage/presence/presence.py",  # files may go only once the records that name them are gone
    "outage/base/mirror.py",
    "compensation/assessment.py",
    "compensation/credits.py",
    "compensation/simulation/history_tests.py",
    "wsgi.py",
)
ENTRY_ROOMS = ("/web/", "/cli", "/commands.py", "/demo/")


def package_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")
    yield ROOT / "wsgi.py"


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    nodes = list(ast.walk(tree_of(path)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    of = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and node.level == 0}
    return frozenset(name.split(".")[0] for name in plain | of)


def calls_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_imports_keep_the_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("third_party", sorted(ADAPTERS))
def test_a_third_party_is_named_in_its_adapter_only(third_party: str) -> None:
    offenders = [
        relative(path)
        for path in package_files()
        if third_party in imports_of(path) and not relative(path).startswith(ADAPTERS[third_party])
    ]
    assert offenders == []


def test_only_entry_points_and_named_rooms_open_transactions() -> None:
    offenders = [
        relative(path)
        for path in package_files()
        if {"transaction", "commit"} & set(calls_of(tree_of(path)))
        and not relative(path).startswith(OWNERS_OF_TRANSACTIONS)
        and not any(room in f"/{relative(path)}" for room in ENTRY_ROOMS)
    ]
    assert offenders == []


def test_the_wall_clock_is_read_in_one_place() -> None:
    forbidden = {"now", "utcnow", "today", "time", "monotonic", "time_ns", "perf_counter"}
    offenders = []
    for path in package_files():
        if relative(path) == "foundation/clock.py":
            continue
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            if node.func.attr in forbidden and isinstance(owner, ast.Name) and owner.id in {"datetime", "date", "time"}:
                offenders.append(f"{relative(path)}:{node.lineno}")
    assert offenders == []


def test_files_and_functions_stay_small() -> None:
    long_files = [relative(path) for path in package_files() if path.read_text().count("\n") > 400]
    long_functions = [
        f"{relative(path)}:{node.name}"
        for path in package_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 50
    ]
    assert (long_files, long_functions) == ([], [])


def test_nothing_new_stands_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    top = {name.split("/")[0] for name in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def test_every_module_says_what_it_owns() -> None:
    silent = [
        relative(path)
        for path in package_files()
        if path.read_text().strip() and ast.get_docstring(tree_of(path)) is None
    ]
    assert silent == []
