"""Tests reach no machine but this one: neither they nor the Python processes that they start.

Image builds are not Python's, and go where they must.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.guarded.sitecustomize import LOG_VARIABLE

GUARDED = Path(__file__).parent / "guarded"
"""The folder whose `sitecustomize.py` each Python process imports that has it on PYTHONPATH."""


def start() -> None:
    """Guard this process (importing the hook has) and those that it will start."""
    descriptor, log = tempfile.mkstemp(prefix="relay-tests-network-", suffix=".log")
    os.close(descriptor)
    os.environ[LOG_VARIABLE] = log
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(GUARDED), *(each for each in others if each and each != str(GUARDED))]
    )


def stop() -> None:
    """Remove the log."""
    Path(os.environ.pop(LOG_VARIABLE)).unlink(missing_ok=True)


def attempts() -> list[str]:
    """What was refused since the last call, in this process and the others, a sentence each."""
    log = Path(os.environ[LOG_VARIABLE])
    sentences = log.read_text(encoding="utf-8").splitlines()
    if sentences:
        log.write_text("", encoding="utf-8")
    return sentences
