"""Where a new project gets kaggle-relay from: from where this one came (https://peps.python.org/pep-0610/)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from contract.errors import InputError
from contract.make import target

DISTRIBUTION = "kaggle-relay"
WITH_EXTRAS = f"{DISTRIBUTION}[report,export,tune]"
"""With what `report`, `video`, `export` and TensorBoard's files of `curve` need."""
WHEELS = "wheels"
_HOME = Path(__file__).parent.parent.parent
"""The folder that kaggle-relay's packages lie in: a clone, or where it was installed."""
_NO_WHEEL = f"put the wheel of {DISTRIBUTION} into it, or name in requirements.txt where else pip finds it"


class OwnRequirement(NamedTuple):
    """The line of requirements.txt that names kaggle-relay.

    Args:
        line: as pip reads it.
        is_in_wheels: whether it is a wheel in the project itself.
        note: what the user has to do for it, if anything.
    """

    line: str
    is_in_wheels: bool = False
    note: str = ""


def own_requirement(wheels: Path) -> OwnRequirement:
    """The requirement; a wheel that it needs is put into `wheels`.

    Raises:
        InputError: no wheel can be made of this clone.
    """
    if _is_clone(_HOME):
        return _of_clone(_HOME, wheels)
    distribution = next(iter(metadata.distributions(name=DISTRIBUTION, path=[str(_HOME)])))
    exactly = f"{WITH_EXTRAS}=={distribution.version}"
    told: dict[str, Any] = json.loads(distribution.read_text("direct_url.json") or "{}")
    address = str(told.get("url", ""))
    if "vcs_info" in told:
        vcs = told["vcs_info"]
        return OwnRequirement(f"{WITH_EXTRAS} @ {vcs['vcs']}+{address}@{vcs['commit_id']}")
    if urlsplit(address).scheme != "file":
        return OwnRequirement(f"{WITH_EXTRAS} @ {address}" if address else exactly)
    source = Path(url2pathname(urlsplit(address).path))
    if _is_clone(source):
        return _of_clone(source, wheels)
    wheels.mkdir(exist_ok=True)
    is_there = source.suffix == ".whl" and source.is_file()
    if is_there:
        shutil.copyfile(source, wheels / source.name)
    return OwnRequirement(exactly, is_in_wheels=True, note="" if is_there else f"{WHEELS}/ is empty: {_NO_WHEEL}")


def _is_clone(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() and (folder / "setup.py").is_file()


def _of_clone(clone: Path, wheels: Path) -> OwnRequirement:
    """A wheel made of a clone, in which nothing is left behind by that."""
    with tempfile.TemporaryDirectory(prefix="relay-wheel-") as name:
        settings, made = Path(name, "settings.cfg"), Path(name, "made")
        settings.write_text(f"[build]\nbuild_base = {name}/build\n[egg_info]\negg_base = {name}\n", encoding="utf-8")
        command = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--no-index", "--wheel-dir", str(made), str(clone)]
        environment = {**os.environ, "DIST_EXTRA_CONFIG": str(settings)}
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - pip, with paths of ours
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            problem = f"no wheel can be made of it ({last})"
            raise InputError(str(clone), problem, f"run `{target('setup')}` there, then this again")
        wheel = next(made.glob("*.whl"))
        wheels.mkdir(exist_ok=True)
        shutil.copyfile(wheel, wheels / wheel.name)
    return OwnRequirement(f"{WITH_EXTRAS}=={wheel.name.split('-')[1]}", is_in_wheels=True)
