"""The wheels that a session of a job brings along: locked once, fetched once, by digest from then on."""

from __future__ import annotations

import tempfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from contract.errors import InputError
from contract.storage import files
from contract.storage.layout import WHEEL_SUFFIX
from runner.jobs.distributions import distribution_name, normalised
from runner.packages import pip
from runner.packages.lockfile import Locked, Wheel, add, read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.layout import RunsFolder
    from runner.packages.places import Place

CHOOSE = "ask for a version that has a wheel there and fits what is there, or put its code into `sources`"


def find_wheels(runs: RunsFolder, job: Mapping[str, Any], stated: Sequence[str], places: Sequence[Place]) -> list[Path]:
    """The wheels of a job's packages for some places, in the order of their names.

    Nothing is asked of anyone while the lock has them and they are kept.

    Args:
        runs: the project's.
        job: as JSON, for its name.
        stated: its packages as jobs.yaml has them.
        places: for which. What is chosen for the first holds in the others.

    Raises:
        InputError: there is no wheel for one of the places, or one would replace what is there.
    """
    found: dict[str, Path] = {}
    for place in places if stated else ():
        locked = read_lock(runs.packages_lock).of(stated, place.name) or _lock_alone(runs, job, stated, place)
        for wheel in locked.wheels:
            found[wheel.file] = _kept(runs, wheel) or _fetch(runs, job, place, wheel)
    return [found[name] for name in sorted(found)]


def as_payload(wheels: Sequence[Path]) -> dict[str, bytes]:
    """Wheels under the names by which a session knows them."""
    return {name: wheel.read_bytes() for name, wheel in zip(names_in_payload(wheels), wheels, strict=True)}


def names_in_payload(wheels: Sequence[Path]) -> list[str]:
    """By which a session knows them."""
    return [f"{each.name.removesuffix('.whl')}{WHEEL_SUFFIX}" for each in wheels]


def _lock_alone(runs: RunsFolder, job: Mapping[str, Any], stated: Sequence[str], place: Place) -> Locked:
    """As `_lock`, once nobody else does the same."""
    held = runs.lock("packages").with_suffix(".choosing")  # no job's name ends so
    try:
        held.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(held):
            return read_lock(runs.packages_lock).of(stated, place.name) or _lock(runs, job, stated, place)
    except OSError as error:
        problem = f"is to say which wheels were chosen, and cannot be written ({error.strerror})"
        raise InputError(runs.packages_lock.name, problem, "make the project's folder writable") from error


def _lock(runs: RunsFolder, job: Mapping[str, Any], stated: Sequence[str], place: Place) -> Locked:
    """Have pip choose the wheels, keep them, and write down which."""
    with tempfile.TemporaryDirectory(prefix="relay-packages-") as name:
        folder = Path(name)
        try:
            wheels = pip.resolve(place, stated, read_lock(runs.packages_lock).versions(stated), folder)
        except pip.NoWheelError as error:
            raise _refusal(job, place, error.problem) from None
        chosen = [_keep(runs, each) for each in wheels]
    versions = {**place.has, **{each.name: each.version for each in chosen}}
    listed = {name: versions[name] for name in map(distribution_name, stated)}
    locked = Locked(tuple(stated), place.name, listed, tuple(chosen))
    add(runs.packages_lock, locked)
    return locked


def _fetch(runs: RunsFolder, job: Mapping[str, Any], place: Place, wheel: Wheel) -> Path:
    with tempfile.TemporaryDirectory(prefix="relay-packages-") as name:
        try:
            found = pip.fetch(place, wheel.name, wheel.version, wheel.sha256, Path(name))
        except pip.NoWheelError:
            found = None
        if found is None or _keep(runs, found).sha256 != wheel.sha256:
            problem = f"{wheel.file} cannot be had with the digest in {runs.packages_lock.name}"
            remedy = f"look where pip looked then, or remove {runs.packages_lock.name} to have wheels chosen anew"
            raise _refusal(job, place, problem, remedy)
    return _home(runs, wheel.sha256, wheel.file)


def _keep(runs: RunsFolder, path: Path) -> Wheel:
    """Keep a wheel under its digest."""
    with zipfile.ZipFile(path) as packed:
        described = next(each for each in packed.namelist() if each.endswith(".dist-info/METADATA"))
        said = message_from_bytes(packed.read(described))
    wheel = Wheel(normalised(said["Name"]), said["Version"].strip(), path.name, files.sha256_of_file(path))
    files.write_bytes(_home(runs, wheel.sha256, wheel.file), path.read_bytes())
    return wheel


def _kept(runs: RunsFolder, wheel: Wheel) -> Path | None:
    home = _home(runs, wheel.sha256, wheel.file)
    return home if home.is_file() and files.sha256_of_file(home) == wheel.sha256 else None


def _home(runs: RunsFolder, sha256: str, file: str) -> Path:
    return runs.wheels / sha256 / file


def _refusal(job: Mapping[str, Any], place: Place, problem: str, remedy: str = CHOOSE) -> InputError:
    return InputError(f"job {job['name']}, key packages", f"for {place.called} {problem}", remedy)
