"""The backends by name: five that come along, and those that other distributions bring.

A distribution brings one by an entry point of the group `kaggle_relay.backends`, whose name is what jobs.yaml calls it
and whose object is a `BackendEntry`. Reading the entry points of everything that is installed takes longer than a
command with nothing to do may last, so the five are known without, and others are looked for only where somebody
asks for a name that is none of these, or reads jobs.yaml anew.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from typing import TYPE_CHECKING

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

    from runner.backends.base import Backend, BackendEntry
    from runner.layout import RunsFolder

GROUP = "kaggle_relay.backends"
_INSTALLED = ".dist-info"


def _local() -> BackendEntry:
    from runner.backends.local import ENTRY  # noqa: PLC0415 - imported where it is used

    return ENTRY


def _docker() -> BackendEntry:
    from runner.backends.docker.entry import ENTRY  # noqa: PLC0415 - likewise

    return ENTRY


def _kaggle() -> BackendEntry:
    from runner.backends.kaggle.entry import ENTRY  # noqa: PLC0415 - likewise

    return ENTRY


def _slurm() -> BackendEntry:
    from runner.backends.slurm.entry import ENTRY  # noqa: PLC0415 - likewise

    return ENTRY


def _ray() -> BackendEntry:
    from runner.backends.ray.entry import ENTRY  # noqa: PLC0415 - likewise

    return ENTRY


BACKENDS: dict[str, Callable[[], BackendEntry]] = {
    "local": _local,
    "docker": _docker,
    "kaggle": _kaggle,
    "slurm": _slurm,
    "ray": _ray,
}
"""Those that come along; nobody else's takes the place of one."""


def known_backends() -> tuple[str, ...]:
    """The names of all backends."""
    return (*BACKENDS, *(name for name in _brought(installed()) if name not in BACKENDS))


def is_known(name: str) -> bool:
    """Whether there is a backend called `name`."""
    return name in BACKENDS or name in known_backends()


def backend_entry(name: str) -> BackendEntry:
    """The backend called `name`, not opened yet.

    Raises:
        InputError: there is none, or it cannot be loaded.
    """
    if name in BACKENDS:
        return BACKENDS[name]()
    found = _brought(installed()).get(name)
    if found is None:
        raise InputError(f"backend {name}", "is unknown", f"choose one of {', '.join(known_backends())}")
    return _loaded(name, found)


def sections() -> dict[str, type[BaseModel] | None]:
    """For each backend, the model of the section of its name in a job, or None where it has none.

    Raises:
        InputError: a backend cannot be loaded.
    """
    return {name: backend_entry(name).section for name in known_backends()}


def spell_commands(command: str, has: Callable[[BackendEntry], object]) -> str:
    """What to type so that `command` finds a backend that `has` what it needs, of those that come along."""
    return " or ".join(f"`doit {command} backend={name}`" for name in BACKENDS if has(backend_entry(name)) is not None)


def open_backend(name: str, runs: RunsFolder) -> Backend:
    """The backend called `name`.

    Raises:
        InputError: there is none, or it cannot be loaded.
    """
    return backend_entry(name).open(runs.backend(name))


def installed() -> str:
    """A digest that changes when a distribution is installed, removed or replaced; reads listings of folders only."""
    digest = hashlib.sha256()
    for folder in sys.path:
        try:
            names = sorted(name for name in os.listdir(folder or ".") if name.endswith(_INSTALLED))  # noqa: PTH208 - faster
            if names:
                digest.update(repr((folder, os.stat(folder or ".").st_mtime_ns, names)).encode())  # noqa: PTH116 - likewise
        except OSError:
            continue
    return digest.hexdigest()


@functools.lru_cache(maxsize=1)
def _brought(_installed: str) -> dict[str, EntryPoint]:
    """The entry points of what is installed."""
    from importlib import metadata  # noqa: PLC0415 - rarely needed, and slow

    return {each.name: each for each in metadata.entry_points(group=GROUP)}


def _loaded(name: str, found: EntryPoint) -> BackendEntry:
    from runner.backends.base import BackendEntry  # noqa: PLC0415 - needed only here

    brought_by = found.dist.name if found.dist is not None else "an unknown distribution"
    subject, remedy = f"backend {name} of {brought_by}", f"repair or uninstall {brought_by}"
    try:
        entry = found.load()
    except Exception as error:
        said = " ".join(str(error).split())
        raise InputError(subject, f"cannot be loaded ({type(error).__name__}: {said})", remedy) from error
    if not isinstance(entry, BackendEntry):
        raise InputError(subject, f"is not a backend: {found.value} is a {type(entry).__name__}", remedy)
    return entry
