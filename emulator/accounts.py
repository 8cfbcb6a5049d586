"""Who calls: HTTP Basic with a username and its key, or a bearer token, which is the same key."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Accounts:
    """The users of an emulator.

    Args:
        users: each one's key.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {name.lower(): key for name, key in users.items()}
        self.names = tuple(self._users)

    def authorized_user(self, authorization: str | None) -> str | None:
        """Whose credentials an `Authorization` header holds; None for wrong ones and for none."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self.token_owner(value.strip())
        if scheme.lower() != "basic":
            return None
        try:
            name, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        known = self._users.get(name.lower())
        return name.lower() if known is not None and _equal(known, key) else None

    def token_owner(self, token: str) -> str | None:
        """Whose access token that is."""
        return next((name for name, key in self._users.items() if _equal(key, token)), None)

    def user_id(self, user: str) -> int:
        """A user's number."""
        return self.names.index(user) + 1


def _equal(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode())
