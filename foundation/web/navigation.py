"""What stands in the menu: each package lists its own entries, the shell shows those a person may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from foundation.web import access


@dataclass(frozen=True)
class NavigationItem:
    """One entry of the menu: its words, the endpoint it opens, and the permission that page asks for."""

    label: str
    endpoint: str
    permission: str


def list_navigation() -> list[NavigationItem]:
    """The entries that the signed-in staff user may open, in the order they were registered."""
    items: list[NavigationItem] = current_app.extensions["navigation"]
    return [item for item in items if access.has_permission(item.permission)]
