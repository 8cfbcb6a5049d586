"""An emulator that the tests of a module share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.settings import LogForm
from tests.emulated import emulated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulated import EmulatedKaggle


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedKaggle]:
    """One with Kaggle's limits, whose datasets are ready at once, and whose logs have a line in a record."""
    with emulated(tmp_path_factory.mktemp("emulator"), log_form=LogForm.LINES) as kaggle:
        yield kaggle
