"""pip as it is asked for the wheels of a place, with the user's own configuration of it.

What a place has stands before pip as wheels without content, in exactly those versions: so nothing of it is fetched,
nothing may replace it, and what the packages need beyond it is chosen to fit it.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.storage.zips import timeless_member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from runner.packages.places import Place

_MARK = "has.relay"
"""Ends the version of a wheel that stands for what a place has."""
_NOT_FOUND = re.compile(r"No matching distribution found for (?P<wanted>\S+)")
_CONFLICT = re.compile(r"^\s+(?P<who>\S.*?) depends on (?P<wanted>.+)$", re.MULTILINE)
_REQUESTED = re.compile(r"The user requested (?!\(constraint\))(?P<wanted>\S+)")
_HELD = re.compile(rf"The user requested \(constraint\) (?P<name>[\w.-]+)==(?P<version>\S+?)[+.]{re.escape(_MARK)}")
_ADDRESS = re.compile(r"\w+://\S+")


class NoWheelError(Exception):
    """pip found no set of wheels.

    Args:
        problem: why not, in half a sentence.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


def resolve(place: Place, wanted: Sequence[str], also: Mapping[str, str], folder: Path) -> list[Path]:
    """Fetch the wheels of `wanted` and of all that they need and the place lacks, into `folder`.

    Args:
        place: for which.
        wanted: requirements.
        also: versions that are chosen already, by distribution.
        folder: an empty one.

    Raises:
        NoWheelError: there is no such set of wheels.
        InputError: there is no pip.
    """
    standing, fetched = folder / "standing", folder / "fetched"
    standing.mkdir()
    fetched.mkdir()
    has = {name: _marked(version) for name, version in place.has.items()}
    for name, version in has.items():
        _write_stand_in_wheel(name, version, standing)
    chosen = {name: version for name, version in also.items() if name not in has}
    constraints = folder / "constraints.txt"
    _write(constraints, (f"{name}=={version}" for name, version in {**chosen, **has}.items()))
    options = [f"--find-links={standing}", f"--constraint={constraints}", *place.options]
    _download([*options, *wanted], fetched)
    return [each for each in sorted(fetched.iterdir()) if _MARK not in each.name]


def fetch(place: Place, name: str, version: str, sha256: str, folder: Path) -> Path | None:
    """Fetch one wheel by its digest; None where pip gives no file.

    Raises:
        NoWheelError: there is none with this digest.
        InputError: there is no pip.
    """
    listed = folder / "requirements.txt"
    _write(listed, [f"{name}=={version} --hash=sha256:{sha256}"])
    fetched = folder / "fetched"
    _download(["--no-deps", "--require-hashes", *place.options, f"--requirement={listed}"], fetched)
    return next(fetched.iterdir(), None)


def _download(arguments: Sequence[str], target: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise InputError("key packages", "needs pip, which is not installed here", "run `python -m ensurepip`")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--no-color", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 - pip, with requirements that were read by their form
        [*command, "--only-binary=:all:", f"--dest={target}", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoWheelError(_why((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")))


def _why(said: str) -> str:
    """What pip said in half a sentence, without addresses, in which a secret may stand."""
    held = _HELD.search(said)
    if held is not None:
        demands = [f"{each['who']} needs {each['wanted']}" for each in _CONFLICT.finditer(said)]
        demands += [f"{each['wanted']} is asked for" for each in _REQUESTED.finditer(said)]
        return f"would replace {held['name']} {held['version']}, which is there ({'; '.join(demands)})"
    if (missing := _NOT_FOUND.search(said)) is not None:
        return f"no wheel of {missing['wanted']} can be had (pip finds none, or has only its source)"
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return f"pip says: {_ADDRESS.sub('...', (errors or said.splitlines() or ['nothing'])[0]).strip()[:300]}"


def _marked(version: str) -> str:
    return f"{version}{'.' if '+' in version else '+'}{_MARK}"


def _write_stand_in_wheel(name: str, version: str, folder: Path) -> None:
    """Write a wheel of nothing but a name and a version."""
    stem = f"{name.replace('-', '_')}-{version}"
    documents = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: kaggle-relay\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for document, text in documents.items():
            wheel.writestr(timeless_member(f"{stem}.dist-info/{document}"), text)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
