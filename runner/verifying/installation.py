"""What is installed: versions against the lock, and a real operation on each device."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from contract.make import target
from runner.jobs.distributions import OWN_DISTRIBUTION, distribution_name, normalised
from runner.verifying.findings import Finding, Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.verifying.loading import Loading

_KIND = Kind.INSTALLATION
LOCK = Path(__file__).parent.parent.parent / "requirements.lock"
"""Of a clone; a project that has kaggle-relay installed has none."""
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE)
_CONDITION = re.compile(r"^[A-Za-z0-9][\w.-]*==\S+\s*;", re.MULTILINE)


def check_installation(loading: Loading, lock: Path = LOCK) -> Iterator[Finding]:
    """What is found of Python, the libraries and the devices.

    Args:
        loading: does an operation on each device.
        lock: which versions should be there.
    """
    what = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(_KIND, Level.SUCCESS, what)
    yield from _missing()
    if lock.exists():
        yield from _against(lock)
    else:
        what, why = "versions against a lock", "kaggle-relay is installed here without one; pip has chosen them"
        yield Finding(_KIND, Level.SKIPPED, what, why)
    for answer in loading.devices():
        if answer.is_well:
            yield Finding(
                _KIND, Level.SUCCESS, f"{answer.subject}: a product of two matrices and its gradient are right"
            )
        else:
            what = f"{answer.subject}: an operation on it fails: {answer.problem}"
            why = "nothing can be trained there"
            yield Finding(_KIND, Level.ISSUE, what, why, f"{target('clean setup')}, or set device: cpu in jobs.yaml")


def _missing() -> Iterator[Finding]:
    """What kaggle-relay requires, whatever the version, and is not there."""
    try:
        required = metadata.distribution(OWN_DISTRIBUTION).requires or ()
    except metadata.PackageNotFoundError:
        return
    names = sorted({distribution_name(each) for each in required if "extra ==" not in each})
    gone = [name for name in names if _installed(name) is None]
    for name in gone:
        why = "what imports it ends in an error"
        yield Finding(_KIND, Level.ISSUE, f"{name} is not installed", why, f"{_python()} -m pip install {name}")


def _against(lock: Path) -> Iterator[Finding]:
    text = lock.read_text(encoding="utf-8")
    conditional = {normalised(re.split(r"==", each)[0]) for each in _CONDITION.findall(text)}
    pinned = {normalised(found["name"]): found["version"] for found in _PIN.finditer(text)}
    there = {name: version for name in pinned if (version := _installed(name)) is not None}
    wrong = [name for name in sorted(there) if there[name] != pinned[name] and name not in conditional]
    for name in wrong:
        what = f"{name} is {there[name]}, and {lock.name} has {pinned[name]}"
        why = "results may differ from those of everybody else, and what was tested is the lock"
        command = f'{_python()} -m pip install --no-deps "{name}=={pinned[name]}"'
        yield Finding(_KIND, Level.ISSUE, what, why, command)
    if not wrong:
        what = f"{len(there)} libraries have the versions of {lock.name}"
        yield Finding(_KIND, Level.SUCCESS, what)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _python() -> str:
    """How the user starts this Python: from the project's folder, where it lies in there."""
    executable = Path(sys.executable)
    here = Path.cwd()
    shown = executable.relative_to(here) if executable.is_relative_to(here) else executable
    text = str(shown)
    return f'"{text}"' if " " in text or os.name == "nt" else text
