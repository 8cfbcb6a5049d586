"""Runs inside the image's build: puts the packages of a lock into /opt/venv, and takes out what no session needs.

`python3 install.py LOCK [INDEX]`. It knows the standard library only. Secrets are read where BuildKit mounts them, and
go no further than pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ENVIRONMENT = Path("/opt/venv")
PYTHON = str(ENVIRONMENT / "bin" / "python")
WHEELS = Path("/wheels")
CACHE = Path("/var/cache/relay-pip")
CA = Path("/run/secrets/ca")
PIP_SETTINGS = Path("/run/secrets/pip")
# Tests, headers and compilers of torch: a fifth of it, and nothing that a training loads. torch_shm_manager stays.
UNUSED = (
    "torch/test",
    "torch/include",
    "torch/share",
    "torch/bin/test_*",
    "torch/bin/protoc*",
    "sympy/*/tests",
    "networkx/*/tests",
    "mpmath/tests",
)


def main(lock: Path, index: str | None = None) -> int:
    """Install the lock's packages, if it names any.

    Args:
        lock: requirements, each with its hashes.
        index: where they are, if not where pip looks by itself.

    Returns:
        pip's exit code.
    """
    named = [
        line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith(("#", "--"))
    ]
    if not named:
        return 0
    there = set(packages_folder().iterdir())
    # Wheels that were brought along come first, and without a network; most builds bring none.
    offline = WHEELS.is_dir() and any(WHEELS.glob("*.whl"))
    code = install(lock, ["--no-index", "--find-links", str(WHEELS)], quiet=True) if offline else 1
    if code:
        code = install(lock, ["--index-url", index] if index else [])
    if not code:
        prune()
        compile_sources(path for path in packages_folder().iterdir() if path not in there)
    return code


def packages_folder() -> Path:
    """Where the environment has its packages."""
    return next(ENVIRONMENT.glob("lib/python3*/site-packages"))


def install(lock: Path, options: list[str], *, quiet: bool = False) -> int:
    """Call pip on the lock, whose hashes it checks."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    environment["PIP_CACHE_DIR"] = str(CACHE)
    environment["PIP_CONFIG_FILE"] = str(PIP_SETTINGS) if PIP_SETTINGS.exists() else os.devnull
    if CA.exists():
        environment["PIP_CERT"] = str(CA)
    command = [sys.executable, "-m", "pip", "--python", PYTHON, "install", "-q", "--no-deps", "--no-compile"]
    command += ["--require-hashes", "--only-binary", ":all:", *options, "--requirement", str(lock)]
    silence = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=environment, stderr=silence, check=False).returncode


def prune() -> None:
    """Remove what no session needs."""
    for pattern in UNUSED:
        for path in packages_folder().glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def compile_sources(places: Iterable[Path]) -> None:
    """Compile once for all sessions, without dates: the same packages give the same bytes."""
    command = [PYTHON, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", "-j", "0"]
    command += [str(place) for place in places if place.is_dir() or place.suffix == ".py"]
    # The order of a set's constants depends on the seed; what Python loads as it starts, it would compile with a date.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, env=environment, check=False)  # a template that is no Python is left as it is


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
