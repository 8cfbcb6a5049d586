"""What an executor runs of a push: Python, of a notebook the cells with code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.store.values import KernelOptions

PYTHON = "python"
NOTEBOOK = "notebook"


class UnrunnableError(Exception):
    """What was pushed is nothing that an executor can run."""


def as_script(options: KernelOptions, text: str) -> str:
    """The Python script that a push stands for.

    Args:
        options: say which language it is in, and whether it is a notebook.
        text: what was pushed.

    Raises:
        UnrunnableError: it is in another language, or a notebook that cannot be read.
    """
    if options.language != PYTHON:
        raise UnrunnableError(f"The emulator runs Python, not {options.language}.")
    if options.kernel_type != NOTEBOOK:
        return text
    try:
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n\n".join("".join(source) for source in cells)
    except (ValueError, TypeError, KeyError) as error:
        raise UnrunnableError("The notebook cannot be read.") from error
