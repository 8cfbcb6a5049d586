"""Targets of the Makefile as whoever sits there types them: Windows has no make."""

from __future__ import annotations

import os

HAS_MAKE = os.name == "posix"
_WITHOUT_MAKE = {
    "setup": "python develop.py",
    "clean setup": "remove the folder .venv, python develop.py",
    "image": "python docker/image.py",
}


def target(name: str, **variables: str) -> str:
    """What to type for a target, such as `make image PROFILE=cuda`.

    Args:
        name: of the target.
        variables: of the Makefile; on Windows an option of the same name.
    """
    if HAS_MAKE:
        return " ".join((f"make {name}", *(f"{key.upper()}={value}" for key, value in variables.items())))
    return " ".join((_WITHOUT_MAKE[name], *(f"--{key} {value}" for key, value in variables.items())))
