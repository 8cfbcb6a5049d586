"""Whose credentials a header holds."""

from __future__ import annotations

import base64

import pytest

from emulator.accounts import Accounts

ACCOUNTS = Accounts({"Alice": "key:with:colons", "bob": "ünïcode"})


def basic(credentials: str) -> str:
    """A header of HTTP Basic."""
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (basic("alice:key:with:colons"), "alice"),
        (basic("bob:ünïcode"), "bob"),
        (basic("bob:key:with:colons"), None),
        (basic("carol:"), None),
        ("Bearer ünïcode", "bob"),
        ("bearer key:with:colons", "alice"),
        ("Bearer ", None),
        ("Basic ÿ", None),
        ("Digest username=alice", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_valid_key_says_who_calls(header: str | None, user: str | None) -> None:
    assert ACCOUNTS.authorized_user(header) == user
