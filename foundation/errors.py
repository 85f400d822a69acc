"""What a person got wrong, said so that the person can mend it."""

from __future__ import annotations


class InputError(Exception):
    """Input that cannot be accepted: where it stands, what is wrong, its value, and what would be accepted.

    Entry points turn it into a message and a status (a command: exit 2; a page or call: 400 or 422), never a 500.
    """

    def __init__(self, what: str, *, where: str = "", value: object = None, accepted: str = "") -> None:
        self.what = what
        self.where = where
        self.value = value
        self.accepted = accepted
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole complaint in one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.value is not None:
            text += f" (got {self.value!r})"
        return f"{text}; accepted: {self.accepted}" if self.accepted else text


class NotFoundError(InputError):
    """The thing named does not exist (a page or call answers 404)."""


class RefusedError(InputError):
    """The thing exists but its state, a limit or a second person's rule forbids the step (409)."""


class ForbiddenError(InputError):
    """This staff user may not do this (403)."""
