"""A folder laid out as a session finds its own, for what is tried of a job on this machine, and played of its agent."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from executors.local_files import mount
from executors.local_launcher import INPUT, TEMPORARY, WORKING, variables
from runner.packages.carrying import names_in_payload
from runner.stages.session_script import bring_wheels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SOURCES, _PACKAGES = Path("sources"), Path("packages")


def lay_out(folder: Path, bundle: bytes, wheels: Sequence[Path], data: Mapping[str, Path]) -> None:
    """Lay out a session's folders in `folder`, with its sources, packages and data.

    Args:
        folder: is there, and empty.
        bundle: the sources that a session would carry.
        wheels: of its packages, for this machine.
        data: folders that it reads, by their place below the input.
    """
    for each in (INPUT, WORKING, TEMPORARY, _SOURCES):
        (folder / each).mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        packed.extractall(folder / _SOURCES)
    bring_wheels(dict(zip(names_in_payload(wheels), wheels, strict=True)), folder / _PACKAGES)
    for place, each in data.items():
        mount(each, folder / INPUT / place)


def session_variables(folder: Path) -> dict[str, str]:
    """The variables of a process in a folder that was laid out so: this one's, and a session's over them."""
    paths = [str(folder / _SOURCES), str(folder / _PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **variables(folder, folder / TEMPORARY),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONIOENCODING": "utf-8",
    }
