"""What the trackers' libraries have in common: they may not be here, they print, and their errors may show a secret."""

from __future__ import annotations

import os
import re

from contract.plain_text import one_line
from runner.tracking.values import UnreachableError

_IN_AN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@")
"""Who asks, and the password, in an address such as `https://name:password@host`."""


def preset(**variables: str) -> None:
    """Have variables set that the user has not: a library reads them as it is imported."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def without_secrets(text: str) -> str:
    """`text` of a tracker's as a part of a sentence, without who asks where an address tells."""
    return _IN_AN_ADDRESS.sub("", one_line(text))


def unreachable(tracker: str, error: Exception, remedy: str) -> UnreachableError:
    """That a tracker gave no answer, or not the one that was asked for, in one sentence."""
    reason = without_secrets(str(error)).rstrip(".") or type(error).__name__
    return UnreachableError(
        tracker, f"took nothing, or not all: {reason}", f"nothing is lost: {remedy}, and the same command again"
    )
