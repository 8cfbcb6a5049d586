"""What the scenarios share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.preloading import preloaded

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def sessions_begin_at_once() -> Iterator[None]:
    """Do not import torch for each session and each trial again."""
    with preloaded():
        yield
