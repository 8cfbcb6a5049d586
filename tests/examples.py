"""How many examples a test of hypothesis tries: a share in the normal suite, all of them with `--long`."""

from __future__ import annotations

import hypothesis

ALL_OF_THEM = "relay-long"
"""The profile of `--long`."""
ENOUGH = 70
"""At least as many are tried always."""


def some(examples: int, share: int = 3) -> int:
    """So many of the examples as this run tries.

    Args:
        examples: of `--long`.
        share: one of so many is tried otherwise.
    """
    if hypothesis.settings.get_current_profile_name() == ALL_OF_THEM:
        return examples
    return max(min(examples, ENOUGH), examples // share)
