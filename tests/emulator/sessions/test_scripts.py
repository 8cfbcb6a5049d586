"""What is run of a push."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.sessions.scripts import UnrunnableError, as_script
from emulator.store.values import KernelOptions, KernelState

if TYPE_CHECKING:
    from tests.emulated import EmulatedKaggle

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": "# A title"},
        {"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": []},
        {"cell_type": "code", "source": "print('sum', x + y)", "outputs": []},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_the_code_of_a_notebook_runs_in_its_order(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        kernel = emulator.kernel(json.dumps(NOTEBOOK), "a-notebook", kernel_type="notebook")
        api.kernels_push(str(kernel))
        assert emulator.wait("a-notebook") is KernelState.COMPLETE
        assert "sum 3" in api.kernels_logs("alice/a-notebook")


def test_another_language_is_a_failure_that_says_so(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel("print('R')", "written-in-r", language="r")))
        assert emulator.wait("written-in-r") is KernelState.ERROR
        assert api.kernels_status("alice/written-in-r").failure_message == "The emulator runs Python, not r."


@pytest.mark.parametrize("text", ["", "{}", '{"cells": [1]}', "[]"])
def test_a_notebook_that_cannot_be_read_is_not_run(text: str) -> None:
    with pytest.raises(UnrunnableError, match="cannot be read"):
        as_script(KernelOptions(kernel_type="notebook"), text)
