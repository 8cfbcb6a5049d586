"""The scripts that build the image, which a clone has in docker/ and a wheel inside of this package."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

IN_A_WHEEL = "image_files"
_HERE = Path(__file__).parent


def image_folder() -> Path:
    """The folder of the Dockerfile, its locks and its scripts.

    Raises:
        InputError: neither a clone nor a wheel is around this module.
    """
    for folder in (_HERE / IN_A_WHEEL, _HERE.parent / "docker"):
        if (folder / "Dockerfile").is_file():
            return folder
    raise InputError("kaggle-relay", "is installed without the files of its image", "install its wheel, or use a clone")


def build_image(arguments: Sequence[str]) -> int:
    """Build the image as `arguments` say; return the exit code."""
    script = image_folder() / "image.py"
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))  # it imports what lies beside it
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def run_engine_script(arguments: Sequence[str]) -> int:
    """Set up an engine as `arguments` say; return the exit code.

    Raises:
        InputError: nothing here runs the script.
    """
    bash = shutil.which("bash")
    if bash is None:
        raise InputError(
            "bash", "is not there, which sets up an engine", "install Docker: https://docs.docker.com/engine/install"
        )
    command = [bash, str(image_folder() / "engine.sh"), *arguments]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own script, with the user's words
