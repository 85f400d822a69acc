"""What stands in the menu: each package lists its own entries, the shell shows those a person may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from foundation.web import access


@dataclass(frozen=True)
class NavigationItem:
    """One entry of the menu: its words, the endpoint it opens, and the permission that page asks for.

    `first_for` names the roles whose work begins there.
    """

    label: str
    endpoint: str
    permission: str
    first_for: tuple[str, ...] = ()


def find_first() -> NavigationItem | None:
    """Where the work of the signed-in staff user begins: by role, else the first entry they may open, or None."""
    items = list_navigation()
    roles = set(access.current_staff().roles)
    return next((item for item in items if roles & set(item.first_for)), items[0] if items else None)


def list_navigation() -> list[NavigationItem]:
    """The entries that the signed-in staff user may open, in the order they were registered."""
    items: list[NavigationItem] = current_app.extensions["navigation"]
    return [item for item in items if access.has_permission(item.permission)]
