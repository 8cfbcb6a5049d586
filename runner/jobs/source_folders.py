"""What is wrong with the folders that a job names as `sources`.

A session finds them first on its path, each under the last part of its name: one that is called as
something that a session imports would be imported in its stead.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from job.problems import Problem, as_json
from runner.jobs.distributions import OWN_DISTRIBUTION, requirements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN_PACKAGES = frozenset({"contract", "job", "trainer", "restore", "executors", "runner", "emulator", "kaggle_relay"})


def problems_of_sources(project: Path, sources: list[str]) -> Iterator[Problem]:
    """What is wrong with `sources`, folders of a job counted from `project`."""
    home = project.resolve()
    for index, source in enumerate(sources):
        if found := _problem_with(project / source, home):
            problem, remedy = found
            yield Problem(("sources", index), f"{problem}, found {as_json(source)}", remedy=remedy)


def _problem_with(folder: Path, home: Path) -> tuple[str, str] | None:
    """The problem with a folder, and its remedy."""
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where a name is too long
        problem = "is a file, not a folder" if os.path.isfile(folder) else "there is no such folder"  # noqa: PTH113 - as above: Path.is_file raises too
        return problem, "create the folder, or correct the path, which is relative to jobs.yaml"
    if not folder.resolve().is_relative_to(home):
        return "is a link that leads out of the project", "put the folder itself into the project"
    if hidden := module_hidden_by(folder.name):
        return f"would hide {hidden}", "give the folder another name"
    return None


@functools.cache
def module_hidden_by(name: str) -> str | None:
    """What a session would import no more if a folder of this name stood before it, in words; None is nothing."""
    if name in sys.stdlib_module_names:
        return f"Python's own module {name}"
    if name in OWN_PACKAGES:
        return f"the package {name} of {OWN_DISTRIBUTION} itself"
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if not name.isidentifier() or PathFinder.find_spec(name, sorted(installed)) is None:
        return None
    # What else is installed is not ours to protect: it may be the very folder, for use outside of sessions.
    owner = next((each for each in _required() if name in _top_level(each)), None)
    return None if owner is None else f"the module {name} of {owner}"


@functools.cache
def _required() -> tuple[str, ...]:
    """The distributions that a session may import, as they spell themselves."""
    return tuple(each.metadata["Name"] for each in requirements())


@functools.cache
def _top_level(distribution: str) -> frozenset[str]:
    """The names under which an installed distribution's modules are imported."""
    return frozenset(path.parts[0].partition(".")[0] for path in metadata.files(distribution) or ())
