"""What changed between two JSON values, key by key."""

from __future__ import annotations

from typing import Any, NamedTuple

ABSENT = "(unset)"


class Difference(NamedTuple):
    """A key whose value changed; `path` joins nested keys with dots."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path} changed from {self.before} to {self.after}"


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Every leaf that differs, in the order of the keys; a missing key reads as `(unset)`."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}" if path else str(key)
            found += differences(before.get(key, ABSENT), after.get(key, ABSENT), inner)
        return found
    return [Difference(path, before, after)]
