"""The official client's documented commands work against the emulator, command by command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulated import emulated
from tests.emulator.official_cli import run_steps
from tests.emulator.official_cli_steps import STEPS, USERS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_every_documented_command_does_what_the_documentation_says(tmp_path: Path) -> None:
    with emulated(tmp_path, users=dict.fromkeys(USERS, "key")) as kaggle:
        rows = list(run_steps(kaggle, STEPS))
    assert len(rows) == len(STEPS)
    wrong = "\n".join(str(row) for row in rows if not row.is_right)
    assert not wrong, wrong
